"""From a call in the query to its aggregate."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from ...language.syntax import Call, Cast, Constant, Expression, Star
from ...language.tokens import QueryError
from ...row import Evaluate
from .base import Aggregate
from .collect import Collect
from .count import Count, CountDistinct
from .deviation import Deviation
from .extremes import Maximum, Minimum
from .percentile import PercentileCont, PercentileDisc
from .sums import Average, Sum
from .top import CollectTop, TopOne

Compile = Callable[[Expression], Evaluate]


def aggregate(call: Call, compile: Compile) -> Aggregate:
    """Return the aggregate that a call names, for one of `AGGREGATES`. Raises `QueryError`."""
    make, ordered = _FUNCTIONS[call.function]
    if call.distinct and call.function != "COUNT":
        raise QueryError(f"{call.function} takes no DISTINCT, only COUNT does", call.at)
    if call.over is not None and (call.over.partition_by or call.over.when is not None or call.over.limit is not None):
        raise QueryError(
            f"{call.function} OVER (PARTITION BY, LIMIT DURATION, WHEN) is analytic, and stands without GROUP BY",
            call.at,
        )
    if ordered and (call.over is None or not call.over.order_by):
        raise QueryError(f"{call.function} needs OVER (ORDER BY ...)", call.at)
    if call.over is not None and not ordered:
        raise QueryError(f"{call.function} takes no OVER beside GROUP BY", call.at)
    return make(call, compile)


def _count(call: Call, compile: Compile) -> Aggregate:
    if not call.arguments or isinstance(call.arguments[0], Star):
        _refuse_more(call, 1)
        if call.distinct:
            raise QueryError("COUNT(DISTINCT) takes an expression", call.at)
        return Count(None)
    of = compile(_one(call))
    return CountDistinct(of) if call.distinct else Count(of)


def _extreme(kind: type[Maximum]) -> Callable[[Call, Compile], Aggregate]:
    def make(call: Call, compile: Compile) -> Aggregate:
        argument = _one(call)
        return kind(compile(argument), of_text=isinstance(argument, Cast) and argument.type == "nvarchar")

    return make


def _of_one(kind: Callable[[Evaluate], Aggregate]) -> Callable[[Call, Compile], Aggregate]:
    return lambda call, compile: kind(compile(_one(call)))


def _top_one(call: Call, compile: Compile) -> Aggregate:
    return TopOne(_order(call, compile), _maybe(call, compile, 0))


def _collect_top(call: Call, compile: Compile) -> Aggregate:
    count = call.arguments[0] if call.arguments else None
    if not isinstance(count, Constant) or type(count.value) is not int or count.value < 1:
        raise QueryError("COLLECTTOP takes a number of rows first, 1 or more", call.at)
    return CollectTop(count.value, _order(call, compile), _maybe(call, compile, 1))


def _collect(call: Call, compile: Compile) -> Aggregate:
    return Collect(_maybe(call, compile, 0))


def _percentile(kind: type[PercentileCont]) -> Callable[[Call, Compile], Aggregate]:
    def make(call: Call, compile: Compile) -> Aggregate:
        share = _one(call)
        if not isinstance(share, Constant) or not isinstance(share.value, int | float) or not 0 <= share.value <= 1:
            raise QueryError(f"{call.function} takes a number from 0 to 1", call.at)
        assert call.over is not None
        if len(call.over.order_by) != 1:
            raise QueryError(f"{call.function} takes one column in ORDER BY", call.at)
        order = call.over.order_by[0]
        exact = Fraction(str(share.value))  # as it was written: 0.07 is not the float next to it
        return kind(exact, compile(order.expression), order.descending)

    return make


def _order(call: Call, compile: Compile) -> list[tuple[Evaluate, bool]]:
    assert call.over is not None
    return [(compile(order.expression), order.descending) for order in call.over.order_by]


def _one(call: Call) -> Expression:
    if len(call.arguments) != 1 or isinstance(call.arguments[0], Star):
        raise QueryError(f"{call.function} takes one expression", call.at)
    return call.arguments[0]


def _maybe(call: Call, compile: Compile, place: int) -> Evaluate | None:
    """Compile the last argument, which may be left out, or be `*`: then it is the whole row."""
    _refuse_more(call, place + 1)
    argument = call.arguments[place] if len(call.arguments) > place else None
    return None if argument is None or isinstance(argument, Star) else compile(argument)


def _refuse_more(call: Call, most: int) -> None:
    if len(call.arguments) > most:
        raise QueryError(f"{call.function} takes at most {most} argument{'s' if most > 1 else ''}", call.at)


_FUNCTIONS: dict[str, tuple[Callable[[Call, Compile], Aggregate], bool]] = {  # and whether it takes ORDER BY
    "COUNT": (_count, False),
    "SUM": (_of_one(Sum), False),
    "AVG": (_of_one(Average), False),
    "MAX": (_extreme(Maximum), False),
    "MIN": (_extreme(Minimum), False),
    "STDEV": (_of_one(lambda of: Deviation(of, sample=True, root=True)), False),
    "STDEVP": (_of_one(lambda of: Deviation(of, sample=False, root=True)), False),
    "VAR": (_of_one(lambda of: Deviation(of, sample=True, root=False)), False),
    "VARP": (_of_one(lambda of: Deviation(of, sample=False, root=False)), False),
    "COLLECT": (_collect, False),
    "TOPONE": (_top_one, True),
    "COLLECTTOP": (_collect_top, True),
    "PERCENTILE_CONT": (_percentile(PercentileCont), True),
    "PERCENTILE_DISC": (_percentile(PercentileDisc), True),
}

AGGREGATES = frozenset(_FUNCTIONS)
