"""The graph while it is being made: its nodes, and what a name after FROM stands for."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass

from ..expressions.user_functions import UserFunctions
from ..language import syntax
from ..language.tokens import QueryError
from ..language.values import Names
from ..language.warned import Warned
from .compiler import Compiler
from .nodes import Input, Node, Stream
from .scope import Scope, ScopedSource


@dataclass(frozen=True)
class Relation:
    """What a name stands for: the rows of a node; or, if `node` is None, reference data or the elements of APPLY.

    `columns` is None if they are not known before there are rows. `windowed` tells that the rows come from a window.
    `declared` are the names of CREATE TABLE, in lower case. `depth` is how many joins and APPLYs the rows have gone
    through, which have put more into their arrivals.
    """

    node: int | None
    columns: tuple[str, ...] | None
    windowed: bool
    is_record: bool = False
    depth: int = 0
    declared: frozenset[str] = frozenset()

    @property
    def place(self) -> int:
        """The place of the node in the graph. Reference data has none."""
        assert self.node is not None
        return self.node

    def source(self, source: syntax.Source, place: tuple[int, ...] = ()) -> ScopedSource:
        """Return the relation as a source of a SELECT, whose row is at `place` in the SELECT's row."""
        return ScopedSource(source.alias, self.columns, place, source.name, self.is_record, self.declared)


class Graph:
    """The nodes, and the names that are known so far. `references` are the names of reference data.

    `warnings` and `named` are as in `Plan`. `types` are those of CREATE TABLE, by input and column in lower case.
    """

    def __init__(
        self, names: Names, references: Iterable[str], functions: UserFunctions, tables: Iterable[syntax.Table] = ()
    ) -> None:
        self.nodes: list[Node] = []
        self.streams: list[Stream] = []
        self.warnings: list[Warned] = []
        self.named: list[str] = []
        self.compiler = Compiler(names, functions)
        self._references = {name.lower(): "" for name in references}  # folded -> as the query writes it first
        self._inputs: dict[str, str] = {}
        self.types = _types(tables)
        self._steps: dict[str, Relation | None] = {}

    def add(self, node: Node) -> int:
        """Add a node; return its place, by which other nodes name it as their source."""
        self.nodes.append(node)
        return len(self.nodes) - 1

    def check_tables(self, tables: Iterable[syntax.Table]) -> None:
        """Raises `QueryError` if a CREATE TABLE is for a name that no FROM reads as an input."""
        for table in tables:
            if table.input.lower() not in self._inputs:
                inputs = ", ".join(self._inputs.values())
                raise QueryError(f"{table.input} is no input that a FROM or JOIN reads; these are: {inputs}", table.at)

    @property
    def sources(self) -> Set[str]:
        """The names that may stand after FROM, as far as the query is planned, in lower case."""
        return self._inputs.keys() | self._steps.keys() | self._references.keys()

    def announce(self, step: syntax.Step) -> None:
        """Make a step's name known before its rows are, so that a step that reads it too early is refused.

        Raises `QueryError` if there is another step of this name, or it names an input in the text before.
        """
        if step.name.lower() in self._inputs:
            raise QueryError(f"{step.name} is read as an input before: give the step another name", step.at)
        if step.name.lower() in self._steps:
            raise QueryError(f"two steps are called {step.name}", step.at)
        self._steps[step.name.lower()] = None

    def name(self, step: syntax.Step, relation: Relation) -> None:
        """Make known which rows a step gives, now that it is planned."""
        self._steps[step.name.lower()] = relation

    def relation(self, source: syntax.Source) -> Relation:
        """Return what `source` stands for: a step, reference data or an input. Raises `QueryError`."""
        folded = source.name.lower()
        if folded not in self._steps and folded not in self._references:
            return Relation(self._input(source), None, False, declared=frozenset(self.types.get(folded, ())))
        what = "a step" if folded in self._steps else "reference data"
        if source.timestamp is not None or source.over:
            raise QueryError(f"TIMESTAMP BY is for inputs, and {source.name} is {what}", source.at)
        if folded in self._references and folded not in self._steps:
            if source.partition_by is not None:
                raise QueryError(f"PARTITION BY is for streams, and {source.name} is {what}", source.at)
            self._references[folded] = self._references[folded] or source.name
            return Relation(None, None, False)
        relation = self._steps[folded]
        if relation is None:
            raise QueryError(f"{source.name} must come before the step that reads it", source.at)
        return relation

    def is_input(self, source: syntax.Source) -> bool:
        """Return whether `source` is an input, and not a step or reference data."""
        return source.name.lower() not in (*self._steps, *self._references)

    def table(self, name: str) -> str:
        """Return the name of reference data as the query first writes it."""
        return self._references[name.lower()]

    def _input(self, source: syntax.Source) -> int:
        name = self._inputs.setdefault(source.name.lower(), source.name)
        scope = Scope([ScopedSource(source.alias, None)])
        timestamp = None if source.timestamp is None else self.compiler.compile(scope.resolved(source.timestamp))
        over = tuple(map(self.compiler.compile, scope.resolved(source.over)))
        stream = Stream(name, timestamp, over, tuple(self.types.get(name.lower(), {}).values()))
        if stream in self.streams:
            place = self.streams.index(stream)
            return next(i for i, node in enumerate(self.nodes) if isinstance(node, Input) and node.stream == place)
        self.streams.append(stream)
        return self.add(Input(name, (), len(self.streams) - 1))


def _types(tables: Iterable[syntax.Table]) -> dict[str, dict[str, syntax.TypedColumn]]:
    types: dict[str, dict[str, syntax.TypedColumn]] = {}
    for table in tables:
        columns = {column.name.lower(): column for column in table.columns}
        if len(columns) < len(table.columns):
            raise QueryError(f"CREATE TABLE {table.input} has a column twice", table.at)
        if types.setdefault(table.input.lower(), columns) is not columns:
            raise QueryError(f"two CREATE TABLE are for {table.input}", table.at)
    return types
