"""SELECT's items: the columns that one row gives.

Because this runs for each row of an output, common cases have code of their own: values of a window's row are taken by
their places, and properties of one record, such as CR.age and CR.gender, by looking up the record once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import Any

from ..language.values import Names
from ..row import Evaluate, Row
from .compiler import Compiler, part_at
from .nodes import Inside, ItemColumn, ItemStar, Resolved

Project = Callable[[Row], Mapping[str, Any]]

_Fill = Callable[[Row, dict[str, Any]], None]


def projection(items: Sequence[ItemColumn | ItemStar], names: Names) -> Project:
    """Return the function that makes the columns of a row; it raises `RowError`."""
    columns = [item for item in items if isinstance(item, ItemColumn)]
    if len(columns) < len(items):
        return _with_stars(items, names)
    runs = [(shape, list(run)) for shape, run in groupby(columns, _shape)]
    if all(shape is None or len(run) == 1 for shape, run in runs):
        pairs = [(item.name, item.value.evaluate) for item in columns]
        return lambda row: {name: of(row) for name, of in pairs}
    if len(runs) == 1 and isinstance(runs[0][0], int):
        return _by_place(columns)
    fills = [fill for shape, run in runs for fill in _fills(shape, run, names)]

    def project(row: Row) -> Mapping[str, Any]:
        made: dict[str, Any] = {}
        for fill in fills:
            fill(row, made)
        return made

    return project


def _shape(item: ItemColumn) -> Resolved | int | None:
    """Return the record that the item is a property of; 0 for a value of a window's row; None for anything else."""
    value = item.value.expression
    if type(value) is Resolved and len(value.place) == 1 and not value.path:
        return 0
    if type(value) is Inside and len(value.path) == 1:
        return Resolved(value.names[:-1], value.at, value.place, ())
    if type(value) in (Inside, Resolved) and isinstance(value, Resolved) and len(value.path) > 1:
        return replace(value, path=value.path[:-1])
    return None


def _fills(shape: Resolved | int | None, run: Sequence[ItemColumn], names: Names) -> list[_Fill]:
    if isinstance(shape, Resolved) and len(run) > 1:
        return [_properties(Compiler(names).evaluate(shape), run, names)]
    if isinstance(shape, int) and len(run) > 1:
        project = _by_place(run)
        return [lambda row, made: made.update(project(row))]
    if shape == 0:
        return [_slot(item) for item in run]
    return [_value(item) for item in run]


def _properties(record_of: Evaluate, run: Sequence[ItemColumn], names: Names) -> _Fill:
    pairs = [(item.name, item.value.expression.path[-1]) for item in run]  # type: ignore[union-attr]

    def fill(row: Row, made: dict[str, Any]) -> None:
        record = record_of(row)
        get = names.mapping(record).get if isinstance(record, dict) else _null
        for name, property_name in pairs:
            made[name] = get(property_name)

    return fill


def _null(name: str) -> None:
    return None


def _value(item: ItemColumn) -> _Fill:
    name, of = item.name, item.value.evaluate

    def fill(row: Row, made: dict[str, Any]) -> None:
        made[name] = of(row)

    return fill


def _slot(item: ItemColumn) -> _Fill:
    name, place = item.name, item.value.expression.place[0]  # type: ignore[union-attr]

    def fill(row: Row, made: dict[str, Any]) -> None:
        made[name] = row.columns[place]

    return fill


def _by_place(items: Sequence[ItemColumn]) -> Project:
    names = [item.name for item in items]
    values = itemgetter(*(item.value.expression.place[0] for item in items))  # type: ignore[union-attr]
    return lambda row: dict(zip(names, values(row.columns), strict=False))


def _with_stars(items: Sequence[ItemColumn | ItemStar], names: Names) -> Project:
    parts: list[tuple[str | None, Evaluate]] = [
        (item.name, item.value.evaluate) if isinstance(item, ItemColumn) else (None, _star(item)) for item in items
    ]

    def project(row: Row) -> Mapping[str, Any]:
        columns: dict[str, Any] = {}
        for name, of in parts:
            value = of(row)
            if name is None:
                _add_all(columns, value)
            elif name not in columns and names.mapping(columns).get(name, columns) is columns:
                columns[name] = value
        return names.mapping(columns)

    return project


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
