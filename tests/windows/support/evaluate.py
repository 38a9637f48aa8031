"""Evaluates expressions: from their text to a value for one row."""

from __future__ import annotations

from functools import reduce
from typing import Any

from pipeline.windows.expressions.closures import compile_condition, compile_expression, property_of
from pipeline.windows.language.parser import parse
from pipeline.windows.language.syntax import Call, Column, Expression
from pipeline.windows.language.values import Columns, Datetime
from pipeline.windows.row import Evaluate, Row


class AnyColumn:
    """A scope in which every name is a column, and every call except System.Timestamp() is of a scalar function."""

    def column(self, column: Column) -> Evaluate:
        name, *properties = column.names
        return reduce(property_of, properties, lambda row: row.columns.get(name))

    def call(self, call: Call) -> Evaluate | None:
        return (lambda row: Datetime(row.time)) if call.function == "SYSTEM.TIMESTAMP" else None


def expression(text: str) -> Expression:
    item = parse(f"SELECT {text} AS x FROM Input").statements[0].selects[0].items[0].expression
    assert isinstance(item, Expression)
    return item


def compiled(text: str) -> Evaluate:
    return compile_expression(expression(text), AnyColumn())


def condition(text: str) -> Evaluate:
    where = parse(f"SELECT a FROM Input WHERE {text}").statements[0].selects[0].where
    assert where is not None
    return compile_condition(where, AnyColumn())


def row(time: int = 0, /, **columns: Any) -> Row:
    return Row(Columns(columns), time, (0, 1, 0))


def value_of(text: str, /, **columns: Any) -> Any:
    """Return the value. Compare it with `same`, since 1, 1.0 and True are equal, but of different types."""
    return compiled(text)(row(**columns))


def same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and bool(a == b)
