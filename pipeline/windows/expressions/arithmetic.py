"""+ - * / % & | ^ ~ and the signs. If an operand is NULL, so is the result.

Two bigints give a bigint, and overflow is refused; / cuts off the fraction, and % has the sign of its left side, as in
T-SQL. If one side is a float, the result is a float, and must be finite. Text is read as a number, except that + of two
texts joins them. A bit counts as 0 or 1.

& | ^ ~ of bits give a bit, and with a bigint a bigint in two's complement, which is never outside 64 bits.
https://learn.microsoft.com/stream-analytics-query/bitwise-operators-azure-stream-analytics
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from ..language.values import BIGINT_LEAST, BIGINT_MOST, Datetime, RowError, type_name
from ..row import Evaluate, Row
from .casts import shown, to_number
from .limits import checked_number, checked_text

_NUMBERS = frozenset({int, float})

Work = Callable[[Any, Any], Any]


def _quotient(a: int, b: int) -> int:
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def _remainder(a: int, b: int) -> int:
    return a - b * _quotient(a, b)


#: How an operator computes two bigints, and how two numbers of which one is a float.
_WORK: dict[str, tuple[Work, Work]] = {
    "+": (operator.add, operator.add),
    "-": (operator.sub, operator.sub),
    "*": (operator.mul, operator.mul),
    "/": (_quotient, operator.truediv),
    "%": (_remainder, math.fmod),
}

#: Of two bools, Python's operators give a bool; of a bool and an int, an int.
BITWISE: dict[str, Work] = {"&": operator.and_, "|": operator.or_, "^": operator.xor}


def arithmetic(sign: str, left: Evaluate, right: Evaluate) -> Evaluate:
    """Return what computes `left sign right`; it raises `RowError`. `sign` is one of + - * / %."""
    on_bigints, on_floats = _WORK[sign]

    def evaluate(row: Row) -> Any:
        a = left(row)
        b = right(row)
        if type(a) is int and type(b) is int and b:
            result = on_bigints(a, b)
            if BIGINT_LEAST <= result <= BIGINT_MOST:
                return result
        elif type(a) in _NUMBERS and type(b) in _NUMBERS and b:  # one is a float
            result = on_floats(a, b)
            if result - result == 0:  # neither infinity nor NaN
                return result
        return _calculate(sign, a, b)

    return evaluate


def _calculate(sign: str, a: Any, b: Any) -> Any:
    if a is None or b is None:
        return None
    if sign == "+" and type(a) is str and type(b) is str:
        return checked_text(a + b)
    if type(a) is Datetime or type(b) is Datetime:
        raise RowError(f"{sign} takes no datetime: use DATEADD or DATEDIFF")
    x, y = to_number(a), to_number(b)
    on_bigints, on_floats = _WORK[sign]
    try:
        result = on_bigints(x, y) if type(x) is int and type(y) is int else on_floats(x, y)
    except (ZeroDivisionError, ValueError):  # ValueError: fmod by 0
        raise RowError(f"{shown(a)} {sign} {shown(b)} divides by zero") from None
    return checked_number(result, lambda: f"{shown(a)} {sign} {shown(b)}")


def negative(operand: Evaluate) -> Evaluate:
    """Return what computes `-operand`; it raises `RowError`."""

    def evaluate(row: Row) -> Any:
        value = operand(row)
        if value is None:
            return None
        if type(value) is Datetime:
            raise RowError("a datetime has no sign")
        return checked_number(-to_number(value), lambda: f"-{shown(value)}")

    return evaluate


def bitwise(sign: str, left: Evaluate, right: Evaluate) -> Evaluate:
    """Return what computes `left sign right`; it raises `RowError`. `sign` is one of `BITWISE`."""
    work = BITWISE[sign]

    def evaluate(row: Row) -> Any:
        a, b = _bits(sign, left(row)), _bits(sign, right(row))
        return None if a is None or b is None else work(a, b)

    return evaluate


def complement(operand: Evaluate) -> Evaluate:
    """Return what computes `~operand`; it raises `RowError`."""

    def evaluate(row: Row) -> Any:
        value = _bits("~", operand(row))
        return not value if type(value) is bool else None if value is None else ~value

    return evaluate


def _bits(sign: str, value: Any) -> int | None:
    """Return a bit, a bigint or NULL. A float is refused: as a bit and as a bigint it would give different results."""
    if value is None or type(value) is int or type(value) is bool:
        return value
    raise RowError(f"{sign} takes bigint and bit, not {type_name(value)}: CAST(... AS bigint)")
