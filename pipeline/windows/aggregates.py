"""Aggregates as partial results that can be merged.

`lift` makes the partial of one row, `combine` merges two, `lower` reads the result. `combine` is associative and
commutative, so neither the panes nor the order in which partitions are read can change a result.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .rows import Row
from .values import DATETIME, NULL, NUMBER, TEXT, RowError, Tagged, lookup, tagged, untagged

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)


class Aggregate(Protocol):
    def lift(self, row: Row) -> Any:
        """Raises `RowError` if a value has the wrong type."""

    def combine(self, left: Any, right: Any) -> Any: ...

    def lower(self, partial: Any) -> Any: ...


@dataclass(frozen=True)
class Path:
    """A column, or a property inside a record: `CR.actionname`. Without parts it is the whole row, as a record."""

    parts: tuple[str, ...]

    def of(self, columns: Any) -> Any:
        for part in self.parts:
            columns = lookup(columns, part)
        return columns

    def __str__(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True)
class Extreme:
    """MAX or MIN. NULL is ignored; all NULL gives NULL.

    Values of different kinds are ordered bit < number < datetime, and 1 before 1.0, so that the answer is one.
    Text is cast to FLOAT, as Stream Analytics does, and other text is an error.
    """

    path: Path
    largest: bool

    def lift(self, row: Row) -> Tagged | None:
        kind, value = tagged(self.path.of(row.columns))
        if kind == NULL:
            return None
        if kind == TEXT:
            kind, value = NUMBER, _to_float(value, self.path)
        return (kind, (value, type(value) is float))

    def combine(self, left: Tagged | None, right: Tagged | None) -> Tagged | None:
        if left is None or right is None:
            return right if left is None else left
        return max(left, right) if self.largest else min(left, right)

    def lower(self, partial: Tagged | None) -> Any:
        return None if partial is None else partial[1][0]


@dataclass(frozen=True)
class TopOne:
    """The first row by ORDER BY, as a record, or one value of it.

    Rows that are equal in every order column go by their time, then in order of arrival: partition, then sequence
    number. NULL comes first, or last if descending.
    """

    path: Path
    order: Sequence[tuple[Path, bool]]  # and whether descending

    def lift(self, row: Row) -> tuple[Any, ...]:
        columns = row.columns
        key = tuple(_order_key(path, path.of(columns), descending) for path, descending in self.order)
        return (key, row.time, row.arrival, self.path.of(columns))

    def combine(self, left: tuple[Any, ...], right: tuple[Any, ...]) -> tuple[Any, ...]:
        return min(left, right)  # no two rows have one arrival, so the values themselves are never compared

    def lower(self, partial: tuple[Any, ...]) -> Any:
        return partial[-1]


def _order_key(path: Path, value: Any, descending: bool) -> Tagged:
    kind, value = tagged(value)
    if kind not in (NULL, NUMBER, DATETIME):
        raise RowError(f"ORDER BY {path} takes bigint, float and datetime, not {untagged((kind, value))!r}")
    return (-kind, -value) if descending else (kind, value)


def _to_float(text: str, path: Path) -> float:
    value = float(text) if _NUMBER.fullmatch(text) else float("inf")
    if value in (float("inf"), float("-inf")):
        raise RowError(f"{path} is {text!r}, which can't be cast to FLOAT")
    return value
