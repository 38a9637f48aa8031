"""What an aggregate is, and how those of one GROUP BY work side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..operators import Evaluate, Row

Partials = list[Any]
"""A partial result of each aggregate, in their order. None stands for no value yet."""


class Aggregate:
    """A result of many rows, from partial results that can be merged.

    Each row gives an item, and a partial result is made of items. Neither the order of the items nor how they were cut
    into partials may change the result. Items and partials are of types that codec.py packs.
    """

    take: Evaluate
    """Return a row's item, None if the row adds nothing (NULL). Raises `RowError`; nothing after it does but `result`.
    """

    def add(self, partial: Any, item: Any) -> Any:
        """Return `partial`, maybe None, with an item more. May change `partial` and return it."""
        raise NotImplementedError

    def combine(self, left: Any, right: Any) -> Any:
        """Return the partial result of both, and change neither; `left` is the older. Here: an item is a partial."""
        return self.add(left, right)

    def result(self, partial: Any) -> Any:
        """Return what the query sees. `partial` is None without an item. Raises `RowError`."""
        return partial


class Holistic(Aggregate):
    """An aggregate whose partial results grow with their rows (Gray et al., Data Cube, 1997), such as a median.

    To merge all panes for each window would be dear. Instead, one partial result lives as long as the group does:
    panes are put into it, and taken out of it again in the same order.
    """

    def combine(self, left: Any, right: Any) -> Any:
        return self.extend(self.extend(None, left), right)

    def extend(self, partial: Any, newest: Any) -> Any:
        """Put `newest` into `partial`, maybe None; change and return it, leave `newest` as it is."""
        raise NotImplementedError

    def remove(self, partial: Any, oldest: Any) -> None:
        """Take out of `partial` what was put in first."""
        raise NotImplementedError


class SideBySide:
    """The aggregates of one GROUP BY."""

    def __init__(self, aggregates: Sequence[Aggregate]) -> None:
        self.takes = [aggregate.take for aggregate in aggregates]
        self.adds = [aggregate.add for aggregate in aggregates]
        self.holistic = [(place, each) for place, each in enumerate(aggregates) if isinstance(each, Holistic)]
        self._combines = [_combine(each) for each in aggregates]
        self._merges = [_keep_none if isinstance(each, Holistic) else _combine(each) for each in aggregates]
        self._results = [(place, each.result) for place, each in enumerate(aggregates) if not _is_result(each)]

    def take(self, row: Row) -> list[Any]:
        """Return a row's items. Raises `RowError`."""
        return [take(row) for take in self.takes]

    def start(self, items: list[Any]) -> Partials:
        return [None if item is None else add(None, item) for add, item in zip(self.adds, items, strict=True)]

    def add(self, partials: Partials, items: list[Any]) -> None:
        for place, item in enumerate(items):
            if item is not None:
                partials[place] = self.adds[place](partials[place], item)

    def combine(self, left: Partials, right: Partials) -> Partials:
        return _combined(self._combines, left, right)

    def merge(self, left: Partials, right: Partials) -> Partials:
        """Combine, but leave out the holistic ones."""
        return _combined(self._merges, left, right)

    def results(self, partials: Partials) -> list[Any]:
        """Raises `RowError`."""
        results = partials.copy()
        for place, result in self._results:
            results[place] = result(partials[place])
        return results


def _combined(combines: list[Any], left: Partials, right: Partials) -> Partials:
    return [
        newer if older is None else older if newer is None else combine(older, newer)
        for combine, older, newer in zip(combines, left, right, strict=True)
    ]


def _combine(aggregate: Aggregate) -> Callable[[Any, Any], Any]:
    """Spare the call between `combine` and `add` where one is the other."""
    return aggregate.add if type(aggregate).combine is Aggregate.combine else aggregate.combine


def _is_result(aggregate: Aggregate) -> bool:
    """Return whether a partial result is what the query sees."""
    return type(aggregate).result is Aggregate.result


def _keep_none(left: Any, right: Any) -> None:
    return None
