"""Makes one SELECT of two, where the first only names values: then each row is looked at once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

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

    def change(part: Any) -> Any:
        """Return a column of the first SELECT as one of its source."""
        if not isinstance(part, Resolved):
            return None
        first, *rest = part.path
        value = values[first.lower()]
        assert isinstance(value, Resolved)
        if not rest:
            return value
        kind = type(value) if value.path else Inside
        return kind(part.names, part.at, value.place, (*value.path, *rest))

    made = compiler.rewritten(second, change)
    items = first.items if made.items is None else made.items
    return replace(made, sources=first.sources, where=made.where or first.where, items=items)
