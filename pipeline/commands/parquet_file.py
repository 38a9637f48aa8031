"""A Parquet file to which `wz job run` writes the rows of an output."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import PipelineError
from ..windows.language.ticks import from_unix_ms, isoformat
from ..windows.language.values import Datetime
from .row_file import RowFile

_PAGE = 10_000  # rows

_EPOCH = from_unix_ms(0)


class ParquetFile(RowFile):
    """Gives each column the one type that all of its values have; bigint beside float is float, if that is exact.

    All rows are in memory, column by column, until the last has come. A datetime is a timestamp in UTC, of microseconds
    or, if it needs them, of nanoseconds; inside of a record or an array it is text, as in JSON.
    """

    def __init__(self, path: Path) -> None:
        """Open the file. Raises `PipelineError` if it can't be written, or if there is no pyarrow."""
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError as exc:
            raise PipelineError("to write Parquet, install pyarrow: pip install pyarrow") from exc
        super().__init__(path)
        self._arrow, self._parquet = pyarrow, parquet
        self._rows: list[Mapping[str, Any]] = []
        self._tables: list[Any] = []

    def write_row(self, row: Mapping[str, Any]) -> None:
        """Write one row. Raises `PipelineError` if a value has another type than those of its column."""
        self._rows.append(row)
        if len(self._rows) >= _PAGE:
            self._flush()

    def _finish(self) -> None:
        self._flush()
        table = self._made(lambda: self._arrow.concat_tables(self._tables, promote_options="permissive"))
        self._made(lambda: self._parquet.write_table(table, self._file))

    def _flush(self) -> None:
        rows, self._rows = self._rows, []
        names = dict.fromkeys(name for row in rows for name in row)
        columns = {name: self._made(partial(self._column, [row.get(name) for row in rows]), name) for name in names}
        self._tables.append(self._arrow.table(columns))

    def _column(self, values: list[Any]) -> Any:
        if not {type(value) for value in values} <= {Datetime, type(None)}:
            return self._arrow.array([_plain(value) for value in values])
        ticks = [None if value is None else value - _EPOCH for value in values]
        if all(each is None or each % 10 == 0 for each in ticks):
            microseconds = [each if each is None else each // 10 for each in ticks]
            return self._arrow.array(microseconds, self._arrow.timestamp("us", "UTC"))
        return self._arrow.array(
            [each if each is None else each * 100 for each in ticks], self._arrow.timestamp("ns", "UTC")
        )

    def _made(self, make: Callable[[], Any], column: str = "") -> Any:
        try:
            return make()
        except (self._arrow.ArrowException, OverflowError) as exc:
            where = f", column {column}" if column else ""
            raise PipelineError(
                f"{self.path}{where}: Parquet takes values of one type: use CAST in the query ({exc})"
            ) from exc


def _plain(value: Any) -> Any:
    match value:
        case Datetime():
            return isoformat(value)
        case list():
            return [_plain(item) for item in value]
        case Mapping():
            return {name: _plain(item) for name, item in value.items()}
    return value
