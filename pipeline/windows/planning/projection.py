"""SELECT's items: the columns that rows give, one column after the other.

Of properties of one record, such as CR.age and CR.gender, the record is looked up once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, repeat
from typing import Any

from ..language.values import Names
from ..row import Evaluate, Row
from .compiler import Compiler, part_at
from .nodes import Compiled, Inside, ItemColumn, ItemStar, Resolved

Project = Callable[[Sequence[Row]], list[Mapping[str, Any]]]

_Fill = Callable[[Sequence[Row]], list[list[Any]]]  # gives a column for each of some items


def projection(items: Sequence[ItemColumn | ItemStar], names: Names) -> Project:
    """Return the function that makes the columns of rows; it raises `RowError`."""
    columns = [item for item in items if isinstance(item, ItemColumn)]
    if len(columns) < len(items):
        return _with_stars(items, names)
    titles = [item.name for item in columns]
    fills = [fill for record, run in groupby(columns, _record) for fill in _fills(record, list(run), names)]

    def project(rows: Sequence[Row]) -> list[Mapping[str, Any]]:
        values = [column for fill in fills for column in fill(rows)]
        return list(map(dict, map(zip, repeat(titles), zip(*values, strict=True))))

    return project


def _record(item: ItemColumn) -> Resolved | None:
    """Return the record that the item is a property of; None if it is none."""
    value = item.value.expression
    if type(value) is Inside and len(value.path) == 1:
        return Resolved(value.names[:-1], value.at, value.place, ())
    if type(value) in (Inside, Resolved) and isinstance(value, Resolved) and len(value.path) > 1:
        return replace(value, path=value.path[:-1])
    return None


def _fills(record: Resolved | None, run: Sequence[ItemColumn], names: Names) -> list[_Fill]:
    if record is None or len(run) == 1:
        return [_values(item) for item in run]
    return [_properties(Compiler(names).compile(record), run, names)]


def _values(item: ItemColumn) -> _Fill:
    many = item.value.many
    return lambda rows: [many(rows)]


def _properties(record: Compiled, run: Sequence[ItemColumn], names: Names) -> _Fill:
    wanted = [item.value.expression.path[-1] for item in run]  # type: ignore[union-attr]

    def fill(rows: Sequence[Row]) -> list[list[Any]]:
        gets = [names.mapping(each).get if isinstance(each, dict) else _null for each in record.many(rows)]
        return [[get(name) for get in gets] for name in wanted]

    return fill


def _null(name: str) -> None:
    return None


def _with_stars(items: Sequence[ItemColumn | ItemStar], names: Names) -> Project:
    parts: list[tuple[str | None, Evaluate]] = [
        (item.name, item.value.evaluate) if isinstance(item, ItemColumn) else (None, _star(item)) for item in items
    ]

    def one(row: Row) -> Mapping[str, Any]:
        columns: dict[str, Any] = {}
        for name, of in parts:
            value = of(row)
            if name is None:
                _add_all(columns, value)
            elif name not in columns and names.mapping(columns).get(name, columns) is columns:
                columns[name] = value
        return names.mapping(columns)

    return lambda rows: list(map(one, rows))


def _add_all(columns: dict[str, Any], record: Any) -> None:
    """Add the properties of a record that are not in `columns` yet. A value that is not a record has none."""
    if not isinstance(record, Mapping):
        return
    if not columns:
        columns.update(record)
        return
    there = {name.lower() for name in columns}
    columns.update({name: value for name, value in record.items() if name.lower() not in there})


def _star(item: ItemStar) -> Evaluate:
    if item.record is not None:
        return item.record.evaluate
    part_of = part_at(item.place)
    return lambda row: None if (part := part_of(row)) is None else part.columns
