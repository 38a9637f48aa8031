"""Random queries of the whole language: any tree that the parser could return, with or without a meaning."""

from __future__ import annotations

from typing import Any, get_args

from hypothesis import strategies as st

from pipeline.windows.language.parser import own_name
from pipeline.windows.language.syntax import (
    Apply,
    Between,
    Binary,
    Call,
    Case,
    Cast,
    Column,
    Constant,
    Expression,
    Hopping,
    In,
    IsNull,
    Item,
    Join,
    Like,
    NamedWindow,
    OrderBy,
    Over,
    Property,
    Query,
    Select,
    Session,
    Sliding,
    Snapshot,
    Source,
    Star,
    Statement,
    Step,
    Table,
    Type,
    TypedColumn,
    Unary,
    Unit,
    Window,
)
from pipeline.windows.language.time_units import LONGEST, UNITS, WINDOW_UNITS
from pipeline.windows.language.tokens import At

AT = st.just(At(1, 1))
TYPES = get_args(Type)
MICROSECOND = WINDOW_UNITS["microsecond"]  # the shortest that can be written
DURATIONS = st.one_of(
    st.integers(1, LONGEST // MICROSECOND).map(lambda n: n * MICROSECOND), st.sampled_from(list(WINDOW_UNITS.values()))
)

words = st.sampled_from(
    ["a", "b", "Count", "timestamp", "partition", "limit", "CASE", "from", "N", "é", "\u0131s", "[x]"]
)
names = words | st.text(st.characters(exclude_characters="\n"), min_size=1, max_size=4)
columns = st.builds(Column, st.lists(names, min_size=1, max_size=3).map(tuple), AT)
constants = st.builds(
    Constant,
    st.none()
    | st.integers(0, 2**63 - 1)
    | st.just(-(2**63))
    | st.floats(0, allow_nan=False, allow_infinity=False).map(abs)
    | st.text(max_size=4),
    AT,
)
now = st.builds(Call, st.just("SYSTEM.TIMESTAMP"), st.just(()), st.just(False), st.none(), AT)


def several(values: st.SearchStrategy[Any], least: int = 0) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(values, min_size=least, max_size=3).map(tuple)


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


def calls(parts: st.SearchStrategy[Expression], overs: st.SearchStrategy[Over | None]) -> st.SearchStrategy[Expression]:
    functions = st.sampled_from(["SUM", "MAX", "LEFT", "UDF.SELECT", "SYSTEM.WINDOW", "LIMIT", "ÉA"])
    plain = st.builds(Call, functions, several(parts), st.just(False), overs, AT)
    distinct = st.builds(Call, functions, several(parts, 1), st.just(True), overs, AT)
    starred = st.builds(
        lambda name, more, over, at: Call(name, (Star((), at), *more), False, over, at),
        *(st.sampled_from(["COUNT", "LAG", "LAST"]), several(parts), overs, AT),
    )
    with_unit = st.builds(
        lambda name, unit, more, over, at: Call(name, (Unit(unit, at), *more), False, over, at),
        *(
            st.sampled_from(["DATEADD", "DATEDIFF", "DATEPART", "DATENAME"]),
            st.sampled_from(sorted(set(UNITS.values()))),
        ),
        *(several(parts), overs, AT),
    )
    is_first = st.builds(
        lambda unit, n, over, at: Call("ISFIRST", (Unit(unit, at), Constant(n, at)), False, over, at),
        *(st.sampled_from(sorted(WINDOW_UNITS)), st.integers(1, 7), overs, AT),
    )
    properties = st.builds(Property, plain, names, AT)
    return plain | distinct | starred | with_unit | is_first | properties | st.builds(Property, properties, names, AT)


def composed(parts: st.SearchStrategy[Expression], with_over: bool) -> st.SearchStrategy[Expression]:
    overs: st.SearchStrategy[Over | None] = st.none()
    if with_over:
        orders = several(st.builds(OrderBy, parts, st.booleans()))
        overs = maybe(st.builds(Over, several(parts), orders, maybe(DURATIONS), maybe(parts)))
    binary = st.sampled_from(["+", "-", "&", "|", "^", "*", "/", "%", "=", "<>", "<", "<=", ">", ">=", "AND", "OR"])
    return st.one_of(
        st.builds(Unary, st.sampled_from(["-", "+", "~", "NOT"]), parts, AT),
        st.builds(Binary, binary, parts, parts, AT),
        st.builds(Like, parts, parts, maybe(parts), st.booleans(), AT),
        st.builds(In, parts, several(parts, 1), st.booleans(), AT),
        st.builds(Between, parts, parts, parts, st.booleans(), AT),
        st.builds(IsNull, parts, st.booleans(), AT),
        st.builds(Case, maybe(parts), several(st.tuples(parts, parts), 1), maybe(parts), AT),
        st.builds(Cast, parts, st.sampled_from(TYPES), st.booleans(), AT),
        st.builds(Property, parts.filter(lambda part: not isinstance(part, Column)), names, AT),
        calls(parts, overs),
    )


# Strategies are made once, because hypothesis takes longer to make one than to draw from it. The composites hide their
# parts, which hypothesis would otherwise print by their names.
leaves = columns | constants | now
trees = st.recursive(leaves, lambda parts: composed(parts, with_over=True), max_leaves=8)
small = leaves | composed(leaves, with_over=True)
small_timestamps = leaves | composed(leaves, with_over=False)  # in TIMESTAMP BY, OVER does not belong to a function


@st.composite
def expressions(draw: st.DrawFn) -> Expression:
    return draw(trees)


@st.composite
def operands(draw: st.DrawFn) -> Expression:
    """Draw a small expression, for parts that a query has many of."""
    return draw(small)


@st.composite
def items(draw: st.DrawFn) -> Item:
    expression = draw(small)
    name = own_name(expression)
    return Item(draw(names) if name is None or draw(st.booleans()) else name, expression)


@st.composite
def sources(draw: st.DrawFn) -> Source:
    name = draw(names)
    timestamp = draw(maybe(small_timestamps))
    over = () if timestamp is None else draw(operand_lists)
    return Source(name, draw(st.just(name) | names), timestamp, over, draw(maybe(columns)), draw(AT))


@st.composite
def hoppings(draw: st.DrawFn) -> Hopping:
    duration = draw(DURATIONS)
    hop = draw(st.just(duration) | DURATIONS)
    return Hopping(duration, hop, draw(st.integers(0, hop // MICROSECOND - 1)) * MICROSECOND, draw(AT))


operand_lists = several(operands())
stars = st.builds(lambda star: Item("", star), st.builds(Star, several(names), AT))
item_lists = several(items() | stars, 1)
applied = st.builds(lambda name, at: Source(name, name, None, (), None, at), names, AT)
applies = st.builds(
    Apply, st.booleans(), st.sampled_from(["GETARRAYELEMENTS", "GETRECORDPROPERTIES"]), operands(), applied, AT
)
joins = several(st.builds(Join, st.sampled_from(["INNER", "LEFT"]), sources(), operands(), AT) | applies)
windows: st.SearchStrategy[Window] = st.one_of(
    hoppings(),
    st.builds(Sliding, DURATIONS, AT),
    st.builds(Session, DURATIONS, DURATIONS, operand_lists, AT),
    st.builds(Snapshot, AT),
)
ids = st.text(st.characters(codec="ascii"), max_size=4)
named = st.builds(NamedWindow, ids, windows)
unnamed = st.builds(NamedWindow, st.none(), windows)
window_sets = st.one_of(
    st.tuples(unnamed),
    several(unnamed, 2),
    st.lists(named, min_size=1, max_size=3, unique_by=lambda window: window.id.casefold()).map(tuple),
)
groups = st.just(((), ())) | st.tuples(operand_lists, window_sets)


@st.composite
def selects(draw: st.DrawFn) -> Select:
    keys, found = draw(groups)
    where, having = draw(maybe(operands())), draw(maybe(operands()))
    return Select(draw(item_lists), draw(sources()), draw(joins), where, keys, found, having, draw(AT))


unions = several(selects(), 1)
steps = several(st.builds(Step, names, unions, AT))
typed_columns = several(st.builds(TypedColumn, names, st.sampled_from(TYPES), AT), 1)
tables = several(st.builds(Table, names, typed_columns, AT))
statements = several(st.builds(Statement, steps, st.just("output") | names, unions, AT), 1)


@st.composite
def queries(draw: st.DrawFn) -> Query:
    return Query(draw(statements), draw(tables))
