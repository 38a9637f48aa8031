"""What a task works on again, after a crash or as a job that begins anew, and what comes of it.

Two rules for this file: it decides and does no I/O; and what it decides is in the two tables below, and nowhere else.

Theory of operation. A task's memory is lost with its process: the operators' state, the event times, the watermark.
Two records of it are in Redis (state.py):

    progress    saved with every commit, in the transaction that writes the rows: the last entry of each source that is
                `done`, and `closed`, the time up to which all that a state gives is written
    a snapshot  saved now and then, in such a transaction: the state, and the entry of each source and the time up to
                which the state had come

A task that resumes loads the snapshot and reads on from there. So it passes once more through what lies between the
snapshot and the progress; this is REPLAYED: fed, because the state must become what it was, while the rows are dropped,
because they are written. What follows is NEW. A job that begins anew (begin.py) has no state. It reads back as far as
its first row needs, and all that comes before that row is MUTED: worked on, and given to the other stage, whose state
needs it, but not put out.

Rows come out in two ways: at once, as their entry is fed, or from a state, as the engine closes times. Each way has
borders of its own, because an entry that is done may have rows that are still to come.

    what is worked on                             phase     faults    rows for the    rows of
                                                            reported  other stage     outputs
    entries up to `Progress.done`                 REPLAYED  no        dropped         dropped
    entries up to `Mute.done`                     MUTED     no        given           dropped
    later entries                                 NEW       yes       given           given, if after `Mute.fed`
    times up to `Progress.closed` at the resume   REPLAYED  no        dropped         dropped
    times up to `Mute.advanced`                   MUTED     yes       given           dropped
    later times                                   NEW       yes       given           given

Faults of MUTED entries are in the totals already, which a job keeps when it begins anew. Those of MUTED times are about
results that only this version of the query makes.

Invariant: each row is written once. It holds because

    1. a row is written by the transaction that moves `done` past its entry, or `closed` past its time, and that fails
       unless `commits` is still what the task has loaded (`Checkpoint.guard`). Of two tasks that both believe that they
       hold the lease, one writes;
    2. a snapshot is never ahead of the progress that is saved with it: what is not written is read again, as NEW;
    3. the same entries give the same rows however often they are fed: a `TaskSource` makes rows of the entries alone,
       an event gets the same time whatever the clock says (event_times.py), and an operator depends on rows, times and
       arrivals, not on how they are cut into calls (operator.py). Two things are not covered, since they come from
       outside the log: the column `EventProcessedUtcTime`, and a hash of reference data that has changed.

Change together:

    what an engine gives (`Given`)               `Treatment.given`, `StageTask._commit`
    a field of `Progress`, `Mute`                `Checkpoint.load`, `queue` and `queue_new`, and begin.py, which says
    or `SnapshotMark`                            what it is for a job that begins anew
    what is in a snapshot: an operator's         `FORMAT` in opening.py, so that jobs begin anew instead of reading a
    fields, codec.py, a source's state           state that they don't understand
    the phases                                   the table above, `ENTRIES`, `TIMES`, and test_recovery.py
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import Any, NamedTuple

from ..engine.engine import ExchangeRow, Given
from ..language.ticks import BEGINNING, END
from .state import Position, Progress, order


class Phase(Enum):
    REPLAYED = auto()
    MUTED = auto()
    NEW = auto()


class Treatment(NamedTuple):
    """What comes of a phase: a row of the table."""

    reports_faults: bool
    hands_over: bool  # rows to the other stage
    puts_out: bool  # rows of outputs

    def given(self, rows: Sequence[Given], after: int = BEGINNING) -> list[Given]:
        """Return the rows that go on; of those of outputs only what is after a time."""
        if self.puts_out:
            return [row for row in rows if row.time > after or isinstance(row, ExchangeRow)]
        return [row for row in rows if isinstance(row, ExchangeRow)] if self.hands_over else []


#: Of rows that come out as their entry is fed.
ENTRIES: Mapping[Phase, Treatment] = {
    Phase.REPLAYED: Treatment(reports_faults=False, hands_over=False, puts_out=False),
    Phase.MUTED: Treatment(reports_faults=False, hands_over=True, puts_out=False),
    Phase.NEW: Treatment(reports_faults=True, hands_over=True, puts_out=True),
}

#: Of rows that a state gives as times are closed.
TIMES: Mapping[Phase, Treatment] = {
    Phase.REPLAYED: Treatment(reports_faults=False, hands_over=False, puts_out=False),
    Phase.MUTED: Treatment(reports_faults=True, hands_over=True, puts_out=False),
    Phase.NEW: Treatment(reports_faults=True, hands_over=True, puts_out=True),
}


class Recovery:
    """Where the borders between the phases are, for a task that resumes with this progress.

    The progress goes on with the task: `parts` follows it, `times` has what it was at the resume.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        #: Each phase with the last time that is in it.
        self.times = ((Phase.REPLAYED, progress.closed), (Phase.MUTED, progress.mute.advanced), (Phase.NEW, END))

    def parts(self, source: str, entries: Sequence[Any]) -> list[tuple[Phase, Sequence[Any]]]:
        """Cut entries of a source at the borders. Empty parts are left out."""
        if not entries:
            return []
        done = order(self._progress.done.get(source, Position()).offset)
        muted = order(self._progress.mute.done.get(source, "0"))
        if order(entries[0].offset) > max(done, muted):  # as it nearly always is
            return [(Phase.NEW, entries)]
        offsets = [order(entry.offset) for entry in entries]
        first = sum(offset <= done for offset in offsets)
        second = max(first, sum(offset <= muted for offset in offsets))
        parts = (
            (Phase.REPLAYED, entries[:first]),
            (Phase.MUTED, entries[first:second]),
            (Phase.NEW, entries[second:]),
        )
        return [(phase, part) for phase, part in parts if part]
