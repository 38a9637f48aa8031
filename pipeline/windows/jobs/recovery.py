"""What a task processes again, after a crash or when its job begins anew, and what becomes of the results.

Two rules for this file: it only decides, and does no I/O; and what is done in each phase is said by the two tables
`ENTRIES` and `TIMES`, and nowhere else.

Theory of operation. When a process dies, the memory of its tasks is lost: the operators' state, the event times, the
watermark. Two records of it are in Redis (state.py):

    progress    saved with every commit, in the transaction that writes the rows: the last entry of each source that is
                `done`, and `closed`, the time up to which all rows that depend on a state are written
    a snapshot  saved now and then, in such a transaction: the state, and the entry of each source and the time that
                up to which the state was closed

A task that resumes loads the snapshot and reads on from there. The entries between the snapshot and the progress are
REPLAYED. They are fed, so that the state becomes what it was; their rows are dropped, since they are written already.
Later entries are NEW. A job that begins anew (begin.py) has no state, and its first row may depend on earlier entries.
So it begins to read that much earlier. Everything before the first row is MUTED: it is processed, and its rows are
given to the other stage, whose state needs them, but no row is put out.

An engine gives rows in two ways: at once, when their entry is fed, or from a state, when it closes times. Each way has
borders of its own, because an entry that is done may still contribute to later rows.

    what is processed                             phase     faults    rows for the  `done`  rows of
                                                            reported  other stage   moves   outputs
    entries up to `Progress.done`                 REPLAYED  no        dropped       no      dropped
    entries up to `Mute.done`                     MUTED     no        given         yes     dropped
    later entries                                 NEW       yes       given         yes     given, if after `Mute.fed`
    times up to `Progress.closed` at the resume   REPLAYED  no        dropped       -       dropped
    times up to `Mute.advanced`                   MUTED     yes       given         -       dropped
    later times                                   NEW       yes       given         -       given

Times have no `done`: `Progress.closed` is the last of them that was closed, and never goes back.

Faults of MUTED entries were counted before, and a job keeps its totals when it begins anew. Faults of MUTED times are
new: they are about results that only this version of the query computes.

Invariant: each row is written once. It holds because

    1. a row is written in the transaction that moves `done` past its entry, or `closed` past its time. The transaction
       fails unless `commits` is still what the task knows (`Checkpoint.guard`), so that if two tasks both believe that
       they hold the lease, only one writes;
    2. a snapshot is never ahead of the progress that is saved with it: rows that are not written come again, as NEW;
    3. the same entries give the same rows however often they are fed: a `TaskSource` makes rows from the entries alone,
       an event gets the same time whatever the clock says (event_times.py), and an operator depends on rows, times and
       arrivals, not on how many rows are fed at once (operator.py). There are two exceptions, which come from outside
       the log: the column `EventProcessedUtcTime`, and a hash of reference data that has changed.

Change together:

    what an engine gives (`Given`)               `Treatment.given`, `StageTask._commit`
    a field of `Progress`, `Mute`                `Checkpoint.load`, `queue` and `queue_new`, and begin.py, which says
    or `SnapshotMark`                            its value for a job that begins anew; one of `SnapshotMark` also in
                                                 `Checkpoint.queue_snapshot` and `StageTask._queue_snapshot`
    the content of a snapshot: an operator's     `FORMAT` in opening.py, so that jobs begin anew instead of reading a
    fields, codec.py, a source's state           state that they can't understand
    the phases                                   the table above, `ENTRIES`, `TIMES`, and test_recovery.py
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import Any, NamedTuple

from ...store.offsets import order
from ..engine.engine import ExchangeRow, Given
from ..language.ticks import BEGINNING, END
from .state import Position, Progress


class Phase(Enum):
    """Whether something was processed before, and what its rows are for; see the table above."""

    REPLAYED = auto()
    MUTED = auto()
    NEW = auto()


class Treatment(NamedTuple):
    """What becomes of the faults and rows of a phase: a line of the table."""

    reports_faults: bool
    hands_over: bool  # gives rows to the other stage
    puts_out: bool  # gives rows to outputs
    moves_done: bool = False  # moves `Progress.done` past the entries

    def given(self, rows: Sequence[Given], after: int = BEGINNING) -> list[Given]:
        """Return the rows that are passed on. Rows of outputs must also be later than `after`."""
        if self.puts_out:
            return [row for row in rows if row.time > after or isinstance(row, ExchangeRow)]
        return [row for row in rows if isinstance(row, ExchangeRow)] if self.hands_over else []


#: For rows that are given when their entry is fed.
ENTRIES: Mapping[Phase, Treatment] = {
    Phase.REPLAYED: Treatment(reports_faults=False, hands_over=False, puts_out=False, moves_done=False),
    Phase.MUTED: Treatment(reports_faults=False, hands_over=True, puts_out=False, moves_done=True),
    Phase.NEW: Treatment(reports_faults=True, hands_over=True, puts_out=True, moves_done=True),
}

#: For rows that a state gives when times are closed.
TIMES: Mapping[Phase, Treatment] = {
    Phase.REPLAYED: Treatment(reports_faults=False, hands_over=False, puts_out=False),
    Phase.MUTED: Treatment(reports_faults=True, hands_over=True, puts_out=False),
    Phase.NEW: Treatment(reports_faults=True, hands_over=True, puts_out=True),
}


class Recovery:
    """The borders between the phases, for a task that resumes with this progress.

    The task changes the progress as it goes on: `parts` uses the current one, `times` the one at the resume.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        #: Each phase with the last time that is in it, in ticks.
        self.times = ((Phase.REPLAYED, progress.closed), (Phase.MUTED, progress.mute.advanced), (Phase.NEW, END))

    def parts(self, source: str, entries: Sequence[Any]) -> list[tuple[Phase, Sequence[Any]]]:
        """Divide the entries of a source by phase, in order. Phases without entries are left out."""
        if not entries:
            return []
        done = order(self._progress.done.get(source, Position()).offset)
        muted = order(self._progress.mute.done.get(source, "0"))
        if order(entries[0].offset) > max(done, muted):  # nearly always
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
