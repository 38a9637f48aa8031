"""MAX and MIN."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ...expressions.casts import to_comparable
from ...language.values import Datetime, RowError, tagged, type_name
from ...row import Computed, Row
from .base import Aggregate


class Maximum(Aggregate):
    """The greatest value. NULL is ignored; it is NULL if all values are.

    Values of different types are ordered bit < number < datetime, and 1 before 1.0, so that there is only one answer.
    Text is cast to FLOAT, as Stream Analytics does. If that fails, it is compared as the time that it has, and given as
    it is; without one it is an error. With `of_text`, for an argument that is an explicit cast to nvarchar, texts are
    compared by code points.
    """

    def __init__(self, of: Computed, of_text: bool = False) -> None:
        self.item = of if of_text else _comparable(of)

    def add(self, partial: Any, item: Any) -> Any:
        if type(partial) is type(item):
            return item if item > partial else partial
        return item if partial is None else max(partial, item, key=_order)

    def fold(self, column: list[Any], places: Iterable[int], added: Iterable[Any]) -> None:
        for place, item in zip(places, added, strict=True):
            if item is not None:
                most = column[place]
                if type(most) is not type(item):
                    column[place] = self.add(most, item)
                elif item > most:
                    column[place] = item

    merge = fold

    def result(self, partial: Any) -> Any:
        return partial[1] if type(partial) is tuple else partial

    def results(self, column: list[Any]) -> list[Any]:
        return list(map(self.result, column)) if tuple in set(map(type, column)) else column

    def restored(self, column: list[Any]) -> list[Any]:
        return [tuple(each) if type(each) is list else each for each in column]


class Minimum(Maximum):
    """The least value; the rest is as in `Maximum`."""

    def add(self, partial: Any, item: Any) -> Any:
        if type(partial) is type(item):
            return item if item < partial else partial
        return item if partial is None else min(partial, item, key=_order)

    fold, merge = Aggregate.fold, Aggregate.merge


#: Types whose values are compared as they are.
_AS_THEY_ARE = frozenset({type(None), int, bool, Datetime})
_FLOATS = frozenset({type(None), float})


def _comparable(of: Computed) -> Computed:
    def many(rows: Sequence[Row]) -> list[Any]:
        values = of.many(rows)
        kinds = set(map(type, values))
        if kinds <= _AS_THEY_ARE:
            return values
        if kinds <= _FLOATS:  # `or` makes 0.0 of -0.0
            return [value if value is None else value or 0.0 if value == value else real(value) for value in values]
        return list(map(_item, values))

    return Computed(lambda row: _item(of.evaluate(row)), many)


def _item(value: Any) -> Any:
    kind = type(value)
    if kind is float:
        return value + 0.0 if value == value else real(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind is str:
        read = to_comparable(value)
        return (read, value) if type(read) is Datetime else real(read)
    raise RowError(f"MAX and MIN take no {type_name(value)}")


def real(value: float) -> float:
    """Return `value`, or 0.0 for -0.0, so that equal floats are the same. Raises `RowError` for NaN."""
    if value != value:
        raise RowError("NaN is not a number, and can't be compared")
    return value + 0.0


def _order(value: Any) -> tuple[Any, ...]:
    time, *text = value if type(value) is tuple else (value,)
    return (*tagged(time), type(time) is float, *text)
