"""COUNT(*), COUNT(expression) and COUNT(DISTINCT expression)."""

from __future__ import annotations

from typing import Any

from ...language.values import group_key
from ...row import Computed, Evaluate, Row, computed
from .base import Aggregate, Holistic


class Count(Aggregate):
    """The number of rows, or of values that are not NULL."""

    restored = list

    def __init__(self, of: Computed | None) -> None:
        """`of` is None for COUNT(*)."""
        self.item = _EACH if of is None else _not_null(of)

    def add(self, partial: Any, item: Any) -> Any:
        return item if partial is None else partial + item

    def result(self, partial: Any) -> Any:
        return partial or 0


class CountDistinct(Holistic):
    """The number of different values, as GROUP BY tells them apart, without NULL. A partial counts each one's rows."""

    def __init__(self, of: Evaluate) -> None:
        def item_of(row: Row) -> Any:
            value = of(row)
            return None if value is None else group_key(value)

        self.item = computed(item_of)

    def add(self, partial: Any, item: Any) -> Any:
        if partial is None:
            return {item: 1}
        partial[item] = partial.get(item, 0) + 1
        return partial

    def extend(self, partial: Any, newest: Any) -> Any:
        if partial is None:
            return dict(newest)
        for item, count in newest.items():
            partial[item] = partial.get(item, 0) + count
        return partial

    def remove(self, partial: Any, oldest: Any) -> None:
        for item, count in oldest.items():
            partial[item] -= count
            if not partial[item]:
                del partial[item]

    def result(self, partial: Any) -> Any:
        return len(partial or ())


_EACH = Computed(lambda row: 1, lambda rows: [1] * len(rows))


def _not_null(of: Computed) -> Computed:
    return Computed(
        lambda row: None if of.evaluate(row) is None else 1,
        lambda rows: [None if value is None else 1 for value in of.many(rows)],
    )
