"""Makes the graph that runs a query: resolves its names, and refuses everything that would have no meaning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from ..expressions.user_functions import UserFunctions
from ..language import syntax
from ..language.refusals import check_function
from ..language.syntax import Query
from ..language.tokens import At, QueryError
from ..language.tree import walk
from ..language.values import Names
from .fusion import fuse
from .graph import Graph, Relation
from .lineage import check_substreams, span
from .nodes import Input, ItemColumn, Node, Output, Plan, ReferenceJoin, Resolved, Select, Union
from .select import plan_select


def plan(
    query: Query, references: Iterable[str] = frozenset(), functions: Mapping[str, str] = MappingProxyType({})
) -> Plan:
    """Make the graph. `references` are the names that stand for reference data, `functions` the sources of UDF.name.

    Functions that the query calls run in a process of their own, which ends with the plan. Raises `QueryError`, and
    `WrongFunction` for one that can't be used.
    """
    known = UserFunctions(functions)
    _check_functions(query, known)
    names = Names(_names(query))
    graph = Graph(names, references, known, query.tables)
    written: dict[str, list[Relation]] = {}
    outputs = {statement.into.lower(): statement.into for statement in reversed(query.statements)}
    last = {statement.into.lower(): statement for statement in query.statements}
    for statement in query.statements:
        for step in statement.steps:
            graph.announce(step)
        for step in statement.steps:
            graph.name(step, _union(graph, step.selects, step.name))
        relations = written.setdefault(statement.into.lower(), [])
        relations.append(_union(graph, statement.selects, statement.into))
        if statement is last[statement.into.lower()]:
            _write(graph, outputs[statement.into.lower()], relations)
    graph.check_tables(query.tables)
    fuse(graph.nodes, graph.compiler)
    made = tuple(dict.fromkeys(outputs[statement.into.lower()] for statement in query.statements))
    return _pruned(graph, made, names, query.statements[0].at)


def _write(graph: Graph, output: str, relations: Sequence[Relation]) -> None:
    """Add an output. It takes the rows of all statements that write to it, whatever their columns are."""
    place = relations[0].place
    if len(relations) > 1:
        place = graph.add(Union(output, tuple(relation.place for relation in relations)))
    graph.add(Output(output, (place,), output, any(relation.windowed for relation in relations)))


def _check_functions(query: Query, known: UserFunctions) -> None:
    """Raises `QueryError` for an unknown function, before its place or its arguments are looked at."""
    for part in walk(query.statements):
        if isinstance(part, syntax.Call) and part.function not in known:
            check_function(part)


def _union(graph: Graph, selects: tuple[syntax.Select, ...], step: str) -> Relation:
    relations = [plan_select(graph, select, step) for select in selects]
    if len(relations) == 1:
        return relations[0]
    first = relations[0]
    branches = [
        _named_as(graph, relation, first, select, step) for relation, select in zip(relations, selects, strict=True)
    ]
    columns = None if any(relation.columns is None for relation in relations) else first.columns
    node = graph.add(Union(step, tuple(branches)))
    return Relation(node, columns, any(relation.windowed for relation in relations))


def _named_as(graph: Graph, relation: Relation, first: Relation, select: syntax.Select, step: str) -> int:
    """Return the place of a branch of a UNION whose columns are spelt as in the first branch."""
    if relation.columns is None or first.columns is None or relation.columns == first.columns:
        return relation.place
    if [name.lower() for name in relation.columns] != [name.lower() for name in first.columns]:
        raise QueryError(
            f"the SELECTs of a UNION must have the same columns in the same order: the first one has "
            f"{', '.join(first.columns)}, this one {', '.join(relation.columns)}",
            select.at,
        )
    items = tuple(
        ItemColumn(name, graph.compiler.compile(Resolved((other,), select.at, (), (other,))))
        for name, other in zip(first.columns, relation.columns, strict=True)
    )
    return graph.add(Select(step, (relation.place,), None, items))


def _pruned(graph: Graph, outputs: tuple[str, ...], names: Names, at: At) -> Plan:
    """Return the plan without the nodes that no output needs: steps that nothing reads."""
    needed: set[int] = set()
    for place in reversed(range(len(graph.nodes))):
        if isinstance(graph.nodes[place], Output) or place in needed:
            needed |= {place, *graph.nodes[place].sources}
    kept = sorted(needed)
    nodes = renumbered([(place, graph.nodes[place]) for place in kept])
    used = sorted({node.stream for node in nodes if isinstance(node, Input)})
    streams = tuple(graph.streams[stream] for stream in used)
    nodes = tuple(replace(node, stream=used.index(node.stream)) if isinstance(node, Input) else node for node in nodes)
    made = Plan(
        streams,
        nodes,
        tuple(dict.fromkeys(stream.input for stream in streams)),
        tuple(dict.fromkeys(node.table for node in nodes if isinstance(node, ReferenceJoin))),
        outputs,
        names,
        span(nodes),
        tuple(graph.warnings),
        tuple(graph.named),
    )
    check_substreams(made, at)
    return made


def renumbered(nodes: Iterable[tuple[int, Node]]) -> tuple[Node, ...]:
    """Return nodes whose `sources` are places in the new list. `nodes` has each with its place in the old list."""
    listed = list(nodes)
    places = {old: new for new, (old, _) in enumerate(listed)}
    return tuple(replace(node, sources=tuple(places[source] for source in node.sources)) for _, node in listed)


def _names(query: Query) -> Iterator[str]:
    for part in walk((query.statements, query.tables)):
        if isinstance(part, syntax.Column | syntax.Star):
            yield from part.names
        elif isinstance(part, syntax.Item | syntax.Property | syntax.TypedColumn):
            yield part.name
        elif isinstance(part, syntax.Apply):
            yield part.source.name  # of the column that a star gives
