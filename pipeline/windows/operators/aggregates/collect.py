"""Collect: all rows of a group."""

from __future__ import annotations

from typing import Any

from ...row import Evaluate, Row, computed
from .base import Holistic


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
        return [value for *_, value in sorted(partial or (), key=_by_arrival)]


def _by_arrival(item: Any) -> Any:
    return item[:2]
