"""SUM, AVG, STDEV, STDEVP, VAR and VARP. All is exact until the result is rounded, once.

Floats are kept as a few floats with exactly the same sum, which `math.fsum` finds (Shewchuk's partials). So a result
does not depend on the order of the rows, nor on that in which panes are merged.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import fsum, sqrt
from typing import Any

from ...language.values import BIGINT_LEAST, BIGINT_MOST, RowError, type_name
from ...row import Computed, Row
from .base import Aggregate

Total = int | list[float]
"""An int as long as all values are ints; else floats with this sum."""

_COMPACT = 16  # floats
_WHOLE = frozenset({type(None), int})
_LARGEST = 2.0**960  # even 2^63 smaller values have a sum that doesn't overflow


class Sum(Aggregate):
    """The sum. NULL is ignored; it is NULL if all values are.

    It is a float if any value is, else a bigint; a sum outside 64 bits is a `RowError`.
    """

    restored = list

    def __init__(self, of: Computed, function: str) -> None:
        self.item = numeric(of, function)
        self._function = function

    def add(self, partial: Any, item: Any) -> Any:
        return add(partial, item)

    def combine(self, left: Any, right: Any) -> Any:
        return combine(left, right)

    def result(self, partial: Any) -> Any:
        if type(partial) is not int:
            return None if partial is None else fsum(partial)
        if not BIGINT_LEAST <= partial <= BIGINT_MOST:
            raise RowError(f"a {self._function} of bigint is outside 64 bits")
        return partial


class Average(Aggregate):
    """The average. NULL is ignored; it is NULL if all values are.

    It is a float if any value is, else a bigint, rounded towards zero. A partial is [count, total].
    """

    restored = list

    def __init__(self, of: Computed, function: str) -> None:
        self.item = numeric(of, function)

    def add(self, partial: Any, item: Any) -> Any:
        if partial is None:
            return [1, add(None, item)]
        partial[0] += 1
        partial[1] = add(partial[1], item)
        return partial

    def combine(self, left: Any, right: Any) -> Any:
        return [left[0] + right[0], combine(left[1], right[1])]

    def result(self, partial: Any) -> Any:
        if partial is None:
            return None
        count, total = partial
        if type(total) is not int:
            return fsum(total) / count
        return total // count if total >= 0 else -(-total // count)


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


def numeric(of: Computed, function: str) -> Computed:
    """Return the expression that gives a row's number, or None for NULL.

    It raises `RowError` for other types, and for numbers that are too large to be added exactly. `function` is for its
    messages.
    """

    def number(value: Any) -> Any:
        if value is None or type(value) is int:
            return value
        if type(value) is not float:
            raise RowError(f"{function} takes bigint and float, not {type_name(value)}: {value!r}")
        if not -_LARGEST < value < _LARGEST:
            raise RowError(f"{function} can't add {value!r} exactly")
        return value

    def many(rows: Sequence[Row]) -> list[Any]:
        values = of.many(rows)
        return values if _WHOLE.issuperset(map(type, values)) else list(map(number, values))

    return Computed(lambda row: number(of.evaluate(row)), many)


def add(total: Total | None, number: int | float) -> Total:
    """Return `total` plus a number. May change `total`."""
    if type(total) is list:
        if type(number) is float:
            total.append(number)
        else:
            total += _floats(number)  # type: ignore[arg-type]  # an int
        return total if len(total) < _COMPACT else _compact(total)
    if type(number) is int:
        return number if total is None else total + number  # type: ignore[operator]  # a list was handled above
    return [number] if total is None else [*_floats(total), number]  # type: ignore[arg-type]


def combine(left: Total, right: Total) -> Total:
    """Return the sum of two totals; changes neither."""
    if type(left) is int and type(right) is int:
        return left + right
    return _compact([*_as_floats(left), *_as_floats(right)])


def _compact(values: list[float]) -> list[float]:
    """Return a few floats with exactly the same sum. Changes `values`, which must not be used any more."""
    if len(values) < 3:
        return values
    parts: list[float] = []
    while part := fsum(values):
        parts.append(part)
        values.append(-part)
    return parts or [0.0]


def _as_floats(total: Total) -> Iterable[float]:
    return _floats(total) if isinstance(total, int) else total


def _floats(number: int) -> list[float]:
    """Return floats whose sum is exactly `number`."""
    parts: list[float] = []
    while number:
        part = float(number)
        parts.append(part)
        number -= int(part)
    return parts or [0.0]
