"""The row, which flows through a query, and functions of rows. Imports nothing else of the package."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec


class Row(msgspec.Struct, frozen=True, gc=False):
    """A row on its way through a query.

    `columns` is a mapping of names to values; between the operators of one SELECT it may be a sequence instead, as a
    window gives its keys and results by place. `time` is System.Timestamp(), in ticks. `arrival` orders the rows of the
    same time: no two rows of an operator have the same time and arrival, and neither depends on the order in which
    partitions are read. `arrival` is (partition, sequence number, place in the body) for a row of an input, and the
    group for a row of a window. `event` is the event that the row of an input was read from, if the query asks for what
    it says of itself (planning/metadata.py); it is no part of a state.
    """

    columns: Any
    time: int
    arrival: tuple[Any, ...]
    event: Any = None


Evaluate = Callable[[Row], Any]
"""A compiled expression. It raises `RowError` for a value that it can't work with; then the row is left out."""

EvaluateMany = Callable[[Sequence[Row]], list[Any]]
"""The same of many rows: the values in the rows' order. It raises `RowError` if any row does."""


@dataclass(frozen=True)
class Computed:
    """A compiled expression in both forms. `evaluate` defines the value; `many` gives the same values faster."""

    evaluate: Evaluate = field(compare=False)
    many: EvaluateMany = field(compare=False)


class Fixed:
    """A compiled expression that is constant: its value is known before there is a row."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self, row: Row) -> Any:
        return self.value


def computed(evaluate: Evaluate) -> Computed:
    """Return an expression whose values are computed row by row."""
    return Computed(evaluate, lambda rows: [evaluate(row) for row in rows])


def part_at(place: Sequence[int]) -> Callable[[Row], Row | None]:
    """Return the function that takes the row at `place` from a joined row; None if a LEFT JOIN found no such row."""

    def part(row: Row | None) -> Row | None:
        for index in place:
            if row is None:
                return None
            row = row.columns[index]
        return row

    return part


Changes = Iterator[tuple[str, bytes | None]]
