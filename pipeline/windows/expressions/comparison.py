"""Comparing values: =, <, IN, BETWEEN. The result is NULL if a side is NULL.

Numbers are compared exactly, even a bigint with a float. Text is compared code point by code point: case counts, and
so do spaces at the end. Text that is compared with a number, a bit or a datetime is read as a value of that type.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from ..language.values import Datetime, RowError, type_name
from ..row import Evaluate, Fixed, Row
from .casts import to_bit, to_datetime, to_number

Test = Callable[[Any, Any], bool]

TESTS: dict[str, Test] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

_ORDERED = frozenset({int, float, str, Datetime, bool})
_NUMBERS = frozenset({int, float, bool})
_READ: dict[type, Callable[[Any], Any]] = {int: to_number, float: to_number, bool: to_bit, Datetime: to_datetime}


def compare(test: Test, a: Any, b: Any) -> bool | None:
    """Return the result of `test`, one of `TESTS`, for two values; None for NULL.

    Raises `RowError` for types that can't be compared.
    """
    if a is None or b is None:
        return None
    if type(a) is type(b) and type(a) in _ORDERED:
        return test(a, b)
    return test(*_alike(a, b))


def equal(a: Any, b: Any) -> bool | None:
    """Return the value of a = b, None for NULL. Raises `RowError`."""
    return compare(operator.eq, a, b)


def _alike(a: Any, b: Any) -> tuple[Any, Any]:
    kind_a, kind_b = type(a), type(b)
    if kind_a in _NUMBERS and kind_b in _NUMBERS:
        return a, b
    if kind_a is str and kind_b in _READ:
        return _READ[kind_b](a), b
    if kind_b is str and kind_a in _READ:
        return a, _READ[kind_a](b)
    raise RowError(f"{type_name(a)} and {type_name(b)} can't be compared")


def comparison(test: Test, left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(row: Row) -> bool | None:
        a = left(row)
        b = right(row)
        if type(a) is type(b) and type(a) in _ORDERED:
            return test(a, b)
        return compare(test, a, b)

    return evaluate


def comparison_with(test: Test, left: Evaluate, constant: Any) -> Evaluate:
    """Return a comparison with a constant. Most are such, and cost a row only the left side."""
    kind = type(constant)
    if kind not in _ORDERED:
        return lambda row: compare(test, left(row), constant)

    def evaluate(row: Row) -> bool | None:
        value = left(row)
        if type(value) is kind:
            return test(value, constant)
        return compare(test, value, constant)

    return evaluate


def between(operand: Evaluate, low: Evaluate, high: Evaluate) -> Evaluate:
    """Return BETWEEN: both ends are included. It may be false even if one end is NULL."""

    def evaluate(row: Row) -> bool | None:
        value = operand(row)
        above = compare(operator.ge, value, low(row))
        if above is False:
            return False
        below = compare(operator.le, value, high(row))
        if below is False:
            return False
        return True if above and below else None

    return evaluate


def among(operand: Evaluate, choices: Sequence[Evaluate]) -> Evaluate:
    """Return IN: true if a choice is equal, else NULL if a choice is NULL, else false."""

    def evaluate(row: Row) -> bool | None:
        value = operand(row)
        if value is None:
            return None
        result: bool | None = False
        for choice in choices:
            same = compare(operator.eq, value, choice(row))
            if same:
                return True
            if same is None:
                result = None
        return result

    return evaluate


def among_constants(operand: Evaluate, choices: Sequence[Any]) -> Evaluate:
    """Return IN for constants of one type. It costs one look into a set if the operand has the same type."""
    known = frozenset(choices)
    kind = type(choices[0])
    slow = among(operand, [Fixed(choice) for choice in choices])

    def evaluate(row: Row) -> bool | None:
        value = operand(row)
        return value in known if type(value) is kind else slow(row)

    return evaluate
