"""Which columns of a node hold the value of a column of an input, and how long an event of an input matters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import replace
from functools import partial

from ..language import syntax
from ..language.syntax import Expression
from ..language.time_units import WINDOW_UNITS
from ..language.tokens import At, QueryError
from . import nodes
from .nodes import Compiled, ItemColumn, ItemStar, Node, Plan, Resolved, Stream

#: The expressions about a node's rows whose value is that of a certain column of the inputs.
Holders = frozenset[Expression]


def holders(plan: Plan, of_stream: Callable[[Stream], Holders]) -> list[Holders]:
    """Return for each node the expressions about its rows that hold the value which `of_stream` names in an input.

    Only plain renaming is followed. A column of a UNION holds the value if it does so in every branch; a column of a
    JOIN, if the column of the left or right row does.
    """
    held: list[Holders] = []
    for node in plan.nodes:
        sources = [held[source] for source in node.sources]
        held.append(of_stream(plan.streams[node.stream]) if isinstance(node, nodes.Input) else _through(node, sources))
    return held


def _through(node: Node, sources: Sequence[Holders]) -> Holders:
    match node:
        case nodes.Select(items=None) | nodes.Union():
            return frozenset.intersection(*sources)
        case nodes.Select(items=items):
            return _selected(items or (), sources[0])
        case nodes.Window(keys=keys):
            return frozenset(_key(place) for place, key in enumerate(keys) if key.expression in sources[0])
        case nodes.Metadata() | nodes.Analytic() | nodes.Apply() | nodes.ReferenceJoin():
            return _inside(sources[0], 0)
        case nodes.Join():
            return _inside(sources[0], 0) | _inside(sources[1], 1)
    return sources[0]


_NOWHERE = At(1, 1)


def _selected(items: Sequence[ItemColumn | ItemStar], source: Holders) -> Holders:
    """Return the items that hold the value. Items after a star are not counted: the star may give that column."""
    given: set[Expression] = set()
    names: set[str] = set()
    for item in items:
        if isinstance(item, ItemStar):
            return frozenset(given | _of_star(item, source, names))
        given |= _named(item.name, item.value.expression, source)
        names.add(item.name.lower())
    return frozenset(given)


def _of_star(item: ItemStar, source: Holders, names: Set[str]) -> Holders:
    return frozenset(
        column(holder.path)
        for holder in source
        if item.record is None
        and isinstance(holder, Resolved)
        and holder.place == item.place
        and holder.path
        and holder.path[0].lower() not in names
    )


def _named(name: str, value: Expression, source: Holders) -> Holders:
    """Return what holds the value when a column `name` is `value`: that column, or a property of it."""
    given: set[Expression] = set()
    for holder in source:
        if holder == value:
            given.add(column((name,)))
        elif isinstance(holder, Resolved) and isinstance(value, Resolved):
            (place, path), (inner_place, inner) = value.key, holder.key
            if path and place == inner_place and inner[: len(path)] == path:
                given.add(column((name, *holder.path[len(path) :])))
    return frozenset(given)


def column(path: tuple[str, ...]) -> Resolved:
    """Return a column of a plain row."""
    return Resolved(path, _NOWHERE, (), path)


def _key(place: int) -> Resolved:
    return Resolved(("key",), _NOWHERE, (place,), ())


def _inside(held: Holders, place: int) -> Holders:
    """Return the same holders for a row that has these rows at `place`."""
    return frozenset(replace(holder, place=(place, *holder.place)) for holder in held if isinstance(holder, Resolved))


def holds(keys: Sequence[Compiled], held: Set[Expression]) -> bool:
    """Return whether one of the keys is one of the holders."""
    return any(key.expression in held for key in keys)


def check_substreams(plan: Plan, at: At) -> None:
    """Raises `QueryError` unless a query with TIMESTAMP BY ... OVER keeps its keys apart in every window and join.

    https://learn.microsoft.com/stream-analytics-query/timestamp-by-azure-stream-analytics
    """
    over = [stream for stream in plan.streams if stream.over]
    if not over:
        return
    if len(over) < len(plan.streams):
        raise QueryError("TIMESTAMP BY ... OVER must be used for all inputs, or for none", at)
    for number in range(max(len(stream.over) for stream in over)):
        held = holders(plan, partial(_over, number=number))
        for node in plan.nodes:
            if not _keeps_apart(node, held):
                name = getattr(over[0].over[min(number, len(over[0].over) - 1)].expression, "names", ("its key",))[-1]
                raise QueryError(
                    f"with TIMESTAMP BY ... OVER {name}, {name} must be in the GROUP BY and in the JOIN of {node.step}",
                    at,
                )


def _over(stream: Stream, number: int) -> Holders:
    return frozenset(key.expression for key in stream.over[number : number + 1])


def _keeps_apart(node: Node, held: Sequence[Holders]) -> bool:
    match node:
        case nodes.Window(keys=keys, sources=(source,)):
            return holds(keys, held[source])
        case nodes.Join(left_keys=left, right_keys=right, sources=(a, b)):
            return any(
                one.expression in held[a] and other.expression in held[b]
                for one, other in zip(left, right, strict=True)
            )
    return True


def span(nodes: Sequence[Node]) -> int:
    """Return the longest time, in ticks, by which an input's row can come before an output's row that it changes."""
    spans: dict[int, int] = {}
    for place, node in enumerate(nodes):
        spans[place] = max((spans[source] for source in node.sources), default=0) + _span(node)
    return max(spans.values(), default=0)


def _span(node: Node) -> int:
    match node:
        case nodes.Window(window=window):
            return _span_of_window(window)
        case nodes.Analytic(calls=calls):
            return max(map(_reach, calls))
        case nodes.Join(bounds=bounds, lag=lag):
            return max(bound.span for bound in bounds) + lag
    return 0


def _span_of_window(window: syntax.Window) -> int:
    match window:
        case syntax.Hopping(duration=duration) | syntax.Sliding(duration=duration):
            return duration
        case syntax.Session(timeout=timeout, max_duration=longest):
            return 2 * longest + timeout
        case syntax.Snapshot():
            return 0


def _reach(call: syntax.Call) -> int:
    """Return for how long, in ticks, an analytic function looks back: its limit, or ISFIRST(unit, n)'s interval."""
    match call:
        case syntax.Call(over=syntax.Over(limit=int() as limit)):
            return limit
        case syntax.Call(arguments=(syntax.Unit(name), syntax.Constant(int() as count))):
            return WINDOW_UNITS[name] * count
    return 0


def key_columns(plan: Plan, window: int) -> dict[int, tuple[frozenset[str], ...]]:
    """Return the outputs that take the rows of a window through SELECTs alone, by place.

    For each key of the window, in their order, there are the names of the output's columns that hold it; they may be
    none.
    """
    node = plan.nodes[window]
    assert isinstance(node, nodes.Window)
    keys = [frozenset[Expression]({_key(place)}) for place in range(len(node.keys))]
    held = {window: keys}
    found: dict[int, tuple[frozenset[str], ...]] = {}
    for place, each in enumerate(plan.nodes):
        if isinstance(each, nodes.Select | nodes.Output) and each.sources[0] in held:
            held[place] = [frozenset(_through(each, [key])) for key in held[each.sources[0]]]
        if isinstance(each, nodes.Output) and place in held:
            found[place] = tuple(frozenset(_names(key)) for key in held[place])
    return found


def _names(held: Holders) -> Iterator[str]:
    for holder in held:
        if isinstance(holder, Resolved) and not holder.place and len(holder.path) == 1:
            yield holder.path[0]
