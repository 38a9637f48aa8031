"""What an aggregate is, and how those of one GROUP BY work side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ...row import Computed, Row

Partials = list[Any]
"""A partial result of each aggregate, in their order; None if it has no value yet."""


class Aggregate:
    """Computes a result of many rows, from partial results that can be merged.

    Each row gives an item, and a partial result is made of items. The result must not depend on the order of the items,
    nor on which items went into which partial. Items and partials must be of types that codec.py packs.

    `add`, `combine` and `result` define an aggregate. `fold`, `merge` and `results` do the same to a column, which is a
    list with a partial result for each of many groups; where a class has its own, they are only faster.
    """

    item: Computed
    """Gives a row's item, None if the row adds nothing (NULL). Raises `RowError`, as else only `result` does."""

    restored: Callable[[list[Any]], list[Any]] | None = None
    """Return a column as it was before msgpack made lists of its tuples. None: partials of this kind are not packed as
    plain msgpack, as codec.py calls it."""

    def add(self, partial: Any, item: Any) -> Any:
        """Return `partial`, which may be None, with one more item. May change `partial` and return it."""
        raise NotImplementedError

    def combine(self, left: Any, right: Any) -> Any:
        """Return the partial result of both, and change neither; `left` is the older.

        This base method is for aggregates whose items are partial results themselves.
        """
        return self.add(left, right)

    def result(self, partial: Any) -> Any:
        """Return the value that the query sees. `partial` is None if there was no item. Raises `RowError`."""
        return partial

    def fold(self, column: list[Any], places: Iterable[int], added: Iterable[Any]) -> None:
        """Add items, each to the partial result at its place."""
        add = self.add
        for place, item in zip(places, added, strict=True):
            if item is not None:
                column[place] = add(column[place], item)

    def merge(self, column: list[Any], places: Iterable[int], added: Iterable[Any]) -> None:
        """Combine partial results, each with the one at its place. Changes the column, but none of the partials."""
        combine = self.add if _is_plain(self) else self.combine
        for place, newer in zip(places, added, strict=True):
            if newer is not None:
                older = column[place]
                column[place] = newer if older is None else combine(older, newer)

    def results(self, column: list[Any]) -> list[Any]:
        """Return the result of each partial. Raises `RowError` if any of them does."""
        result = self.result
        return [result(partial) for partial in column]


class Holistic(Aggregate):
    """An aggregate whose partial results grow with their rows (Gray et al., Data Cube, 1997), such as a median.

    Merging all panes for each window would cost too much. Instead, one partial result lives as long as the group:
    panes are put into it, and taken out of it again in the same order.
    """

    def combine(self, left: Any, right: Any) -> Any:
        return self.extend(self.extend(None, left), right)

    def extend(self, partial: Any, newest: Any) -> Any:
        """Put `newest` into `partial`, which may be None; return it. May change `partial`, but not `newest`."""
        raise NotImplementedError

    def remove(self, partial: Any, oldest: Any) -> None:
        """Take out of `partial` what was put in first, which is `oldest`."""
        raise NotImplementedError


class SideBySide:
    """The aggregates of one GROUP BY. Windows spend most of their time in these loops, so they make few calls."""

    def __init__(self, aggregates: Sequence[Aggregate]) -> None:
        places = list(enumerate(aggregates))
        self._items = [each.item.evaluate for each in aggregates]
        self.holistic = [(place, each) for place, each in places if isinstance(each, Holistic)]
        self._adds = [each.add for each in aggregates]
        self._starts = [(place, each.add) for place, each in places if not _is_plain(each)]
        self._merges = [(place, each.combine) for place, each in places if not isinstance(each, Holistic)]
        self._results = [
            (place - len(places), each.result) for place, each in places if type(each).result is not Aggregate.result
        ]

    def items_of(self, row: Row) -> list[Any]:
        """Return a row's items. Raises `RowError`."""
        return [item(row) for item in self._items]

    def start(self, items: list[Any]) -> Partials:
        """Return the partials of the first row of a group. `items` are its items; the list is reused."""
        for place, add in self._starts:
            if (item := items[place]) is not None:
                items[place] = add(None, item)
        return items

    def add(self, partials: Partials, items: list[Any]) -> None:
        """Add the items of one more row to `partials`."""
        adds = self._adds
        for place, item in enumerate(items):
            if item is not None:
                partials[place] = adds[place](partials[place], item)

    def merge(self, left: Partials, right: Partials) -> Partials:
        """Return the partials of both, `left` being the older, and change neither; holistic ones stay as in `left`."""
        merged = left.copy()
        for place, combine in self._merges:
            if (newer := right[place]) is not None:
                older = merged[place]
                merged[place] = newer if older is None else combine(older, newer)
        return merged

    def results(self, keys: Iterable[Any], partials: Partials) -> list[Any]:
        """Return the keys, followed by the results. Raises `RowError`."""
        columns = [*keys, *partials]
        for place, result in self._results:
            columns[place] = result(columns[place])
        return columns


def _is_plain(aggregate: Aggregate) -> bool:
    """Return whether items are partials, so that the first item needs no `add`, and `combine` is `add`."""
    return type(aggregate).combine is Aggregate.combine
