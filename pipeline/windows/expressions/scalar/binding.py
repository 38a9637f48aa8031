"""How a function's code becomes the call of it: operands that are compiled, and converted to what the code takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...row import Evaluate, Row

Convert = Callable[[Any], Any]

Bind = Callable[[Sequence[Evaluate], str], Evaluate]
"""Makes a call of its compiled arguments. It is given the unit's name, or '' for a function that takes none."""


def anything(value: Any) -> Any:
    return value


def strict(function: Callable[..., Any], *converts: Convert) -> Bind:
    """A function that gives NULL if any argument is NULL. Each is converted; the last may be left out."""
    return lambda operands, unit: call(function, operands, converts)


def by_unit(make: Callable[[str], Callable[..., Any]], *converts: Convert) -> Bind:
    """A function that is another one for each unit of time, its first argument."""
    return lambda operands, unit: call(make(unit), operands, converts)


def nullable(function: Callable[..., Any], convert: Convert) -> Bind:
    """A function that is given NULLs as they are; the other arguments are converted."""

    def bind(operands: Sequence[Evaluate], unit: str) -> Evaluate:
        def evaluate(row: Row) -> Any:
            values = [operand(row) for operand in operands]
            return function(*[None if value is None else convert(value) for value in values])

        return evaluate

    return bind


def call(function: Callable[..., Any], operands: Sequence[Evaluate], converts: Sequence[Convert]) -> Evaluate:
    if len(operands) == 1:
        operand, convert = operands[0], converts[0]

        def one(row: Row) -> Any:
            value = operand(row)
            return None if value is None else function(convert(value))

        return one
    pairs = list(zip(operands, converts, strict=False))

    def evaluate(row: Row) -> Any:
        values = []
        for operand, convert in pairs:
            value = operand(row)
            if value is None:
                return None
            values.append(convert(value))
        return function(*values)

    return evaluate
