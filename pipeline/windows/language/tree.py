"""Walking through the tree of a query or of an expression, and making one tree of another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from .tokens import At

T = TypeVar("T")


def parts(tree: Any) -> Iterator[Any]:
    """Yield what a value of `syntax` is directly made of; of a tuple, its members. Names and places are no parts."""
    values = tree if isinstance(tree, tuple) else [getattr(tree, field.name) for field in fields(tree)]
    for value in values:
        if isinstance(value, tuple):
            yield from parts(value)
        elif _is_tree(value):
            yield value


def walk(tree: Any) -> Iterator[Any]:
    """Yield every part of a tree, or of a tuple of trees, a whole before its parts."""
    if not isinstance(tree, tuple):
        yield tree
    for part in parts(tree):
        yield from walk(part)


def rewrite(tree: T, change: Callable[[Any], Any]) -> T:
    """Return `tree` with each part for which `change` gives another replaced by that, the whole before its parts.

    Where `change` gives None the part stands, and its own parts are looked at. What it gives is not looked at again.
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
