"""What an operator of a query is, and what it says of the rows that it has taken and can't give yet."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from ..row import Changes, Row

#: The most windows of an operator that are told.
MOST_WINDOWS = 3

#: The most groups, of several panes together, of which it is counted how many differ.
MOST_COUNTED = 10_000


class Waiting(NamedTuple):
    """Rows that an operator has taken, `events`, and that `groups` of them wait until the watermark has passed `end`.

    `end` is a time in ticks: the end of a window, or of a session if nothing more comes, else the earliest time at
    which the operator may give a row. `groups` is 0 for an operator that makes none; of sessions it is how many are
    open.
    """

    end: int
    events: int
    groups: int


class Operator(Protocol):
    """A part of a query that keeps state. It does not know other operators, and does no I/O.

    What it gives may depend only on the rows, their times and arrivals. It must not depend on the order in which rows
    are fed between two calls of `advance`, on how many are fed in one call, or on when `advance` is called. Because of
    this, a replay after a crash gives the same rows again.
    """

    def feed(self, port: int, rows: Sequence[Row]) -> None:
        """Take rows, in any order. `port` is 0, or 1 for the right side of a join.

        Every row's time must be after that of the last `advance`. For a value that it can't work with it raises no
        error, but reports it to the `Faults` that the operator was made with.
        """

    def due(self) -> int | None:
        """Return the earliest time at which `advance` may have rows to give; None if it has none to come.

        Constant time, or close to it.
        """

    def advance(self, to: int) -> Iterable[Row]:
        """Record that no row with a time up to and including `to` will come. Return the output, by time and arrival.

        The iterator must be read to its end before another method is called: it may make the rows, and change the
        state, while it is read.
        """

    def waiting(self) -> list[Waiting]:
        """Return what was taken and can't be given yet, by `end`; about `MOST_WINDOWS` ends.

        It may cost as much as there are panes, or open sessions: it is asked for once a second.
        """

    def snapshot(self) -> Changes:
        """Yield the fields of the state that changed since the last `snapshot`: name, and bytes or None if deleted."""

    def restore(self, fields: Mapping[str, bytes], closed: int) -> None:
        """Load all fields that snapshots left into this new operator. `closed` is where `advance` had come to."""


def count_groups(panes: Sequence[Collection[object]]) -> int:
    """Return how many groups have rows in these panes; if they are many, how many the largest pane has."""
    if sum(map(len, panes)) > MOST_COUNTED or len(panes) == 1:
        return max(map(len, panes))
    return len(set().union(*panes))
