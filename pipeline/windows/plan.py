"""From a query to what runs it: names are resolved and everything is refused that would have no meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .aggregates import Aggregate, Extreme, Path, TopOne
from .panes import Window
from .syntax import Call, Column, Query, Select, Star
from .tokens import QueryError


@dataclass(frozen=True)
class Projection:
    """Columns of one row. `items` is None for `*`: the row as it is."""

    items: tuple[tuple[str, Path], ...] | None

    def of(self, columns: Mapping[str, Any]) -> Mapping[str, Any]:
        if self.items is None:
            return columns
        return {name: path.of(columns) for name, path in self.items}


@dataclass(frozen=True)
class Aggregation:
    """Rows by window and group. `items` are the output columns, each the index of its value in keys + aggregates."""

    window: Window
    keys: tuple[Path, ...]
    aggregates: tuple[Aggregate, ...]
    items: tuple[tuple[str, int], ...]

    def of(self, values: Sequence[Any]) -> Mapping[str, Any]:
        return {name: values[index] for name, index in self.items}


@dataclass(frozen=True)
class Step:
    """One SELECT. `source` is the place of an earlier step, None for the input; `output` None for a step of WITH."""

    source: int | None
    output: str | None
    work: Projection | Aggregation


@dataclass(frozen=True)
class Plan:
    """Steps in an order in which each comes after its source."""

    input: str
    outputs: tuple[str, ...]
    steps: tuple[Step, ...]


def plan(query: Query) -> Plan:
    """Raises `QueryError`."""
    planner = _Planner(query)
    for name, select in query.steps:
        planner.add(select, name)
    for select in query.statements:
        planner.add(select)
    outputs = tuple(select.into for select in query.statements if select.into is not None)
    return Plan(planner.input, outputs, tuple(planner.steps))


@dataclass(frozen=True)
class _Known:
    """What later SELECTs may know of a step. `columns` is None if its columns are the input's."""

    place: int
    columns: tuple[str, ...] | None
    is_windowed: bool


class _Planner:
    def __init__(self, query: Query) -> None:
        self.input = ""
        self.steps: list[Step] = []
        self._known: dict[str, _Known] = {}
        self._later = {name.lower() for name, _ in query.steps}
        self._outputs: set[str] = set()

    def add(self, select: Select, name: str | None = None) -> None:
        source = self._source(select)
        work = _aggregation(select, source) if select.window else _projection(select, source)
        _refuse_twice([item.name for item in select.items], "the column", select)
        windowed = isinstance(work, Aggregation) or (source is not None and source.is_windowed)
        if name is not None:
            self._name(name, _Known(len(self.steps), _columns(select, source), windowed), select)
        if select.into is not None:
            if select.into.lower() in self._outputs:
                raise QueryError(f"the output {select.into} stands twice", select.at)
            self._outputs.add(select.into.lower())
        self.steps.append(Step(source.place if source else None, select.into, work))

    def _name(self, name: str, known: _Known, select: Select) -> None:
        if name.lower() in self._known:
            raise QueryError(f"the step {name} stands twice", select.at)
        self._known[name.lower()] = known

    def _source(self, select: Select) -> _Known | None:
        name = select.source.lower()
        if name in self._known:
            return self._known[name]
        if name in self._later:
            raise QueryError(f"{select.source} must come before the step that reads it", select.at)
        if self.input and self.input.lower() != name:
            raise QueryError(
                f"{select.source} is a second input beside {self.input}, which is not supported yet", select.at
            )
        self.input = self.input or select.source
        return None


def _projection(select: Select, source: _Known | None) -> Projection:
    items: list[tuple[str, Path]] = []
    for item in select.items:
        expression = item.expression
        if isinstance(expression, Star):
            if len(select.items) > 1:
                raise QueryError("* beside other columns is not supported yet", expression.at)
            return Projection(None)
        if isinstance(expression, Call):
            raise QueryError("an aggregate needs GROUP BY with a window", expression.at)
        items.append((item.name, _path(expression, select, source)))
    return Projection(tuple(items))


def _aggregation(select: Select, source: _Known | None) -> Aggregation:
    assert select.window is not None
    if source is not None and source.is_windowed:
        raise QueryError(f"a window over {select.source}, which has a window, is not supported yet", select.at)
    keys = tuple(_path(key, select, source) for key in select.keys)
    places = {_folded(key): place for place, key in enumerate(keys)}
    aggregates: list[Aggregate] = []
    items: list[tuple[str, int]] = []
    for item in select.items:
        expression = item.expression
        if isinstance(expression, Star):
            raise QueryError("SELECT * can't stand with GROUP BY: name the columns", expression.at)
        if isinstance(expression, Call):
            items.append((item.name, len(keys) + len(aggregates)))
            aggregates.append(_aggregate(expression, select, source))
            continue
        place = places.get(_folded(_path(expression, select, source)))
        if place is None:
            raise QueryError(f"{expression} must be in GROUP BY or in an aggregate", expression.at)
        items.append((item.name, place))
    return Aggregation(select.window, keys, tuple(aggregates), tuple(items))


def _aggregate(call: Call, select: Select, source: _Known | None) -> Aggregate:
    path = Path(()) if call.column is None else _path(call.column, select, source)
    if call.function == "TOPONE":
        order = tuple((_path(by.column, select, source), by.descending) for by in call.order)
        return TopOne(path, order)
    return Extreme(path, largest=call.function == "MAX")


def _path(column: Column, select: Select, source: _Known | None) -> Path:
    """Return the path without the source's name before it: Input.reward is reward."""
    names = column.names
    if len(names) > 1 and names[0].lower() == select.source.lower():
        names = names[1:]
    columns = None if source is None else source.columns
    if columns is not None and names[0].lower() not in {name.lower() for name in columns}:
        raise QueryError(f"{select.source} has no column {names[0]}; it has {', '.join(columns)}", column.at)
    return Path(names)


def _folded(path: Path) -> tuple[str, ...]:
    return tuple(name.lower() for name in path.parts)


def _columns(select: Select, source: _Known | None) -> tuple[str, ...] | None:
    if isinstance(select.items[0].expression, Star):
        return source.columns if source else None
    return tuple(item.name for item in select.items)


def _refuse_twice(names: Sequence[str], what: str, select: Select) -> None:
    seen: set[str] = set()
    for name in names:
        if name.lower() in seen:
            raise QueryError(f"{what} {name} stands twice: give one another name with AS", select.at)
        seen.add(name.lower())
