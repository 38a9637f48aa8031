"""A queue of partial results that knows its total."""

from __future__ import annotations

from typing import Any

from .aggregates import Partials, SideBySide


class Rollup:
    """One group's partial results, oldest first; each is of a slice or of one row.

    There are two stacks, as in IBM's sliding-window-aggregators. A pushed entry is merged into the total of the back.
    When the front is empty, the back is turned over into it, and each entry is merged with all newer ones. So nothing
    has to be undone when the oldest entry is removed, and an entry costs at most two merges, however long the queue is.

           front, top first                         back
           1+2+3 | 2+3 | 3                          4, 5 | total 4+5
           total of all: top of the front + total of the back
    """

    __slots__ = ("_back", "_back_total", "_front", "_holistic", "_sides")

    def __init__(self, sides: SideBySide) -> None:
        self._sides = sides
        self._front: list[Partials] = []
        self._back: list[Partials] = []
        self._back_total: Partials = []
        self._holistic: dict[int, Any] | None = dict.fromkeys(place for place, _ in sides.holistic) or None

    def __bool__(self) -> bool:
        return bool(self._front or self._back)

    def push(self, partials: Partials) -> None:
        """Add an entry, which must not be changed after that."""
        self._back_total = self._sides.merge(self._back_total, partials) if self._back else partials
        self._back.append(partials)
        if self._holistic is not None:
            for place, aggregate in self._sides.holistic:
                if (newest := partials[place]) is not None:
                    self._holistic[place] = aggregate.extend(self._holistic[place], newest)

    def pop(self, oldest: Partials) -> None:
        """Remove the oldest entry, which the caller has to pass."""
        if not self._front:
            self._turn_over()
        self._front.pop()
        if self._holistic is not None:
            for place, aggregate in self._sides.holistic:
                if (gone := oldest[place]) is not None:
                    aggregate.remove(self._holistic[place], gone)

    def total(self) -> Partials:
        """Return all entries merged. There must be at least one. Constant time; the result must not be changed."""
        if not self._front:
            total = self._back_total
        elif not self._back:
            total = self._front[-1]
        else:
            total = self._sides.merge(self._front[-1], self._back_total)
        if self._holistic is not None:
            total = total.copy()
            for place, _ in self._sides.holistic:
                total[place] = self._holistic[place]
        return total

    def _turn_over(self) -> None:
        merge = self._sides.merge
        total = self._back.pop()
        self._front.append(total)
        while self._back:
            total = merge(self._back.pop(), total)
            self._front.append(total)
