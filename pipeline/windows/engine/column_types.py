"""CREATE TABLE: rows of an input whose columns do not have the types that the query gives them are left out.

https://learn.microsoft.com/stream-analytics-query/create-table-stream-analytics
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..expressions.casts import CASTS, shown
from ..language.syntax import Type, TypedColumn
from ..language.values import RowError, type_name
from ..operators.faults import INPUT, Faults
from ..row import Row

#: From what else a type is taken: JSON does not tell these apart. Nothing else is converted, as the page says.
_ALSO: dict[Type, str] = {"bigint": "float", "float": "bigint", "datetime": "nvarchar(max)"}


def typed(rows: Iterable[Row], types: Sequence[TypedColumn], faults: Faults, *, is_text: bool = False) -> list[Row]:
    """Return the rows with values of the types. A missing column and NULL fit all types; columns without a type stay.

    `is_text` tells that all values are text, as in CSV: then they are read, and the empty text is NULL in a type that
    is not text.
    """
    given = []
    for row in rows:
        try:
            given.append(_row(row, types, is_text))
        except RowError as exc:
            faults.report(INPUT, exc, row)
    return given


def _row(row: Row, types: Sequence[TypedColumn], is_text: bool) -> Row:
    changed: dict[str, Any] = {}
    for column in types:
        value = row.columns.get(column.name)
        if value is None:
            continue
        try:
            fitting = _value(value, column.type, is_text)
        except RowError as exc:
            raise RowError(f"CREATE TABLE, column {column.name}: {exc}") from None
        if fitting is not value:
            name = next(name for name in row.columns if name == column.name or name.lower() == column.name.lower())
            changed[name] = fitting
    return Row(type(row.columns)({**row.columns, **changed}), row.time, row.arrival, row.event) if changed else row


def _value(value: Any, to: Type, is_text: bool) -> Any:
    if is_text and type(value) is str:
        return CASTS[to](value) if value or to == "nvarchar" else None
    name = "nvarchar(max)" if to == "nvarchar" else to
    fitting = CASTS[to](value) if type_name(value) in (name, _ALSO.get(to)) else None
    if fitting is None or (to == "bigint" and fitting != value):  # 5.0 is a bigint, 5.5 is not
        raise RowError(f"{shown(value)} is not {name}")
    return fitting
