"""Makes one SELECT of two, where the first only names values: then each row is looked at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..language.syntax import Expression
from ..language.tree import rewrite
from .compiler import Compiler
from .nodes import Inside, ItemColumn, Node, Resolved, Select


def fuse(nodes: list[Node], compiler: Compiler) -> None:
    """Let a `Select` that is the only reader of another one read that one's source, where the rows stay the same.

    The first may have plain columns only: another expression may fail, and then leave out its row even if its column
    is not read. The first stays in `nodes`, without readers.
    """
    readers = Counter(source for node in nodes for source in node.sources)
    for place, node in enumerate(nodes):
        if isinstance(node, Select) and readers[node.sources[0]] == 1:
            first = nodes[node.sources[0]]
            if isinstance(first, Select) and _names_only(first) and _can_follow(first, node):
                nodes[place] = _fused(first, node, compiler)


def _names_only(node: Select) -> bool:
    return node.items is not None and all(
        isinstance(item, ItemColumn) and isinstance(item.value.expression, Resolved) for item in node.items
    )


def _can_follow(first: Select, second: Select) -> bool:
    """Return whether no more than one of the two has a condition, and the second has no star.

    The second condition might fail on rows that the first one leaves out.
    """
    has_star = not all(isinstance(item, ItemColumn) for item in second.items or ())
    return not has_star and (first.where is None or second.where is None)


def _fused(first: Select, second: Select, compiler: Compiler) -> Select:
    values = {item.name.lower(): item.value.expression for item in first.items or () if isinstance(item, ItemColumn)}
    where = first.where
    if second.where is not None:
        where = compiler.condition(_in_terms_of(values, second.where.expression))
    items = first.items if second.items is None else tuple(_item(item, values, compiler) for item in second.items)
    return replace(second, sources=first.sources, where=where, items=items)


def _item(item: Any, values: Mapping[str, Expression], compiler: Compiler) -> ItemColumn:
    return ItemColumn(item.name, compiler.compile(_in_terms_of(values, item.value.expression)))


def _in_terms_of(values: Mapping[str, Expression], expression: Expression) -> Expression:
    """Return an expression about the columns of the first SELECT as one about the columns of its source."""

    def change(part: Any) -> Any:
        if not isinstance(part, Resolved):
            return None
        first, *rest = part.path
        value = values[first.lower()]
        assert isinstance(value, Resolved)
        if not rest:
            return value
        kind = type(value) if value.path else Inside
        return kind(part.names, part.at, value.place, (*value.path, *rest))

    return rewrite(expression, change)
