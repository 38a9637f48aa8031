"""The graph that a query becomes: what its nodes do, and what the rows between them look like.

A row of an input, of a Select or of a Union is plain: `row.columns` maps names to values. The others give sequences:

    Window          (*keys, *results)                                time: the window's end; arrival: the group
    Analytic        (row, *results)                                  time and arrival: the row's
    Join            (left row, right row | None)                     time: when the pair is known; arrival: both
    ReferenceJoin   (left row, row of the table | None)              time: the left row's; arrival: its, and a place

So that a joined row of three sources is ((a, b), c), and `Resolved.place` says how to get from a row to a source's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from ..language import syntax
from ..language.syntax import Call, Column, Expression
from ..language.values import Names
from ..operators.bounds import Bound
from ..row import Evaluate


@dataclass(frozen=True, eq=False)
class Resolved(Column):
    """A column after the planner knows where it is: `names` as they were written are for messages only.

    `place` leads from a row to the row, or value, that is meant, an index into `columns` at each step; `path` leads on
    from there by names, and is empty for a value. Two are equal if they are the same column: names ignore case.
    """

    place: tuple[int, ...]
    path: tuple[str, ...]

    @property
    def key(self) -> tuple[tuple[int, ...], tuple[str, ...]]:
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
    """A property, to any depth, of the value at `place`, which is no row but a record."""


@dataclass(frozen=True)
class Compiled:
    """An expression, its columns resolved, and what computes it from a row."""

    expression: Expression
    of: Evaluate = field(compare=False)


@dataclass(frozen=True)
class Stream:
    """Rows of an input with one idea of their time: TIMESTAMP BY, or their arrival. `over` is empty without OVER."""

    input: str
    timestamp: Compiled | None
    over: tuple[Compiled, ...]


@dataclass(frozen=True)
class Node:
    """`step` is the name of the step that the node is a part of; `sources` are the places of the nodes it reads."""

    step: str
    sources: tuple[int, ...]


@dataclass(frozen=True)
class Input(Node):
    """Gives the rows of a stream as they are fed."""

    stream: int


@dataclass(frozen=True)
class ItemStar:
    """All columns of the row at `place`, or of a record in it, but those that an item before has given."""

    place: tuple[int, ...]
    record: Compiled | None


@dataclass(frozen=True)
class ItemColumn:
    name: str
    value: Compiled


@dataclass(frozen=True)
class Select(Node):
    """WHERE or HAVING, then the items. `items` is None if rows go on as they are."""

    where: Compiled | None
    items: tuple[ItemColumn | ItemStar, ...] | None


@dataclass(frozen=True)
class Analytic(Node):
    calls: tuple[Call, ...]
    analytics: tuple[Any, ...] = field(compare=False)


@dataclass(frozen=True)
class Window(Node):
    """`mode` is other than whole where the work is divided between two stages: topology.py."""

    window: syntax.Window
    keys: tuple[Compiled, ...]
    calls: tuple[Call, ...]
    aggregates: tuple[Any, ...] = field(compare=False)
    session_keys: tuple[Compiled, ...]
    mode: Literal["whole", "partial", "merge"] = "whole"


@dataclass(frozen=True)
class Join(Node):
    """Pairs of rows of two streams that are near in time and have equal keys, and `on`. NULL keys are equal to nothing.

    Of `bounds`, one has a low end and one has a high. `lag`: how far, in ticks, the left row's time may be
    after that of a row it is made of. `on` is what is left of ON, about the pair: a row as this node gives it.
    """

    kind: Literal["INNER", "LEFT"]
    bounds: tuple[Bound, ...]
    lag: int
    left_keys: tuple[Compiled, ...]
    right_keys: tuple[Compiled, ...]
    on: Compiled | None


@dataclass(frozen=True)
class ReferenceJoin(Node):
    """Rows beside those of a table that have equal keys, and `on`. `right_keys` are about a row of the table."""

    table: str
    kind: Literal["INNER", "LEFT"]
    left_keys: tuple[Compiled, ...]
    right_keys: tuple[Compiled, ...]
    on: Compiled | None


@dataclass(frozen=True)
class Union(Node):
    """Rows of all sources; the source's place goes before `arrival`, so that no two rows have the same."""


@dataclass(frozen=True)
class Output(Node):
    """`windowed`: the rows' times are ends of windows, or times that an operator gave."""

    output: str
    windowed: bool


@dataclass(frozen=True)
class Plan:
    """Nodes stand after their sources. `references` are the tables that are joined, `inputs` the others, as written.

    Rows of inputs are made with `names.of`. `span`: the longest time, in ticks, before a row of an output from which
    a row of an input can still change it.
    """

    streams: tuple[Stream, ...]
    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    references: tuple[str, ...]
    outputs: tuple[str, ...]
    names: Names
    span: int
