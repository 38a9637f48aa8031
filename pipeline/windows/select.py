"""One SELECT: from its text's tree to nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import syntax
from .aggregates import AGGREGATES, aggregate
from .analytic import ANALYTIC, analytic
from .conditions import all_of, condition
from .graph import Graph, Relation
from .grouping import Grouping, aliased, with_window_id
from .nodes import Analytic, ItemColumn, ItemStar, Join, ReferenceJoin, Resolved, Select, Union, Window
from .rewrite import rewrite, walk
from .scope import Scope, Source
from .syntax import Call, Column, Expression, Star
from .tokens import QueryError


def plan_select(graph: Graph, select: syntax.Select, step: str) -> Relation:
    """Add the nodes of `select`; return what it gives. Raises `QueryError`."""
    return _Select(graph, select, step).plan()


@dataclass
class _Table:
    """One of the sources. `analytics` are the functions that are computed on its rows, before anything else."""

    source: syntax.Source
    relation: Relation
    analytics: list[Call]

    @property
    def is_reference(self) -> bool:
        return self.relation.node is None


class _Select:
    def __init__(self, graph: Graph, select: syntax.Select, step: str) -> None:
        self._graph = graph
        self._select = select
        self._step = step
        sources = (select.source, *(join.source for join in select.joins))
        self._tables = [_Table(source, graph.relation(source), []) for source in sources]
        self._analytics: dict[Call, tuple[int, int]] = {}
        self._lag = 0
        _refuse_twice([(source.alias, source.at) for source in sources], "the source")

    def plan(self) -> Relation:
        select = self._select
        if self._tables[0].is_reference:
            name = select.source.name
            raise QueryError(
                f"{name} is reference data: it can be joined, but rows don't come from it", select.source.at
            )
        self._find_analytics()
        node = self._join()
        where = None if select.where is None else self._resolve(select.where)
        if select.windows:
            return self._grouped(node, where)
        if select.keys:
            raise QueryError("a window must be specified: GROUP BY ..., TumblingWindow(minute, 5)", select.at)
        items = [with_window_id(self._resolve(item.expression), None) for item in select.items]
        if select.having is not None:  # without GROUP BY it is one more WHERE
            where = all_of([*([where] if where else []), self._having(items, ())])
        return self._selected(node, where, items)

    # FROM and JOIN

    def _find_analytics(self) -> None:
        select = self._select
        scope = self._scope(len(self._tables))
        places = (
            *select.items,
            select.where,
            *(j.on for j in select.joins),
            *select.keys,
            *select.windows,
            select.having,
        )
        for call in walk(places):
            if not isinstance(call, Call) or not _is_analytic(call) or call in self._analytics:
                continue
            owners = {scope.find(part)[0].alias for part in walk(call) if isinstance(part, Column)}
            if len(owners) != 1 and len(self._tables) > 1:
                raise QueryError(f"{call.function} must be about the columns of one source", call.at)
            owner = next((i for i, table in enumerate(self._tables) if table.source.alias in owners), 0)
            table = self._tables[owner]
            if table.is_reference:
                raise QueryError(f"{call.function} can't be about reference data: it has no time", call.at)
            alone = self._partitioned(rewrite(call, _resolving(Scope([table.relation.source(table.source)]))), table)
            if alone not in table.analytics:
                table.analytics.append(alone)
            self._analytics[call] = owner, table.analytics.index(alone)

    def _partitioned(self, call: Call, table: _Table) -> Call:
        """Keep the partitions of FROM x PARTITION BY k apart in an analytic function, too."""
        key = self._partition_key(table, ())
        if key is None:
            return call
        over = call.over or syntax.Over()
        return replace(call, over=replace(over, partition_by=(*over.partition_by, key)))

    def _join(self) -> int:
        left = self._source_node(self._tables[0])
        for place, join in enumerate(self._select.joins, 1):
            left = self._joined(left, place, join)
        return left

    def _source_node(self, table: _Table) -> int:
        assert table.relation.node is not None
        if not table.analytics:
            return table.relation.node
        compiler = self._graph.compiler
        analytics = tuple(analytic(call, compiler.evaluate, compiler.test) for call in table.analytics)
        return self._graph.add(Analytic(self._step, (table.relation.node,), tuple(table.analytics), analytics))

    def _joined(self, left: int, place: int, join: syntax.Join) -> int:
        compiled = self._graph.compiler.compile
        pair = self._scope(place + 1)
        table = self._tables[place]
        on = rewrite(join.on, self._change_analytics(place + 1))
        parts = condition(on, pair, self._scope(place), pair.sources[place])
        left_keys = tuple(compiled(key) for key, _ in parts.keys)
        right_keys = tuple(compiled(key) for _, key in parts.keys)
        rest = all_of(list(parts.rest))
        residual = None if rest is None else self._graph.compiler.condition(rest)
        if table.is_reference:
            if parts.bounds:
                raise QueryError(f"{table.source.alias} is reference data: it has no time, so no DATEDIFF", join.at)
            name = self._graph.table(table.source.name)
            return self._graph.add(ReferenceJoin(self._step, (left,), name, join.kind, left_keys, right_keys, residual))
        if not parts.is_bounded:
            a, b = self._tables[0].source.alias, table.source.alias
            raise QueryError(
                f"a JOIN of two streams needs bounds in time on both sides: AND DATEDIFF(minute, {a}, {b}) "
                "BETWEEN 0 AND 10",
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
            raise QueryError("sources with PARTITION BY are joined on these columns, too: AND a.k = b.k", join.at)

    # WHERE, GROUP BY and the items

    def _grouped(self, node: int, where: Expression | None) -> Relation:
        select = self._select
        if where is not None:
            node = self._graph.add(Select(self._step, (node,), self._graph.compiler.condition(where), None))
        keys = [self._resolve(key) for key in select.keys]
        hidden = [
            key
            for table, source in zip(self._tables, self._scope(len(self._tables)).sources, strict=True)
            if (key := self._partition_key(table, source.place)) is not None and key not in keys
        ]
        grouping = Grouping([*keys, *hidden], self._is_plain)
        for item in select.items:
            if isinstance(item.expression, Star):
                raise QueryError("SELECT * can't stand with GROUP BY: name the columns", item.expression.at)
        resolved = [self._resolve(item.expression) for item in select.items]
        items = [grouping.of(item) for item in resolved]
        having = None if select.having is None else grouping.of(self._having(resolved, keys))
        branches = [self._window(node, named, grouping, hidden, having, items) for named in select.windows]
        if len(branches) == 1:
            return branches[0]
        union = self._graph.add(Union(self._step, tuple(branch.place for branch in branches)))
        return replace(branches[0], node=union)

    def _window(
        self,
        node: int,
        named: syntax.NamedWindow,
        grouping: Grouping,
        hidden: Sequence[Expression],
        having: Expression | None,
        items: Sequence[Expression],
    ) -> Relation:
        compiler = self._graph.compiler
        window = named.window
        session_keys: list[Expression] = []
        if isinstance(window, syntax.Session):
            session_keys = [*(self._resolve(key) for key in window.partition_by), *hidden]
        place = self._graph.add(
            Window(
                self._step,
                (node,),
                window,
                tuple(map(compiler.compile, grouping.keys)),
                tuple(grouping.calls),
                tuple(aggregate(call, compiler.evaluate) for call in grouping.calls),
                tuple(map(compiler.compile, session_keys)),
            )
        )
        return self._selected(place, having, [with_window_id(item, named.id) for item in items], windowed=True)

    def _having(self, items: Sequence[Expression | Star], keys: Sequence[Expression]) -> Expression:
        """Return HAVING resolved, the names of items replaced by what they stand for."""
        assert self._select.having is not None
        aliases = {
            item.name.lower(): expression
            for item, expression in zip(self._select.items, items, strict=True)
            if not isinstance(expression, Star)
        }
        scope = self._scope(len(self._tables))
        analytics = self._change_analytics(len(self._tables))

        def resolved_if_known(part: Any) -> Any:
            if (call := analytics(part)) is not None:
                return call
            if not isinstance(part, Column):
                return None
            try:
                return scope.resolve(part)
            except QueryError:
                if part.names[0].lower() in aliases:
                    return part
                raise

        return aliased(rewrite(self._select.having, resolved_if_known), aliases, keys)

    def _selected(
        self, node: int, where: Expression | None, items: Sequence[Expression | Star], windowed: bool = False
    ) -> Relation:
        compiler = self._graph.compiler
        windowed = windowed or any(table.relation.windowed for table in self._tables)
        columns = _Columns()
        compiled: list[ItemColumn | ItemStar] = []
        for item, expression in zip(self._select.items, items, strict=True):
            if isinstance(expression, Star):
                star, names = self._star(expression)
                compiled.append(star)
                columns.add_star(names)
            elif columns.add(item.name, expression.at):
                compiled.append(ItemColumn(item.name, compiler.compile(expression)))
        is_all = compiled == [ItemStar((), None)]
        if is_all and where is None:
            return Relation(node, columns.known, windowed)
        kept_if = None if where is None else compiler.condition(where)
        return Relation(
            self._graph.add(Select(self._step, (node,), kept_if, None if is_all else tuple(compiled))),
            columns.known,
            windowed,
        )

    def _star(self, star: Star) -> tuple[ItemStar, tuple[str, ...] | None]:
        scope = self._scope(len(self._tables))
        if not star.names:
            if len(self._tables) > 1:
                aliases = ", ".join(f"{source.alias}.*" for source in scope.sources)
                raise QueryError(f"SELECT * can't stand with JOIN: write {aliases}, or name the columns", star.at)
            source: Source | None = scope.sources[0]
        else:
            source = scope.source(star.names[0]) if len(star.names) == 1 else None
        if source is not None:
            return ItemStar(source.place, None), source.columns
        record = scope.resolve(Column(star.names, star.at))
        return ItemStar(record.place, self._graph.compiler.compile(record)), None

    # Names

    @property
    def _is_plain(self) -> bool:
        return len(self._tables) == 1 and not self._tables[0].analytics

    def _scope(self, count: int) -> Scope:
        """The first `count` sources, with their places in a row that is joined of these."""
        return Scope(
            [
                table.relation.source(table.source, (*_part(place, count), *((0,) if table.analytics else ())))
                for place, table in enumerate(self._tables[:count])
            ]
        )

    def _resolve(self, expression: Any) -> Any:
        count = len(self._tables)
        scope = self._scope(count)
        analytics = self._change_analytics(count)

        def change(part: Any) -> Any:
            if (call := analytics(part)) is not None:
                return call
            return scope.resolve(part) if isinstance(part, Column) else None

        return rewrite(expression, change)

    def _change_analytics(self, count: int) -> Any:
        def change(part: Any) -> Resolved | None:
            if not isinstance(part, Call) or part not in self._analytics:
                return None
            owner, slot = self._analytics[part]
            return Resolved((part.function,), part.at, (*_part(owner, count), 1 + slot), ())

        return change

    def _partition_key(self, table: _Table, place: tuple[int, ...]) -> Resolved | None:
        if table.source.partition_by is None:
            return None
        return Scope([table.relation.source(table.source, place)]).resolve(table.source.partition_by)


def _part(place: int, count: int) -> tuple[int, ...]:
    """Return where the row of a source is in a row joined of `count`: ((a, b), c)."""
    return (0,) * (count - 1) if place == 0 else (*(0,) * (count - 1 - place), 1)


def _is_analytic(call: Call) -> bool:
    return call.function in ANALYTIC or (
        call.function in AGGREGATES and call.over is not None and call.over.limit is not None
    )


def _resolving(scope: Scope) -> Any:
    return lambda part: scope.resolve(part) if isinstance(part, Column) else None


def _refuse_twice(names: Sequence[tuple[str, Any]], what: str) -> None:
    seen: set[str] = set()
    for name, at in names:
        if name.lower() in seen:
            raise QueryError(f"{what} {name} stands twice: give one another name with AS", at)
        seen.add(name.lower())


class _Columns:
    """The columns that a SELECT gives, as far as they are known. Where two clash, the left one stays."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}  # folded -> as written
        self._named: set[str] = set()
        self._is_open = False

    def add(self, name: str, at: Any) -> bool:
        """Return whether the column counts: it doesn't if a star before it has given one of that name."""
        folded = name.lower()
        if folded in self._named:
            raise QueryError(f"the column {name} stands twice: give one another name with AS", at)
        self._named.add(folded)
        if folded in self._names:
            return False
        self._names[folded] = name
        return True

    def add_star(self, names: tuple[str, ...] | None) -> None:
        if names is None:
            self._is_open = True
        for name in names or ():
            self._names.setdefault(name.lower(), name)

    @property
    def known(self) -> tuple[str, ...] | None:
        return None if self._is_open else tuple(self._names.values())
