"""Runs a plan: takes rows, gives rows, and does no I/O."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice, repeat
from operator import attrgetter
from typing import Any

import msgspec

from ..language.ticks import BEGINNING, isoformat
from ..operators import analytic, elements, join, reference
from ..operators.faults import LATE_DROPPED, ROW, Faults, by_halves
from ..operators.operator import Operator, Waiting
from ..operators.panes import Panes, PartialPanes
from ..operators.windowing import window_operator
from ..planning import nodes
from ..planning.narrowing import narrowed
from ..planning.nodes import Node, Plan
from ..planning.projection import projection
from ..row import Batch, Changes, Evaluate, Row, batch_of


class OutputRow(msgspec.Struct, frozen=True, gc=False):
    """A row of an output. No two have the same (output, time, arrival). `windowed`: the row came through a window."""

    output: str
    columns: Mapping[str, Any]
    time: int
    arrival: tuple[Any, ...]
    windowed: bool


class ExchangeRow(msgspec.Struct, frozen=True, gc=False):
    """A row of `node` for the nodes that read it in another engine, which runs another part: for its `feed_node`.

    `weight` is for how many rows it stands: a part of a pane, for its groups.
    """

    node: int
    row: Row
    weight: int = 1

    @property
    def time(self) -> int:
        return self.row.time


#: How many rows of an operator are passed on together: few enough that they are still in the processor's cache.
_AT_ONCE = 500

Given = OutputRow | ExchangeRow
_Take = Callable[[Sequence[Row]], object]


class Engine:
    """Runs the nodes of a plan, or some of them. `closed` is the time up to which every row has been given.

    Rows that don't depend on an operator's state are returned by `feed` at once, all others by `advance`.
    """

    def __init__(
        self,
        plan: Plan,
        faults: Faults,
        tables: Mapping[str, reference.Table] | None = None,
        nodes: Collection[int] | None = None,
    ) -> None:
        self.closed = BEGINNING
        self._plan = plan = narrowed(plan)
        self._faults = faults
        self._tables = tables or {}
        self._ours = frozenset(range(len(plan.nodes)) if nodes is None else nodes)
        self._operators: dict[int, Operator] = {}
        self._given: list[Given] = []
        self._is_in_order = True
        self._stride = 0
        self._readers: list[list[_Take]] = [[] for _ in plan.nodes]
        for place in sorted(self._ours):
            self._connect(place, plan.nodes[place])
        self._send_elsewhere()

    def feed(self, stream: int, rows: Sequence[Row]) -> list[Given]:
        """Take rows of a stream, which is given by its place in the plan; return the rows that need no state."""
        for place, node in enumerate(self._plan.nodes):
            if isinstance(node, nodes.Input) and node.stream == stream and place in self._ours:
                self._give(place, batch_of(rows))
        return self._taken()

    def feed_node(self, node: int, rows: Sequence[Row]) -> list[Given]:
        """Take rows that `node` gave in another engine, for the nodes that read them here; return as `feed` does."""
        self._give(node, rows)
        return self._taken()

    def advance(self, watermark: int, limit: int) -> list[Given]:
        """Record that no row with a time up to and including `watermark` will be fed; return the rows, by time.

        Stops after about `limit` rows. Then `closed` is below `watermark`, and the next call goes on from there. It can
        be more rows, because those of one instant stay together.
        """
        given = 0
        while self.closed < watermark and given < limit:
            dues = [due for operator in self._operators.values() if (due := operator.due()) is not None]
            first = min(dues, default=None)
            if first is None or first > watermark:
                self._advance_to(watermark)
                break
            # All operators advance by one stride, in their order; this is safe because what they give depends only on
            # rows and times. The stride grows while it gives few rows, so that a thousand instants take few rounds.
            begun = max(first, self.closed)
            count = self._advance_to(min(watermark, begun + self._stride))
            given += count
            if count > limit // 2:
                self._stride //= 2
            elif count < limit // 4:
                self._stride = 2 * self._stride + 1
        is_in_order = self._is_in_order
        rows = self._taken()
        return rows if is_in_order else sorted(rows, key=_time_of)

    def waiting(self) -> dict[str, list[Waiting]]:
        """Return what each step of the query has taken and can't give yet; steps with nothing are left out."""
        found: dict[str, list[Waiting]] = {}
        for place, operator in self._operators.items():
            if waiting := operator.waiting():
                found.setdefault(self._plan.nodes[place].step, []).extend(waiting)
        return found

    def snapshot(self) -> Changes:
        """Yield the fields of the state that changed since the last `snapshot`; see `Operator`."""
        for place, operator in self._operators.items():
            for name, value in operator.snapshot():
                yield f"{place}.{name}", value

    def restore(self, fields: Mapping[str, bytes], closed: int) -> None:
        """Load all fields that snapshots left into this new engine. `closed` is what it was at the last snapshot."""
        self.closed = closed
        mine: dict[int, dict[str, bytes]] = {place: {} for place in self._operators}
        for name, value in fields.items():
            place, _, field = name.partition(".")
            mine[int(place)][field] = value
        for number, operator in self._operators.items():
            operator.restore(mine[number], closed)

    # Rows on their way

    def _give(self, place: int, rows: Sequence[Row]) -> None:
        if rows:
            for take in self._readers[place]:
                take(rows)

    def _give_in_parts(self, place: int, parts: Iterable[Sequence[Row]]) -> int:
        """Give rows that may be many, and are made while they are read; return about how many there were."""
        count, node = 0, self._plan.nodes[place]
        for some in parts:
            count += sum([_weight(node, row) for row in some]) if _is_partial(node) else len(some)
            self._give(place, some)
        return count

    def _taken(self) -> list[Given]:
        given, self._given, self._is_in_order = self._given, [], True
        return given

    def _add(self, rows: list[Given]) -> None:
        """Give rows, which are in order among themselves if an operator gave them."""
        self._is_in_order = self._is_in_order and (not self._given or self._given[-1].time <= rows[0].time)
        self._given += rows

    def _advance_to(self, time: int) -> int:
        """Advance all operators; return about how many rows they gave, including rows for other operators."""
        count = 0
        for place, operator in self._operators.items():
            count += self._give_in_parts(place, _advance(operator, time))
        self.closed = time
        return count

    # What nodes do

    def _connect(self, place: int, node: Node) -> None:
        for source, take in zip(node.sources, self._takers(place, node), strict=True):
            self._readers[source].append(take)

    def _takers(self, place: int, node: Node) -> Iterator[_Take]:
        """Yield a function for each of the node's sources, in their order, that takes the source's rows."""
        match node:
            case nodes.Output():
                yield self._output(node)
            case nodes.Select():
                yield self._each(place, _select(node, self._plan, self._faults))
            case nodes.Metadata():
                yield self._each(
                    place, _kept(lambda rows: [_described(row, node.values) for row in rows], self._faults)
                )
            case nodes.ReferenceJoin():
                pairs = reference.TableJoin(node.kind, self._tables[node.table], *_condition(node), self._faults).pairs
                yield self._each(place, lambda rows: [pair for row in rows for pair in pairs(row)])
            case nodes.Apply():
                apply = elements.Elements(node.is_outer, node.function, node.of.evaluate, node.depth, self._faults)
                yield lambda rows: self._give_in_parts(place, _parts(apply.rows(rows)))
            case nodes.Union():
                for branch in range(len(node.sources)):
                    yield self._each(place, _branch(branch))
            case nodes.Window() | nodes.Analytic() | nodes.Join():
                operator = self._operators[place] = self._operator(node)
                for port in range(len(node.sources)):
                    yield self._state(operator, port)

    def _each(self, place: int, work: Callable[[Sequence[Row]], Sequence[Row]]) -> _Take:
        return lambda rows: self._give(place, work(rows))

    def _state(self, operator: Operator, port: int) -> _Take:
        def take(rows: Sequence[Row]) -> None:
            if min(batch_of(rows).times) <= self.closed:
                late = [row for row in rows if row.time <= self.closed]
                for row in late:
                    came = f"a row of {isoformat(row.time)} came"
                    self._faults.report(
                        LATE_DROPPED, f"{came} when windows up to {isoformat(self.closed)} had closed", row
                    )
                rows = [row for row in rows if row.time > self.closed]
            operator.feed(port, rows)

        return take

    def _output(self, node: nodes.Output) -> _Take:
        name, windowed = node.output, node.windowed

        def take(rows: Sequence[Row]) -> None:
            batch = batch_of(rows)
            parts = batch.columns, batch.times, batch.arrivals
            self._add(list(map(OutputRow, repeat(name), *parts, repeat(windowed))))

        return take

    def _send_elsewhere(self) -> None:
        """Add the rows that nodes of another engine read to what this one gives."""
        elsewhere = {
            source
            for place, node in enumerate(self._plan.nodes)
            if place not in self._ours
            for source in node.sources
            if source in self._ours
        }
        for place in elsewhere:
            self._readers[place].append(self._exchange(place))

    def _exchange(self, place: int) -> _Take:
        node = self._plan.nodes[place]

        def take(rows: Sequence[Row]) -> None:
            self._add([ExchangeRow(place, row, _weight(node, row)) for row in rows])

        return take

    def _operator(self, node: nodes.Window | nodes.Analytic | nodes.Join) -> Operator:
        match node:
            case nodes.Window():
                keys, session_keys = node.keys, node.session_keys
                return window_operator(node.window, keys, node.aggregates, self._faults, session_keys, mode=node.mode)
            case nodes.Analytic():
                return analytic.AnalyticFunctions(node.analytics, self._faults)
            case nodes.Join():
                return join.StreamJoin(node.kind, node.bounds, *_condition(node), self._faults, node.lag)


_time_of = attrgetter("time")


def _advance(operator: Operator, time: int) -> Iterator[Sequence[Row]]:
    if isinstance(operator, Panes) and not isinstance(operator, PartialPanes):
        return operator.batches(time)
    return _parts(operator.advance(time))


def _parts(rows: Iterable[Row]) -> Iterator[list[Row]]:
    unread = iter(rows)
    return iter(lambda: list(islice(unread, _AT_ONCE)), [])


def _condition(
    node: nodes.Join | nodes.ReferenceJoin,
) -> tuple[Sequence[Evaluate], Sequence[Evaluate], Evaluate | None]:
    """Return what computes the left keys, the right keys, and the rest of ON."""
    left, right = ([key.evaluate for key in keys] for keys in (node.left_keys, node.right_keys))
    return left, right, None if node.on is None else node.on.evaluate


def _is_partial(node: Node) -> bool:
    return isinstance(node, nodes.Window) and node.mode == "partial"


def _weight(node: Node, row: Row) -> int:
    return row.columns[0] if _is_partial(node) else 1


def _branch(place: int) -> Callable[[Sequence[Row]], Sequence[Row]]:
    return lambda rows: [Row(row.columns, row.time, (place, *row.arrival)) for row in rows]


def _select(node: nodes.Select, plan: Plan, faults: Faults) -> Callable[[Sequence[Row]], Sequence[Row]]:
    where = None if node.where is None else node.where.many
    project = None if node.items is None else projection(node.items, plan.names)

    def work(rows: Sequence[Row]) -> Sequence[Row]:
        if where is not None:
            rows = [row for row, holds in zip(rows, where(rows), strict=True) if holds is True]
        if project is None:
            return rows
        batch = batch_of(rows)
        return Batch(project(batch), batch.times, batch.arrivals)

    return _kept(work, faults)


def _kept(work: Callable[[Sequence[Row]], Sequence[Row]], faults: Faults) -> Callable[[Sequence[Row]], Sequence[Row]]:
    """Return what works on rows, and leaves out those for which `work` raises `RowError`: they are faults."""

    def kept(rows: Sequence[Row]) -> Sequence[Row]:
        parts = [*by_halves(work, rows, lambda exc, row: faults.report(ROW, exc, row))]
        return parts[0] if len(parts) == 1 else list(chain.from_iterable(parts))

    return kept


def _described(row: Row, values: Sequence[Evaluate]) -> Row:
    """Return a row with values that are computed of its event, and without the event."""
    plain = Row(row.columns, row.time, row.arrival)
    return Row((plain, *[value(row) for value in values]), row.time, row.arrival)
