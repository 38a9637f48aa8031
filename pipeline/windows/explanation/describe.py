"""Describes a node in words: a title, and details; and what an explanation says of it in all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from ..functions import FUNCTIONS
from ..language.render import render_expression
from ..language.syntax import Hopping, Session, Sliding, Snapshot, Window
from ..language.time_units import WINDOW_UNITS
from ..language.tree import rewrite
from ..operators.aggregates import Holistic
from ..planning import nodes
from ..planning.nodes import Compiled, ItemColumn, ItemStar, Node, Plan, Resolved


class ExplainedNode(msgspec.Struct, frozen=True):
    """`reads` are the numbers of the nodes whose rows it takes. `stage` is 1 or 2.

    `reason` says why the second stage begins with this node; it is None for other nodes.
    """

    number: int
    step: str
    stage: int
    title: str
    details: tuple[str, ...]
    reads: tuple[int, ...]
    reason: str | None


Described = tuple[str, tuple[str, ...]]


def describe(place: int, plan: Plan) -> Described:
    """Return a title and details of a plan's node."""
    node = plan.nodes[place]
    match node:
        case nodes.Input():
            return f"input {plan.streams[node.stream].input}", ()
        case nodes.Select():
            return _select(node, plan)
        case nodes.Window():
            return _window(node)
        case nodes.Metadata():
            return f"{node.step}: {_listed(node.calls)}", ()
        case nodes.Analytic():
            return f"{node.step}: {_listed(node.calls)}", tuple(_memory(node))
        case nodes.Join():
            return f"{node.step}: {node.kind} JOIN{_on(node)}", tuple(_waiting(node))
        case nodes.ReferenceJoin():
            title = f"{node.step}: {node.kind} JOIN {node.table}{_on(node)}"
            return title, (f"state: none; the table {node.table} is in memory",)
        case nodes.Apply():
            kind, name = "OUTER" if node.is_outer else "CROSS", FUNCTIONS[node.function].name
            of = _rendered(node.of, plan.nodes[node.sources[0]])
            return f"{node.step}: {kind} APPLY {name}({of})", ("state: none; a row for each of them",)
        case nodes.Union():
            return f"{node.step}: UNION", ()
        case nodes.Output():
            return f"output {node.output}", ()
    raise TypeError(type(node).__name__)


def in_words(ticks: int) -> str:
    """Return a length of time, given in ticks, in words: '2 hours'."""
    unit = next((unit for unit, length in WINDOW_UNITS.items() if ticks % length == 0), None)
    if unit is None:
        return f"{ticks} ticks"
    count = ticks // WINDOW_UNITS[unit]
    return f"{count} {unit}{'' if count == 1 else 's'}" if ticks else "0"


def _select(node: nodes.Select, plan: Plan) -> Described:
    source = plan.nodes[node.sources[0]]
    parts = []
    if node.items is not None:
        parts.append("SELECT " + ", ".join(_item(item, source) for item in node.items))
    if node.where is not None:
        word = "HAVING" if isinstance(source, nodes.Window) else "WHERE"
        parts.append(f"{word} {_rendered(node.where, source)}")
    return f"{node.step}: {' '.join(parts)}", ()


def _item(item: ItemColumn | ItemStar, source: Node) -> str:
    if isinstance(item, ItemStar):
        return "*" if item.record is None else f"{render_expression(item.record.expression)}.*"
    rendered = _rendered(item.value, source)
    return item.name if rendered.rpartition(".")[2] == item.name else f"{rendered} AS {item.name}"


def _rendered(value: Compiled, source: Node) -> str:
    """Return an expression as text; the results of its source that it uses are written as the calls that give them."""

    def change(part: Any) -> Any:
        if type(part) is not Resolved or part.path or not part.place:
            return None
        match source:
            case nodes.Window(keys=keys, calls=calls):
                return [*(key.expression for key in keys), *calls][part.place[-1]]
            case nodes.Analytic(calls=calls) | nodes.Metadata(calls=calls) if len(part.place) == 1:
                return calls[part.place[-1] - 1]
        return None

    return render_expression(rewrite(value.expression, change))


def _listed(expressions: Sequence[Any]) -> str:
    return ", ".join(map(render_expression, expressions))


def _keys(keys: Sequence[Compiled]) -> str:
    return _listed([key.expression for key in keys])


def _window(node: nodes.Window) -> Described:
    by = f"GROUP BY {_keys(node.keys)}, " if node.keys else "GROUP BY "
    work = {"whole": "", "partial": "panes for ", "merge": "panes put together into "}[node.mode]
    return f"{node.step}: {by}{work}{_kind(node.window)}", (*_panes(node), *_state(node))


def _kind(window: Window) -> str:
    match window:
        case Hopping(duration=duration, hop=hop, offset=offset):
            moved = f", moved by {in_words(offset)}" if offset else ""
            if duration == hop:
                return f"tumbling windows of {in_words(duration)}{moved}"
            return f"windows of {in_words(duration)}, one every {in_words(hop)}{moved}"
        case Sliding(duration=duration):
            return f"sliding windows of {in_words(duration)}"
        case Session(timeout=timeout, max_duration=longest):
            return f"sessions that end {in_words(timeout)} after their last event, cut at {in_words(longest)}"
        case Snapshot():
            return "rows of one time"


def _panes(node: nodes.Window) -> Iterator[str]:
    if not isinstance(node.window, Hopping):
        return
    duration, hop = node.window.duration, node.window.hop
    whole, rest = divmod(duration, hop)
    if not whole:
        yield f"panes: 1 in a window; the {in_words(hop - rest)} between two windows are in no window"
    elif rest:
        yield f"panes: of {in_words(rest)} and {in_words(hop - rest)} in turn, {2 * whole + 1} in a window"
    else:
        yield f"panes: of {in_words(hop)}, {whole} in a window"


def _state(node: nodes.Window) -> Iterator[str]:
    each = f"each {_keys(node.keys)}" if node.keys else "all"
    results = _listed(node.calls) or "that it was there"
    match node.window:
        case Sliding(duration=duration):
            yield f"state: for {each}, the rows of the last {in_words(duration)}, and {results}"
        case Session():
            over = f" of each {_keys(node.session_keys)}" if node.session_keys else ""
            yield f"state: the open session{over}, and in it for {each} {results}"
        case Snapshot():
            yield f"state: of times that are not over, for {each} {results}"
        case Hopping():
            yield f"state: for {each} and each pane that it is in, {results}"
    if node.mode == "partial":
        yield "gives the merging stage a pane's results, and not its rows, when the pane is over"
    kept = [call for call, each_ in zip(node.calls, node.aggregates, strict=True) if isinstance(each_, Holistic)]
    if kept:
        yield f"every value is kept for {_listed(kept)}"


def _memory(node: nodes.Analytic) -> Iterator[str]:
    for call in node.calls:
        by = _listed(call.over.partition_by) if call.over else ""
        of = f" of each {by}" if by else ""
        if call.over is not None and call.over.limit is not None:
            yield f"state: {call.function}: what it may need of the last {in_words(call.over.limit)}{of}"
        else:
            yield f"state: {call.function}: the last event{of}"


def _on(node: nodes.Join | nodes.ReferenceJoin) -> str:
    conditions = [
        f"{render_expression(left.expression)} = {render_expression(right.expression)}"
        for left, right in zip(node.left_keys, node.right_keys, strict=True)
    ]
    if node.on is not None:
        conditions.append(render_expression(node.on.expression))
    return f" ON {' AND '.join(conditions)}" if conditions else ""


def _waiting(node: nodes.Join) -> Iterator[str]:
    for bound in node.bounds:
        low = "" if bound.low is None else f"{bound.low} <= "
        high = "" if bound.high is None else f" <= {bound.high}"
        yield f"near in time: {low}DATEDIFF({bound.unit}, left, right){high}"
    yield f"state: rows of both sides, for {in_words(max(bound.span for bound in node.bounds) + 1)} at most"
