"""Makes functions of a row from the planner's expressions, whose columns are resolved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Any

from ..expressions.closures import compile_condition, compile_expression
from ..expressions.user_functions import UserFunctions
from ..functions import FUNCTIONS, METADATA, TIMESTAMP, WINDOW, kind_of
from ..language.syntax import Call, Column, Expression, Star
from ..language.tokens import QueryError
from ..language.tree import rewrite
from ..language.values import Datetime, Names
from ..row import Evaluate, EvaluateMany, Row, batch_of, computed, part_at, value_at
from .nodes import Compiled, Inside, ItemColumn, Moment, Picked, Resolved, Select, Whole


class Compiler:
    """Compiles expressions whose columns are resolved. `names` are all names that the query looks up."""

    def __init__(self, names: Names, functions: UserFunctions | None = None) -> None:
        self._names = names
        self._functions = functions or UserFunctions({})

    def compile(self, expression: Expression) -> Compiled:
        """Return the expression with what computes it. Raises `QueryError`."""
        evaluate = self.evaluate(expression)
        return Compiled(evaluate, _direct(expression) or computed(evaluate).many, expression)

    def condition(self, expression: Expression) -> Compiled:
        """Return a condition with the function that tests it. Raises `QueryError`, also if it is not a condition."""
        test = self.test(expression)
        return Compiled(test, computed(test).many, expression)

    def rewritten(self, select: Select, change: Callable[[Any], Any]) -> Select:
        """Return a SELECT without stars whose expressions are changed as `tree.rewrite` does."""
        where = select.where and self.condition(rewrite(select.where.expression, change))
        items = tuple(
            ItemColumn(item.name, self.compile(rewrite(item.value.expression, change)))
            for item in select.items or ()
            if isinstance(item, ItemColumn)
        )
        return replace(select, where=where, items=None if select.items is None else items)

    def evaluate(self, expression: Expression) -> Evaluate:
        """Return the function that computes a resolved expression. Raises `QueryError`."""
        return compile_expression(expression, self)

    def test(self, expression: Expression) -> Evaluate:
        """Return the function that tests a resolved condition. Raises `QueryError`."""
        return compile_condition(expression, self)

    def column(self, column: Column) -> Evaluate:
        assert isinstance(column, Resolved)
        if isinstance(column, Moment):
            return _moment(column.place)
        if isinstance(column, Picked):
            return self._properties(_picked(*column.place), column.path)
        if not column.path:
            return _value(column.place)
        if isinstance(column, Inside):
            return self._properties(_value(column.place), column.path)
        first, *rest = column.path
        return self._properties(_column(column.place, first), rest)

    def call(self, call: Call) -> Evaluate | None:
        if call.function == TIMESTAMP:
            if call.arguments or call.over or call.distinct:
                raise QueryError(f"{FUNCTIONS[TIMESTAMP].name}() takes no arguments", call.at)
            return lambda row: Datetime(row.time)
        if call.function == WINDOW:
            raise QueryError("System.Window() is written System.Window().Id, and only in SELECT", call.at)
        if call.function == METADATA:
            raise QueryError(f"{METADATA} is not allowed in TIMESTAMP BY, or inside an analytic function", call.at)
        if kind_of(call.function) == "aggregate":
            raise QueryError(
                f"{call.function} is not allowed here: it needs GROUP BY with a window, and SELECT or HAVING around "
                "it, or OVER (LIMIT DURATION(...))",
                call.at,
            )
        if kind_of(call.function) == "analytic":
            raise QueryError(f"{call.function} is not allowed here, or inside another analytic function", call.at)
        if call.function in self._functions:
            if call.over or call.distinct:
                raise QueryError(f"{call.function} takes no {'DISTINCT' if call.distinct else 'OVER'}", call.at)
            operands = [
                _whole(each.place, each.path[0]) if isinstance(each, Whole) else self.evaluate(each)
                for each in call.arguments
                if not isinstance(each, Star)
            ]
            return self._functions.bind(call.function, operands)
        return None

    def _properties(self, of: Evaluate, path: Sequence[str]) -> Evaluate:
        for name in path:
            of = self._property(of, name)
        return of

    def _property(self, of: Evaluate, name: str) -> Evaluate:
        """Try the name as it is spelt first: mostly it is right, and only whole rows went through `Names.mapping`."""
        names = self._names

        def evaluate(row: Row) -> Any:
            record = of(row)
            if not isinstance(record, dict):
                return None
            value = record.get(name)
            return names.mapping(record).get(name) if value is None else value

        return evaluate


def _direct(expression: Expression) -> EvaluateMany | None:
    """Return what reads a column of many rows, if it is in the rows themselves and no property; else None."""
    if type(expression) is Resolved:
        match expression.place, expression.path:
            case (), (name,):
                return lambda rows: [columns.get(name) for columns in batch_of(rows).columns]
            case (place,), ():
                return lambda rows: value_at(rows, place)
    if type(expression) is Picked and not expression.path:
        outer, inner = expression.place
        return lambda rows: list(map(itemgetter(inner), value_at(rows, outer)))
    return None


def _picked(outer: int, inner: int) -> Evaluate:
    return lambda row: row.columns[outer][inner]


def _column(place: tuple[int, ...], name: str) -> Evaluate:
    if not place:
        return lambda row: row.columns.get(name)
    if len(place) == 1:
        (index,) = place
        return lambda row: None if (part := row.columns[index]) is None else part.columns.get(name)
    part_of = part_at(place)
    return lambda row: None if (part := part_of(row)) is None else part.columns.get(name)


def _value(place: tuple[int, ...]) -> Evaluate:
    *outer, last = place
    if not outer:
        return lambda row: row.columns[last]
    part_of = part_at(outer)
    return lambda row: None if (part := part_of(row)) is None else part.columns[last]


def _whole(place: tuple[int, ...], name: str) -> Evaluate:
    part_of = part_at(place)
    return lambda row: None if (part := part_of(row)) is None else part.columns.get(name, part.columns)


def _moment(place: tuple[int, ...]) -> Evaluate:
    part_of = part_at(place)
    return lambda row: None if (part := part_of(row)) is None else Datetime(part.time)
