"""What goes wrong with single events and rows: all faults are counted, some logged, and other rows go on."""

from __future__ import annotations

import logging
from collections import Counter

logger = logging.getLogger(__name__)

_LOG_EVERY = 1_000

#: Kinds of fault, as they are named in a job's status.
INPUT = "input_errors"  # a body that is not JSON objects; the event is dropped
ROW = "row_errors"  # a value of the wrong type; the event is left out of that step
EVENT_TIME = "event_time_errors"  # TIMESTAMP BY gave no time; the event is left out of that stream
EARLY = "early_events"  # more than five minutes before its time; the event is dropped
LATE = "late_events"  # its time was adjusted, or it was dropped
OUT_OF_ORDER = "out_of_order_events"  # its time was adjusted, or it was dropped
CLOCK = "clock_errors"  # Redis's clock went back, and the time of the event is closed: it was adjusted
BOARD = "board_skips"  # a row without a member or a number, or out of a board's range

KINDS = (INPUT, ROW, EVENT_TIME, EARLY, LATE, OUT_OF_ORDER, CLOCK, BOARD)


class Faults:
    """Totals by kind. The first fault of a kind is logged, then every thousandth.

    While `silent`, faults are neither counted nor logged: what is read again after a restart was reported before.
    """

    def __init__(self, job: str, counts: Counter[str]) -> None:
        self.silent = False
        self._job = job
        self._counts = counts

    def report(self, kind: str, message: object) -> None:
        """Count a fault; `kind` is one of those above. Logs `message` for some of them."""
        if self.silent:
            return
        self._counts[kind] += 1
        if self._counts[kind] % _LOG_EVERY == 1:
            logger.warning("job %s: %s (%s: %d)", self._job, message, kind, self._counts[kind])
