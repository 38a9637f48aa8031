"""The graph that is made of a query: what its nodes do, and what the rows between them look like.

A row of an input, of a Select or of a Union is plain: `row.columns` maps names to values. In rows of the others it is a
sequence:

    Window          (*keys, *results)                                time: the window's end; arrival: the group
    Metadata        (row, *values)                                   time and arrival: the row's
    Analytic        (row, *results)                                  time and arrival: the row's
    Join            (left row, right row | None)                     time: when the pair is known; arrival: both
    Apply           (row, record of the element | None)              time: the row's; arrival: its and the place
    ReferenceJoin   (left row, row of the table | None)              time: the left row's; arrival: its and the table's

So a row that joins three sources is ((a, b), c), and `Resolved.place` says how to get from there to a source's row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from ..language import syntax
from ..language.syntax import Call, Column, Expression
from ..language.values import Names
from ..language.warned import Warned
from ..operators.bounds import Bound
from ..row import Computed, Evaluate


@dataclass(frozen=True, eq=False)
class Resolved(Column):
    """A column whose place the planner knows. Its `names`, as the query writes them, are for messages only.

    `place` leads from a row to the row, or the value, that is meant: an index into `columns` at each step. `path` leads
    from there to the column, by names; it is empty if `place` leads to a value. Two are equal if they are the same
    column, whatever the case of its names.
    """

    place: tuple[int, ...]
    path: tuple[str, ...]

    @property
    def key(self) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """What tells columns apart: `place`, and `path` in lower case."""
        return self.place, tuple(name.lower() for name in self.path)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Resolved) and type(self) is type(other) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


@dataclass(frozen=True, eq=False)
class Moment(Resolved):
    """The time of the row at `place`: what a source's name means in DATEDIFF(unit, a, b) inside ON."""


@dataclass(frozen=True, eq=False)
class Inside(Resolved):
    """A property, at any depth, of the value at `place`, which is not a row but a record."""


@dataclass(frozen=True, eq=False)
class Picked(Resolved):
    """A member of the tuple at `place` but its last part, which says which (narrowing.py)."""


@dataclass(frozen=True, eq=False)
class Whole(Resolved):
    """A source's name alone: to a function of the job, the row at `place` if that has no column of this name."""


@dataclass(frozen=True)
class Compiled(Computed):
    """An expression whose columns are resolved, and what computes it."""

    expression: Expression


@dataclass(frozen=True)
class Stream:
    """Rows of an input and how they get their time: TIMESTAMP BY, or their arrival. `over` is empty without OVER.

    `types` are those of the input's CREATE TABLE, the same in each stream of the input.
    """

    input: str
    timestamp: Compiled | None
    over: tuple[Compiled, ...]
    types: tuple[syntax.TypedColumn, ...] = ()


@dataclass(frozen=True)
class Node:
    """`step` names the step, or the output, that the node is a part of; `sources` are the places of nodes it reads."""

    step: str
    sources: tuple[int, ...]


@dataclass(frozen=True)
class Input(Node):
    """Gives the rows of a stream as they are fed."""

    stream: int


@dataclass(frozen=True)
class ItemStar:
    """All columns of the row at `place`, or of a record in it, except those that an earlier item gives."""

    place: tuple[int, ...]
    record: Compiled | None


@dataclass(frozen=True)
class ItemColumn:
    name: str
    value: Compiled


@dataclass(frozen=True)
class Select(Node):
    """WHERE or HAVING, then the items. `items` is None if rows are passed on unchanged."""

    where: Compiled | None
    items: tuple[ItemColumn | ItemStar, ...] | None


@dataclass(frozen=True)
class Metadata(Node):
    """Rows of an input with what their events say of themselves (metadata.py). `values` compute the calls."""

    calls: tuple[Call, ...]
    values: tuple[Evaluate, ...] = field(compare=False)


@dataclass(frozen=True)
class Analytic(Node):
    """Rows with the values of analytic functions. `analytics` make the functions' histories (operators/analytic.py)."""

    calls: tuple[Call, ...]
    analytics: tuple[Any, ...] = field(compare=False)


@dataclass(frozen=True)
class Window(Node):
    """`mode` is partial or merge where the work is divided between two stages: topology.py."""

    window: syntax.Window
    keys: tuple[Compiled, ...]
    calls: tuple[Call, ...]
    aggregates: tuple[Any, ...] = field(compare=False)
    session_keys: tuple[Compiled, ...]
    mode: Literal["whole", "partial", "merge"] = "whole"


@dataclass(frozen=True)
class Join(Node):
    """Pairs of rows of two streams that are near in time and have equal keys, and `on`. NULL keys are equal to nothing.

    One of `bounds` has a low end, and one a high end. `lag` is by how much, in ticks, the left row's time may be after
    the time of a row that it joins. `on` is the rest of ON, about the pair: a row as this node gives it.
    """

    kind: Literal["INNER", "LEFT"]
    bounds: tuple[Bound, ...]
    lag: int
    left_keys: tuple[Compiled, ...]
    right_keys: tuple[Compiled, ...]
    on: Compiled | None


@dataclass(frozen=True)
class ReferenceJoin(Node):
    """Pairs of a row and a table's row that have equal keys, and `on`. `right_keys` are about a row of the table."""

    table: str
    kind: Literal["INNER", "LEFT"]
    left_keys: tuple[Compiled, ...]
    right_keys: tuple[Compiled, ...]
    on: Compiled | None


@dataclass(frozen=True)
class Apply(Node):
    """A row for each element of a value; `depth` is as in operators/elements.py."""

    is_outer: bool
    function: str
    of: Compiled
    depth: int


@dataclass(frozen=True)
class Union(Node):
    """Rows of all sources. The source's place is put before `arrival`, so that no two rows have the same one."""


@dataclass(frozen=True)
class Output(Node):
    """`windowed` tells that rows come through a window: their times are ends of windows, or made of such by a JOIN."""

    output: str
    windowed: bool


@dataclass(frozen=True)
class Plan:
    """Every node comes after its sources. `references` are the tables that are joined, `inputs` all other inputs.

    Names are as the query writes them. Rows of inputs must be made with `names.mapping`. `span` is the longest time, in
    ticks, by which a row of an input can come before a row of an output that it changes.

    `warnings` are what the query may not mean. `named` are the columns without AS, as `step.name = expression`.
    """

    streams: tuple[Stream, ...]
    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    references: tuple[str, ...]
    outputs: tuple[str, ...]
    names: Names
    span: int
    warnings: tuple[Warned, ...] = ()
    named: tuple[str, ...] = ()

    @property
    def reads_metadata(self) -> bool:
        """Whether rows of inputs must have their events."""
        return any(isinstance(node, Metadata) for node in self.nodes)
