"""What a task works on again, after a crash or as a job that begins anew, and what is to come of it.

Two rules for this file: it decides and does no I/O, and what it decides stands in the two tables below, nowhere else.

Theory of operation. A task's memory is lost with its process: the operators' state, the event times, the watermark.
Two things of it are in Redis (state.py):

    progress    with every commit, in the transaction that writes the rows: for each source the last entry that is
                `done`, and the time up to which all that a state gives is written, `closed`
    a snapshot  now and then, in such a transaction as well: the state, and up to which entry of each source and which
                time it had come

A task that resumes loads the snapshot, reads on from there, and so comes once more through what it has been through:
that is REPLAYED. It is fed, since the state must come to what it was, and its rows are dropped, since they are
written. What follows is NEW. A job that begins anew (begin.py) has no state: it reads back as far as its first row
needs, and what it reads before that is MUTED: worked on and given to the other stage, whose state needs it, but not
put out.

Each of the three phases has a border among the entries of a source, for rows that come out as their entry is fed, and
one in time, for rows that a state gives as the engine closes times. They are apart because an entry that is done may
have rows that are yet to come.

    what is worked on                             phase     faults    rows for the     rows of
                                                            reported  other stage      outputs
    entries up to `Progress.done`                 REPLAYED  no        dropped          dropped
    entries up to `Mute.done`                     MUTED     no        given            dropped
    later entries                                 NEW       yes       given            given if after `Mute.fed`
    times up to `Progress.closed` at the resume   REPLAYED  no        dropped          dropped
    times up to `Mute.advanced`                   MUTED     yes       given            dropped
    later times                                   NEW       yes       given            given

The faults of MUTED entries are in the totals already, which a job keeps when it begins anew. Those of MUTED times are
of results that no version before has made.

Invariant. Each row is written once, because

    1. it is written by the transaction that moves `done` past its entry or `closed` past its time, and that fails
       unless `commits` is what the task loaded (`Checkpoint.guard`): two tasks that believe to hold the lease can't
       both write it;
    2. a snapshot is never ahead of the progress beside it: all that is not written is read again, as NEW;
    3. the same entries give the same rows, each time that they are fed. So it is because a `Source` makes its rows of
       the entries alone, because event_times.py gives an event the same time whatever the clock says, and because an
       operator depends on rows, times and arrivals only, not on how they are cut into calls (operator.py). The clock
       has one way in: the column `EventProcessedUtcTime`, and tables in Redis that have changed have another.

To be changed together:

    what an engine may give (`Given`)        `Treatment.given`, `Task._commit`
    a field of `Progress`, `Mute` or         `Checkpoint.load`, `Checkpoint.queue` and `Checkpoint.queue_new`; what it
    `SnapshotMark`                           is for a job that begins anew, in begin.py
    what a snapshot holds (an operator's     `FORMAT` in opening.py, so that jobs begin anew instead of reading what
    fields, codec.py, a source's state)      they can't
    which phase something is in              the tables here, and tests/windows/jobs/test_recovery.py
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
    """What comes of what is worked on in a phase."""

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
    """Where the borders between the phases are, for a task that resumes with this progress, which goes on."""

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
