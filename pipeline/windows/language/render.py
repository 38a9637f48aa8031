"""Writes a query as text: `parse(render(query)) == query`. Texts of one meaning give the same, except for their names.

Keywords are in upper case, words are separated by one space, and parentheses are written only where they are needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..functions import CAST, FUNCTIONS, TIMESTAMP, TRY_CAST
from . import syntax
from .parser import DEFAULT_OUTPUT, own_name
from .time_units import LIMIT_UNITS, WINDOW_UNITS
from .token_reader import KEYWORD_BEFORE, RESERVED
from .tokens import upper

_OR, _AND, _NOT, _PREDICATE, _SUM, _PRODUCT, _SIGN, _OPERAND = range(8)
_STRENGTHS = {"OR": _OR, "AND": _AND, **dict.fromkeys("+-&|^", _SUM), **dict.fromkeys("*/%", _PRODUCT)}


def render(query: syntax.Query) -> str:
    """Return a text of the query, with a line for each table, step and statement."""
    tables = [f"CREATE TABLE {_name(table.input)} ({_list(map(_typed, table.columns))});" for table in query.tables]
    return "\n".join([*tables, *map(_statement, query.statements)])


def render_expression(expression: syntax.Expression | syntax.Star) -> str:
    """Return a text that the parser reads as this expression, or as this star. It has no parentheses around it."""
    return _expression(expression, _OR)


def _typed(column: syntax.TypedColumn) -> str:
    return f"{_name(column.name)} {_type(column.type)}"


def _type(name: syntax.Type) -> str:
    return "nvarchar(max)" if name == "nvarchar" else name


def _statement(statement: syntax.Statement) -> str:
    lines = [f"{_name(step.name)} AS ({' UNION '.join(map(_select, step.selects))})" for step in statement.steps]
    steps = f"WITH {', '.join(lines)}\n" if lines else ""
    into = "" if statement.into == DEFAULT_OUTPUT else f" INTO {_name(statement.into)}"
    first, *others = statement.selects
    return steps + " UNION ".join([_select(first, into), *map(_select, others)])


def _select(select: syntax.Select, into: str = "") -> str:
    text = f"SELECT {_list(map(_item, select.items))}{into} FROM {_source(select.source)}"
    text += "".join(map(_join, select.joins))
    if select.where is not None:
        text += f" WHERE {render_expression(select.where)}"
    if select.windows:
        text += f" GROUP BY {_list([*map(render_expression, select.keys), _windows(select.windows)])}"
    if select.having is not None:
        text += f" HAVING {render_expression(select.having)}"
    return text


def _item(item: syntax.Item) -> str:
    strength, text = _operation(item.expression)
    if isinstance(item.expression, syntax.Star) or own_name(item.expression) == item.name:
        return text
    if strength < _SUM:  # an item "a = b" means b with the name a; parentheses might exceed the levels allowed
        return f"{_name(item.name)} = {text}"
    return f"{text} AS {_name(item.name)}"


def _source(source: syntax.Source) -> str:
    text = _name(source.name)
    if source.alias != source.name:
        text += f" AS {_name(source.alias)}"
    if source.timestamp is not None:
        text += f" TIMESTAMP BY {render_expression(source.timestamp)}"
    if source.over:
        text += f" OVER {_expressions(source.over)}"
    if source.partition_by is not None:
        text += f" PARTITION BY {render_expression(source.partition_by)}"
    return text


def _join(join: syntax.Join | syntax.Apply) -> str:
    if isinstance(join, syntax.Apply):
        kind = "OUTER" if join.is_outer else "CROSS"
        return (
            f" {kind} APPLY {FUNCTIONS[join.function].name}({render_expression(join.of)}) AS {_name(join.source.name)}"
        )
    return f" {join.kind} JOIN {_source(join.source)} ON {render_expression(join.on)}"


# Windows


def _windows(windows: tuple[syntax.NamedWindow, ...]) -> str:
    if len(windows) == 1 and windows[0].id is None:
        return _window(windows[0].window)
    return f"Windows({_list(map(_member, windows))})"


def _member(member: syntax.NamedWindow) -> str:
    return _window(member.window) if member.id is None else f"Window({_text(member.id)}, {_window(member.window)})"


def _window(window: syntax.Window) -> str:
    match window:
        case syntax.Snapshot():
            return f"{FUNCTIONS[TIMESTAMP].name}()"
        case syntax.Sliding(duration):
            return f"SlidingWindow(Duration({_span(duration)}))"
        case syntax.Session(timeout, max_duration, keys):
            over = f" OVER (PARTITION BY {_expressions(keys)})" if keys else ""
            return f"SessionWindow(Timeout({_span(timeout)}), MaxDuration({_span(max_duration)})){over}"
        case syntax.Hopping(duration, hop, offset):
            after = f", Offset({_span(offset)})" if offset else ""
            if duration == hop:
                return f"TumblingWindow(Duration({_span(duration)}){after})"
            return f"HoppingWindow(Duration({_span(duration)}), Hop({_span(hop)}){after})"


def _span(ticks: int, units: dict[str, int] = WINDOW_UNITS) -> str:
    """Return the largest unit of which `ticks` are a multiple, and the number of units."""
    unit = [unit for unit, length in units.items() if ticks % length == 0][0]  # noqa: RUF015
    return f"{unit}, {ticks // units[unit]}"


# Expressions


def _expression(expression: syntax.Expression | syntax.Star, strength: int) -> str:
    """Return the text, in parentheses if its operator is weaker than `strength`."""
    own, text = _operation(expression)
    return text if own >= strength else f"({text})"


def _operation(expression: syntax.Expression | syntax.Star) -> tuple[int, str]:
    match expression:
        case syntax.Binary(operator, left, right):
            own = _STRENGTHS.get(operator, _PREDICATE)
            at_left = _SUM if own == _PREDICATE else own  # a < b < c has no meaning
            return own, f"{_expression(left, at_left)} {operator} {_expression(right, own + 1)}"
        case syntax.Unary("NOT", operand):
            return _NOT, f"NOT {_expression(operand, _NOT)}"
        case syntax.Unary(operator, operand):
            text = _expression(operand, _SIGN)
            return _SIGN, f"{operator} {text}" if text[0] in "-+" else operator + text  # -- is a comment
        case syntax.Like(operand, pattern, escape, negated):
            end = "" if escape is None else f" ESCAPE {_expression(escape, _SUM)}"
            return _predicate(operand, negated, f"LIKE {_expression(pattern, _SUM)}{end}")
        case syntax.Between(operand, low, high, negated):
            return _predicate(operand, negated, f"BETWEEN {_expression(low, _SUM)} AND {_expression(high, _SUM)}")
        case syntax.In(operand, choices, negated):
            return _predicate(operand, negated, f"IN ({_expressions(choices)})")
        case syntax.IsNull(operand, negated):
            return _PREDICATE, f"{_expression(operand, _SUM)} IS {'NOT ' if negated else ''}NULL"
    return _OPERAND, _operand(expression)


def _predicate(operand: syntax.Expression, negated: bool, rest: str) -> tuple[int, str]:
    return _PREDICATE, f"{_expression(operand, _SUM)} {'NOT ' if negated else ''}{rest}"


def _operand(expression: syntax.Expression | syntax.Star) -> str:
    match expression:
        case syntax.Constant(value):
            return _constant(value)
        case syntax.Column(names):
            return _column(names)
        case syntax.Star(names):
            return ".".join([*map(_name, names), "*"])
        case syntax.Unit(name):
            return name
        case syntax.Property(operand, name):
            text = render_expression(operand)
            is_operand = isinstance(operand, syntax.Call | syntax.Cast | syntax.Property)
            return f"{text if is_operand else f'({text})'}.{_name(name)}"
        case syntax.Case():
            return _case(expression)
        case syntax.Cast(operand, type, is_try):
            return f"{TRY_CAST if is_try else CAST}({render_expression(operand)} AS {_type(type)})"
        case syntax.Call(function, arguments, distinct, over):
            before, after = "DISTINCT " if distinct else "", "" if over is None else f" OVER ({_over(over)})"
            return f"{function}({before}{_expressions(arguments)}){after}"
    raise TypeError(f"{expression!r} is not an expression")


def _case(case: syntax.Case) -> str:
    words = ["CASE", *_given("", case.operand)]
    for condition, value in case.branches:
        words += ["WHEN", render_expression(condition), "THEN", render_expression(value)]
    return " ".join([*words, *_given("ELSE ", case.default), "END"])


def _over(over: syntax.Over) -> str:
    clauses = [f"PARTITION BY {_expressions(over.partition_by)}"] if over.partition_by else []
    if over.order_by:
        clauses.append(f"ORDER BY {_list(map(_order_by, over.order_by))}")
    if over.limit is not None:
        clauses.append(f"LIMIT DURATION({_span(over.limit, LIMIT_UNITS)})")
    return " ".join([*clauses, *_given("WHEN ", over.when)])


def _order_by(order: syntax.OrderBy) -> str:
    return render_expression(order.expression) + (" DESC" if order.descending else "")


def _given(before: str, expression: syntax.Expression | None) -> list[str]:
    return [] if expression is None else [before + render_expression(expression)]


def _constant(value: int | float | str | None) -> str:
    if value is None:
        return "NULL"
    return _text(value) if isinstance(value, str) else repr(value)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _column(names: tuple[str, ...]) -> str:
    if upper(".".join(names)) == TIMESTAMP:
        return ".".join(f"[{name}]" for name in names)  # without brackets it is the function
    return ".".join(map(_name, names))


def _name(name: str) -> str:
    is_word = re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII)
    if is_word and upper(name) not in RESERVED and upper(name) not in KEYWORD_BEFORE:
        return name
    return f"[{name.replace(']', ']]')}]"


def _expressions(expressions: Iterable[syntax.Expression | syntax.Star]) -> str:
    return _list(map(render_expression, expressions))


def _list(texts: Iterable[str]) -> str:
    return ", ".join(texts)
