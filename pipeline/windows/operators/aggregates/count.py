"""COUNT(*), COUNT(expression) and COUNT(DISTINCT expression)."""

from __future__ import annotations

from typing import Any

from ...language.values import group_key
from ...row import Evaluate, Row
from .base import Aggregate, Holistic


class Count(Aggregate):
    """The number of rows, or of values that are not NULL."""

    def __init__(self, of: Evaluate | None) -> None:
        """`of` is None for COUNT(*)."""
        self.item_of = _one if of is None else lambda row: None if of(row) is None else 1

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

        self.item_of = item_of

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


def _one(row: Row) -> int:
    return 1
