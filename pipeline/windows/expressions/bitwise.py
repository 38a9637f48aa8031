"""& | ^ ~ of bigints and bits. If an operand is NULL, so is the result.

Bits give a bit, and anything with a bigint a bigint, in two's complement: so no result is outside 64 bits.
https://learn.microsoft.com/stream-analytics-query/bitwise-operators-azure-stream-analytics
"""

from __future__ import annotations

import operator
from typing import Any

from ..language.values import RowError, type_name
from ..row import Evaluate, Row

#: Of two bools, Python's operators give a bool; of a bool and an int, an int.
OPERATORS = {"&": operator.and_, "|": operator.or_, "^": operator.xor}


def bitwise(sign: str, left: Evaluate, right: Evaluate) -> Evaluate:
    """Return what computes `left sign right`; it raises `RowError`. `sign` is one of `OPERATORS`."""
    work = OPERATORS[sign]

    def evaluate(row: Row) -> Any:
        a, b = _bits(sign, left(row)), _bits(sign, right(row))
        return None if a is None or b is None else work(a, b)

    return evaluate


def complement(operand: Evaluate) -> Evaluate:
    """Return what computes `~operand`; it raises `RowError`."""

    def evaluate(row: Row) -> Any:
        value = _bits("~", operand(row))
        if value is None:
            return None
        return not value if type(value) is bool else ~value

    return evaluate


def _bits(sign: str, value: Any) -> int | None:
    """Return a bit, a bigint or NULL. Others are refused: as bits and as bigints, floats give different results."""
    if value is None or type(value) is int or type(value) is bool:
        return value
    raise RowError(f"{sign} takes bigint and bit, not {type_name(value)}: CAST(... AS bigint)")
