"""MAX and MIN."""

from __future__ import annotations

from typing import Any

from ...expressions.casts import to_float
from ...language.values import Datetime, RowError, tagged, type_name
from ...row import Evaluate, Row
from .base import Aggregate


class Maximum(Aggregate):
    """NULL is ignored; all NULL gives NULL.

    Values of different types are ordered bit < number < datetime, and 1 before 1.0, so that the answer is one. Text is
    cast to FLOAT, as Stream Analytics does, and other text is an error; `of_text` is for an argument that is an
    explicit cast to nvarchar: the greatest by code points, then.
    """

    def __init__(self, of: Evaluate, of_text: bool = False) -> None:
        self.take = of if of_text else _comparable(of)

    def add(self, partial: Any, item: Any) -> Any:
        if type(partial) is type(item):
            return item if item > partial else partial
        return item if partial is None else max(partial, item, key=_order)


class Minimum(Maximum):
    """As `Maximum`."""

    def add(self, partial: Any, item: Any) -> Any:
        if type(partial) is type(item):
            return item if item < partial else partial
        return item if partial is None else min(partial, item, key=_order)


def _comparable(of: Evaluate) -> Evaluate:
    def take(row: Row) -> Any:
        value = of(row)
        kind = type(value)
        if kind is float:
            return real(value)
        if value is None or kind is int or kind is bool or kind is Datetime:
            return value
        if kind is str:
            return to_float(value) + 0.0
        raise RowError(f"MAX and MIN take no {type_name(value)}")

    return take


def real(value: float) -> float:
    """Return `value`, and 0.0 for -0.0, so that equal floats are the same. Raises `RowError` for one that is NaN."""
    if value != value:
        raise RowError("NaN is no number, and can't be compared")
    return value + 0.0


def _order(value: Any) -> tuple[Any, ...]:
    return (*tagged(value), type(value) is float)
