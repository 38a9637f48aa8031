"""A query as values: what query.py reads and plan.py resolves. Places are for messages and make no two differ."""

from __future__ import annotations

from dataclasses import dataclass, field

from .panes import Window
from .tokens import At


@dataclass(frozen=True)
class Column:
    names: tuple[str, ...]
    at: At = field(compare=False)

    def __str__(self) -> str:
        return ".".join(self.names)


@dataclass(frozen=True)
class Star:
    at: At = field(compare=False)


@dataclass(frozen=True)
class OrderBy:
    column: Column
    descending: bool


@dataclass(frozen=True)
class Call:
    """An aggregate: `function` is TOPONE, MAX or MIN. Only TopOne may do without a column, and has an order."""

    function: str
    column: Column | None
    order: tuple[OrderBy, ...]
    at: At = field(compare=False)


@dataclass(frozen=True)
class Item:
    """`name` is the output column's: the alias, or else the last name of a column; '' for `*`."""

    name: str
    expression: Column | Call | Star


@dataclass(frozen=True)
class Select:
    """`into` is None inside WITH. A `window` is there if, and only if, there was a GROUP BY."""

    items: tuple[Item, ...]
    into: str | None
    source: str
    keys: tuple[Column, ...]
    window: Window | None
    at: At = field(compare=False)


@dataclass(frozen=True)
class Query:
    steps: tuple[tuple[str, Select], ...]
    statements: tuple[Select, ...]
