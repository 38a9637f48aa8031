"""The totals of a window's panes, group by group, in columns: one for each aggregate, with a slot for each group.

Theory of operation. A queue of panes: `push` adds the newest, `pop` removes the oldest. There are two stacks of panes,
as in IBM's sliding-window-aggregators, but for all groups at once: `_front` has the totals of the oldest panes, `_back`
those of the others, and a window's total is both merged. A pane that comes is merged into `_back`. When one has to go
and the front is used up, the panes are turned over into it, newest first. Each notes what the front held of its groups
before it was merged in (`left`), which is what is left of them once it goes. So nothing has to be undone, and a group's
pane costs at most two merges, however many panes there are. Groups without rows in a pane cost nothing.

        panes 1 2 3          turned over                       without 1       without 2
        group a  5 . 2       7    pane 1 left 2, 2 nothing     2               2
        group b  . 4 1       5    pane 2 left 1                5               1
        group c  3 . .       3    pane 1 left None             gone            gone

The oldest pane is not turned over, as it goes at once: with two panes a group's pane costs one merge.

Holistic aggregates are not merged: `_back` has one partial result for each group, which panes are put into and taken
out of (aggregates/base.py).

A slot stays, idle, when the last pane of its group goes, because groups often come back, and are still in order then.
`_part` frees the idle slots when they are many.

Invariant.

    1. `_counts` has the number of panes in the queue with the slot's group; in `_live` of the slots it is not 0.
    2. `_order` has the slots, idle ones too, in the order of their groups, but for those in `_new`.
    3. The first `_turned` panes are in `_front`, which has nothing of use if that is 0.
    4. The others are in `_back`, which has nothing of use if `_is_back` is false.

It relies on panes.py: a pane is not changed after `push`, and `totals` is read before the next call.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Any

from .aggregates import Aggregate, Holistic
from .groups import Group, Key, are_texts, columns_of
from .pane import Pane

AT_ONCE = 500  # groups: few enough that they stay in the processor's cache until they are rows

_FEW = 64  # idle slots that are never worth freeing

Column = list[Any]


class Totals:
    """The panes of a window, oldest first."""

    def __init__(self, keys: int, aggregates: Sequence[Aggregate]) -> None:
        """`keys` is the number of keys in GROUP BY."""
        self._aggregates = aggregates
        self._panes: deque[Pane] = deque()
        self._turned = 0
        self._is_back = False
        self._slots: dict[Key, int] = {}
        self._keys: Column = []  # by slot, as the next five
        self._groups: Column = []
        self._values: list[Column] = [[] for _ in range(keys)]
        self._counts: list[int] = []
        self._front: list[Column] = [[] for _ in aggregates]
        self._back: list[Column] = [[] for _ in aggregates]
        self._live = 0
        self._free: list[int] = []
        self._order: list[int] = []
        self._new: list[int] = []

    def __bool__(self) -> bool:
        """Return whether any group has rows."""
        return self._live > 0

    def push(self, pane: Pane) -> None:
        """Add the newest pane."""
        slots = self._slots_of(pane)
        counts = self._counts
        for slot in slots:
            if not counts[slot]:
                self._live += 1
            counts[slot] += 1
        for aggregate, back, column in zip(self._aggregates, self._back, pane.columns, strict=True):
            if isinstance(aggregate, Holistic):
                for slot, newest in zip(slots, column, strict=True):
                    if newest is not None:
                        back[slot] = aggregate.extend(back[slot], newest)
            elif self._is_back:
                aggregate.merge(back, slots, column)
            else:
                _put(back, slots, column)
        self._is_back = True
        self._panes.append(pane)

    def pop(self) -> None:
        """Remove the oldest pane."""
        is_in_front = self._turned > 0
        if not is_in_front:
            self._turn_over()
        pane = self._panes.popleft()
        self._turned -= is_in_front
        counts = self._counts
        for slot in pane.slots:
            counts[slot] -= 1
            if not counts[slot]:
                self._live -= 1
        for place, aggregate in enumerate(self._aggregates):
            if isinstance(aggregate, Holistic):
                self._take_out(aggregate, self._back[place], pane.slots, pane.columns[place])
            elif is_in_front and self._turned:
                _put(self._front[place], pane.slots, pane.left[place])
        if not self._turned:
            self._front = [[] for _ in self._aggregates]

    def totals(self) -> Iterator[tuple[list[Group], list[Column], list[Column]]]:
        """Yield the groups in their order, a column of each key and one of each aggregate, some groups at a time."""
        if len(self._slots) > 2 * self._live + _FEW:
            self._part()
        self._sort()
        counts = self._counts
        is_idle = self._live < len(self._order)
        for first in range(0, len(self._order), AT_ONCE):
            slots = self._order[first : first + AT_ONCE]
            if is_idle:
                slots = [slot for slot in slots if counts[slot]]
            if slots:
                at = _picking(slots)
                yield at(self._groups), list(map(at, self._values)), [*self._merged(at, range(len(slots)))]

    def _merged(self, at: Callable[[Column], Column], places: Sequence[int]) -> Iterator[Column]:
        for aggregate, front, back in zip(self._aggregates, self._front, self._back, strict=True):
            if isinstance(aggregate, Holistic) or not self._turned:
                yield at(back)
            else:
                column = at(front)
                if self._is_back:
                    aggregate.merge(column, places, at(back))
                yield column

    def _turn_over(self) -> None:
        """Turn all panes over but the oldest one, which goes at once."""
        others = list(self._panes)[1:]
        for pane in others[:-1]:
            pane.left = [[] for _ in self._aggregates]
        for place, aggregate in enumerate(self._aggregates):
            if isinstance(aggregate, Holistic):
                continue
            front = self._front[place] = [None] * len(self._counts)
            for pane in others[:-2:-1]:
                _put(front, pane.slots, pane.columns[place])
            for pane in others[-2::-1]:
                pane.left[place] = [front[slot] for slot in pane.slots]
                aggregate.merge(front, pane.slots, pane.columns[place])
            self._back[place] = [None] * len(self._counts)
        self._turned = len(others)
        self._is_back = False

    def _take_out(self, aggregate: Holistic, back: Column, slots: Sequence[int], column: Column) -> None:
        for slot, oldest in zip(slots, column, strict=True):
            if not self._counts[slot]:
                back[slot] = None
            elif oldest is not None:
                aggregate.remove(back[slot], oldest)

    def _slots_of(self, pane: Pane) -> list[int]:
        """Note in a pane the slots of its groups. A group that is new gets one."""
        slots = self._slots
        try:
            pane.slots = list(map(slots.__getitem__, pane.groups))
        except KeyError:
            self._welcome([key for key in pane.groups if key not in slots])
            pane.slots = list(map(slots.__getitem__, pane.groups))
        return pane.slots

    def _welcome(self, keys: list[Key]) -> None:
        """Give new groups a slot."""
        if (more := len(keys) - len(self._free)) > 0:
            self._free += range(len(self._counts), len(self._counts) + more)
            self._counts += [0] * more
            for column in (self._keys, self._groups, *self._values, *self._front, *self._back):
                column += [None] * more
        slots, self._free = self._free[: len(keys)], self._free[len(keys) :]
        groups, values = columns_of(keys)
        _put(self._keys, slots, keys)
        _put(self._groups, slots, groups)
        for column, its_values in zip(self._values, values, strict=True):
            _put(column, slots, its_values)
        self._slots.update(zip(keys, slots, strict=True))
        self._new += slots

    def _sort(self) -> None:
        if self._new:
            of = self._keys if are_texts(self._slots) else self._groups
            self._order += self._new  # sorting takes the sorted part as it is
            self._order.sort(key=of.__getitem__)
            self._new = []

    def _part(self) -> None:
        """Free the idle slots."""
        counts = self._counts
        idle = [slot for slot in self._slots.values() if not counts[slot]]
        for slot in idle:
            del self._slots[self._keys[slot]]
            for column in (self._keys, self._groups, *self._values):
                column[slot] = None
        self._order = [slot for slot in self._order if counts[slot]]
        self._new = [slot for slot in self._new if counts[slot]]
        self._free += idle


def _picking(slots: Sequence[int]) -> Callable[[Column], Column]:
    """Return what gives a column's values at slots, one or more, in two thirds of a comprehension's time."""
    pick = itemgetter(*slots)
    return (lambda column: list(pick(column))) if len(slots) > 1 else (lambda column: [pick(column)])


def _put(column: Column, slots: Sequence[int], values: Sequence[Any]) -> None:
    for slot, value in zip(slots, values, strict=True):
        column[slot] = value
