"""What a function takes, and what calls it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ...language.syntax import Expression, Star, Unit
from ...language.tokens import At, QueryError
from ...row import Evaluate, Row

Convert = Callable[[Any], Any]


def anything(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class Function:
    """`bind` makes the call of compiled arguments; it is given the unit's name, or '' for a function without one.

    `most` is None for any number of arguments. Neither counts the unit.
    """

    least: int
    most: int | None
    bind: Callable[[Sequence[Evaluate], str], Evaluate]
    takes_unit: bool = False

    def check(self, name: str, arguments: Sequence[Expression | Star], at: At) -> None:
        """Raises `QueryError` for arguments that `name` doesn't take."""
        if any(isinstance(argument, Star) for argument in arguments):
            raise QueryError(f"{name} takes no *", at)
        has_unit = bool(arguments) and isinstance(arguments[0], Unit)
        if self.takes_unit and not has_unit:
            raise QueryError(f"{name} takes a unit of time first, such as minute", at)
        if has_unit and not self.takes_unit:
            raise QueryError(f"{name} takes no unit of time", at)
        count = len(arguments) - has_unit
        if count < self.least or (self.most is not None and count > self.most):
            raise QueryError(f"{name} takes {self._takes()}, not {count}", at)

    def _takes(self) -> str:
        unit = "a unit of time and " if self.takes_unit else ""
        if self.most is None:
            return f"{unit}at least {self.least} arguments"
        if self.least != self.most:
            return f"{unit}{self.least} to {self.most} arguments"
        return f"{unit}{self.least} argument{'' if self.least == 1 else 's'}"


def strict(function: Callable[..., Any], *converts: Convert, optional: int = 0) -> Function:
    """A function that gives NULL if any argument is NULL. The last `optional` arguments may be left out."""
    return Function(len(converts) - optional, len(converts), lambda operands, unit: call(function, operands, converts))


def by_unit(make: Callable[[str], Callable[..., Any]], *converts: Convert) -> Function:
    """A function that is another one for each unit of time, its first argument."""
    return Function(
        len(converts), len(converts), lambda operands, unit: call(make(unit), operands, converts), takes_unit=True
    )


def nullable(function: Callable[..., Any], convert: Convert, least: int, most: int | None) -> Function:
    """A function that is given NULLs too; the other arguments are converted."""

    def bind(operands: Sequence[Evaluate], unit: str) -> Evaluate:
        def evaluate(row: Row) -> Any:
            values = [operand(row) for operand in operands]
            return function(*[None if value is None else convert(value) for value in values])

        return evaluate

    return Function(least, most, bind)


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
