"""What goes wrong with single events and rows: all faults are counted, some logged, and other rows go on."""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ..language.ticks import BEGINNING

if TYPE_CHECKING:
    from ...hub.event import StoredEvent

logger = logging.getLogger(__name__)

_LOG_EVERY = 1_000

#: The most examples of a kind that are kept.
MOST_EXAMPLES = 20

#: Kinds of fault, as they are named in a job's status.
INPUT = "input_errors"  # a body that is not JSON objects; the event is dropped
ROW = "row_errors"  # a value of the wrong type; the event is left out of that step
EVENT_TIME = "event_time_errors"  # TIMESTAMP BY gave no time; the event is left out of that stream
EARLY = "early_events"  # more than five minutes before its time; the event is dropped
LATE = "late_events"  # its time was adjusted, or it was dropped
OUT_OF_ORDER = "out_of_order_events"  # its time was adjusted, or it was dropped
CLOCK = "clock_errors"  # Redis's clock went back, and the time of the event is closed: it was adjusted
BOARD = "board_skips"  # what is no member or no score, or out of a board's range
BOARD_NULL = "board_nulls"  # the member or the score is NULL: there is nothing to add, as often is the case

KINDS = (INPUT, ROW, EVENT_TIME, EARLY, LATE, OUT_OF_ORDER, CLOCK, BOARD, BOARD_NULL)


class Timed(Protocol):
    """A row, of the engine or of an output."""

    @property
    def time(self) -> int: ...
    @property
    def arrival(self) -> tuple[Any, ...]: ...


class Found(NamedTuple):
    """A fault. `now` is when it was found, `time` that of the row, both in ticks; `event` is None for other rows."""

    now: int
    message: str
    time: int | None
    hub: str
    event: StoredEvent | None


class Faults:
    """Totals by kind. The first fault of a kind is logged, then every thousandth; the last are kept until `take`.

    While `silent`, faults are neither counted nor logged nor kept: what is read again after a restart was reported
    before. `now` is the time, in ticks, that is told with what is found.
    """

    def __init__(self, job: str, counts: Counter[str]) -> None:
        self.silent = False
        self.now = BEGINNING
        self._job = job
        self._counts = counts
        self._hub = ""
        self._events: Sequence[StoredEvent] = ()
        self._found: dict[str, deque[Found]] = {}

    def reading(self, hub: str, events: Sequence[StoredEvent]) -> None:
        """Say from which events of a hub's partition the rows are that come next, in their order."""
        self._hub, self._events = hub, events

    def report(self, kind: str, message: object, row: Timed | None = None, event: StoredEvent | None = None) -> None:
        """Count a fault of a row, or of an event; `kind` is one of those above. Logs `message` for some of them."""
        if self.silent:
            return
        self._counts[kind] += 1
        if self._counts[kind] % _LOG_EVERY == 1:
            logger.warning("job %s: %s (%s: %d)", self._job, message, kind, self._counts[kind])
        if (found := self._found.get(kind)) is None:
            found = self._found[kind] = deque(maxlen=MOST_EXAMPLES)
        time = None if row is None else row.time
        found.append(Found(self.now, str(message), time, self._hub, event or self._event(row)))

    def take(self) -> Mapping[str, Sequence[Found]]:
        """Return the last faults by kind, oldest first, since the last `take`."""
        found, self._found = self._found, {}
        return found

    def _event(self, row: Timed | None) -> StoredEvent | None:
        """Return the event of a row that is being read: the last three parts of its `arrival` tell which."""
        match row.arrival[-3:] if row is not None and self._events else ():
            case int(partition), int(number), int():
                place = number - self._events[0].sequence_number
                if 0 <= place < len(self._events) and self._events[place].partition == partition:
                    return self._events[place]
        return None
