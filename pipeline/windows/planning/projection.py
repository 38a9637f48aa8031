"""SELECT's items: the columns that rows give, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..language.values import Names
from ..row import Evaluate, Row, part_at
from .nodes import ItemColumn, ItemStar

Project = Callable[[Sequence[Row]], Sequence[Mapping[str, Any]]]


def projection(items: Sequence[ItemColumn | ItemStar], names: Names) -> Project:
    """Return the function that makes the columns of rows; it raises `RowError`."""
    columns = [item for item in items if isinstance(item, ItemColumn)]
    if len(columns) < len(items):
        return _with_stars(items, names)
    values_of = [(item.name, item.value.many) for item in columns]

    def project(rows: Sequence[Row]) -> list[dict[str, Any]]:
        made: list[dict[str, Any]] = [{} for _ in range(len(rows))]
        given = [(name, many(rows)) for name, many in values_of]
        given += given[-1:] * (len(given) % 2)  # two at a time take two thirds; if they are odd, the last comes twice
        for (name, values), (other, others) in zip(given[::2], given[1::2], strict=True):
            for columns, value, another in zip(made, values, others, strict=True):
                columns[name] = value
                columns[other] = another
        return made

    return project


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
