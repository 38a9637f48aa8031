"""Functions of a row and those before it: LAG, LAST, ISFIRST, and aggregates OVER (LIMIT DURATION(...))."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from typing import Any

from ..functions import FUNCTIONS
from ..language.refusals import check_arguments
from ..language.syntax import Call, Constant, Expression, Over, Star, Unit
from ..language.time_units import WINDOW_UNITS
from ..language.tokens import QueryError
from ..language.values import RowError
from ..row import Changes, Evaluate, Row, computed
from .aggregates import aggregate
from .faults import ROW, Faults
from .groups import grouping
from .history import Among, History, IsFirst, Lag, Moving
from .operator import Waiting
from .ordered import Ordered

Make = Callable[[str], History]
"""Makes a new, empty history of a function. Takes the prefix of its fields' names."""

Compile = Callable[[Expression], Evaluate]


class AnalyticFunctions:
    """An operator that computes analytic functions. Gives Row((row, *values)), by time and arrival, before any WHERE.

    A row for which a function fails is left out of the output. If computing an argument failed, no function remembers
    the row; else the other functions do.

    Fields: rows:N (changelog.py), and those of function n, which begin with `n:`.
    """

    def __init__(self, analytics: Sequence[Make], faults: Faults) -> None:
        self._histories = [make(str(place)) for place, make in enumerate(analytics)]
        self._faults = faults
        self._waiting = Ordered("rows")

    def feed(self, port: int, rows: Sequence[Row]) -> None:
        self._waiting.add(rows)

    def due(self) -> int | None:
        return self._waiting.due()

    def advance(self, to: int) -> list[Row]:
        out = []
        for row in self._waiting.take_until(to):
            try:
                out.append(self._with_values(row))
            except RowError as exc:
                self._faults.report(ROW, exc, row)
        for history in self._histories:
            history.expire(to)
        return out

    def waiting(self) -> list[Waiting]:
        due = self.due()
        return [] if due is None else [Waiting(due, len(self._waiting), 0)]

    def snapshot(self) -> Changes:
        return chain(self._waiting.snapshot(), *(history.snapshot() for history in self._histories))

    def restore(self, fields: Mapping[str, bytes], closed: int) -> None:
        self._waiting.restore(fields, closed)
        for history in self._histories:
            history.restore(fields, closed)

    def _with_values(self, row: Row) -> Row:
        parts = [history.read(row) for history in self._histories]
        values: list[Any] = []
        try:
            for history, part in zip(self._histories, parts, strict=True):
                values.append(history.take(row, part))
        except RowError:
            self._take_rest(row, parts, len(values) + 1)
            raise
        return Row((row, *values), row.time, row.arrival)

    def _take_rest(self, row: Row, parts: Sequence[Any], start: int) -> None:
        """Let the functions from `start` on, those after the one that failed, remember the row."""
        for history, part in zip(self._histories[start:], parts[start:], strict=True):
            with suppress(RowError):
                history.take(row, part)


def analytic(call: Call, compile: Compile, condition: Compile) -> Make:
    """Return what makes the history of an analytic function, or of an aggregate with a limit. Raises `QueryError`.

    `condition` compiles the condition of WHEN.
    """
    over = call.over or Over()
    if call.distinct:
        raise QueryError(f"{call.function} OVER takes no DISTINCT", call.at)
    when = None if over.when is None else condition(over.when)
    among = Among(grouping([compile(key) for key in over.partition_by]), when)
    if call.function in ANALYTIC:
        check_arguments(call)
        return ANALYTIC[call.function](call, over, among, compile)
    return _moving(call, over, among, compile)


def _is_first(call: Call, over: Over, among: Among, compile: Compile) -> Make:
    if over.order_by or over.limit is not None:
        raise QueryError("ISFIRST takes OVER ([PARTITION BY ...] [WHEN ...])", call.at)
    match call.arguments:  # the parser makes sure of these
        case (Unit(name=unit), Constant(value=int(count))):
            return lambda name: IsFirst(name, among, count * WINDOW_UNITS[unit])
    raise QueryError("ISFIRST takes a unit and a number: ISFIRST(minute, 10)", call.at)


def _lag(call: Call, over: Over, among: Among, compile: Compile) -> Make:
    """LAG, and LAST, which is LAG with an offset of 0."""
    limit = _limit(call, over)
    if over.order_by:
        raise QueryError(f"{call.function} takes no ORDER BY: it goes by time", call.at)
    first, *rest = call.arguments
    of = None if isinstance(first, Star) else compile(first)
    offset = 0 if call.function == "LAST" else _offset(rest.pop(0), call) if rest else 1
    default = compile(rest[0]) if rest and not isinstance(rest[0], Star) else None
    return lambda name: Lag(name, among, of, offset, default, limit)


def _offset(argument: Expression | Star, call: Call) -> int:
    if not isinstance(argument, Constant) or type(argument.value) is not int or argument.value < 1:
        raise QueryError("LAG takes as its offset a number, 1 or more", call.at)
    return argument.value


def _moving(call: Call, over: Over, among: Among, compile: Compile) -> Make:
    limit = _limit(call, over)
    if not FUNCTIONS[call.function].moving:
        raise QueryError(f"{call.function} takes no LIMIT DURATION", call.at)
    plain = replace(call, over=Over(order_by=over.order_by) if over.order_by else None)
    function = aggregate(plain, lambda expression: computed(compile(expression)))
    return lambda name: Moving(name, among, function, limit)


def _limit(call: Call, over: Over) -> int:
    if over.limit is None:
        raise QueryError(f"{call.function} needs OVER (LIMIT DURATION(...))", call.at)
    return over.limit


ANALYTIC: dict[str, Callable[[Call, Over, Among, Compile], Make]] = {
    "LAG": _lag,
    "LAST": _lag,
    "ISFIRST": _is_first,
}
"""The function that makes the `Make` of a call, by its name in upper case. The arguments are checked before."""
