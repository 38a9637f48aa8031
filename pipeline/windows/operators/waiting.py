"""What an operator has taken and can't give yet, as a job's status shows it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

#: The most windows of an operator that are told.
MOST_WINDOWS = 3

#: The most groups, of several panes together, of which it is counted how many differ.
MOST_COUNTED = 10_000


class Waiting(NamedTuple):
    """Rows that an operator has taken, `events`, and that `groups` of them wait until the watermark has passed `end`.

    `end` is a time in ticks: the end of a window, or of a session if nothing more comes, else the earliest time at
    which the operator may give a row. `groups` is 0 for an operator that makes none; of
    sessions it is how many are open.
    """

    end: int
    events: int
    groups: int


def count_groups(panes: Sequence[Collection[object]]) -> int:
    """Return how many groups have rows in these panes; if they are many, how many the largest pane has."""
    if sum(map(len, panes)) > MOST_COUNTED or len(panes) == 1:
        return max(map(len, panes))
    return len(set().union(*panes))
