"""What went wrong with single events and rows: counted all, logged some, and never in the way of the others."""

from __future__ import annotations

import logging
from collections import Counter

log = logging.getLogger(__name__)

_LOG_EVERY = 1_000

#: Kinds of fault, as they are named in a job's checkpoint.
INPUT = "input_errors"  # a body that is not JSON objects; the event is dropped
ROW = "row_errors"  # a value of the wrong type; the event is left out of that step
LATE = "late_events"  # Redis's clock went back, and the windows are closed
BOARD = "board_skips"  # a row without a member or a number, or out of a board's range


class Faults:
    """Totals by kind. The first fault of a kind is logged, then each thousandth."""

    def __init__(self, job: str, counts: Counter[str]) -> None:
        self._job = job
        self._counts = counts

    def report(self, kind: str, message: object) -> None:
        self._counts[kind] += 1
        if self._counts[kind] % _LOG_EVERY == 1:
            log.warning("job %s: %s (%s: %d)", self._job, message, kind, self._counts[kind])
