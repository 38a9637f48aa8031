from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.windows.expressions.closures import compile_condition, compile_expression
from pipeline.windows.language.parser import parse
from pipeline.windows.language.syntax import Call, Column
from pipeline.windows.language.ticks import TICKS_PER_SECOND
from pipeline.windows.language.tokens import QueryError
from pipeline.windows.language.values import Datetime
from pipeline.windows.operators.analytic import AnalyticFunctions, Make, analytic
from pipeline.windows.operators.faults import ROW, Faults
from pipeline.windows.row import Evaluate, Row

from ..support.feeding import run

UNTIL = 150


class Scope:
    def column(self, column: Column) -> Evaluate:
        (name,) = column.names
        return lambda row: row.columns.get(name)

    def call(self, call: Call) -> Evaluate | None:
        return (lambda row: Datetime(row.time)) if call.function == "SYSTEM.TIMESTAMP" else None


@cache
def function(text: str) -> Make:
    (statement,) = parse(f"SELECT x = {text} FROM input").statements
    call = statement.selects[0].items[0].expression
    assert isinstance(call, Call)
    return analytic(
        call,
        lambda expression: compile_expression(expression, Scope()),
        lambda expression: compile_condition(expression, Scope()),
    )


def operator(*texts: str, counts: Counter[str] | None = None) -> AnalyticFunctions:
    return AnalyticFunctions([function(text) for text in texts], Faults("job", Counter() if counts is None else counts))


def rows(*events: tuple[float, Any]) -> list[Row]:
    """Make rows of events; each is a time in seconds, and a record or the value of `v`."""
    return [
        Row(event if isinstance(event, dict) else {"v": event}, round(second * TICKS_PER_SECOND), (0, number, 0))
        for number, (second, event) in enumerate(events)
    ]


def values(text: str, given_rows: Iterable[Row]) -> list[Any]:
    one = operator(text)
    one.feed(0, list(given_rows))
    return [row.columns[1] for row in one.advance(10**9 * TICKS_PER_SECOND)]


def minutes(*times: str) -> list[int]:
    return [int(minute) * 60 + int(second) for minute, second in (time.split(":") for time in times)]


# Microsoft's examples.

IS_FIRST_TIMES = minutes("0:05", "2:17", "5:01", "6:00", "9:31", "12:02", "13:45")
MAKES = "HFHTTHB"


@pytest.mark.parametrize(
    ("text", "firsts"),
    [
        pytest.param("ISFIRST(minute, 10)", ["0:05", "12:02"], id="of all"),
        pytest.param(
            "ISFIRST(mi, 10) OVER (PARTITION BY make)", ["0:05", "2:17", "6:00", "12:02", "13:45"], id="of each make"
        ),
        pytest.param("ISFIRST(mi, 10) OVER (WHEN make <> 'H')", ["2:17", "13:45"], id="of those it is asked of"),
    ],
)
def test_is_first(text: str, firsts: list[str]) -> None:
    events = rows(*((time, {"make": make}) for time, make in zip(IS_FIRST_TIMES, MAKES, strict=True)))

    given_firsts = [time for time, first in zip(IS_FIRST_TIMES, values(text, events), strict=True) if first == 1]
    assert given_firsts == minutes(*firsts)


def test_an_interval_has_its_end_and_not_its_start() -> None:
    assert values("ISFIRST(second, 10)", rows((0, 1), (5, 1), (10, 1), (10.5, 1), (20, 1))) == [1, 1, 0, 1, 0]


def test_lag_finds_a_change() -> None:
    assert values("LAG(v) OVER (LIMIT DURATION(hour, 24))", rows((1, "Honda"), (2, "Toyota"))) == [None, "Honda"]


def test_last_known_value() -> None:
    events = rows((1, 5), (2, None), (3, 7), (4, None), (64, None))

    assert values("LAST(v) OVER (LIMIT DURATION(minute, 1) WHEN v IS NOT NULL)", events) == [5, 5, 7, 7, None]
    assert values("LAG(v) OVER (LIMIT DURATION(minute, 1) WHEN v IS NOT NULL)", events) == [None, 5, 5, 7, None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("LAG(v) OVER (LIMIT DURATION(ss, 10))", [None, 1, 2, 3], id="the row before"),
        pytest.param("LAG(v, 2) OVER (LIMIT DURATION(ss, 10))", [None, None, 1, 2], id="two before"),
        pytest.param("LAG(v, 2, v * 10) OVER (LIMIT DURATION(ss, 10))", [10, 20, 1, 2], id="a default of the row's"),
        pytest.param("LAG(v) OVER (LIMIT DURATION(ss, 2))", [None, 1, 2, None], id="a row as old as the limit is out"),
        pytest.param("LAG(v, 1) OVER (LIMIT DURATION(ms, 2001))", [None, 1, 2, 3], id="one that is younger is in"),
        pytest.param("LAST(v) OVER (LIMIT DURATION(ss, 10))", [1, 2, 3, 4], id="the last is the row itself"),
        pytest.param("LAST(v, -1) OVER (LIMIT DURATION(ss, 3) WHEN v = 2)", [-1, 2, 2, -1], id="unless it is left out"),
        pytest.param("SUM(v) OVER (LIMIT DURATION(ss, 3))", [1, 3, 6, 7], id="a sum"),
        pytest.param("COUNT(*) OVER (LIMIT DURATION(ss, 10) WHEN v > 1)", [0, 1, 2, 3], id="a count of some"),
        pytest.param("TopOne(v) OVER (ORDER BY v DESC LIMIT DURATION(ss, 3))", [1, 2, 3, 4], id="the first by order"),
        pytest.param("COLLECT(v) OVER (LIMIT DURATION(ss, 3))", [[1], [1, 2], [1, 2, 3], [3, 4]], id="all values"),
    ],
)
def test_what_a_row_sees(text: str, expected: list[Any]) -> None:
    assert values(text, rows((1, 1), (2, 2), (3, 3), (5, 4))) == expected


def test_a_star_is_the_whole_row() -> None:
    assert values("LAG(*) OVER (LIMIT DURATION(ss, 10))", rows((1, {"a": 1}), (2, {"a": 2}))) == [None, {"a": 1}]


def test_a_key_that_is_null_is_one_like_others() -> None:
    events = rows((1, {"v": 1}), (2, {"k": "a", "v": 2}), (3, {"k": None, "v": 3}))

    assert values("LAG(v) OVER (PARTITION BY k LIMIT DURATION(ss, 10))", events) == [None, None, 1]


def test_rows_of_one_time_go_in_order_of_arrival() -> None:
    one = operator("COLLECT(v) OVER (LIMIT DURATION(ss, 10))")
    one.feed(0, [Row({"v": v}, 5, arrival) for v, arrival in [("c", (1, 0)), ("a", (0, 1)), ("b", (0, 2))]])

    assert [row.columns[1] for row in one.advance(9)] == [["a"], ["a", "b"], ["a", "b", "c"]]


def test_a_row_with_an_argument_of_no_use_is_reported_and_not_remembered() -> None:
    counts: Counter[str] = Counter()
    one = operator("LAG(v) OVER (LIMIT DURATION(ss, 10))", "SUM(v) OVER (LIMIT DURATION(ss, 10))", counts=counts)
    one.feed(0, rows((1, 1), (2, {"v": {}}), (3, 2)))

    assert [row.columns[1:] for row in one.advance(100 * TICKS_PER_SECOND)] == [(None, 1), (1, 3)]
    assert counts == {ROW: 1}


def test_a_row_without_a_result_is_reported_and_remembered() -> None:
    counts: Counter[str] = Counter()
    lag, total = "LAG(v) OVER (LIMIT DURATION(ss, 10))", "SUM(v) OVER (LIMIT DURATION(ss, 2))"
    one = operator(lag, total, lag, counts=counts)
    most = 2**63 - 1
    one.feed(0, rows((1, most), (2, 1), (3, 2)))

    assert [row.columns[1:] for row in one.advance(100 * TICKS_PER_SECOND)] == [(None, most, None), (1, 3, 1)]
    assert counts == {ROW: 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("LAG(v)", r"LAG needs OVER \(LIMIT DURATION"),
        ("LAG(v, 0) OVER (LIMIT DURATION(ss, 1))", "a number, 1 or more"),
        ("LAG(v, v) OVER (LIMIT DURATION(ss, 1))", "a number, 1 or more"),
        ("LAST(v, 1, 1) OVER (LIMIT DURATION(ss, 1))", "1 to 2 arguments"),
        ("LAST(v) OVER (ORDER BY v LIMIT DURATION(ss, 1))", "no ORDER BY"),
        ("ISFIRST(minute, 5) OVER (LIMIT DURATION(ss, 1))", "ISFIRST takes OVER"),
        ("COUNT(DISTINCT v) OVER (LIMIT DURATION(ss, 1))", "no DISTINCT"),
        ("STDEV(v) OVER (LIMIT DURATION(ss, 1))", "no LIMIT DURATION"),
        ("SUM(v) OVER (PARTITION BY k)", r"needs OVER \(LIMIT DURATION"),
    ],
)
def test_calls_that_mean_nothing_are_refused(text: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        function(text)


# Compared with a plain implementation of the definitions. Microseconds, of 10 ticks each, keep times small.

LIMIT = 20
CALLS: dict[str, Callable[[list[Row], Row], Any]] = {
    # Each takes the earlier rows of the key that WHEN includes, in order, and the row itself.
    "LAG(v) OVER ({}LIMIT DURATION(microsecond, 2){})": lambda before, row: _recent(before, row, 1),
    "LAG(v, 3, 'none') OVER ({}LIMIT DURATION(microsecond, 2){})": lambda before, row: _recent(before, row, 3, "none"),
    "LAST(v) OVER ({}LIMIT DURATION(microsecond, 2){})": lambda before, row: _recent(_with(before, row), row, 1),
    "ISFIRST(microsecond, 2) OVER ({}{})": lambda before, row: int(
        _includes(row) and not any(-(-row.time // LIMIT) == -(-one.time // LIMIT) for one in before)
    ),
    "SUM(v) OVER ({}LIMIT DURATION(microsecond, 2){})": lambda before, row: (
        sum(found) if (found := _in_limit(before, row)) else None
    ),
    "MAX(v) OVER ({}LIMIT DURATION(microsecond, 2){})": lambda before, row: max(_in_limit(before, row), default=None),
    "COUNT(v) OVER ({}LIMIT DURATION(microsecond, 2){})": lambda before, row: len(_in_limit(before, row)),
    "COLLECT(v) OVER ({}LIMIT DURATION(microsecond, 2){})": lambda before, row: _in_limit(before, row),
}


def _includes(row: Row) -> bool:
    return bool(row.columns["w"] == 1)


def _with(before: list[Row], row: Row) -> list[Row]:
    return [*before, row] if _includes(row) else before


def _recent(before: list[Row], row: Row, offset: int, default: Any = None) -> Any:
    if len(before) < offset or before[-offset].time <= row.time - LIMIT:
        return default
    return before[-offset].columns["v"]


def _in_limit(before: list[Row], row: Row) -> list[Any]:
    found = [one.columns["v"] for one in _with(before, row) if one.time > row.time - LIMIT]
    return [value for value in found if value is not None]


Event = tuple[int, Any, Any, Any]  # time in ticks, k, v, w


def events(*more: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Event]]:
    numbers = st.one_of(st.none(), st.integers(-9, 9), *more)
    keys, included = st.sampled_from(["a", "b", None]), st.sampled_from([1, 1, 0, None])
    return st.lists(st.tuples(st.integers(1, 100), keys, numbers, included), max_size=25)


def rows_of(events: Iterable[Event]) -> list[Row]:
    return [Row({"k": k, "v": v, "w": w}, time, (n % 2, n)) for n, (time, k, v, w) in enumerate(events)]


def brute_force(given_rows: list[Row]) -> list[list[Any]]:
    results = []
    in_order = sorted(given_rows, key=lambda row: (row.time, row.arrival))
    for place, row in enumerate(in_order):
        before = [one for one in in_order[:place] if one.columns["k"] == row.columns["k"] and _includes(one)]
        results.append([call(before, row) for call in CALLS.values()])
    return results


@given(events(), st.integers(0, 1_000_000))
def test_functions_give_what_their_definitions_say(events: list[Event], seed: int) -> None:
    texts = [text.format("PARTITION BY k ", " WHEN w = 1") for text in CALLS]
    arrivals = [(0, row) for row in rows_of(events)]

    out = run(lambda: operator(*texts), arrivals, seed, UNTIL)

    assert [list(row.columns[1:]) for row in out] == brute_force([row for _, row in arrivals])


@given(events(st.sampled_from([0.1, 0.25, 1e16])), st.integers(0, 100), st.integers(0, 100))
def test_how_rows_are_fed_makes_no_difference_even_to_a_sum_of_floats(
    events: list[Event], one: int, other: int
) -> None:
    texts = [text.format("PARTITION BY k ", "") for text in CALLS]
    arrivals = [(0, row) for row in rows_of(events)]
    shuffled = random.Random(one).sample(arrivals, len(arrivals))

    assert run(lambda: operator(*texts), arrivals, one, UNTIL) == run(lambda: operator(*texts), shuffled, other, UNTIL)


@given(events(), st.integers(1, 5))
def test_nothing_is_kept_of_rows_that_none_can_see(events: list[Event], every: int) -> None:
    one = operator(*(text.format("PARTITION BY k ", "") for text in CALLS))
    written: dict[str, bytes | None] = {}
    for number, row in enumerate(sorted(rows_of(events), key=lambda row: row.time)):
        one.advance(row.time - 1)
        one.feed(0, [row])
        if number % every == 0:
            written.update(one.snapshot())
    one.advance(UNTIL)
    written.update(one.snapshot())

    assert set(written.values()) <= {None}
    assert one.due() is None
