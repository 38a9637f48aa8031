"""FROM, JOIN and APPLY: the rows that a SELECT is about, and where their columns are.

First what the events of an input say of themselves, and then analytic functions, are computed on the rows of each
source by itself, as the language defines it. Then the sources are joined, and APPLY's rows made, from left to right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..functions import FUNCTIONS, METADATA, kind_of
from ..language import syntax
from ..language.syntax import Call, Column, Expression
from ..language.tokens import QueryError
from ..language.tree import rewrite, walk
from ..operators.analytic import analytic
from .conditions import all_of, condition
from .graph import Graph, Relation
from .metadata import metadata, source_of
from .nodes import Analytic, Apply, Join, Metadata, ReferenceJoin, Resolved
from .scope import Scope

_Change = Callable[[Any], Any]


@dataclass
class _Table:
    """One of the sources. `metadata` and then `analytics` are computed on its rows before all else."""

    source: syntax.Source
    relation: Relation
    metadata: list[Call] = field(default_factory=list)
    analytics: list[Call] = field(default_factory=list)

    @property
    def described(self) -> tuple[int, ...]:
        """The place of the source's row in the rows of which analytic functions are computed."""
        return (0,) if self.metadata else ()

    @property
    def place(self) -> tuple[int, ...]:
        """The place of the source's row in the rows that are joined."""
        return ((0,) if self.analytics else ()) + self.described

    @property
    def is_reference(self) -> bool:
        return self.relation.node is None


class FromClause:
    """The sources of one SELECT. `node` is the number of the node that gives the joined rows."""

    def __init__(self, graph: Graph, select: syntax.Select, step: str) -> None:
        self._graph = graph
        self._select = select
        self._step = step
        sources = (select.source, *(join.source for join in select.joins))
        self._tables = [_Table(select.source, graph.relation(select.source))]
        self._tables += [_Table(join.source, self._relation(join)) for join in select.joins]
        self._values: dict[Call, tuple[int, int]] = {}  # computed before all else -> its table, and its place there
        self._lag = 0
        _refuse_twice(sources)
        _refuse_others(sources)
        if self._tables[0].is_reference:
            name = select.source.name
            raise QueryError(
                f"{name} is reference data: it can be joined, but not be the first source after FROM", select.source.at
            )
        self._find_metadata()
        self._find_analytics()
        self.node = self._join()

    @property
    def scope(self) -> Scope:
        return self._scope(len(self._tables))

    @property
    def is_plain(self) -> bool:
        """Whether a row's columns are those of a source: nothing is joined, or computed before all else."""
        return len(self._tables) == 1 and not self._tables[0].place

    @property
    def windowed(self) -> bool:
        """Whether rows come through a window; see `Output`."""
        return any(table.relation.windowed for table in self._tables)

    @property
    def depth(self) -> int:
        """The `Relation.depth` of the joined rows."""
        return self._tables[0].relation.depth + len(self._select.joins)

    def resolve(self, expression: Any) -> Any:
        """Return an expression, or a star, with its columns resolved. Raises `QueryError`."""
        return rewrite(expression, self.resolving(lambda column: self.scope.resolve(column)))

    def resolving(self, resolve: Callable[[Column], Expression]) -> _Change:
        """Return a change for `rewrite`: it resolves columns by `resolve`, and analytic functions to their values."""
        return self._changing(resolve, len(self._tables))

    def _changing(self, resolve: Callable[[Column], Expression], count: int) -> _Change:
        values = self._change_values(count)

        def change(part: Any) -> Any:
            if (value := values(part)) is not None:
                return value
            return resolve(part) if isinstance(part, Column) else None

        return change

    def partition_keys(self) -> list[Resolved]:
        """Return the resolved columns of PARTITION BY. They are added to the keys of groups and sessions."""
        keys = (
            self._partition_key(table, source.place)
            for table, source in zip(self._tables, self.scope.sources, strict=True)
        )
        return [key for key in keys if key is not None]

    def _relation(self, join: syntax.Join | syntax.Apply) -> Relation:
        if isinstance(join, syntax.Join):
            return self._graph.relation(join.source)
        return Relation(None, FUNCTIONS[join.function].gives, False, is_record=True)

    def _calls(self) -> Iterator[Call]:
        select = self._select
        joined = tuple(join.of if isinstance(join, syntax.Apply) else join.on for join in select.joins)
        places = (*select.items, select.where, *joined, *select.keys, *select.windows, select.having)
        return (part for part in walk(places) if isinstance(part, Call))

    def _find_metadata(self) -> None:
        for call in self._calls():
            if call.function != METADATA or call in self._values:
                continue
            name = source_of(call).lower()
            sources = [table.source for table in self._tables]
            owners = [owner for owner, source in enumerate(sources) if source.alias.lower() == name]
            owners = owners or [owner for owner, source in enumerate(sources) if source.name.lower() == name]
            if len(owners) != 1:
                aliases = " or ".join(source.alias for source in sources)
                raise QueryError(f"{METADATA} is here about {aliases}, and not about {source_of(call)}", call.at)
            owner, table = owners[0], self._tables[owners[0]]
            if table.is_reference or not self._graph.is_input(table.source):
                raise QueryError(
                    f"{METADATA} is about an input, and {table.source.name} is none: select the value in the step that "
                    "reads the input, under a name",
                    call.at,
                )
            self._values[call] = owner, 1 + len(table.metadata)
            table.metadata.append(call)

    def _find_analytics(self) -> None:
        scope = self._scope(len(self._tables))
        for call in self._calls():
            if not _is_analytic(call) or call in self._values:
                continue
            if any(isinstance(part, Call) and part.function == METADATA for part in walk(call)):
                raise QueryError(f"{METADATA} can't be in {call.function}: name its value in a step before", call.at)
            owners = {scope.find(part)[0].alias for part in walk(call) if isinstance(part, Column)}
            if len(owners) > 1 or (not owners and any(isinstance(join, syntax.Join) for join in self._select.joins)):
                raise QueryError(f"{call.function} must be about the columns of one source", call.at)
            owner = next((i for i, table in enumerate(self._tables) if table.source.alias in owners), 0)
            table = self._tables[owner]
            if table.relation.is_record:
                raise QueryError(f"{call.function} can't be about {owners.pop()}: APPLY in a step before", call.at)
            if table.is_reference:
                raise QueryError(f"{call.function} can't be about reference data: it has no time", call.at)
            alone = self._partitioned(
                Scope([table.relation.source(table.source, table.described)]).resolved(call), table
            )
            if alone not in table.analytics:
                table.analytics.append(alone)
            self._values[call] = owner, 1 + table.analytics.index(alone)

    def _partitioned(self, call: Call, table: _Table) -> Call:
        """Return an analytic function that keeps the partitions of FROM x PARTITION BY k apart, as the SELECT does."""
        key = self._partition_key(table, table.described)
        if key is None:
            return call
        over = call.over or syntax.Over()
        return replace(call, over=replace(over, partition_by=(*over.partition_by, key)))

    def _join(self) -> int:
        left = self._source_node(self._tables[0])
        for place, join in enumerate(self._select.joins, 1):
            left = (
                self._applied(left, place, join) if isinstance(join, syntax.Apply) else self._joined(left, place, join)
            )
        return left

    def _source_node(self, table: _Table) -> int:
        node = table.relation.place
        if table.metadata:
            values = tuple(metadata(call, table.source.name) for call in table.metadata)
            node = self._graph.add(Metadata(self._step, (node,), tuple(table.metadata), values))
        if not table.analytics:
            return node
        compiler = self._graph.compiler
        analytics = tuple(analytic(call, compiler.evaluate, compiler.test) for call in table.analytics)
        return self._graph.add(Analytic(self._step, (node,), tuple(table.analytics), analytics))

    def _applied(self, left: int, place: int, apply: syntax.Apply) -> int:
        of = self._graph.compiler.compile(rewrite(apply.of, self._changing(self._scope(place).resolve, place)))
        depth = self._tables[0].relation.depth + place - 1
        return self._graph.add(Apply(self._step, (left,), apply.is_outer, apply.function, of, depth))

    def _joined(self, left: int, place: int, join: syntax.Join) -> int:
        compiled = self._graph.compiler.compile
        pair = self._scope(place + 1)
        table = self._tables[place]
        on = rewrite(join.on, self._change_values(place + 1))
        parts = condition(on, pair, self._scope(place), pair.sources[place])
        left_keys = tuple(compiled(key) for key, _ in parts.keys)
        right_keys = tuple(compiled(key) for _, key in parts.keys)
        rest = all_of(parts.rest)
        residual = None if rest is None else self._graph.compiler.condition(rest)
        if table.is_reference:
            if parts.bounds:
                raise QueryError(f"{table.source.alias} is reference data: it has no time for DATEDIFF", join.at)
            name = self._graph.table(table.source.name)
            return self._graph.add(ReferenceJoin(self._step, (left,), name, join.kind, left_keys, right_keys, residual))
        if not parts.is_bounded:
            a, b = self._tables[0].source.alias, table.source.alias
            raise QueryError(
                f"a JOIN of two streams needs bounds in time on both sides: AND DATEDIFF(minute, {a}, {b}) "
                f"BETWEEN 0 AND 10. If {table.source.name} is reference data, job.toml has to say so",
                join.at,
            )
        self._check_partitions(place, parts.keys, join)
        lag, self._lag = self._lag, self._lag + max(bound.span for bound in parts.bounds)
        right = self._source_node(table)
        return self._graph.add(
            Join(self._step, (left, right), join.kind, parts.bounds, lag, left_keys, right_keys, residual)
        )

    def _check_partitions(self, place: int, keys: Sequence[tuple[Expression, Expression]], join: syntax.Join) -> None:
        right = self._partition_key(self._tables[place], self._scope(place + 1).sources[place].place[1:])
        lefts = [
            self._partition_key(table, source.place)
            for table, source in zip(self._tables[:place], self._scope(place).sources, strict=True)
        ]
        wanted = [left for left in lefts if left is not None]
        if not wanted and right is None:
            return
        if right is None or not any((left, right) in keys for left in wanted):
            raise QueryError(
                "sources with PARTITION BY must be joined on these columns as well: AND a.k = b.k", join.at
            )

    def _scope(self, count: int) -> Scope:
        """Return the first `count` sources, with their places in a row that joins these."""
        return Scope(
            [
                table.relation.source(table.source, (*_part(place, count), *table.place))
                for place, table in enumerate(self._tables[:count])
            ]
        )

    def _change_values(self, count: int) -> Any:
        def change(part: Any) -> Resolved | None:
            if not isinstance(part, Call) or part not in self._values:
                return None
            owner, slot = self._values[part]
            if owner >= count:
                alias = self._tables[owner].source.alias
                raise QueryError(f"{part.function} is about {alias}, which is joined after this", part.at)
            inner = (0,) if part.function == METADATA and self._tables[owner].analytics else ()
            return Resolved((part.function,), part.at, (*_part(owner, count), *inner, slot), ())

        return change

    def _partition_key(self, table: _Table, place: tuple[int, ...]) -> Resolved | None:
        if table.source.partition_by is None:
            return None
        return Scope([table.relation.source(table.source, place)]).resolve(table.source.partition_by)


def _part(place: int, count: int) -> tuple[int, ...]:
    """Return the place of a source's row in a row that joins `count` sources: ((a, b), c)."""
    return (0,) * (count - 1) if place == 0 else (*(0,) * (count - 1 - place), 1)


def _is_analytic(call: Call) -> bool:
    has_limit = call.over is not None and call.over.limit is not None
    return kind_of(call.function) == "analytic" or (kind_of(call.function) == "aggregate" and has_limit)


def _refuse_twice(sources: Sequence[syntax.Source]) -> None:
    seen: set[str] = set()
    for source in sources:
        if source.alias.lower() in seen:
            raise QueryError(f"two sources are called {source.alias}: give one another name with AS", source.at)
        seen.add(source.alias.lower())


def _refuse_others(sources: Sequence[syntax.Source]) -> None:
    """Refuse columns of another source in TIMESTAMP BY and PARTITION BY, where only the source's own are known."""
    names = {source.alias.lower() for source in sources}
    for source in sources:
        for part in walk((source.timestamp, source.over, source.partition_by)):
            if isinstance(part, Column) and len(part.names) > 1:
                first = part.names[0].lower()
                if first in names and first != source.alias.lower():
                    raise QueryError(
                        f"{part} can't be used here: only columns of {source.alias} are known before the others join",
                        part.at,
                    )
