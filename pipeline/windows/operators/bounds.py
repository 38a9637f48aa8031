"""How far apart in time the rows of a join may be: DATEDIFF between two sources in ON.

DATEDIFF counts the boundaries of its unit between two times. With DATEDIFF(minute, a, b) BETWEEN 0 AND 15, b may be up
to 15:59.9999999 after a, and even before it, within the same minute: the ends depend on a's place in its minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..language.time_units import LONGEST, TIME_UNITS
from ..row import Row, part_at


@dataclass(frozen=True)
class Bound:
    """low <= DATEDIFF(unit, left, right) <= high; None means that this side has no bound.

    If the left row is a joined one, `place` leads from there to the row whose time is meant: an index into `columns` at
    each step. Raises `ValueError` for bounds of more than the seven days that Stream Analytics allows, and for years,
    quarters and months.
    """

    unit: str
    low: int | None
    high: int | None
    place: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        length = TIME_UNITS[self.unit].ticks
        if not length:  # it has months
            raise ValueError(f"DATEDIFF({self.unit}, ...) in a JOIN is more than 7 days")
        if any(abs(count) * length > LONGEST for count in (self.low, self.high) if count is not None):
            raise ValueError("the time bounds of a JOIN are at most 7 days")

    @property
    def span(self) -> int:
        """The most that the two rows' times can be apart, in ticks."""
        counts = [abs(count) for count in (self.low, self.high) if count is not None]
        return (max(counts, default=0) + 1) * TIME_UNITS[self.unit].ticks - 1

    def first(self, left: int) -> int | None:
        """Return the first time that a right row may have if the left row's is `left`; None if there is no first."""
        return None if self.low is None else self._begin(left, self.low)

    def last(self, left: int) -> int | None:
        """Return the last time that a right row may have if the left row's is `left`; None if there is no last."""
        return None if self.high is None else self._begin(left, self.high + 1) - 1

    def last_left(self, right: int) -> int | None:
        """Return the last time that a left row may have if the right row's is `right`; None if there is no last."""
        return None if self.low is None else self._begin(right, 1 - self.low) - 1

    def _begin(self, time: int, count: int) -> int:
        """Return the beginning of the unit that is `count` units after the one that `time` is in."""
        unit = TIME_UNITS[self.unit]
        return ((time + unit.before) // unit.ticks + count) * unit.ticks - unit.before


class Interval:
    """All bounds of a join together. Raises `ValueError` unless they limit how long a row must be kept."""

    def __init__(self, bounds: Sequence[Bound], lag: int) -> None:
        """`lag` is by how much, in ticks, a left row's time can be after the time of one of its parts."""
        if all(bound.low is None for bound in bounds) or all(bound.high is None for bound in bounds):
            raise ValueError("a JOIN needs a time bound on both sides: DATEDIFF(minute, a, b) BETWEEN 0 AND 10")
        self._bounds = tuple(bounds)
        self._parts = [(bound, part_at(bound.place)) for bound in bounds]
        self._lag = lag

    def right_times(self, left: Row) -> tuple[int, int]:
        """Return the first and the last time of right rows that match `left`; last < first if none can."""
        firsts, lasts = [], []
        for bound, part_of in self._parts:
            if (part := part_of(left)) is None:  # of a LEFT JOIN: DATEDIFF of NULL is NULL
                return left.time + 1, left.time
            if (first := bound.first(part.time)) is not None:
                firsts.append(first)
            if (last := bound.last(part.time)) is not None:
                lasts.append(last)
        return max(firsts), min(lasts)

    def left_until(self, left: Row) -> int:
        """Return the last time at which a match of `left` can come; never before its own time."""
        return max(left.time, self.right_times(left)[1])

    def right_until(self, right: Row) -> int:
        """Return the last time at which a match of `right` can come; never before its own time."""
        lasts = (bound.last_left(right.time) for bound in self._bounds)
        return max(right.time, min(last for last in lasts if last is not None) + self._lag)
