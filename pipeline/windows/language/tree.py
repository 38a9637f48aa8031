"""Walking through the tree of a query or of an expression, and rewriting it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from .tokens import At

T = TypeVar("T")


def parts(tree: Any) -> Iterator[Any]:
    """Yield the direct parts of a value of `syntax`, or the members of a tuple. Names and places are not parts."""
    values = tree if isinstance(tree, tuple) else [getattr(tree, field.name) for field in fields(tree)]
    for value in values:
        if isinstance(value, tuple):
            yield from parts(value)
        elif _is_tree(value):
            yield value


def walk(tree: Any) -> Iterator[Any]:
    """Yield a tree, or each tree of a tuple, and all their parts; what has parts comes before them."""
    if not isinstance(tree, tuple):
        yield tree
    for part in parts(tree):
        yield from walk(part)


def rewrite(tree: T, change: Callable[[Any], Any]) -> T:
    """Return `tree` with parts replaced by what `change` returns for them; what has parts is asked before they are.

    Where `change` returns None, the part is kept and its own parts are asked. A replacement is not asked again.
    """
    if isinstance(tree, tuple):
        parts = tuple(rewrite(part, change) for part in tree)
        return tree if all(new is old for new, old in zip(parts, tree, strict=True)) else parts  # type: ignore[return-value]
    if not _is_tree(tree):
        return tree
    changed = change(tree)
    if changed is not None:
        return changed  # type: ignore[no-any-return]
    before = {field.name: getattr(tree, field.name) for field in fields(tree)}  # type: ignore[arg-type]
    after = {name: rewrite(part, change) for name, part in before.items()}
    if all(after[name] is part for name, part in before.items()):
        return tree
    return replace(tree, **after)  # type: ignore[type-var]


def _is_tree(value: Any) -> bool:
    return is_dataclass(value) and not isinstance(value, type | At)
