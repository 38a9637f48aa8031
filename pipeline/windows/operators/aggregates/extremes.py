"""MAX and MIN."""

from __future__ import annotations

from typing import Any

from ...expressions.casts import to_comparable
from ...language.values import Datetime, RowError, tagged, type_name
from ...row import Evaluate, Row
from .base import Aggregate


class Maximum(Aggregate):
    """The greatest value. NULL is ignored; it is NULL if all values are.

    Values of different types are ordered bit < number < datetime, and 1 before 1.0, so that there is only one answer.
    Text is cast to FLOAT, as Stream Analytics does. If that fails, it is compared as the time that it has, and given as
    it is; without one it is an error. With `of_text`, for an argument that is an explicit cast to nvarchar, texts are
    compared by code points.
    """

    def __init__(self, of: Evaluate, of_text: bool = False) -> None:
        self.item_of = of if of_text else _comparable(of)

    def add(self, partial: Any, item: Any) -> Any:
        if type(partial) is type(item):
            return item if item > partial else partial
        return item if partial is None else max(partial, item, key=_order)

    def result(self, partial: Any) -> Any:
        return partial[1] if type(partial) is tuple else partial


class Minimum(Maximum):
    """The least value; the rest is as in `Maximum`."""

    def add(self, partial: Any, item: Any) -> Any:
        if type(partial) is type(item):
            return item if item < partial else partial
        return item if partial is None else min(partial, item, key=_order)


def _comparable(of: Evaluate) -> Evaluate:
    def item_of(row: Row) -> Any:
        value = of(row)
        kind = type(value)
        if kind is float:
            return real(value)
        if value is None or kind is int or kind is bool or kind is Datetime:
            return value
        if kind is str:
            read = to_comparable(value)
            return (read, value) if type(read) is Datetime else read
        raise RowError(f"MAX and MIN take no {type_name(value)}")

    return item_of


def real(value: float) -> float:
    """Return `value`, or 0.0 for -0.0, so that equal floats are the same. Raises `RowError` for NaN."""
    if value != value:
        raise RowError("NaN is not a number, and can't be compared")
    return value + 0.0


def _order(value: Any) -> tuple[Any, ...]:
    time, *text = value if type(value) is tuple else (value,)
    return (*tagged(time), type(time) is float, *text)
