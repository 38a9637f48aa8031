"""Keeps of TopOne()'s row only what is read of it, so that states are small and rows die with their batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from ..language.tree import walk
from ..operators.aggregates import TopOne
from ..row import Computed, Row, batch_of
from .compiler import Compiler
from .nodes import Input, Inside, ItemColumn, Node, Picked, Plan, Resolved, Select, Window


def narrowed(plan: Plan) -> Plan:
    """Return a plan that gives the same rows, whose TopOne() of a whole row keeps a tuple of the properties in use.

    One is left as it is if more is read of it than properties, or if its rows are no events of an input: only of those
    is a column always found by its name as the query spells it (`Names`).
    """
    nodes: list[Any] = list(plan.nodes)
    for place, node in enumerate(plan.nodes):
        if isinstance(node, Window) and node.mode != "partial":
            windows = [place] if node.mode == "whole" else [place, *node.sources]
            readers = [other for other, each in enumerate(nodes) if place in each.sources]
            if _reads_events(nodes, nodes[windows[-1]]) and all(_has_columns_only(nodes[reader]) for reader in readers):
                for number, each in enumerate(node.aggregates):
                    if isinstance(each, TopOne) and each.is_whole:
                        _narrow(nodes, windows, readers, number, Compiler(plan.names))
    return replace(plan, nodes=tuple(nodes))


def _reads_events(nodes: Sequence[Node], node: Node) -> bool:
    source = nodes[node.sources[0]]
    return isinstance(source, Input) or (
        isinstance(source, Select) and source.items is None and _reads_events(nodes, source)
    )


def _has_columns_only(node: Node) -> bool:
    return isinstance(node, Select) and all(isinstance(item, ItemColumn) for item in node.items or [None])


def _narrow(nodes: list[Any], windows: Sequence[int], readers: Sequence[int], number: int, compiler: Compiler) -> None:
    at = (len(nodes[windows[0]].keys) + number,)
    uses = [part for reader in readers for part in _columns(nodes[reader]) if part.place[:1] == at]
    if not uses or not all(type(part) is Inside and part.place == at for part in uses):
        return
    names = list(dict.fromkeys(part.path[0] for part in uses))

    def change(part: Any) -> Any:
        if isinstance(part, Resolved) and part.place == at:
            return Picked(part.names, part.at, (*at, names.index(part.path[0])), part.path[1:])
        return None

    for each in windows:
        aggregates = list(nodes[each].aggregates)
        aggregates[number] = TopOne(aggregates[number].order, _values(names))
        nodes[each] = replace(nodes[each], aggregates=tuple(aggregates))
    for each in readers:
        nodes[each] = compiler.rewritten(nodes[each], change)


def _columns(node: Select) -> Iterator[Resolved]:
    expressions = [item.value.expression for item in node.items or () if isinstance(item, ItemColumn)]
    for part in walk((*expressions, *([] if node.where is None else [node.where.expression]))):
        if isinstance(part, Resolved):
            yield part


def _values(names: Sequence[str]) -> Computed:
    def many(rows: Sequence[Row]) -> list[Any]:
        records = batch_of(rows).columns
        return list(zip(*[[record.get(name) for record in records] for name in names], strict=True))

    return Computed(lambda row: tuple([row.columns.get(name) for name in names]), many)
