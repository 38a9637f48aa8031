"""Names that are likely to be mistakes. Without a check they would be columns that no event has, and so NULL.

Which columns an input's events have is not known before they come, so most of these are warnings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import suppress
from typing import Any

from ..expressions.comparison import TESTS
from ..language.syntax import Between, Binary, Call, Column, Hopping, In, Like, Select, TypedColumn
from ..language.tokens import QueryError
from ..language.tree import walk
from ..language.warned import Warned
from .scope import Scope, ScopedSource

Types = Mapping[str, Mapping[str, TypedColumn]]


def refuse_quoted_texts(select: Select, scope: Scope) -> None:
    """Raises `QueryError` for a name in double quotes on the right of a comparison, unless it is a known column."""
    for part in walk(select):
        for side in _right_sides(part):
            if isinstance(side, Column) and side.is_quoted and not scope.surely_has(side.names[0]):
                name = side.names[0]
                text = name.replace("'", "''")
                raise QueryError(f"\"{name}\" is a name: write '{text}' for a text, or [{name}] for a column", side.at)


def warnings(select: Select, scope: Scope, others: Set[str], types: Types) -> Iterator[Warned]:
    """Yield what is likely to be wrong in a SELECT that can be planned.

    `others` are the names of all inputs, steps and reference data, in lower case; `types` is as in `Graph`.
    """
    yield from _aliases(select, scope)
    yield from _strangers(select, scope, others)
    yield from _text_times(select, scope, types)
    for window in walk(select.windows):
        if isinstance(window, Hopping) and window.hop > window.duration:
            message = "the hop is longer than the window, so that some events are in no window; the window comes first"
            yield Warned.of(message, window.at)


def _right_sides(part: Any) -> Iterable[Any]:
    match part:
        case Binary(operator, _, right) if operator in TESTS:
            return (right,)
        case Like(_, pattern):
            return (pattern,)
        case In(_, choices):
            return choices
        case Between(_, low, high):
            return (low, high)
    return ()


def _aliases(select: Select, scope: Scope) -> Iterator[Warned]:
    """Yield columns of WHERE and GROUP BY that only SELECT seems to know. A column that an item reads may be there."""
    read = {name.lower() for part in walk(select.items) if isinstance(part, Column) for name in part.names[:2]}
    aliases = {item.name.lower() for item in select.items if item.has_alias} - read
    for part in walk((select.where, select.keys, select.windows)):
        if isinstance(part, Column) and part.names[0].lower() in aliases and not scope.surely_has(part.names[0]):
            name = part.names[0]
            message = (
                f"{name} is here a column of {scope.find(part)[0].alias}, and not what SELECT calls {name}: write the "
                "expression again, or name it in a step before"
            )
            yield Warned.of(message, part.at)


def _strangers(select: Select, scope: Scope, others: Set[str]) -> Iterator[Warned]:
    """Yield columns that begin with the name of an input or a step that is not in this FROM, or not by this name."""
    called = {source.name.lower(): source.alias for source in scope.sources}
    for part in walk(select):
        if not isinstance(part, Column) or len(part.names) == 1 or part.names[0].lower() not in others:
            continue
        name = part.names[0]
        if scope.source(name) is None and not scope.surely_has(name):
            alias = called.get(name.lower())
            how = f"has the name {alias} in" if alias else "is not in"
            with suppress(QueryError):  # it is refused where it is resolved
                alias = alias or scope.find(part)[0].alias
                message = f"{name} {how} this FROM, so that {part} is a property of {alias}'s column {name}"
                yield Warned.of(message, part.at)


def _text_times(select: Select, scope: Scope, types: Types) -> Iterator[Warned]:
    """Yield times that are text, where they are compared as times here and not in Stream Analytics."""
    sources = (select.source, *(join.source for join in select.joins))
    times = {
        _place(source.timestamp, Scope([ScopedSource(source.alias, None, name=source.name)]))
        for source in sources
        if isinstance(source.timestamp, Column)
    }
    calls = [part for part in walk(select) if isinstance(part, Call)]
    compared = [order.expression for call in calls if call.over for order in call.over.order_by]
    for column in (*compared, *(part for call in calls if call.function in ("MIN", "MAX") for part in call.arguments)):
        if isinstance(column, Column):
            input, name = place = _place(column, scope)
            typed = types.get(input, {}).get(name)
            if typed.type == "nvarchar" if typed else place in times:
                message = f"Stream Analytics wants CAST({column} AS datetime) here, since {column} is text"
                yield Warned.of(message, column.at)


def _place(column: Column, scope: Scope) -> tuple[str, str]:
    source, path = scope.find(column)
    return source.name.lower(), ".".join(path).lower()
