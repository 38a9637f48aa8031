"""TopOne and CollectTop, the first rows by ORDER BY, and Collect, all rows."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Sequence
from itertools import chain, repeat
from operator import attrgetter, itemgetter, neg
from typing import Any

from ...expressions.casts import to_comparable
from ...language.values import DATETIME, NULL, NUMBER, Datetime, RowError, type_name
from ...row import Computed, Evaluate, Row, batch_of, computed
from .base import Aggregate, Holistic
from .extremes import real

Order = Sequence[tuple[Computed, bool]]
"""ORDER BY: expressions, each with whether it is descending."""

_KINDS: dict[type, int] = {type(None): NULL, int: NUMBER, float: NUMBER, Datetime: DATETIME}


class TopOne(Aggregate):
    """The first row by ORDER BY, as a record, or one value of it.

    Rows that are equal in every column of ORDER BY are ordered by time, then by arrival. NULL comes first, or last if
    the order is descending.
    """

    def __init__(self, order: Order, of: Computed | None) -> None:
        """`of` is None for the whole row."""
        self.order = order
        self.is_whole = of is None
        self.item = ranked(order, of)

    def add(self, partial: Any, item: Any) -> Any:
        return item if partial is None or item < partial else partial

    def result(self, partial: Any) -> Any:
        return None if partial is None else partial[-1]

    def fold(self, column: list[Any], places: Iterable[int], added: Iterable[Any]) -> None:
        for place, item in zip(places, added, strict=True):
            first = column[place]
            if first is None or (item is not None and item < first):
                column[place] = item

    merge = fold

    def results(self, column: list[Any]) -> list[Any]:
        return [None if partial is None else partial[-1] for partial in column]

    def restored(self, column: list[Any]) -> list[Any]:
        return [None if each is None else (*each[:-2], _tuples(each[-2]), each[-1]) for each in column]


class CollectTop(Aggregate):
    """The first `count` rows by ORDER BY, as [{"rank": 1, "value": ...}, ...]; ties as in `TopOne`."""

    def __init__(self, count: int, order: Order, of: Computed | None) -> None:
        self.item = ranked(order, of)
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


class Collect(Holistic):
    """All rows as records, or one value of each row unless it is NULL; ordered by time, then arrival."""

    def __init__(self, of: Evaluate | None) -> None:
        """`of` is None for whole rows."""

        def item_of(row: Row) -> Any:
            value = row.columns if of is None else of(row)
            return None if value is None else (row.time, row.arrival, value)

        self.item = computed(item_of)

    def add(self, partial: Any, item: Any) -> Any:
        if partial is None:
            return [item]
        partial.append(item)
        return partial

    def extend(self, partial: Any, newest: Any) -> Any:
        if partial is None:
            return list(newest)
        partial += newest
        return partial

    def remove(self, partial: Any, oldest: Any) -> None:
        del partial[: len(oldest)]

    def result(self, partial: Any) -> Any:
        return [value for *_, value in sorted(partial or (), key=itemgetter(0, 1))]


def ranked(order: Order, of: Computed | None) -> Computed:
    """Return the expression that makes a row's item: a tuple that sorts as ORDER BY says and ends with the value.

    The value itself is never compared, since no two rows have the same time and arrival, which come before it.
    """
    last = attrgetter("columns") if of is None else of.evaluate

    def many(rows: Sequence[Row]) -> list[Any]:
        ranks = [_ranks(column.many(rows), descending) for column, descending in order]
        batch = batch_of(rows)
        values = batch.columns if of is None else of.many(batch)
        return list(zip(*chain.from_iterable(ranks), batch.times, batch.arrivals, values, strict=False))

    return Computed(_one(order, last), many)


def _one(order: Order, last: Evaluate) -> Evaluate:
    (column, descending), *others = order
    value_of = column.evaluate
    rest = _one(others, last) if others else None

    def item_of(row: Row) -> Any:
        kind, value = _rank(value_of(row), descending)
        return (kind, value, *rest(row)) if rest else (kind, value, row.time, row.arrival, last(row))

    return item_of


def _rank(value: Any, descending: bool) -> tuple[int, Any]:
    if type(value) is str:
        value = to_comparable(value)
    kind = _KINDS.get(type(value))
    if kind is None:
        raise RowError(f"ORDER BY takes bigint, float and datetime, not {type_name(value)}: {value!r}")
    if kind == NULL:
        value = 0
    elif type(value) is float:
        value = real(value)
    return (-kind, -value) if descending else (kind, value)


def _ranks(values: list[Any], descending: bool) -> Sequence[Iterable[Any]]:
    """Return the ranks of many values as two columns: kinds, and values."""
    kinds = set(map(type, values))
    if kinds == {int} or kinds == {Datetime}:
        kind = _KINDS[kinds.pop()]
        return (repeat(-kind), map(neg, values)) if descending else (repeat(kind), values)
    return list(zip(*[_rank(value, descending) for value in values], strict=True))


def _tuples(value: Any) -> Any:
    """Return an `arrival` as it was before msgpack made lists of its tuples."""
    return tuple(map(_tuples, value)) if type(value) is list else value
