"""SELECT's items: the columns that one row gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from .compiler import part_at
from .nodes import ItemColumn, ItemStar, Resolved
from .operators import Evaluate, Row
from .values import Names

Project = Callable[[Row], Mapping[str, Any]]


def projection(items: Sequence[ItemColumn | ItemStar], names: Names) -> Project:
    """Return what makes the columns of a row. It raises `RowError`."""
    columns = [item for item in items if isinstance(item, ItemColumn)]
    if len(columns) < len(items):
        return _with_stars(items, names)
    indices = [index for item in columns if (index := _index(item)) is not None]
    if len(indices) == len(columns) > 1:
        return _by_place([item.name for item in columns], indices)
    pairs = [(item.name, item.value.of) for item in columns]
    return lambda row: {name: of(row) for name, of in pairs}


def _index(item: ItemColumn) -> int | None:
    """Return where in a window's row the value is, None for anything else."""
    value = item.value.expression
    if type(value) is Resolved and len(value.place) == 1 and not value.path:
        return value.place[0]
    return None


def _by_place(names: Sequence[str], indices: Sequence[int]) -> Project:
    values = itemgetter(*indices)
    return lambda row: dict(zip(names, values(row.columns), strict=False))


def _with_stars(items: Sequence[ItemColumn | ItemStar], names: Names) -> Project:
    parts: list[tuple[str | None, Evaluate]] = [
        (item.name, item.value.of) if isinstance(item, ItemColumn) else (None, _star(item)) for item in items
    ]

    def project(row: Row) -> Mapping[str, Any]:
        columns: dict[str, Any] = {}
        for name, of in parts:
            value = of(row)
            if name is None:
                _add_all(columns, value)
            elif name not in columns and names.of(columns).get(name, columns) is columns:
                columns[name] = value
        return names.of(columns)

    return project


def _add_all(columns: dict[str, Any], record: Any) -> None:
    """Add a record's properties but those that are there. What is no record has none."""
    if not isinstance(record, Mapping):
        return
    if not columns:
        columns.update(record)
        return
    there = {name.lower() for name in columns}
    columns.update({name: value for name, value in record.items() if name.lower() not in there})


def _star(item: ItemStar) -> Evaluate:
    if item.record is not None:
        return item.record.of
    part_of = part_at(item.place)
    return lambda row: None if (part := part_of(row)) is None else part.columns
