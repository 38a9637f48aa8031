"""Makes the nodes of one SELECT."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from ..functions import kind_of
from ..language import syntax
from ..language.render import render_expression
from ..language.syntax import Call, Column, Expression, Star
from ..language.tokens import At, QueryError
from ..language.tree import rewrite
from ..operators.aggregates import aggregate
from ..row import computed
from .conditions import all_of
from .from_clause import FromClause
from .graph import Graph, Relation
from .grouping import Grouping, aliased, with_window_id
from .mistakes import refuse_quoted_texts, warnings
from .nodes import Compiled, ItemColumn, ItemStar, Select, Union, Window


def plan_select(graph: Graph, select: syntax.Select, step: str) -> Relation:
    """Add the nodes of `select` to the graph; return the rows that it gives. Raises `QueryError`."""
    return _SelectPlanner(graph, select, step).plan()


class _SelectPlanner:
    def __init__(self, graph: Graph, select: syntax.Select, step: str) -> None:
        self._graph = graph
        self._select = select
        self._step = step
        self._from = FromClause(graph, select, step)

    def plan(self) -> Relation:
        select, scope = self._select, self._from.scope
        refuse_quoted_texts(select, scope)
        self._graph.warnings += warnings(select, scope, self._graph.sources, self._graph.types)
        self._graph.named += self._named()
        where = None if select.where is None else self._from.resolve(select.where)
        if select.windows:
            return self._grouped(where)
        if select.keys:
            raise QueryError("a window must be specified: GROUP BY ..., TumblingWindow(minute, 5)", select.at)
        items = [with_window_id(self._from.resolve(item.expression), None) for item in select.items]
        if select.having is not None:  # without GROUP BY it is one more WHERE, about the rows and not the items
            where = all_of([*([where] if where else []), self._from.resolve(select.having)])
        return self._selected(self._from.node, where, items)

    def _named(self) -> Iterator[str]:
        for item in self._select.items:
            if not item.has_alias and not isinstance(item.expression, Star | Column | syntax.Property):
                yield f"{self._step}.{item.name} = {render_expression(item.expression)}"

    def _grouped(self, where: Expression | None) -> Relation:
        select, node = self._select, self._from.node
        if where is not None:
            node = self._graph.add(Select(self._step, (node,), self._graph.compiler.condition(where), None))
        keys = [self._from.resolve(key) for key in select.keys]
        hidden = [key for key in self._from.partition_keys() if key not in keys]
        grouping = Grouping([*keys, *hidden], self._from.is_plain)
        for item in select.items:
            if isinstance(item.expression, Star):
                raise QueryError("SELECT * is not allowed with GROUP BY: name the columns", item.expression.at)
        resolved = [self._from.resolve(item.expression) for item in select.items]
        items = [grouping.rewrite(item) for item in resolved]
        having = None if select.having is None else grouping.rewrite(self._having(resolved, keys))
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
            session_keys = [*(self._from.resolve(key) for key in window.partition_by), *hidden]
        place = self._graph.add(
            Window(
                self._step,
                (node,),
                window,
                tuple(map(compiler.compile, grouping.keys)),
                tuple(grouping.calls),
                tuple(aggregate(call, compiler.compile) for call in grouping.calls),
                tuple(map(compiler.compile, session_keys)),
            )
        )
        return self._selected(place, having, [with_window_id(item, named.id) for item in items], windowed=True)

    def _having(self, items: Sequence[Expression | Star], keys: Sequence[Expression]) -> Expression:
        """Return the condition of HAVING, resolved, with the names of items replaced by the items."""
        assert self._select.having is not None
        aliases = {
            item.name.lower(): expression
            for item, expression in zip(self._select.items, items, strict=True)
            if not isinstance(expression, Star)
        }

        def resolved_if_known(column: Column) -> Expression:
            try:
                return self._from.scope.resolve(column)
            except QueryError:
                if column.names[0].lower() in aliases:
                    return column
                raise

        change = self._from.resolving(resolved_if_known)

        def resolve(part: Any) -> Any:
            if isinstance(part, Call) and kind_of(part.function) == "aggregate":  # names in it are columns
                return self._from.resolve(part)
            return change(part)

        return aliased(rewrite(self._select.having, resolve), aliases, keys)

    def _selected(
        self, node: int, where: Expression | None, items: Sequence[Expression | Star], windowed: bool = False
    ) -> Relation:
        compiler = self._graph.compiler
        depth = 0 if windowed else self._from.depth
        windowed = windowed or self._from.windowed
        columns = _Columns()
        compiled: list[ItemColumn | ItemStar] = []
        for item, expression in zip(self._select.items, items, strict=True):
            if isinstance(expression, Star):
                for star, names in self._stars(expression):
                    compiled.append(star)
                    columns.add_star(names)
            elif columns.add(item.name, expression.at):
                compiled.append(ItemColumn(item.name, compiler.compile(expression)))
        is_all = compiled == [ItemStar((), None)]
        if is_all and where is None:
            return Relation(node, columns.known, windowed, depth=depth)
        kept_if = None if where is None else compiler.condition(where)
        return Relation(
            self._graph.add(Select(self._step, (node,), kept_if, None if is_all else tuple(compiled))),
            columns.known,
            windowed,
            depth=depth,
        )

    def _stars(self, star: Star) -> Iterator[tuple[ItemStar | ItemColumn, tuple[str, ...] | None]]:
        """Yield what gives the columns of a star, each with their names if these are known."""
        scope, compile = self._from.scope, self._graph.compiler.compile
        first, *others = scope.sources
        if not star.names:
            if not all(other.is_record for other in others):
                aliases = ", ".join(f"{source.alias}.*" for source in scope.sources)
                raise QueryError(f"SELECT * is not allowed with JOIN: write {aliases}, or name the columns", star.at)
            yield ItemStar(first.place, None), first.columns
            for other in others:
                yield ItemColumn(other.alias, compile(scope.resolve(Column((other.alias,), star.at)))), (other.alias,)
            return
        source = scope.source(star.names[0]) if len(star.names) == 1 else None
        if source is not None and not source.is_record:
            yield ItemStar(source.place, None), source.columns
        else:
            record = scope.resolve(Column(star.names, star.at))
            of = compile(record)
            if source is not None:  # OUTER APPLY gives the columns also where there is no element
                nulls, evaluate = dict.fromkeys(source.columns or ()), of.evaluate
                made = computed(lambda row: evaluate(row) or nulls)
                of = Compiled(made.evaluate, made.many, record)
            yield ItemStar(record.place, of), None if source is None else source.columns


class _Columns:
    """The columns that a SELECT gives, as far as they are known. Of two with the same name, the left one counts."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}  # folded -> as written
        self._named: set[str] = set()
        self._is_open = False

    def add(self, name: str, at: At) -> bool:
        """Return whether the column counts: it doesn't if a star before it gives one of the same name.

        Raises `QueryError` if another item has that name.
        """
        folded = name.lower()
        if folded in self._named:
            raise QueryError(f"two columns are called {name}: give one another name with AS", at)
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
