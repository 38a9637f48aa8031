"""Which nodes may run once for each partition, and which need the rows of all partitions.

All rows with the same partition key, or the same PartitionId, come from one partition. So a node that keeps the rows of
different keys apart, as a GROUP BY with that column does, gives the same rows whether it sees one partition or all. So
does any node whose inputs have one partition each: the task of that partition sees all rows. Such a node runs in the
first stage, which has a task for each partition, if all that it reads does so; any other runs in a second one, the
merging stage, which takes the rows of all partitions. Stream Analytics calls a query without a second stage
embarrassingly parallel.

https://learn.microsoft.com/azure/stream-analytics/stream-analytics-parallelization
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..language.render import render_expression
from ..language.syntax import Column, Session
from ..operators.windowing import can_be_partial
from .lineage import Holders, column, holders, holds
from .nodes import Analytic, Compiled, Input, Join, Node, Plan, Stream, Union, Window
from .planner import renumbered

PARTITION_ID = "PartitionId"


@dataclass(frozen=True)
class Topology:
    """The stages of a plan. `plan` replaces the given one: in it a window that both stages work on is two nodes.

    `reasons` says, for each node at which the merging stage begins, why it does and how to do without.
    """

    plan: Plan
    partitioned: frozenset[int]
    merging: frozenset[int]
    reasons: Mapping[int, str]

    @property
    def is_embarrassingly_parallel(self) -> bool:
        """Whether there is no second stage."""
        return not self.merging


def topology(plan: Plan, keys: Mapping[str, str | None], partitions: Mapping[str, int] | None = None) -> Topology:
    """Divide a plan into stages. `keys` names the column of each input that holds its events' partition key, if any.

    `partitions` is the number of partitions of each input, as far as it is known. An input of one partition needs no
    second stage by itself. Where inputs are joined, the same key is in the same partition of both only if both have the
    same number of partitions.
    """
    divided = _divided(plan, keys, partitions or {})
    partitioned, reasons = _stages(divided, keys, partitions or {})
    merging = frozenset(range(len(divided.nodes))) - partitioned
    return Topology(divided, partitioned, merging, reasons)


def _stages(
    plan: Plan, keys: Mapping[str, str | None], partitions: Mapping[str, int]
) -> tuple[frozenset[int], Mapping[int, str]]:
    known = _Known(plan, keys, partitions)
    partitioned: set[int] = set()
    reasons: dict[int, str] = {}
    for place, node in enumerate(plan.nodes):
        if not all(source in partitioned for source in node.sources):
            if isinstance(node, Union | Join) and any(source in partitioned for source in node.sources):
                reasons[place] = f"{node.step} takes rows of the merging stage"
            continue
        if known.keeps_partitions_apart(node):
            partitioned.add(place)
        else:
            reasons[place] = known.reason(node)
    return frozenset(partitioned), reasons


def _divided(plan: Plan, keys: Mapping[str, str | None], partitions: Mapping[str, int]) -> Plan:
    """Divide each window that the merging stage can merge from panes of the first stage into two nodes.

    Then panes go from one stage to the other, and not rows.
    """
    partitioned, reasons = _stages(plan, keys, partitions)
    divided = {
        place
        for place in reasons
        if isinstance(node := plan.nodes[place], Window)
        and node.sources[0] in partitioned
        and can_be_partial(node.window)
    }
    nodes: list[tuple[int, Node]] = []
    for place, node in enumerate(plan.nodes):
        if place in divided and isinstance(node, Window):
            panes = -place  # a number that no other node has: the first node is an input
            nodes.append((panes, replace(node, mode="partial")))
            nodes.append((place, replace(node, mode="merge", sources=(panes,))))
        else:
            nodes.append((place, node))
    return replace(plan, nodes=renumbered(nodes))


class _Known:
    """Which columns of a plan's nodes are known to hold a partition key, or PartitionId.

    Equal values of two columns mean the same partition only if both columns are in one member of `_kinds`: PartitionId,
    or the keys of inputs with the same number of partitions.
    """

    def __init__(self, plan: Plan, keys: Mapping[str, str | None], partitions: Mapping[str, int]) -> None:
        self._plan = plan
        self._keys = {name.lower(): key for name, key in keys.items()}
        counts = self._counts = {name.lower(): count for name, count in partitions.items()}
        self._kinds: list[list[Holders]] = [holders(plan, lambda stream: _columns(PARTITION_ID))]
        for count in sorted({counts.get(stream.input.lower(), 0) for stream in plan.streams}):

            def of_count(stream: Stream, count: int = count) -> Holders:
                name = stream.input.lower()
                return _columns(self._keys.get(name) if counts.get(name, 0) == count else None)

            self._kinds.append(holders(plan, of_count))

    def keeps_partitions_apart(self, node: Node) -> bool:
        if all(self._counts.get(name.lower()) == 1 for name in self._inputs(node)):
            return True
        match node:
            case Window(mode="whole", sources=(source,)):
                return any(holds(_keys(node), held[source]) for held in self._kinds)
            case Window(mode=mode):
                return mode == "partial"
            case Analytic(calls=calls, sources=(source,)):
                return all(
                    any(held[source].intersection(call.over.partition_by if call.over else ()) for held in self._kinds)
                    for call in calls
                )
            case Join(left_keys=lefts, right_keys=rights, sources=(left, right)):
                return any(
                    a.expression in held[left] and b.expression in held[right]
                    for held in self._kinds
                    for a, b in zip(lefts, rights, strict=True)
                )
        return True

    def reason(self, node: Node) -> str:
        """Return why the node needs the rows of all partitions, and what to change so that it doesn't."""
        inputs = self._inputs(node)
        facts = [
            f"{name} is partitioned by {key}"
            if (key := self._key(name))
            else f"it is not known by what {name} is partitioned"
            for name in inputs
        ]
        what, change = self._what(
            node, " or ".join([*dict.fromkeys(filter(None, map(self._key, inputs))), PARTITION_ID])
        )
        remedy = f"To run it once for each partition, {change}, if that is what is meant"
        if (column := _first_column(node)) is not None:
            settings = ", ".join(f'[inputs.{name}] partition_key = "{column}"' for name in inputs)
            remedy += f"; or send events with {column} as their partition key, and say so in job.toml: {settings}"
        return f"{what}, and {', '.join(facts)}. {remedy}"

    def _key(self, name: str) -> str | None:
        return self._keys.get(name.lower())

    def _what(self, node: Node, columns: str) -> tuple[str, str]:
        """Return what the node does with rows of all partitions, and what to do to the query, which has `columns`."""
        equate = "in the ON, equate the columns that the two are partitioned by"
        match node:
            case Window(window=Session(), session_keys=keys):
                change = f"add {columns} to SessionWindow(...) OVER (PARTITION BY ...)"
                return f"a session goes over all events{_of_each(keys)}", change
            case Window(keys=keys):
                return f"the groups are made of all events{_of_each(keys)}", f"add {columns} to the GROUP BY"
            case Analytic(calls=calls):
                functions = " and ".join(dict.fromkeys(call.function for call in calls))
                return f"{functions} looks at the events before", f"add {columns} to OVER (PARTITION BY ...)"
            case Join(left_keys=keys):
                return f"rows are joined that have {_listed(keys) or 'no column'} in common", equate
        return "rows of all partitions are needed", equate

    def _inputs(self, node: Node) -> list[str]:
        """Return the inputs that the node's rows come from."""
        names: dict[str, None] = {}
        waiting = list(node.sources)
        while waiting:
            source = self._plan.nodes[waiting.pop()]
            waiting += source.sources
            if isinstance(source, Input):
                names[self._plan.streams[source.stream].input] = None
        return sorted(names)


def _columns(name: str | None) -> Holders:
    return frozenset() if name is None else frozenset([column(tuple(name.split(".")))])


def _keys(node: Window) -> Sequence[Compiled]:
    """Return the keys by which a window keeps rows apart."""
    return node.session_keys if isinstance(node.window, Session) else node.keys


def _of_each(keys: Sequence[Compiled]) -> str:
    listed = _listed(keys)
    return f" of one {listed}" if listed else ""


def _listed(keys: Sequence[Compiled]) -> str:
    return ", ".join(render_expression(key.expression) for key in keys)


def _first_column(node: Node) -> str | None:
    """Return the name of a plain column by which the node keeps rows apart already, None if there is none."""
    keys: Sequence[object] = ()
    if isinstance(node, Window):
        keys = [key.expression for key in _keys(node)]
    elif isinstance(node, Join):
        keys = [key.expression for key in node.left_keys]
    elif isinstance(node, Analytic):
        common = [set(call.over.partition_by if call.over else ()) for call in node.calls]
        keys = [key for key in common[0] if all(key in other for other in common)]
    return next((str(key.names[-1]) for key in keys if isinstance(key, Column)), None)
