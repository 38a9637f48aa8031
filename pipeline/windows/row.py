"""The row, which flows through a query, and functions of rows. Imports nothing else of the package."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter, itemgetter
from typing import Any, overload

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


class Batch(Sequence[Row]):
    """Rows as columns. A Row is only made for who asks for one, so most rows of windows never become one.

    `values` has the columns by place if the rows' `columns` are sequences, else it is None. `columns`, `times` and
    `arrivals` are those of the rows. None of the lists may be changed.
    """

    __slots__ = ("_columns", "_rows", "arrivals", "times", "values")

    def __init__(
        self,
        columns: Sequence[Any] | None,
        times: list[int],
        arrivals: list[Any],
        *,
        values: Sequence[list[Any]] | None = None,
        rows: Sequence[Row] | None = None,
    ) -> None:
        """`columns` may be None if there are `values`. `rows` are the same rows, if they are there already."""
        self._columns, self.times, self.arrivals, self.values, self._rows = columns, times, arrivals, values, rows

    @property
    def columns(self) -> Sequence[Any]:
        if self._columns is None:
            self._columns = list(zip(*self.values, strict=True)) if self.values else [()] * len(self.times)
        return self._columns

    def extend(self, other: Batch) -> None:
        """Add the rows of another batch. Both have `values`, and nobody has read them yet."""
        for column, more in zip(self.values or (), other.values or (), strict=True):
            column += more
        self.times += other.times
        self.arrivals += other.arrivals

    def __len__(self) -> int:
        return len(self.times)

    def __iter__(self) -> Iterator[Row]:
        return iter(map(Row, self.columns, self.times, self.arrivals) if self._rows is None else self._rows)

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Row]: ...
    def __getitem__(self, at: int | slice) -> Row | Sequence[Row]:
        if self._rows is None:
            self._rows = list(self)
        return self._rows[at]


def batch_of(rows: Sequence[Row]) -> Batch:
    """Return rows as a batch, which they may be."""
    if type(rows) is Batch:
        return rows
    return Batch(*[list(map(attrgetter(part), rows)) for part in ("columns", "time", "arrival")], rows=rows)


def value_at(rows: Sequence[Row], place: int) -> list[Any]:
    """Return the values at a place of the columns of rows, which are sequences."""
    batch = batch_of(rows)
    return batch.values[place] if batch.values is not None else list(map(itemgetter(place), batch.columns))


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
