"""A query as values: parser.py makes them of the text, and the planner resolves their names.

Places (`at`) are for messages: values that differ only in their places are equal. Lengths of time are in ticks
(ticks.py). Names are kept as they were written; whoever compares them must ignore their case.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from .tokens import At

Type = Literal["bigint", "float", "nvarchar", "datetime", "bit", "record", "array"]
"""A type, in lower case and without a length: nvarchar(max) is nvarchar."""


@dataclass(frozen=True)
class Constant:
    """A literal: NULL, a bigint, a float or a text. 1 and 1.0 are different constants, since their types differ."""

    value: int | float | str | None
    at: At = field(compare=False)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constant) and type(self.value) is type(other.value) and self.value == other.value

    def __hash__(self) -> int:
        return hash((type(self.value), self.value))


@dataclass(frozen=True)
class Column:
    """`a.b.c`: a column, maybe after its source's name, and properties of records to any depth.

    `is_quoted`: it is one name in double quotes, which somebody may have meant as a text.
    """

    names: tuple[str, ...]
    at: At = field(compare=False)
    is_quoted: bool = field(default=False, compare=False, kw_only=True)

    def __str__(self) -> str:
        return ".".join(self.names)


@dataclass(frozen=True)
class Star:
    """`*`, or `names.*` of a source or a record. It is an item of SELECT; COUNT, LAG and LAST also take `*`."""

    names: tuple[str, ...]
    at: At = field(compare=False)


@dataclass(frozen=True)
class Property:
    """`operand.name` where the operand is no column: System.Window().Id, GetArrayElement(a, 0).b, (a + b).c."""

    operand: Expression
    name: str
    at: At = field(compare=False)


@dataclass(frozen=True)
class Unary:
    operator: Literal["-", "+", "~", "NOT"]
    operand: Expression
    at: At = field(compare=False)


@dataclass(frozen=True)
class Binary:
    """`operator` of `!=` is `<>`."""

    operator: Literal["+", "-", "&", "|", "^", "*", "/", "%", "=", "<>", "<", "<=", ">", ">=", "AND", "OR"]
    left: Expression
    right: Expression
    at: At = field(compare=False)


@dataclass(frozen=True)
class Like:
    """operand [NOT] LIKE pattern [ESCAPE escape]."""

    operand: Expression
    pattern: Expression
    escape: Expression | None
    negated: bool
    at: At = field(compare=False)


@dataclass(frozen=True)
class In:
    operand: Expression
    choices: tuple[Expression, ...]
    negated: bool
    at: At = field(compare=False)


@dataclass(frozen=True)
class Between:
    operand: Expression
    low: Expression
    high: Expression
    negated: bool
    at: At = field(compare=False)


@dataclass(frozen=True)
class IsNull:
    operand: Expression
    negated: bool
    at: At = field(compare=False)


@dataclass(frozen=True)
class Case:
    """CASE [operand] WHEN ... THEN ... {WHEN ...} [ELSE default] END."""

    operand: Expression | None
    branches: tuple[tuple[Expression, Expression], ...]
    default: Expression | None
    at: At = field(compare=False)


@dataclass(frozen=True)
class Cast:
    """CAST or TRY_CAST."""

    operand: Expression
    type: Type
    is_try: bool
    at: At = field(compare=False)


@dataclass(frozen=True)
class Unit:
    """A unit of time as a function's argument: DATEADD(minute, 5, t).

    `name` is the long name of a unit of time_units.py, in lower case.
    """

    name: str
    at: At = field(compare=False)


@dataclass(frozen=True)
class OrderBy:
    """One expression of an ORDER BY; ascending is the default."""

    expression: Expression
    descending: bool


@dataclass(frozen=True)
class Over:
    """OVER ([PARTITION BY ...] [ORDER BY ...] [LIMIT DURATION(unit, n)] [WHEN ...]). `limit` is in ticks."""

    partition_by: tuple[Expression, ...] = ()
    order_by: tuple[OrderBy, ...] = ()
    limit: int | None = None
    when: Expression | None = None


@dataclass(frozen=True)
class Call:
    """A call of a function. The parser takes any name; windows/functions.py has the kinds of those that exist.

    `function` is in upper case, its names joined by dots: SYSTEM.TIMESTAMP, UDF.X. ISFIRST(minute, 10) has a `Unit`
    and a `Constant` as arguments.
    """

    function: str
    arguments: tuple[Expression | Star, ...]
    distinct: bool
    over: Over | None
    at: At = field(compare=False)


Expression = Constant | Column | Property | Unary | Binary | Like | In | Between | IsNull | Case | Cast | Unit | Call


@dataclass(frozen=True)
class Item:
    """One item of SELECT. `name` is the alias, or the name that the item gets without one; '' for a `Star`.

    `has_alias`: the query writes the name.
    """

    name: str
    expression: Expression | Star
    has_alias: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class Hopping:
    """A hopping window; a tumbling window is one whose `hop` is its `duration`."""

    duration: int
    hop: int
    offset: int
    at: At = field(compare=False)


@dataclass(frozen=True)
class Sliding:
    """A sliding window. `duration` is in ticks."""

    duration: int
    at: At = field(compare=False)


@dataclass(frozen=True)
class Session:
    """A session window. `timeout` and `max_duration` are in ticks; `partition_by` is empty without OVER."""

    timeout: int
    max_duration: int
    partition_by: tuple[Expression, ...]
    at: At = field(compare=False)


@dataclass(frozen=True)
class Snapshot:
    """System.Timestamp() as a member of Windows(), or as the only window of a GROUP BY."""

    at: At = field(compare=False)


Window = Hopping | Sliding | Session | Snapshot


@dataclass(frozen=True)
class NamedWindow:
    """`id` is None outside Windows(Window('id', ...))."""

    id: str | None
    window: Window


@dataclass(frozen=True)
class Source:
    """One name after FROM or JOIN. `alias` is the name itself if the query gives no alias.

    `timestamp` and `over` are TIMESTAMP BY expr OVER key, key; `over` is empty without OVER. `partition_by` is
    PARTITION BY column. INTO n after that is read, but not kept: it is a hint only.
    """

    name: str
    alias: str
    timestamp: Expression | None
    over: tuple[Expression, ...]
    partition_by: Column | None
    at: At = field(compare=False)


@dataclass(frozen=True)
class Join:
    kind: Literal["INNER", "LEFT"]
    source: Source
    on: Expression
    at: At = field(compare=False)


@dataclass(frozen=True)
class Apply:
    """CROSS APPLY function(of) AS name, or OUTER APPLY: a row for each element of an array, or property of a record.

    `function` is in upper case. `source` has nothing but the name.
    """

    is_outer: bool
    function: str
    of: Expression
    source: Source
    at: At = field(compare=False)


@dataclass(frozen=True)
class Select:
    """`keys` are the expressions of GROUP BY in their order, without its window.

    `windows` is empty without GROUP BY, and has several members with Windows(). In GROUP BY a, System.Timestamp() the
    window is a `Snapshot`; beside another window, System.Timestamp() is one of the keys.
    """

    items: tuple[Item, ...]
    source: Source
    joins: tuple[Join | Apply, ...]
    where: Expression | None
    keys: tuple[Expression, ...]
    windows: tuple[NamedWindow, ...]
    having: Expression | None
    at: At = field(compare=False)


@dataclass(frozen=True)
class Step:
    """WITH name AS (select UNION select ...)."""

    name: str
    selects: tuple[Select, ...]
    at: At = field(compare=False)


@dataclass(frozen=True)
class Statement:
    """WITH steps, SELECT ... INTO into ... UNION ... .

    INTO is written in the first SELECT; without it, `into` is "output".
    """

    steps: tuple[Step, ...]
    into: str
    selects: tuple[Select, ...]
    at: At = field(compare=False)


@dataclass(frozen=True)
class TypedColumn:
    name: str
    type: Type
    at: At = field(compare=False)


@dataclass(frozen=True)
class Table:
    """CREATE TABLE input ( columns ): the types that columns of an input have."""

    input: str
    columns: tuple[TypedColumn, ...]
    at: At = field(compare=False)


@dataclass(frozen=True)
class Query:
    """At least one statement. A step can be read in its statement and in those after it."""

    statements: tuple[Statement, ...]
    tables: tuple[Table, ...] = ()
