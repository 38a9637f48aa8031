"""STDEV, STDEVP, VAR and VARP. All is exact until the result is rounded."""

from __future__ import annotations

from math import sqrt
from typing import Any

from ...language.values import RowError
from ...row import Computed
from .base import Aggregate
from .sums import numeric


class Deviation(Aggregate):
    """The standard deviation or the variance, of a sample or of a whole population. NULL of fewer than two samples.

    A partial is (count, shift, sum, sum of squares); the sums are of the values times 2^shift, as ints. Since a float
    is an int divided by a power of two, nothing is rounded on the way, and equal values have a deviation of 0.
    """

    def __init__(self, of: Computed, function: str, sample: bool, root: bool) -> None:
        self.item = numeric(of, function)
        self._sample = sample
        self._root = root

    def add(self, partial: Any, item: Any) -> Any:
        numerator, denominator = item.as_integer_ratio()
        one = (1, denominator.bit_length() - 1, numerator, numerator * numerator)
        return one if partial is None else self.combine(partial, one)

    def combine(self, left: Any, right: Any) -> Any:
        shift = max(left[1], right[1])
        more, less = shift - left[1], shift - right[1]
        total = (left[2] << more) + (right[2] << less)
        squares = (left[3] << 2 * more) + (right[3] << 2 * less)
        return (left[0] + right[0], shift, total, squares)

    def result(self, partial: Any) -> Any:
        if partial is None or partial[0] <= self._sample:
            return None
        count, shift, total, squares = partial
        try:
            variance = (count * squares - total * total) / (count * (count - self._sample) << 2 * shift)
        except OverflowError as exc:
            raise RowError("a variance is too large for a float") from exc
        return sqrt(variance) if self._root else variance
