"""How high the tree of an expression is, which everybody who compiles it walks recursively."""

from __future__ import annotations

from collections.abc import Iterator

from .syntax import Between, Binary, Call, Case, Cast, Expression, In, IsNull, Like, Property, Star, Unary
from .tokens import QueryError

_HIGHEST = 200  # a + b + c is 3 high. At three frames a level this is well below Python's limit of 1000


def check_height(expression: Expression) -> None:
    """Raises `QueryError` if those who walk the tree might run out of stack."""
    level, height = [expression], 1
    while level := [child for parent in level for child in _children(parent)]:
        height += 1
        if height > _HIGHEST:
            message = f"an expression may have {_HIGHEST} operators in a row: write IN for OR, or take a part into WITH"
            raise QueryError(message, level[0].at)


def _children(expression: Expression) -> Iterator[Expression]:
    match expression:
        case Property(operand) | Unary(_, operand) | Cast(operand) | IsNull(operand):
            yield operand
        case Binary(_, left, right):
            yield from (left, right)
        case Like(operand, pattern, escape):
            yield from (operand, pattern, *_given(escape))
        case In(operand, choices):
            yield from (operand, *choices)
        case Between(operand, low, high):
            yield from (operand, low, high)
        case Case(operand, branches, default):
            yield from (*_given(operand), *(part for branch in branches for part in branch), *_given(default))
        case Call(_, arguments, _, over):
            yield from (argument for argument in arguments if not isinstance(argument, Star))
            if over is not None:
                yield from (*over.partition_by, *(order.expression for order in over.order_by), *_given(over.when))


def _given(expression: Expression | None) -> tuple[Expression, ...]:
    return () if expression is None else (expression,)
