"""Event times: the policies for events that are early, late or out of order, and the watermark."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Literal

from ..language.ticks import BEGINNING, TICKS_PER_MINUTE, TICKS_PER_SECOND, isoformat
from ..operators.faults import DISORDER_ADJUSTED, DISORDER_DROPPED, EARLY, LATE_ADJUSTED, LATE_DROPPED, Faults
from ..row import Row

#: Ticks by which the time of an event may be after its arrival. Stream Analytics has no setting for this either.
EARLY_TOLERANCE = 5 * TICKS_PER_MINUTE

_FORGET = 1_000  # keys of substreams


@dataclass(frozen=True)
class TimePolicies:
    """How late and disordered events are treated: the event ordering of Stream Analytics.

    `late` is by how much an event may arrive after its time, None for any time. `out_of_order` is by how much a
    partition's events may be out of order. Both are in ticks. Beyond these, an event's time is adjusted, or the event
    is dropped, as `action` says.
    """

    late: int | None = 5 * TICKS_PER_SECOND
    out_of_order: int = 0
    action: Literal["adjust", "drop"] = "adjust"


#: For a stream without TIMESTAMP BY. Its times are arrivals, which only rise, so that it never has to wait.
ARRIVAL = TimePolicies(late=0, out_of_order=0)


class EventTimes:
    """The times of one stream's events in one partition, and its watermark.

    There are three checks, in this order. An event is dropped if it is more than five minutes early. It is late if its
    time is before its arrival minus the late tolerance. It is out of order if its time is before the greatest time so
    far minus the out-of-order tolerance. With substreams (TIMESTAMP BY t OVER key), that is the greatest time of the
    event's own key.

    The watermark is the greatest time so far minus the out-of-order tolerance or, if that is later, the arrival clock
    minus the late tolerance. The arrivals of events and `idle` move that clock, so that a silent partition never delays
    the others for longer than the late tolerance.

    A replay gives the events the same times again, although no journal says when `idle` was called: `idle` has no
    influence on their times. After the late check the time of an event is at least its arrival minus the late
    tolerance. It arrived after every `idle` before it, so the watermark of that `idle` is not above its time. Without a
    late tolerance there is no late check, and `idle` does nothing.

    With substreams only the arrival clock moves the watermark. Otherwise events of a key that was never seen before,
    which may have any time that is not late, would be adjusted because of other keys. So with substreams, but without a
    late tolerance, the watermark never moves.
    """

    def __init__(self, policies: TimePolicies, faults: Faults, *, substreams: bool = False) -> None:
        self._late = policies.late
        self._out_of_order = policies.out_of_order
        self._is_dropping = policies.action == "drop"
        self._late_kind = LATE_DROPPED if self._is_dropping else LATE_ADJUSTED
        self._disorder_kind = DISORDER_DROPPED if self._is_dropping else DISORDER_ADJUSTED
        self._faults = faults
        self._clock = BEGINNING
        self._highest = BEGINNING
        self._by_key: dict[Hashable, int] | None = {} if substreams else None
        self._forget_at = _FORGET

    def time_of(self, time: int, arrival: int, key: Hashable = None, row: Row | None = None) -> int | None:
        """Return the time that counts for an event, None if it is dropped. Every dropped or changed one is a fault.

        `time` and `arrival` are in ticks; `arrival` must never go back. `key` is that of the substream, `row` the
        event's, which a fault is about.
        """
        if arrival > self._clock:
            self._clock = arrival
        if time > arrival + EARLY_TOLERANCE:
            self._report(EARLY, time, f"arrived at {isoformat(arrival)}", row)
            return None
        if self._late is not None and time < arrival - self._late:
            self._report(self._late_kind, time, f"arrived at {isoformat(arrival)}", row)
            if self._is_dropping:
                return None
            time = arrival - self._late
        highest = self._highest if self._by_key is None else self._by_key.get(key, BEGINNING)
        if time < highest - self._out_of_order:
            self._report(self._disorder_kind, time, f"came after one of {isoformat(highest)}", row)
            if self._is_dropping:
                return None
            time = highest - self._out_of_order
        if time > highest:
            self._record(time, key)
        return time

    def arrived(self, arrival: int) -> None:
        """Record that an event arrived whose time is its arrival: a short form of `time_of`."""
        self._clock = self._highest = arrival

    def idle(self, now: int) -> None:
        """Record that every event that arrived before `now`, in ticks, has been seen."""
        self._clock = max(self._clock, now)

    @property
    def watermark(self) -> int:
        """The last time for which no more events will come.

        What Stream Analytics calls the watermark is one tick later: an event exactly at that time is not out of order.
        """
        watermark = BEGINNING if self._late is None else self._clock - self._late
        if self._by_key is None:
            watermark = max(watermark, self._highest - self._out_of_order)
        return max(BEGINNING, watermark - 1)

    def state(self) -> tuple[Any, ...]:
        """Return the state for `restore`, made of values that codec.py packs."""
        return self._clock, self._highest, None if self._by_key is None else list(self._by_key.items())

    def restore(self, state: tuple[Any, ...]) -> None:
        self._clock, self._highest, by_key = state
        if self._by_key is not None:
            self._by_key = dict(by_key)

    def _report(self, kind: str, time: int, what: str, row: Row | None) -> None:
        timed = None if row is None else Row(row.columns, time, row.arrival)
        self._faults.report(kind, f"an event of {isoformat(time)} {what}", timed)

    def _record(self, time: int, key: Hashable) -> None:
        if time > self._highest:
            self._highest = time
        if self._by_key is not None:
            self._by_key[key] = time
            if len(self._by_key) > self._forget_at:
                self._forget()

    def _forget(self) -> None:
        """Forget the keys that can't adjust events any more: events that are not late are not out of order for them."""
        if self._by_key is not None and self._late is not None:
            least = self._clock - self._late + self._out_of_order
            self._by_key = {key: highest for key, highest in self._by_key.items() if highest > least}
            self._forget_at = max(_FORGET, 2 * len(self._by_key))
