"""The totals of a window's panes, group by group, computed in either of two ways.

Theory of operation. Both are queues of panes: `push` adds the newest, `pop` removes the oldest, `totals` merges those
in the queue. `MergedAnew` keeps only the panes, and for each window looks up each group in each of them. `RolledUp`
keeps a roll-up for each group (rollup.py), which costs two more merges for each pane and one for each total, however
many panes there are. Which one is cheaper depends only on the number of panes in a window, so `totals_of_panes` can
choose beforehand.

Invariant of both: each group that has rows in any pane of the queue is in the totals once, and in the order of groups.
Sorting is postponed: the groups of the last window stay sorted, new groups are added after them, and `_is_sorted` is
false if there are new ones. `MergedAnew` finds out in `totals` which groups have no rows any more; `RolledUp` knows it
when the last pane of a group is popped.

It relies on panes.py: a pane is not changed after `push`, `pop` is given the pane that was pushed first, and the
results of `totals` are read before the next call.
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
"""The most panes in a window for which merging is used.

With 2 panes, merging takes half as long as roll-ups do; with 4 to 6, both take about as long.
"""


class PaneTotals(Protocol):
    """A queue of panes that gives their totals. A pane must not be changed after `push`."""

    def __bool__(self) -> bool:
        """Return whether any group has rows."""

    def push(self, pane: Pane) -> None:
        """Add the newest pane."""

    def pop(self, pane: Pane) -> None:
        """Remove the oldest pane, which the caller has to pass."""

    def totals(self) -> Iterator[Total]:
        """Yield the totals in the order of the groups. Read them before the next call, and don't change them."""


def totals_of_panes(count: int, sides: SideBySide) -> PaneTotals:
    """Return the cheaper of the two for windows of `count` panes."""
    return MergedAnew(sides) if count <= FEW else RolledUp(sides)


class MergedAnew:
    """`PaneTotals` by merging. A window costs one look-up for each of its groups in each pane."""

    def __init__(self, sides: SideBySide) -> None:
        self._sides = sides
        self._panes: deque[Pane] = deque()
        self._order: dict[Key, None] = {}  # the groups of the last window, sorted, then new ones
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
    """`PaneTotals` by a roll-up for each group. A group costs two merges for each pane, and one for each total."""

    def __init__(self, sides: SideBySide) -> None:
        self._sides = sides
        self._groups: dict[Key, Rollup] = {}  # those of the last window, sorted, then new ones
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
