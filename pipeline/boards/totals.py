"""Count, sum, squares and distinct scores of a set of scores, which add up over several sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Totals(NamedTuple):
    """The totals of `count` scores: their sum, the sum of their squares, and how many of them are different."""

    count: int = 0  # type: ignore[assignment]  # not the tuple's method
    sum: int = 0
    squares: int = 0
    distinct: int = 0

    @classmethod
    def of(cls, scores: Sequence[int]) -> Totals:
        """Return the totals of these scores, which are in units. O(n)."""
        return cls(len(scores), sum(scores), sum(score * score for score in scores), len(set(scores)))

    def __add__(self, other: Totals) -> Totals:  # type: ignore[override]
        return Totals(*map(int.__add__, self, other))

    def __sub__(self, other: Totals) -> Totals:
        return Totals(*map(int.__sub__, self, other))
