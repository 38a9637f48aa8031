"""Makes rows and calls for tests of operators, without the text of a query."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from pipeline.windows.language.syntax import (
    Call,
    Cast,
    Column,
    Constant,
    Expression,
    Hopping,
    OrderBy,
    Over,
    Star,
    Window,
)
from pipeline.windows.language.tokens import At
from pipeline.windows.operators.aggregates import Aggregate, aggregate
from pipeline.windows.operators.faults import Faults
from pipeline.windows.operators.operator import Operator
from pipeline.windows.operators.windowing import Mode, window_operator
from pipeline.windows.row import Computed, Row, computed

HERE = At(1, 1)
STAR = Star((), HERE)


def column(name: str) -> Column:
    return Column((name,), HERE)


def constant(value: Any) -> Constant:
    return Constant(value, HERE)


def order_by(*names: str, descending: bool = False) -> Over:
    return Over(order_by=tuple(OrderBy(column(name), descending) for name in names))


def call(function: str, *arguments: Expression | Star, over: Over | None = None, distinct: bool = False) -> Call:
    return Call(function, arguments, distinct, over, HERE)


def compiled(expression: Expression) -> Computed:
    """Compile a column, or a cast of a column to nvarchar, which takes text alone."""
    if isinstance(expression, Cast):
        of = compiled(expression.operand).evaluate
        return computed(lambda row: value if type(value := of(row)) is str else None)
    assert isinstance(expression, Column)
    (name,) = expression.names
    return computed(lambda row: row.columns.get(name))


def aggregate_of(call: Call) -> Aggregate:
    return aggregate(call, compiled)


def hopping(duration: int, hop: int, offset: int = 0) -> Hopping:
    return Hopping(duration, hop, offset, HERE)


def operator(
    window: Window,
    *calls: Call,
    keys: Sequence[str] = ("k",),
    session_keys: Sequence[str] = (),
    faults: Counter[str] | None = None,
    mode: Mode = "whole",
) -> Operator:
    return window_operator(
        window,
        [compiled(column(name)) for name in keys],
        [aggregate_of(call) for call in calls],
        Faults("test", Counter() if faults is None else faults),
        [compiled(column(name)) for name in session_keys],
        mode=mode,
    )


def rows(*events: tuple[int, dict[str, Any]]) -> list[Row]:
    """Make rows of (time, columns) that arrive in this order."""
    return [Row(columns, time, (0, number, 0)) for number, (time, columns) in enumerate(events)]


def results(rows: Iterable[Row]) -> list[tuple[Any, ...]]:
    """Return (time, *columns) of each row."""
    return [(row.time, *row.columns) for row in rows]


def snapshot(operator: Operator, fields: dict[str, bytes]) -> set[str]:
    """Save a snapshot in `fields`; return the names of the fields that it wrote or deleted."""
    changes = dict(operator.snapshot())
    for name, packed in changes.items():
        if packed is None:
            del fields[name]
        else:
            fields[name] = packed
    return set(changes)
