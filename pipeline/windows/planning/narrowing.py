"""Keeps of TopOne()'s row only what is read of it, so that states are small and rows die with their batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from ..language.syntax import Expression
from ..language.tree import rewrite, walk
from ..operators.aggregates import TopOne
from ..row import Computed
from .compiler import Compiler
from .nodes import Input, Inside, ItemColumn, Node, Picked, Plan, Resolved, Select, Window


def narrowed(plan: Plan) -> Plan:
    """Return a plan that gives the same rows, whose TopOne() of a whole row keeps a tuple of the properties in use.

    It is left as it is where more than properties of the row are read, or rows are no events of an input: only of those
    is a column always found by its name as the query spells it (`Names`).
    """
    nodes = list(plan.nodes)
    for place, node in enumerate(plan.nodes):
        if isinstance(node, Window) and node.mode != "partial":
            windows = [place] if node.mode == "whole" else [place, node.sources[0]]
            readers = [other for other, each in enumerate(nodes) if place in each.sources]
            if _reads_events(plan, nodes[windows[-1]]) and all(isinstance(nodes[reader], Select) for reader in readers):
                for number, aggregate in enumerate(node.aggregates):
                    if isinstance(aggregate, TopOne) and aggregate.is_whole:
                        _narrow(nodes, windows, readers, number, Compiler(plan.names))
    return replace(plan, nodes=tuple(nodes))


def _reads_events(plan: Plan, node: Node) -> bool:
    source = plan.nodes[node.sources[0]]
    return isinstance(source, Input) or (
        isinstance(source, Select) and source.items is None and _reads_events(plan, source)
    )


def _narrow(nodes: list[Any], windows: Sequence[int], readers: Sequence[int], number: int, compiler: Compiler) -> None:
    at = (len(nodes[windows[0]].keys) + number,)
    uses = [part for part in chain.from_iterable(_parts(nodes[each]) for each in readers) if part.place[:1] == at]
    if not all(type(part) is Inside and part.place == at for part in uses):
        return
    names = list(dict.fromkeys(part.path[0] for part in uses))

    def change(part: Any) -> Any:
        if isinstance(part, Resolved) and part.place == at:
            return Picked(part.names, part.at, (*at, names.index(part.path[0])), part.path[1:])
        return None

    for each in windows:
        aggregates = list(nodes[each].aggregates)
        aggregates[number] = aggregates[number].of(_values(names))
        nodes[each] = replace(nodes[each], aggregates=tuple(aggregates))
    for each in readers:
        where, items = nodes[each].where, nodes[each].items
        where = where and compiler.condition(rewrite(where.expression, change))
        items = [ItemColumn(item.name, compiler.compile(rewrite(item.value.expression, change))) for item in items]
        nodes[each] = replace(nodes[each], where=where, items=tuple(items))


def _parts(node: Select) -> Iterator[Resolved]:
    """Yield the columns that a Select reads; of a star, one that is no property."""
    ...
