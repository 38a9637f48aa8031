"""Three-valued logic: true, false, and NULL for unknown. A row is kept, or a branch taken, only on true."""

from __future__ import annotations

from typing import Any

from ..language.values import RowError
from ..row import Evaluate, Row
from .casts import shown


def both(left: Evaluate, right: Evaluate) -> Evaluate:
    """Return AND. It does not compute the right side if the left is false."""

    def evaluate(row: Row) -> bool | None:
        a = left(row)
        if a is False:
            return False
        b = right(row)
        if b is False:
            return False
        return True if a and b else None

    return evaluate


def either(left: Evaluate, right: Evaluate) -> Evaluate:
    """Return OR. It does not compute the right side if the left is true."""

    def evaluate(row: Row) -> bool | None:
        a = left(row)
        if a is True:
            return True
        b = right(row)
        if b is True:
            return True
        return None if a is None or b is None else False

    return evaluate


def negation(operand: Evaluate) -> Evaluate:
    """Return NOT: NULL stays NULL."""

    def evaluate(row: Row) -> bool | None:
        value = operand(row)
        return None if value is None else not value

    return evaluate


def is_null(operand: Evaluate) -> Evaluate:
    return lambda row: operand(row) is None


def is_not_null(operand: Evaluate) -> Evaluate:
    return lambda row: operand(row) is not None


def checked(operand: Evaluate) -> Evaluate:
    """Return a column or a function as a condition. It raises `RowError` if the value is neither a bit nor NULL."""

    def evaluate(row: Row) -> Any:
        value = operand(row)
        if value is None or type(value) is bool:
            return value
        raise RowError(f"{shown(value)} is not a condition: compare it with something")

    return evaluate
