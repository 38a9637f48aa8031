"""PERCENTILE_CONT and PERCENTILE_DISC."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from fractions import Fraction
from math import ceil
from typing import Any

from ...language.values import RowError, type_name
from ...row import Evaluate, Row, computed
from .base import Holistic
from .extremes import real

_MANY = 50  # items, of which each would cost a walk over the list


class PercentileCont(Holistic):
    """The value below which a share of the values lies, interpolated between two of them: a float. NULL is ignored.

    A partial is a sorted list of (value, whether it is a float).
    """

    def __init__(self, share: Fraction, of: Evaluate, descending: bool) -> None:
        """`share` is from 0 to 1."""
        self._share = 1 - share if descending else share
        self._descending = descending

        def item_of(row: Row) -> Any:
            value = of(row)
            if value is None:
                return None
            if type(value) is float:
                return real(value), True
            if type(value) is not int:
                raise RowError(f"percentiles take bigint and float, not {type_name(value)}: {value!r}")
            return value, False

        self.item = computed(item_of)

    def add(self, partial: Any, item: Any) -> Any:
        if partial is None:
            return [item]
        insort(partial, item)
        return partial

    def extend(self, partial: Any, newest: Any) -> Any:
        if partial is None:
            return list(newest)
        if len(newest) == 1:
            insort(partial, newest[0])
        else:
            partial += newest
            partial.sort()  # merges two sorted runs
        return partial

    def remove(self, partial: Any, oldest: Any) -> None:
        if len(oldest) > _MANY:
            partial[:] = (Counter(partial) - Counter(oldest)).elements()  # in the order of `partial`
            return
        for item in oldest:
            del partial[bisect_left(partial, item)]

    def result(self, partial: Any) -> Any:
        if not partial:
            return None
        place = self._share * (len(partial) - 1)
        below = place.numerator // place.denominator
        low = Fraction(partial[below][0])
        if place == below:
            return float(low)
        return float(low + (Fraction(partial[below + 1][0]) - low) * (place - below))


class PercentileDisc(PercentileCont):
    """The first value, in the order, up to which at least a share of the values lies. NULL is ignored."""

    def result(self, partial: Any) -> Any:
        if not partial:
            return None
        if self._descending:
            share = 1 - self._share
            return partial[-max(1, ceil(share * len(partial)))][0]
        return partial[max(1, ceil(self._share * len(partial))) - 1][0]
