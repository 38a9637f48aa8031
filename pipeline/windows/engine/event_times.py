"""Event times: the policies for events that are early, late or out of order, and the watermark that follows."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Literal

from ..language.ticks import BEGINNING, TICKS_PER_MINUTE, TICKS_PER_SECOND, isoformat
from ..operators.faults import EARLY, LATE, OUT_OF_ORDER, Faults

#: How far an event may be ahead of its arrival. Stream Analytics has no setting for it, either.
EARLY_TOLERANCE = 5 * TICKS_PER_MINUTE

_FORGET = 1_000  # keys of substreams


@dataclass(frozen=True)
class TimePolicies:
    """What becomes of an event whose time is not what is expected: Stream Analytics' event ordering.

    `late` is by how much an event may arrive after its time, None for ever; `out_of_order` by how much a partition's
    events may be out of order. Both are ticks. Beyond that an event's time is adjusted, or the event is dropped.
    """

    late: int | None = 5 * TICKS_PER_SECOND
    out_of_order: int = 0
    action: Literal["adjust", "drop"] = "adjust"


#: For a stream without TIMESTAMP BY, whose times are arrivals: they rise, so that there is nothing to wait for.
ARRIVAL = TimePolicies(late=0, out_of_order=0)


class EventTimes:
    """The times of one stream's events in one partition, and its watermark.

    An event is dropped if it is more than five minutes early. Then its time is late if it is before its arrival less
    the late tolerance, and after that out of order if it is before the watermark: the greatest time so far, less the
    out-of-order tolerance. With substreams (TIMESTAMP BY t OVER key) this is the greatest time of the event's own key.

    The watermark is also moved by the arrival clock, less the late tolerance: by the arrivals of events, and by
    `idle`. That a key or a partition is silent thus holds nothing back for longer than this.

    Replaying the events gives them the same times again, with no journal of when `idle` was called, for it has no
    influence on them: after the late check an event's time is at least its arrival less the late tolerance; it
    arrived after any `idle` before it, so the watermark that this gave is not above its time. Where there is no late
    tolerance, there is no late check, and `idle` does nothing.

    With substreams the arrival clock alone moves the watermark: a key that was never seen may still come with any
    time that is not late, and would be adjusted for the sake of other keys. Without a late tolerance, it stands still.
    """

    def __init__(self, policies: TimePolicies, faults: Faults, *, substreams: bool = False) -> None:
        self._late = policies.late
        self._out_of_order = policies.out_of_order
        self._is_dropping = policies.action == "drop"
        self._faults = faults
        self._clock = BEGINNING
        self._highest = BEGINNING
        self._by_key: dict[Hashable, int] | None = {} if substreams else None
        self._forget_at = _FORGET

    def time_of(self, time: int, arrival: int, key: Hashable = None) -> int | None:
        """Return the time that counts for an event, None if it is dropped. Each that was changed is a fault as well.

        `arrival` never goes back; `key` is the substream's.
        """
        self._clock = max(self._clock, arrival)
        if time > arrival + EARLY_TOLERANCE:
            self._faults.report(EARLY, f"an event of {isoformat(time)} arrived at {isoformat(arrival)}")
            return None
        if self._late is not None and time < arrival - self._late:
            self._faults.report(LATE, f"an event of {isoformat(time)} arrived at {isoformat(arrival)}")
            if self._is_dropping:
                return None
            time = arrival - self._late
        highest = self._highest if self._by_key is None else self._by_key.get(key, BEGINNING)
        if time < highest - self._out_of_order:
            self._faults.report(OUT_OF_ORDER, f"an event of {isoformat(time)} came after one of {isoformat(highest)}")
            if self._is_dropping:
                return None
            time = highest - self._out_of_order
        if time > highest:
            self._record(time, key)
        return time

    def arrived(self, arrival: int) -> None:
        """Know that an event arrived whose time is its arrival: `time_of` in short."""
        self._clock = self._highest = arrival

    def idle(self, now: int) -> None:
        """Know that every event which arrived before `now` has been seen."""
        self._clock = max(self._clock, now)

    @property
    def watermark(self) -> int:
        """The last time of which no event will come any more.

        What Stream Analytics calls the watermark is a tick later: an event exactly at it is not out of order.
        """
        watermark = BEGINNING if self._late is None else self._clock - self._late
        if self._by_key is None:
            watermark = max(watermark, self._highest - self._out_of_order)
        return max(BEGINNING, watermark - 1)

    def state(self) -> tuple[Any, ...]:
        """Return what `restore` takes, of values that codec.py packs."""
        return self._clock, self._highest, None if self._by_key is None else list(self._by_key.items())

    def restore(self, state: tuple[Any, ...]) -> None:
        self._clock, self._highest, by_key = state
        if self._by_key is not None:
            self._by_key = dict(by_key)

    def _record(self, time: int, key: Hashable) -> None:
        self._highest = max(self._highest, time)
        if self._by_key is not None:
            self._by_key[key] = time
            if len(self._by_key) > self._forget_at:
                self._forget()

    def _forget(self) -> None:
        """Forget the keys that adjust nothing any more: what is not late is not before their watermark, either."""
        if self._by_key is not None and self._late is not None:
            least = self._clock - self._late + self._out_of_order
            self._by_key = {key: highest for key, highest in self._by_key.items() if highest > least}
            self._forget_at = max(_FORGET, 2 * len(self._by_key))
