from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.windows.language.ticks import TICKS_PER_SECOND
from pipeline.windows.language.values import Datetime, RowError
from pipeline.windows.operators.bounds import Bound, Interval
from pipeline.windows.operators.faults import ROW, Faults
from pipeline.windows.operators.join import StreamJoin
from pipeline.windows.row import Row

from ..support.evaluate import condition
from ..support.evaluate import row as columns
from ..support.feeding import Arrival, run

Kind = Literal["INNER", "LEFT"]
UNIT = 10  # ticks in a microsecond, the shortest unit, whose boundaries times of some 60 ticks often cross
UNTIL = 250

# port, time, key, value; small, so that times and keys are often equal, and times on boundaries
events = st.lists(
    st.tuples(st.integers(0, 1), st.integers(1, 60), st.sampled_from(["a", "b", 1, 1.0, None]), st.integers(0, 3)),
    max_size=25,
)
ranges = st.tuples(st.integers(-4, 4), st.integers(-4, 4)).map(sorted)
kinds = st.sampled_from(["INNER", "LEFT"])


def rows_of(events: Iterable[tuple[int, int, Any, int]]) -> list[Arrival]:
    return [(port, Row({"k": k, "v": v}, time, (n % 2, n))) for n, (port, time, k, v) in enumerate(events)]


def key(row: Row) -> Any:
    return row.columns["k"]


def less_or_equal(pair: Row) -> Any:
    left, right = pair.columns
    if left.columns["v"] == 3:
        raise RowError("3 is of no use")
    return None if left.columns["v"] == 2 else left.columns["v"] <= right.columns["v"]


def faults() -> Faults:
    return Faults("job", Counter())


def units_between(left: Row, right: Row) -> int:
    return right.time // UNIT - left.time // UNIT


def brute_force(
    kind: Kind, low: int, high: int, arrivals: list[Arrival], on: Any
) -> Counter[tuple[int, Row, Row | None]]:
    """Test every pair of rows, and find for every left row, tick by tick, the last time at which a match could come."""
    lefts, rights = ([row for port, row in arrivals if port == side] for side in (0, 1))
    out: Counter[tuple[int, Row, Row | None]] = Counter()
    for left in lefts:
        matches = []
        for right in rights:
            if key(left) == key(right) and key(left) is not None and low <= units_between(left, right) <= high:
                try:
                    if on is None or on(Row((left, right), 0, ())):
                        matches.append(right)
                except RowError:
                    pass
        out.update((max(left.time, right.time), _text(left), _text(right)) for right in matches)
        if kind == "LEFT" and not matches:
            chances = [t for t in range(-100, UNTIL) if low <= t // UNIT - left.time // UNIT <= high]
            out[max([left.time, *chances]), _text(left), None] += 1
    return out


def _text(row: Row) -> Any:
    return repr(row)


@given(kinds, ranges, events, st.booleans(), st.integers(0, 1_000_000))
def test_a_join_is_what_every_pair_says(
    kind: Kind, limits: list[int], events: list[tuple[int, int, Any, int]], rest: bool, seed: int
) -> None:
    low, high = limits
    on = less_or_equal if rest else None
    arrivals = rows_of(events)

    out = run(
        lambda: StreamJoin(kind, [Bound("microsecond", low, high)], [key], [key], on, faults()), arrivals, seed, UNTIL
    )

    given_out = Counter(
        (row.time, _text(row.columns[0]), _text(row.columns[1]) if row.columns[1] else None) for row in out
    )
    assert given_out == brute_force(kind, low, high, arrivals, on)


@given(kinds, ranges, events, st.integers(0, 100), st.integers(0, 100))
def test_how_rows_are_fed_makes_no_difference(
    kind: Kind, limits: list[int], events: list[tuple[int, int, Any, int]], one: int, other: int
) -> None:
    low, high = limits
    arrivals = rows_of(events)
    random.Random(one).shuffle(arrivals)

    def make() -> StreamJoin:
        return StreamJoin(kind, [Bound("microsecond", low, high)], [key], [key], less_or_equal, faults())

    assert run(make, arrivals, one, UNTIL) == run(make, sorted(arrivals, key=repr), other, UNTIL)


@given(kinds, ranges, events)
def test_nothing_is_kept_of_rows_that_can_match_no_more(
    kind: Kind, limits: list[int], events: list[tuple[int, int, Any, int]]
) -> None:
    join = StreamJoin(kind, [Bound("microsecond", limits[0], limits[1])], [key], [key], None, faults())
    for port, row in rows_of(events):
        join.feed(port, [row])
    written = dict(join.snapshot())
    join.advance(UNTIL)

    assert join.due() is None
    assert (join._left._by_key, join._right._by_key, join._left._ends, join._right._ends) == ({}, {}, [], [])
    assert dict(join.snapshot()) == dict.fromkeys(written)


def test_a_row_without_a_usable_key_or_condition_is_reported_and_left_out() -> None:
    counts: Counter[str] = Counter()
    join = StreamJoin("LEFT", [Bound("microsecond", 0, 1)], [key], [key], less_or_equal, Faults("job", counts))
    join.feed(0, [Row({"k": {}, "v": 1}, 5, (0,)), Row({"k": "a", "v": 3}, 6, (1,))])
    join.feed(1, [Row({"k": "a", "v": 3}, 7, (0,))])
    (unmatched,) = join.advance(100)

    assert (unmatched.time, unmatched.columns[0].arrival, unmatched.columns[1]) == (19, (1,), None)
    assert counts == {ROW: 2}


def ticks(text: str) -> int:
    since = datetime.fromisoformat(text) - datetime.min
    return since // timedelta(microseconds=1) * 10


@pytest.mark.parametrize(
    ("left", "right", "matches"),
    [
        pytest.param("2024-05-01T10:00:30", "2024-05-01T10:15:59.999999", True, id="the end of the 15th minute"),
        pytest.param("2024-05-01T10:00:30", "2024-05-01T10:16:00", False, id="the 16th minute"),
        pytest.param("2024-05-01T10:00:30", "2024-05-01T10:00:00", True, id="before, in the same minute"),
        pytest.param("2024-05-01T10:00:30", "2024-05-01T09:59:59.999999", False, id="the minute before"),
    ],
)
def test_bounds_count_the_boundaries_of_minutes(left: str, right: str, matches: bool) -> None:
    first, last = Interval([Bound("minute", 0, 15)], lag=0).right_times(Row({}, ticks(left), ()))

    assert (first <= ticks(right) <= last) == matches


def test_weeks_begin_on_sundays() -> None:
    saturday, sunday = ticks("2024-05-04T23:00:00"), ticks("2024-05-05T01:00:00")

    assert Bound("week", 1, 1).first(saturday) == ticks("2024-05-05T00:00:00") <= sunday
    assert Bound("week", 0, 0).last(saturday) == ticks("2024-05-05T00:00:00") - 1


UNITS = ["week", "day", "weekday", "dayofyear", "hour", "minute", "second", "millisecond", "microsecond"]


@given(st.sampled_from(UNITS), st.integers(-1, 1), st.integers(0, 1), st.data())
def test_bounds_are_those_of_the_function_datediff(unit: str, low: int, more: int, data: st.DataObject) -> None:
    bound = Bound(unit, low, low + more) if low + more < 2 else Bound(unit, low, low)
    left = ticks("2024-05-01T10:00:00") + data.draw(st.integers(0, 10**13))
    right = left + data.draw(st.integers(-2 * bound.span, 2 * bound.span))
    between = condition(f"DATEDIFF({unit}, l, r) BETWEEN {bound.low} AND {bound.high}")
    first, last = Interval([bound], lag=0).right_times(Row({}, left, ()))

    assert between(columns(l=Datetime(left), r=Datetime(right))) == (first <= right <= last)


@given(
    st.sampled_from(UNITS),
    st.integers(-1, 1),
    st.integers(0, 10**18),
    st.integers(0, 10**18),
)
def test_the_two_sides_of_a_bound_agree(unit: str, count: int, left: int, right: int) -> None:
    bound = Bound(unit, count, None)
    first, last_left = bound.first(left), bound.last_left(right)
    assert first is not None
    assert last_left is not None

    assert (right >= first) == (left <= last_left)
    assert last_left - right <= bound.span
    assert left - first <= bound.span


@pytest.mark.parametrize(
    ("unit", "low", "high"),
    [("month", 0, 0), ("year", 0, 0), ("day", 0, 8), ("minute", -10_081, 0), ("hour", 0, 169)],
)
def test_bounds_of_more_than_seven_days_are_refused(unit: str, low: int, high: int) -> None:
    with pytest.raises(ValueError, match="7 days"):
        Bound(unit, low, high)


@pytest.mark.parametrize("bounds", [[], [Bound("day", 0, None)], [Bound("day", None, 0), Bound("hour", None, 2)]])
def test_bounds_that_leave_a_side_open_are_refused(bounds: list[Bound]) -> None:
    with pytest.raises(ValueError, match="needs a time bound on both sides"):
        Interval(bounds, lag=0)


def test_a_third_source_may_be_bound_to_parts_of_the_joined_row() -> None:
    """Microsoft's example: errors between the start and the end of a transaction."""
    first = Bound("second", 0, 5)
    start_end = StreamJoin("INNER", [first], [key], [key], None, faults())
    errors = StreamJoin(
        "INNER",
        [Bound("second", 0, 5, place=(0,)), Bound("second", None, -1, place=(1,))],
        [lambda row: row.columns[0].columns["k"]],
        [key],
        None,
        faults(),
        lag=first.span,
    )
    start_end.feed(0, [Row({"k": "x"}, 10 * TICKS_PER_SECOND, (0,))])
    start_end.feed(1, [Row({"k": "x"}, 14 * TICKS_PER_SECOND, (0,))])
    for second in range(8, 20):  # all errors are fed, and closed, before the transaction's end is known
        errors.feed(1, [Row({"k": "x"}, second * TICKS_PER_SECOND, (0,))])
    assert errors.advance(13 * TICKS_PER_SECOND) == []
    errors.feed(0, start_end.advance(14 * TICKS_PER_SECOND))
    out = errors.advance(60 * TICKS_PER_SECOND)

    assert [row.columns[1].time // TICKS_PER_SECOND for row in out] == [10, 11, 12, 13]
    assert {row.time // TICKS_PER_SECOND for row in out} == {14}
