"""Makes the aggregate of a call in the query."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from ...functions import FUNCTIONS
from ...language.refusals import check_arguments
from ...language.syntax import Call, Cast, Constant, Expression, Star
from ...language.tokens import QueryError
from ...row import Computed
from .base import Aggregate
from .count import Count, CountDistinct
from .extremes import Maximum, Minimum
from .percentile import PercentileCont, PercentileDisc
from .sums import Average, Deviation, Sum
from .top import Collect, CollectTop, TopOne

Compile = Callable[[Expression], Computed]


Make = Callable[[Call, Compile], Aggregate]


def aggregate(call: Call, compile: Compile) -> Aggregate:
    """Return the aggregate of a call in a SELECT with GROUP BY. Raises `QueryError`."""
    name, function, over = call.function, FUNCTIONS[call.function], call.over
    if call.distinct and not function.distinct:
        raise QueryError(f"{name} takes no DISTINCT", call.at)
    if over is not None and (over.partition_by or over.when is not None or over.limit is not None):
        raise QueryError(
            f"{name} OVER (PARTITION BY, LIMIT DURATION, WHEN) is analytic, and not allowed with GROUP BY", call.at
        )
    if function.ordered and (over is None or not over.order_by):
        raise QueryError(f"{name} needs OVER (ORDER BY ...)", call.at)
    if over is not None and not function.ordered:
        raise QueryError(f"{name} takes no OVER with GROUP BY", call.at)
    check_arguments(call)
    return AGGREGATES[name](call, compile)


def _count(call: Call, compile: Compile) -> Aggregate:
    of = _optional(call, compile, 0)
    if not call.distinct:
        return Count(of)
    if of is None:
        raise QueryError("COUNT(DISTINCT) takes an expression", call.at)
    return CountDistinct(of.evaluate)


def _extreme(kind: type[Maximum]) -> Make:
    def make(call: Call, compile: Compile) -> Aggregate:
        argument = _one(call)
        return kind(compile(argument), of_text=isinstance(argument, Cast) and argument.type == "nvarchar")

    return make


def _of_number(kind: Callable[[Computed, str], Aggregate]) -> Make:
    """Return what makes an aggregate of one number. `kind` is also given the function's name, for its errors."""
    return lambda call, compile: kind(compile(_one(call)), call.function)


def _top_one(call: Call, compile: Compile) -> Aggregate:
    return TopOne(_order(call, compile), _optional(call, compile, 0))


def _collect_top(call: Call, compile: Compile) -> Aggregate:
    count = call.arguments[0] if call.arguments else None
    if not isinstance(count, Constant) or type(count.value) is not int or count.value < 1:
        raise QueryError("COLLECTTOP takes a number of rows first, 1 or more", call.at)
    return CollectTop(count.value, _order(call, compile), _optional(call, compile, 1))


def _collect(call: Call, compile: Compile) -> Aggregate:
    of = _optional(call, compile, 0)
    return Collect(None if of is None else of.evaluate)


def _percentile(kind: type[PercentileCont]) -> Make:
    def make(call: Call, compile: Compile) -> Aggregate:
        share = _one(call)
        if not isinstance(share, Constant) or not isinstance(share.value, int | float) or not 0 <= share.value <= 1:
            raise QueryError(f"{call.function} takes a number from 0 to 1", call.at)
        assert call.over is not None
        if len(call.over.order_by) != 1:
            raise QueryError(f"{call.function} takes one column in ORDER BY", call.at)
        order = call.over.order_by[0]
        exact = Fraction(str(share.value))  # the decimal as it was written, not the float nearest to it
        return kind(exact, compile(order.expression).evaluate, order.descending)

    return make


def _order(call: Call, compile: Compile) -> list[tuple[Computed, bool]]:
    assert call.over is not None
    return [(compile(order.expression), order.descending) for order in call.over.order_by]


def _one(call: Call) -> Expression:
    (argument,) = call.arguments
    assert not isinstance(argument, Star)
    return argument


def _optional(call: Call, compile: Compile, place: int) -> Computed | None:
    """Compile the argument at `place`. Returns None, for the whole row, if it is left out or a star."""
    argument = call.arguments[place] if len(call.arguments) > place else None
    return None if argument is None or isinstance(argument, Star) else compile(argument)


AGGREGATES: dict[str, Make] = {
    "COUNT": _count,
    "SUM": _of_number(Sum),
    "AVG": _of_number(Average),
    "MAX": _extreme(Maximum),
    "MIN": _extreme(Minimum),
    "STDEV": _of_number(lambda of, name: Deviation(of, name, sample=True, root=True)),
    "STDEVP": _of_number(lambda of, name: Deviation(of, name, sample=False, root=True)),
    "VAR": _of_number(lambda of, name: Deviation(of, name, sample=True, root=False)),
    "VARP": _of_number(lambda of, name: Deviation(of, name, sample=False, root=False)),
    "COLLECT": _collect,
    "TOPONE": _top_one,
    "COLLECTTOP": _collect_top,
    "PERCENTILE_CONT": _percentile(PercentileCont),
    "PERCENTILE_DISC": _percentile(PercentileDisc),
}
"""The function that makes the aggregate of a call, by its name in upper case. The arguments are checked before."""
