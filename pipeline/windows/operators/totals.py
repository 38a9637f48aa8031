"""What the panes of a window come to, group by group, in either of two ways.

Theory of operation. A queue of panes: `push` adds the newest, `pop` takes the oldest away, `totals` merges what is in
between. `MergedAnew` keeps only the panes, and looks at each group in each of them for each window. `RolledUp` keeps a
roll-up for each group (rollup.py): two merges more for each pane, and one for each total, however many panes there are.
Which is cheaper depends on the number of panes in a window alone, so that `totals_of_panes` can choose beforehand.

Invariant, of both: a group that has rows in any pane of the queue is in the totals, each once, in the order of groups.
Sorting is put off: the groups of the last window stay sorted, groups that are new are added behind them, and
`_is_sorted` says whether there are any. `MergedAnew` finds out in `totals` which groups have gone; `RolledUp` knows it
as the last pane of a group is popped.

It rests on what panes.py does: a pane is not changed after `push`, `pop` is given the pane that was pushed first, and
the results of `totals` are read before the next call.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Protocol

from .aggregates import Partials, SideBySide
from .groups import Key, in_order
from .results import Total
from .rollup import Rollup

Pane = dict[Key, Partials]
"""The partial results of the groups that have rows in a slice of time."""

FEW = 4
"""Up to here, merging is the cheaper: half of what roll-ups cost with 2 panes in a window, even with 4 to 6."""


class PaneTotals(Protocol):
    """Panes come and go as in a queue. One that came is not changed any more."""

    def __bool__(self) -> bool:
        """Return whether any group has rows."""

    def push(self, pane: Pane) -> None: ...

    def pop(self, pane: Pane) -> None:
        """Let the oldest pane go, which the caller knows."""

    def totals(self) -> Iterator[Total]:
        """Yield what the panes come to, in the order of the groups. Read it before the panes change; change nothing."""


def totals_of_panes(count: int, sides: SideBySide) -> PaneTotals:
    """Return the cheaper way for windows of `count` panes."""
    return MergedAnew(sides) if count <= FEW else RolledUp(sides)


class MergedAnew:
    """PaneTotals by merging. A window costs a look-up for each of its groups in each pane."""

    def __init__(self, sides: SideBySide) -> None:
        self._sides = sides
        self._panes: deque[Pane] = deque()
        self._order: dict[Key, None] = {}  # the groups of the last window, sorted, and then those that are new
        self._is_sorted = True

    def __bool__(self) -> bool:
        return any(self._panes)

    def push(self, pane: Pane) -> None:
        self._panes.append(pane)
        known = len(self._order)
        self._order.update(dict.fromkeys(pane))
        self._is_sorted = self._is_sorted and len(self._order) == known

    def pop(self, pane: Pane) -> None:
        self._panes.popleft()

    def totals(self) -> Iterator[Total]:
        if not self._is_sorted:
            self._order = dict.fromkeys(in_order(self._order))
            self._is_sorted = True
        combine, panes = self._sides.combine, list(self._panes)
        gone = []
        for key in self._order:
            total = None
            for pane in panes:
                if (partials := pane.get(key)) is not None:
                    total = partials if total is None else combine(total, partials)
            if total is None:
                gone.append(key)
            else:
                yield key, total
        for key in gone:
            del self._order[key]


class RolledUp:
    """PaneTotals by a roll-up for each group. A group's pane costs two merges, a total one more."""

    def __init__(self, sides: SideBySide) -> None:
        self._sides = sides
        self._groups: dict[Key, Rollup] = {}  # those of the last window, sorted, and then those that are new
        self._is_sorted = True

    def __bool__(self) -> bool:
        return bool(self._groups)

    def push(self, pane: Pane) -> None:
        groups = self._groups
        for key, partials in pane.items():
            rollup = groups.get(key)
            if rollup is None:
                rollup = groups[key] = Rollup(self._sides)
                self._is_sorted = False
            rollup.push(partials)

    def pop(self, pane: Pane) -> None:
        groups = self._groups
        for key, partials in pane.items():
            rollup = groups[key]
            rollup.pop(partials)
            if not rollup:
                del groups[key]

    def totals(self) -> Iterator[Total]:
        if not self._is_sorted:
            self._groups = {key: self._groups[key] for key in in_order(self._groups)}
            self._is_sorted = True
        for key, rollup in self._groups.items():
            yield key, rollup.total()
