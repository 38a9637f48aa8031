"""What goes wrong with single events and rows: all faults are counted, some logged, and other rows go on."""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from ..language.ticks import BEGINNING
from ..language.values import RowError

if TYPE_CHECKING:
    from ...hub.event import StoredEvent

T = TypeVar("T")
Made = TypeVar("Made")

logger = logging.getLogger(__name__)

_LOG_EVERY = 1_000

#: The most examples of a kind that are kept, and the most faults of a turn that an output of faults gets one by one.
MOST_EXAMPLES, MOST_NEW = 20, 1_000

#: Kinds of fault, as they are named in a job's status.
INPUT = "input_errors"
ROW = "row_errors"
EVENT_TIME = "event_time_errors"
REFERENCE = "reference_errors"
EARLY = "early_events"
LATE_ADJUSTED, LATE_DROPPED = "late_adjusted", "late_dropped"
DISORDER_ADJUSTED, DISORDER_DROPPED = "out_of_order_adjusted", "out_of_order_dropped"
CLOCK = "clock_errors"
BOARD = "board_skips"
BOARD_NULL = "board_nulls"


class Kind(NamedTuple):
    """`azure` is the metric of Stream Analytics that counts it, "" if none does."""

    title: str
    meaning: str
    azure: str
    leaves_out: bool = True  # the event or row, which otherwise only gets another time


_LATE, _DISORDER = "Late Input Events", "Out-of-Order Events"

KINDS: Mapping[str, Kind] = {
    LATE_ADJUSTED: Kind("late, adjusted", "it arrived too long after its time", _LATE, leaves_out=False),
    LATE_DROPPED: Kind("late, dropped", "it arrived too long after its time", _LATE),
    DISORDER_ADJUSTED: Kind("out of order, adjusted", "it came after one of a later time", _DISORDER, leaves_out=False),
    DISORDER_DROPPED: Kind("out of order, dropped", "it came after one of a later time", _DISORDER),
    EARLY: Kind("early, dropped", "its time was more than five minutes ahead", "Early Input Events"),
    INPUT: Kind("not readable", "its body is not what the input is to have", "Input Deserialization Errors"),
    EVENT_TIME: Kind("without a time", "TIMESTAMP BY gave none", "Input Deserialization Errors"),
    ROW: Kind("not computable", "a value is of the wrong type; left out of that step", "Runtime Errors"),
    REFERENCE: Kind("without reference data", "the table has no version of its time", "Runtime Errors"),
    BOARD: Kind("not for the board", "a row whose member or number the board can't take", "Data Conversion Errors"),
    BOARD_NULL: Kind("nothing for the board", "a row whose member or number is NULL, as is often right", ""),
    CLOCK: Kind("clock went back", "the time of the event was over; adjusted", "", leaves_out=False),
}


class Timed(Protocol):
    """A row, of the engine or of an output."""

    @property
    def time(self) -> int: ...
    @property
    def arrival(self) -> tuple[Any, ...]: ...


class Found(NamedTuple):
    """A fault, the `number`th of its kind that its task counted, or with `times` over 1 so many of them.

    `now` is when it was found, `time` that of the row, both in ticks; `event` is None for other rows.
    """

    kind: str
    number: int
    now: int
    message: str
    time: int | None = None
    hub: str = ""
    event: StoredEvent | None = None
    times: int = 1


class Faults:
    """Totals by kind. The first fault of a kind is logged, then every thousandth; the last are kept until `take`.

    While `silent`, faults are neither counted nor logged nor kept: what is read again after a restart was reported
    before. `now` is the time, in ticks, that is told with what is found.
    """

    def __init__(self, job: str, counts: Counter[str], *, keeps_new: bool = False) -> None:
        """`keeps_new`: all are kept for `take_new`, which must then be called after each turn."""
        self.silent = False
        self.now = BEGINNING
        self._job = job
        self._counts = counts
        self._hub = ""
        self._events: Sequence[StoredEvent] = ()
        self._last: dict[str, deque[Found]] = {}
        self._keeps_new = keeps_new
        self._new: list[Found] = []
        self._more: Counter[str] = Counter()

    def reading(self, hub: str, events: Sequence[StoredEvent]) -> None:
        """Say from which events of a hub's partition the rows are that come next, in their order."""
        self._hub, self._events = hub, events

    def report(self, kind: str, message: object, row: Timed | None = None, event: StoredEvent | None = None) -> None:
        """Count a fault of a row, or of an event; `kind` is one of `KINDS`. Logs `message` for some of them."""
        if self.silent:
            return
        self._counts[kind] += 1
        if self._counts[kind] % _LOG_EVERY == 1:
            logger.warning("job %s: %s (%s: %d)", self._job, message, kind, self._counts[kind])
        time = None if row is None else row.time
        event = event or self._event(row)
        found = Found(kind, self._counts[kind], self.now, str(message), time, self._hub, event)
        if (last := self._last.get(kind)) is None:
            last = self._last[kind] = deque(maxlen=MOST_EXAMPLES)
        last.append(found)
        if self._keeps_new and len(self._new) < MOST_NEW:
            self._new.append(found)
        elif self._keeps_new:
            self._more[kind] += 1

    def take(self) -> Mapping[str, Sequence[Found]]:
        """Return the last faults by kind, oldest first, since the last `take`."""
        last, self._last = self._last, {}
        return last

    @property
    def has_new(self) -> bool:
        return bool(self._new)

    def take_new(self) -> list[Found]:
        """Return the faults since the last `take_new`: the first `MOST_NEW`, and for each kind how many more."""
        found, self._new = self._new, []
        for kind, count in self._more.items():
            message = f"{count} more at the same time, which are only counted"
            found.append(Found(kind, self._counts[kind], self.now, message, times=count))
        self._more.clear()
        return found

    def _event(self, row: Timed | None) -> StoredEvent | None:
        """Return the event of a row that is being read: the last three parts of its `arrival` tell which."""
        arrival = () if row is None or not self._events else row.arrival
        while arrival and type(arrival[0]) is tuple:
            arrival = arrival[0]  # what a JOIN or an APPLY made of the event
        match arrival[-3:]:
            case int(partition), int(number), int():
                place = number - self._events[0].sequence_number
                if 0 <= place < len(self._events) and self._events[place].partition == partition:
                    return self._events[place]
        return None


def by_halves(
    work: Callable[[Sequence[T]], Made], parts: Sequence[T], refused: Callable[[RowError, T], None]
) -> Iterator[Made]:
    """Yield what `work` makes of `parts`, in one piece unless it raises `RowError`; then each half is tried alone.

    A part that is refused alone goes to `refused`. So one such row among 1,000 costs as much as all of them once more,
    and others are neither left out nor worked on one by one.
    """
    try:
        made = work(parts)
    except RowError as exc:
        if len(parts) == 1:
            refused(exc, parts[0])
            return
        half = len(parts) // 2
        yield from by_halves(work, parts[:half], refused)
        yield from by_halves(work, parts[half:], refused)
    else:
        yield made
