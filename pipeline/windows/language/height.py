"""How high the tree of an expression may be: what compiles or rewrites it walks through it recursively."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .syntax import Expression
from .tokens import QueryError
from .tree import parts

_HIGHEST = 200  # a + b + c is 3 high. At three frames a level this is well below Python's limit of 1000


def check_height(expression: Expression) -> None:
    """Raises `QueryError` if walking through the tree might exhaust Python's stack."""
    level, height = [expression], 1
    while level := [child for parent in level for child in _children(parent)]:
        height += 1
        if height > _HIGHEST:
            message = f"an expression may have {_HIGHEST} operators in a row: write IN for OR, or move a part into WITH"
            raise QueryError(message, level[0].at)


def _children(tree: Any) -> Iterator[Expression]:
    """Yield the expressions directly inside of `tree`. Those in OVER count as directly inside of the call."""
    for part in parts(tree):
        if isinstance(part, Expression):
            yield part
        else:
            yield from _children(part)
