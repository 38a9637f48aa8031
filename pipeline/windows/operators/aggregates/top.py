"""TopOne and CollectTop: the first rows by ORDER BY."""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from typing import Any

from ...expressions.casts import to_comparable
from ...language.values import DATETIME, NULL, NUMBER, Datetime, RowError, type_name
from ...row import Evaluate, Row
from .base import Aggregate
from .extremes import real

Order = Sequence[tuple[Evaluate, bool]]
"""ORDER BY: expressions, each with whether it is descending."""

_KINDS: dict[type, int] = {type(None): NULL, int: NUMBER, float: NUMBER, Datetime: DATETIME}


class TopOne(Aggregate):
    """The first row by ORDER BY, as a record, or one value of it.

    Rows that are equal in every column of ORDER BY are ordered by time, then by arrival. NULL comes first, or last if
    the order is descending.
    """

    def __init__(self, order: Order, of: Evaluate | None) -> None:
        """`of` is None for the whole row."""
        self.item_of = ranked(order, of)

    def add(self, partial: Any, item: Any) -> Any:
        return item if partial is None or item < partial else partial

    def result(self, partial: Any) -> Any:
        return None if partial is None else partial[-1]


class CollectTop(Aggregate):
    """The first `count` rows by ORDER BY, as [{"rank": 1, "value": ...}, ...]; ties as in `TopOne`."""

    def __init__(self, count: int, order: Order, of: Evaluate | None) -> None:
        self.item_of = ranked(order, of)
        self._count = count

    def add(self, partial: Any, item: Any) -> Any:
        if partial is None:
            return [item]
        if len(partial) < self._count or item < partial[-1]:
            insort(partial, item)
            del partial[self._count :]
        return partial

    def combine(self, left: Any, right: Any) -> Any:
        return sorted(left + right)[: self._count]

    def result(self, partial: Any) -> Any:
        return [{"rank": rank, "value": item[-1]} for rank, item in enumerate(partial or (), 1)]


def ranked(order: Order, of: Evaluate | None) -> Evaluate:
    """Return the function that makes a row's item: a tuple that sorts as ORDER BY says and ends with the value.

    The value itself is never compared, since no two rows have the same time and arrival, which come before it.
    """
    (column, descending), *others = order
    rest = ranked(others, of) if others else None

    def item_of(row: Row) -> Any:
        value = column(row)
        if type(value) is str:
            value = to_comparable(value)
        kind = _KINDS.get(type(value))
        if kind is None:
            raise RowError(f"ORDER BY takes bigint, float and datetime, not {type_name(value)}: {value!r}")
        if kind == NULL:
            value = 0
        elif type(value) is float:
            value = real(value)
        if descending:
            kind, value = -kind, -value
        if rest is not None:
            return kind, value, *rest(row)
        return kind, value, row.time, row.arrival, row.columns if of is None else of(row)

    return item_of
