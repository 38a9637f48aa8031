"""Compiles expressions, once, into functions that take a row.

Constant parts are computed while compiling, so that a row costs only what depends on it. A constant part that can't be
computed, such as 1 / 0, is an error in the query.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import singledispatch
from typing import Any, Protocol

from ..language import syntax
from ..language.refusals import check_arguments, check_function
from ..language.tokens import At, QueryError
from ..language.values import RowError, lookup
from ..row import Evaluate, Fixed, Row
from . import arithmetic, comparison, logic, patterns
from .casts import CASTS
from .scalar import SCALAR_FUNCTIONS


class Meanings(Protocol):
    """What the names in an expression mean, which depends on its place in the query."""

    def column(self, column: syntax.Column) -> Evaluate:
        """Return what gets the column from a row. Raises `QueryError` for an unknown name."""

    def call(self, call: syntax.Call) -> Evaluate | None:
        """Return what gives the value of a call that is not a scalar function's: an aggregate, System.Timestamp().

        Returns None for other calls; then only scalar functions are accepted.
        """


def compile_expression(expression: syntax.Expression, meanings: Meanings) -> Evaluate:
    """Return the function that computes `expression` from a row; a `Fixed` if it is constant.

    Raises `QueryError` for an expression without a meaning. The function raises `RowError` for a value that it can't
    work with.
    """
    return _compile(expression, meanings)


def compile_condition(expression: syntax.Expression, meanings: Meanings) -> Evaluate:
    """Return the function that tests a row: True, False, or None for NULL. For WHERE, HAVING, ON and WHEN.

    Raises `QueryError`, also for an expression that is not a condition, such as `a + 1`.
    """
    evaluate = _compile(expression, meanings)
    if isinstance(evaluate, Fixed):
        if evaluate.value is None or type(evaluate.value) is bool:
            return evaluate
        raise QueryError("a condition is missing: compare this with something", expression.at)
    if _is_condition(expression):
        return evaluate
    if isinstance(expression, syntax.Binary | syntax.Unary):
        raise QueryError(f"a condition is missing: {expression.operator} gives a number", expression.at)
    return logic.checked(evaluate)


def property_of(operand: Evaluate, name: str) -> Evaluate:
    """Return the function that gets a record's property; NULL if it is missing or the operand is not a record."""

    def evaluate(row: Row) -> Any:
        record = operand(row)
        if type(record) is dict and (value := record.get(name)) is not None:
            return value
        return lookup(record, name)

    return evaluate


def _is_condition(expression: syntax.Expression) -> bool:
    if isinstance(expression, syntax.Binary):
        return expression.operator in comparison.TESTS or expression.operator in ("AND", "OR")
    return isinstance(expression, syntax.In | syntax.Between | syntax.IsNull | syntax.Like) or (
        isinstance(expression, syntax.Unary) and expression.operator == "NOT"
    )


@contextmanager
def _wrong_query(at: At) -> Iterator[None]:
    """Turn a `RowError` into a `QueryError`: while there is no row yet, the query has the error."""
    try:
        yield
    except RowError as error:
        raise QueryError(str(error), at) from None


def _folded(evaluate: Evaluate, operands: Sequence[Evaluate], at: At) -> Evaluate:
    if not all(isinstance(operand, Fixed) for operand in operands):
        return evaluate
    with _wrong_query(at):
        return Fixed(evaluate(Row({}, 0, ())))


@singledispatch
def _compile(expression: Any, meanings: Meanings) -> Evaluate:
    raise TypeError(f"{type(expression).__name__} is not an expression")


@_compile.register
def _(expression: syntax.Constant, meanings: Meanings) -> Evaluate:
    return Fixed(expression.value)


@_compile.register
def _(expression: syntax.Column, meanings: Meanings) -> Evaluate:
    return meanings.column(expression)


@_compile.register
def _(expression: syntax.Property, meanings: Meanings) -> Evaluate:
    return property_of(_compile(expression.operand, meanings), expression.name)


@_compile.register
def _(expression: syntax.Unary, meanings: Meanings) -> Evaluate:
    if expression.operator == "NOT":
        condition = compile_condition(expression.operand, meanings)
        return _folded(logic.negation(condition), [condition], expression.at)
    operand = _compile(expression.operand, meanings)
    if expression.operator == "+":
        return operand
    evaluate = arithmetic.complement(operand) if expression.operator == "~" else arithmetic.negative(operand)
    return _folded(evaluate, [operand], expression.at)


@_compile.register
def _(expression: syntax.Binary, meanings: Meanings) -> Evaluate:
    if expression.operator in ("AND", "OR"):
        sides = [compile_condition(side, meanings) for side in (expression.left, expression.right)]
        join = logic.both if expression.operator == "AND" else logic.either
        return _folded(join(*sides), sides, expression.at)
    left, right = _compile(expression.left, meanings), _compile(expression.right, meanings)
    test = comparison.TESTS.get(expression.operator)
    if test is None:
        work = arithmetic.bitwise if expression.operator in arithmetic.BITWISE else arithmetic.arithmetic
        return _folded(work(expression.operator, left, right), [left, right], expression.at)
    if isinstance(right, Fixed):
        return _folded(comparison.comparison_with(test, left, right.value), [left], expression.at)
    return comparison.comparison(test, left, right)


@_compile.register
def _(expression: syntax.Like, meanings: Meanings) -> Evaluate:
    escape = None if expression.escape is None else _compile(expression.escape, meanings)
    if escape is not None and not (isinstance(escape, Fixed) and type(escape.value) is str and len(escape.value) == 1):
        raise QueryError("ESCAPE takes one character in quotes", expression.at)
    operand, pattern = _compile(expression.operand, meanings), _compile(expression.pattern, meanings)
    with _wrong_query(expression.at):
        like = patterns.like(operand, pattern, escape.value if isinstance(escape, Fixed) else None)
    return _folded(logic.negation(like) if expression.negated else like, [operand, pattern], expression.at)


@_compile.register
def _(expression: syntax.In, meanings: Meanings) -> Evaluate:
    operand = _compile(expression.operand, meanings)
    choices = [_compile(choice, meanings) for choice in expression.choices]
    constants = [choice.value for choice in choices if isinstance(choice, Fixed)]
    if len(constants) == len(choices) and {type(value) for value in constants} in ({str}, {int}):
        among = comparison.among_constants(operand, constants)
    else:
        among = comparison.among(operand, choices)
    return _folded(logic.negation(among) if expression.negated else among, [operand, *choices], expression.at)


@_compile.register
def _(expression: syntax.Between, meanings: Meanings) -> Evaluate:
    operands = [_compile(part, meanings) for part in (expression.operand, expression.low, expression.high)]
    between = comparison.between(*operands)
    return _folded(logic.negation(between) if expression.negated else between, operands, expression.at)


@_compile.register
def _(expression: syntax.IsNull, meanings: Meanings) -> Evaluate:
    operand = _compile(expression.operand, meanings)
    return _folded((logic.is_not_null if expression.negated else logic.is_null)(operand), [operand], expression.at)


@_compile.register
def _(expression: syntax.Case, meanings: Meanings) -> Evaluate:
    compile_when = compile_condition if expression.operand is None else _compile
    branches = [(compile_when(when, meanings), _compile(then, meanings)) for when, then in expression.branches]
    default = Fixed(None) if expression.default is None else _compile(expression.default, meanings)

    def searched(row: Row) -> Any:
        for condition, result in branches:
            if condition(row):
                return result(row)
        return default(row)

    if expression.operand is None:
        return searched
    operand = _compile(expression.operand, meanings)

    def simple(row: Row) -> Any:
        value = operand(row)
        for when, result in branches:
            if comparison.equal(value, when(row)):
                return result(row)
        return default(row)

    return simple


@_compile.register
def _(expression: syntax.Cast, meanings: Meanings) -> Evaluate:
    operand = _compile(expression.operand, meanings)
    cast = CASTS[expression.type]

    def evaluate(row: Row) -> Any:
        value = operand(row)
        return None if value is None else cast(value)

    def attempt(row: Row) -> Any:
        try:
            return evaluate(row)
        except RowError:
            return None

    return _folded(attempt if expression.is_try else evaluate, [operand], expression.at)


@_compile.register
def _(expression: syntax.Unit, meanings: Meanings) -> Evaluate:
    raise QueryError(f"the unit {expression.name} is not allowed here", expression.at)


@_compile.register
def _(expression: syntax.Call, meanings: Meanings) -> Evaluate:
    computed = meanings.call(expression)
    if computed is not None:
        return computed
    name, at = expression.function, expression.at
    check_function(expression)
    if name not in SCALAR_FUNCTIONS:
        raise QueryError(f"{name} is not allowed here", at)
    if expression.over is not None or expression.distinct:
        raise QueryError(f"{name} takes no {'DISTINCT' if expression.distinct else 'OVER'}", at)
    check_arguments(expression)
    unit = "".join(argument.name for argument in expression.arguments[:1] if isinstance(argument, syntax.Unit))
    operands = [_compile(argument, meanings) for argument in expression.arguments[bool(unit) :]]
    with _wrong_query(at):
        evaluate = SCALAR_FUNCTIONS[name](operands, unit)
    return _folded(evaluate, operands, at)
