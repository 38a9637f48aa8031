"""Takes the condition of an ON apart: bounds in time, pairs of equal keys, and the rest.

    ON a.id = b.id AND DATEDIFF(minute, a, b) BETWEEN 0 AND 15 AND a.x < b.y

A source's name as an argument of DATEDIFF is the time of its row. DATEDIFF counts boundaries: 10:00:59 to 10:01:00 is
one minute. https://learn.microsoft.com/stream-analytics-query/join-azure-stream-analytics
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from ..functions import TIMESTAMP
from ..language.syntax import Between, Binary, Call, Column, Constant, Expression, Unary, Unit
from ..language.tokens import QueryError
from ..language.tree import rewrite, walk
from ..operators.bounds import Bound
from .nodes import Moment, Resolved
from .scope import Scope, ScopedSource

_MIRRORED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True)
class Condition:
    """`keys` are pairs of an expression about the left row and one about the right row. `rest` are about the pair."""

    bounds: tuple[Bound, ...]
    keys: tuple[tuple[Expression, Expression], ...]
    rest: tuple[Expression, ...]

    @property
    def is_bounded(self) -> bool:
        """Whether the time is bounded on both sides."""
        return any(bound.low is not None for bound in self.bounds) and any(
            bound.high is not None for bound in self.bounds
        )


def conjuncts(expression: Expression) -> Iterator[Expression]:
    """Yield the conditions that AND joins."""
    if isinstance(expression, Binary) and expression.operator == "AND":
        yield from conjuncts(expression.left)
        yield from conjuncts(expression.right)
    else:
        yield expression


def all_of(expressions: Sequence[Expression]) -> Expression | None:
    """Return the expressions joined by AND, None if there are none."""
    return reduce(lambda joined, each: Binary("AND", joined, each, each.at), expressions) if expressions else None


def condition(on: Expression, pair: Scope, left: Scope, right: ScopedSource) -> Condition:
    """Take ON apart. `pair` has the places of all sources in the pair, `left` those of the left ones in the left row.

    The analytic functions in `on` must be resolved already, to places in the pair. Raises `QueryError`.
    """
    bounds: list[Bound] = []
    keys: list[tuple[Expression, Expression]] = []
    rest: list[Expression] = []
    for part in conjuncts(on):
        if (bound := _bound(part, left, right)) is not None:
            bounds.append(bound)
        elif (key := _key(resolved := _resolved(part, pair))) is not None:
            keys.append(key)
        else:
            rest.append(resolved)
    return Condition(tuple(bounds), tuple(keys), tuple(rest))


def _bound(part: Expression, left: Scope, right: ScopedSource) -> Bound | None:
    """Return the bound of a condition `low <= DATEDIFF(unit, left, right) <= high`, None for any other condition."""
    match part:
        case Between(Call() as call, low, high, False):
            ends = _integer(low), _integer(high)
            if None in ends:
                return None
        case Binary(operator, Call() as call, other) if operator in _MIRRORED:
            ends = _ends(operator, _integer(other))
        case Binary(operator, other, Call() as call) if operator in _MIRRORED:
            ends = _ends(_MIRRORED[operator], _integer(other))
        case _:
            return None
    if call.function != "DATEDIFF" or ends == (None, None) or len(call.arguments) != 3:
        return None
    unit, start, end = call.arguments
    if not isinstance(unit, Unit) or not isinstance(start, Column) or not isinstance(end, Column):
        return None
    if len(start.names) > 1 or len(end.names) > 1:
        return None
    low_end, high_end = ends
    if end.names[0].lower() == right.alias.lower():
        of_left = left.source(start.names[0])
    elif start.names[0].lower() == right.alias.lower():
        of_left = left.source(end.names[0])
        low_end, high_end = _negative(high_end), _negative(low_end)
    else:
        return None
    if of_left is None:
        return None
    try:
        return Bound(unit.name, low_end, high_end, _moment(start, of_left).place)
    except ValueError as exc:
        raise QueryError(str(exc), call.at) from exc


def _ends(operator: str, value: int | None) -> tuple[int | None, int | None]:
    if value is None:
        return None, None
    return {
        "=": (value, value),
        "<": (None, value - 1),
        "<=": (None, value),
        ">": (value + 1, None),
        ">=": (value, None),
    }[operator]


def _negative(value: int | None) -> int | None:
    return None if value is None else -value


def _integer(expression: Expression) -> int | None:
    match expression:
        case Constant(int() as value) if not isinstance(value, bool):
            return value
        case Unary("-", operand):
            return _negative(_integer(operand))
        case Unary("+", operand):
            return _integer(operand)
    return None


def _resolved(expression: Expression, pair: Scope) -> Expression:
    def change(part: Any) -> Any:
        if isinstance(part, Call) and part.function == "DATEDIFF":
            return replace(part, arguments=tuple(map(argument, part.arguments)))
        return pair.resolve(part) if isinstance(part, Column) and not isinstance(part, Resolved) else None

    def argument(part: Any) -> Any:
        if isinstance(part, Column) and len(part.names) == 1 and not isinstance(part, Resolved):
            source = pair.source(part.names[0])
            if source is not None:
                return _moment(part, source)
        return rewrite(part, change)

    return rewrite(expression, change)


def _moment(column: Column, source: ScopedSource) -> Moment:
    if source.is_record:
        raise QueryError(f"{source.alias} has no time for DATEDIFF: name what APPLY is about", column.at)
    return Moment(column.names, column.at, source.place, ())


def _key(expression: Expression) -> tuple[Expression, Expression] | None:
    """Return the sides of "an expression about the left row = one about the right row", None for anything else."""
    if not isinstance(expression, Binary) or expression.operator != "=":
        return None
    sides = [_side(expression.left), _side(expression.right)]
    if sides == [0, 1]:
        return _inside(expression.left), _inside(expression.right)
    if sides == [1, 0]:
        return _inside(expression.right), _inside(expression.left)
    return None


def _side(expression: Expression) -> int | None:
    """Return 0 if all columns are of the left row, 1 if all are of the right one, else None; also without columns."""
    sides = {part.place[0] for part in walk(expression) if isinstance(part, Resolved)}
    uses_the_pair = any(isinstance(part, Call) and part.function == TIMESTAMP for part in walk(expression))
    return sides.pop() if len(sides) == 1 and not uses_the_pair else None


def _inside(expression: Expression) -> Expression:
    def change(part: object) -> object:
        if isinstance(part, Resolved):
            return type(part)(part.names, part.at, part.place[1:], part.path)
        return None

    return rewrite(expression, change)
