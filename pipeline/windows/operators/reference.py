"""JOIN with reference data: a table in which rows are looked up, and which has no times of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol

from ..language.ticks import BEGINNING
from ..language.values import Columns, RowError
from ..row import Evaluate, Row
from .faults import REFERENCE, ROW, Faults
from .groups import Group, join_key

_INDEXES = 2  # of versions, since rows around the time of a change need both

_Index = dict[Group, list[Row]]


class NoVersion(RowError):
    """A table has no version for a row's time, so that it is unknown what the row is to be joined with."""


class Version:
    """The rows of a table during some time; they never change. A row's `arrival` is its place among them."""

    def __init__(self, records: Iterable[Mapping[str, Any]] = ()) -> None:
        self.rows = [Row(Columns(record), BEGINNING, (place,)) for place, record in enumerate(records)]


class Table(Protocol):
    """Reference data. jobs/tables.py reads it from files and from Redis."""

    def version_at(self, time: int) -> Version:
        """Return the rows that the table has for events of a time.

        Raises `NoVersion` if that is unknown, or `InvalidReference` if they can't be read.
        """

    def refresh(self) -> None:
        """Look for new data. If it can't be read, raises `InvalidReference` and keeps the old data."""


class TableJoin:
    """INNER or LEFT JOIN of rows with a table. Gives (left row, row of the table); with LEFT also (left row, None).

    It has no state, and the time is the left row's. Keys that are NULL match nothing. Values of different kinds don't
    match either, as in Stream Analytics: '1' in a CSV file is not the number 1, unless the query casts it.

    Cost: a look-up per row if there are keys, else `on` for each row of the table.
    """

    def __init__(
        self,
        kind: Literal["INNER", "LEFT"],
        table: Table,
        left_keys: Sequence[Evaluate],
        right_keys: Sequence[Evaluate],
        on: Evaluate | None,
        faults: Faults,
    ) -> None:
        """`right_keys` are about a row of the table, `on` is the rest of the condition, about the pair."""
        self._outer = kind == "LEFT"
        self._table = table
        self._left_keys = tuple(left_keys)
        self._right_keys = tuple(right_keys)
        self._on = on
        self._faults = faults
        self._indexes: dict[Version, _Index] = {}

    def pairs(self, row: Row) -> list[Row]:
        """Return the pairs of a row with rows of the table, in the order of the table."""
        try:
            pairs = [pair for pair in self._candidates(row) if self._on is None or self._on(pair) is True]
        except RowError as exc:
            self._faults.report(REFERENCE if isinstance(exc, NoVersion) else ROW, exc, row)
            return []
        if not pairs and self._outer:
            return [Row((row, None), row.time, (row.arrival, ()))]
        return pairs

    def _candidates(self, row: Row) -> list[Row]:
        key = join_key(row, self._left_keys)
        found = () if key is None else self._index(self._table.version_at(row.time)).get(key, ())
        return [Row((row, other), row.time, (row.arrival, other.arrival)) for other in found]

    def _index(self, version: Version) -> _Index:
        index = self._indexes.get(version)
        if index is None:
            while len(self._indexes) >= _INDEXES:
                del self._indexes[next(iter(self._indexes))]
            index = self._indexes[version] = self._make_index(version)
        return index

    def _make_index(self, version: Version) -> _Index:
        index: _Index = {}
        for row in version.rows:
            try:
                key = join_key(row, self._right_keys)
            except RowError as exc:
                self._faults.report(ROW, exc)
                continue
            if key is not None:
                index.setdefault(key, []).append(row)
        return index
