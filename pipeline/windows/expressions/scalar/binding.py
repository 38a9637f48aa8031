"""Makes a call from a function's code: computes its operands, and converts them to the types that the code takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...row import Evaluate, Row

Convert = Callable[[Any], Any]

Bind = Callable[[Sequence[Evaluate], str], Evaluate]
"""Makes a call from its compiled arguments and the name of its unit, which is '' if the function takes none."""


def anything(value: Any) -> Any:
    return value


def strict(function: Callable[..., Any], *converts: Convert) -> Bind:
    """Return a function that gives NULL if any argument is NULL. `converts` are for its arguments, one by one.

    There may be fewer arguments than `converts`: the last ones are then optional.
    """
    return lambda operands, unit: call(function, operands, converts)


def by_unit(make: Callable[[str], Callable[..., Any]], *converts: Convert) -> Bind:
    """Return a function whose first argument is a unit of time: `make` gives the code for a unit."""
    return lambda operands, unit: call(make(unit), operands, converts)


def nullable(function: Callable[..., Any], convert: Convert) -> Bind:
    """Return a function that is given each NULL as None; other arguments are converted."""

    def bind(operands: Sequence[Evaluate], unit: str) -> Evaluate:
        def evaluate(row: Row) -> Any:
            values = [operand(row) for operand in operands]
            return function(*[None if value is None else convert(value) for value in values])

        return evaluate

    return bind


def call(function: Callable[..., Any], operands: Sequence[Evaluate], converts: Sequence[Convert]) -> Evaluate:
    """Return a call of `function` with converted operands; it gives NULL if any operand is NULL."""
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
