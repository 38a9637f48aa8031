"""Which columns of its inputs a plan reads, and where the query names them first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..language.syntax import Expression
from ..language.tokens import At
from ..language.tree import walk
from .nodes import Analytic, Compiled, Input, ItemColumn, Join, Node, Plan, ReferenceJoin, Resolved, Select, Window


def columns_read(plan: Plan) -> Mapping[str, Mapping[str, tuple[str, At]]]:
    """Return for each input the columns that are read of its rows by name: in lower case, and as written with a place.

    Names in rows that a UNION or a star has put together are left out: they may be other inputs' columns.
    """
    found: dict[str, dict[str, tuple[str, At]]] = {name: {} for name in plan.inputs}
    for stream in plan.streams:
        for compiled in (*([stream.timestamp] if stream.timestamp else []), *stream.over):
            _note(compiled.expression, stream.input, found)
    for node in plan.nodes:
        for source, expression in _expressions(node):
            for part in walk(expression):
                if isinstance(part, Resolved) and (name := _input(plan, source, part.place)) is not None:
                    _note(part, name, found)
    return found


def _note(expression: Expression, input: str, found: dict[str, dict[str, tuple[str, At]]]) -> None:
    for part in walk(expression):
        if isinstance(part, Resolved) and part.path:
            found[input].setdefault(part.path[0].lower(), (part.path[0], part.at))


def _expressions(node: Node) -> Iterator[tuple[int, Expression]]:
    """Yield the expressions of a node about the rows of one of its sources, with that source."""
    compiled: list[tuple[int, Compiled | None]] = []
    match node:
        case Select(where=where, items=items, sources=(source,)):
            stars = [item.record for item in items or () if not isinstance(item, ItemColumn)]
            columns = [item.value for item in items or () if isinstance(item, ItemColumn)]
            compiled = [(source, each) for each in (where, *stars, *columns)]
        case Window(keys=keys, session_keys=session_keys, sources=(source,)):
            compiled = [(source, each) for each in (*keys, *session_keys)]
            yield from ((source, call) for call in node.calls)
        case Analytic(calls=calls, sources=(source,)):
            yield from ((source, call) for call in calls)
        case Join(left_keys=left, right_keys=right, sources=(a, b)):
            compiled = [*((a, key) for key in left), *((b, key) for key in right)]
        case ReferenceJoin(left_keys=left, sources=(source,)):
            compiled = [(source, key) for key in left]
    yield from ((source, each.expression) for source, each in compiled if each is not None)


def _input(plan: Plan, node: int, place: tuple[int, ...]) -> str | None:
    """Return the input whose row is at `place` in the rows of a node; None if it is another's, or no row."""
    match plan.nodes[node]:
        case Input(stream=stream) if not place:
            return plan.streams[stream].input
        case Select(items=None, sources=(source,)):
            return _input(plan, source, place)
        case Analytic(sources=sources) | Join(sources=sources) | ReferenceJoin(sources=sources) if place:
            return _input(plan, sources[place[0]], place[1:]) if place[0] < len(sources) else None
    return None
