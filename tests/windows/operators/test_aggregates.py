from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.windows.language.syntax import Call, Cast, Over
from pipeline.windows.language.tokens import QueryError
from pipeline.windows.language.values import Datetime, RowError
from pipeline.windows.operators.aggregates import Holistic, SideBySide
from pipeline.windows.operators.aggregates.calls import AGGREGATES
from pipeline.windows.operators.codec import pack, pack_plain, unpack
from pipeline.windows.operators.rollup import Rollup

from ..support.operations import HERE, STAR, aggregate_of, call, column, constant, order_by, rows

V, N = column("v"), column("n")


def result(call: Call, values: Sequence[Any]) -> Any:
    """Return the aggregate of rows with the values as `v` and their places as `n`; check that all ways agree."""
    given = rows(*((1, {"v": value, "n": number}) for number, value in enumerate(values)))
    sides = SideBySide([aggregate_of(call)])

    def partials_of(part: Any) -> Any:
        partials: Any = None
        for row in part:
            items = sides.items_of(row)
            if partials is None:
                partials = sides.start(items)
            else:
                sides.add(partials, items)
        return unpack(pack(partials))

    (at_once,) = sides.results((), partials_of(given))
    for cut in range(1, len(given)):
        left, right = partials_of(given[:cut]), partials_of(given[cut:])
        both = left.copy()
        aggregate_of(call).merge(both, [0], right)
        assert sides.results((), both) == [at_once]
        rollup = Rollup(sides)
        oldest = partials_of(given[-1:])
        for entry in (oldest, left, right):
            rollup.push(entry)
        rollup.pop(oldest)
        assert sides.results((), rollup.total()) == [at_once]
    return at_once


EVERY = [
    *[call(name, V) for name in ("COUNT", "MAX", "MIN", "SUM", "AVG", "STDEV", "STDEVP", "VAR", "VARP", "COLLECT")],
    call("COUNT", STAR),
    call("COUNT", V, distinct=True),
    call("MAX", Cast(V, "nvarchar", True, HERE)),
    call("COLLECT"),
    call("TOPONE", over=order_by("v")),
    call("TOPONE", V, over=order_by("n", "v", descending=True)),
    call("COLLECTTOP", constant(2), over=order_by("v", descending=True)),
    call("PERCENTILE_CONT", constant(0.3), over=order_by("v")),
    call("PERCENTILE_DISC", constant(0.3), over=order_by("v", descending=True)),
]
NUMBERS = st.none() | st.integers(-5, 5) | st.integers(-(2**63), 2**63 - 1) | st.floats(-9, 9) | st.just(-0.0)
MIXED = NUMBERS | st.sampled_from(["2.5", "x", True, Datetime(7), Datetime(8), [1], {"a": 1}, 1e300, float("nan")])
COLUMNS = (
    st.lists(st.integers(-3, 3))
    | st.lists(st.builds(Datetime, st.integers(1, 9)))
    | st.lists(NUMBERS)
    | st.lists(MIXED)
)


def test_every_aggregate_is_among_those_that_are_compared() -> None:
    assert {each.function for each in EVERY} == set(AGGREGATES)


@pytest.mark.parametrize("called", EVERY, ids=lambda each: f"{each.function} {each.over is not None}")
@given(values=COLUMNS, data=st.data())
def test_columns_are_what_rows_give_one_by_one(called: Call, values: list[Any], data: st.DataObject) -> None:
    aggregate = aggregate_of(called)
    if any(isinstance(argument, Cast) for argument in called.arguments):
        values = [None if value is None else str(value) for value in values]  # as the cast gives them
    given = rows(*((1, {"v": value, "n": number % 2}) for number, value in enumerate(values)))
    taken, items = [], []
    for row in given:
        with contextlib.suppress(RowError):
            items.append(aggregate.item.evaluate(row))
            taken.append(row)
    if len(taken) < len(given):
        with pytest.raises(RowError):
            aggregate.item.many(given)
    assert exactly(aggregate.item.many(taken)) == exactly(items)

    halves = []
    for part in (slice(None, len(taken) // 2), slice(len(taken) // 2, None)):
        places = data.draw(st.lists(st.integers(0, 3), min_size=len(items[part]), max_size=len(items[part])))
        column, expected = [None] * 4, [None] * 4
        aggregate.fold(column, places, aggregate.item.many(taken[part]))
        for place, item in zip(places, items[part], strict=True):
            if item is not None:
                expected[place] = aggregate.add(expected[place], item)
        assert exactly(column) == exactly(expected)
        with contextlib.suppress(OverflowError, TypeError):
            if aggregate.restored is not None:
                assert exactly(aggregate.restored(unpack(pack_plain(column)))) == exactly(column)
        halves.append(column)

    older, newer = halves
    before = pack(newer)
    merged = older.copy()
    aggregate.merge(merged, range(4), newer)
    assert pack(newer) == before
    one_by_one = [
        left if right is None else right if left is None else aggregate.combine(left, right)
        for left, right in zip(older, newer, strict=True)
    ]
    expected_results = [result_or_error(aggregate.result, each) for each in one_by_one]
    assert [result_or_error(lambda each: aggregate.results([each])[0], each) for each in merged] == expected_results


def result_or_error(function: Callable[[Any], Any], partial: Any) -> str:
    try:
        return repr(exactly(function(partial)))
    except RowError as exc:
        return str(exc)


def exactly(value: Any) -> Any:
    """Return a value with the types of its parts, since 1 == 1.0 == True."""
    if isinstance(value, list | tuple):
        return type(value), list(map(exactly, value))
    return type(value), repr(value)


def same(left: Any, right: Any) -> bool:
    return type(left) is type(right) and bool(left == right)


@pytest.mark.parametrize(
    ("values", "largest", "smallest"),
    [
        pytest.param((1, 3, 2), 3, 1, id="bigint"),
        pytest.param((0.5, 2**53, 2**53 + 1), 2**53 + 1, 0.5, id="bigint and float compare exactly"),
        pytest.param((None, 1, None), 1, 1, id="NULL is ignored"),
        pytest.param((None, None), None, None, id="all NULL"),
        pytest.param(
            ("2024-05-01T11:00:00Z", "2024-05-01T12:00:00+02:00", "2024-05-01 11:30"),
            "2024-05-01 11:30",
            "2024-05-01T12:00:00+02:00",
            id="text with a time, which comes as it is",
        ),
        pytest.param(
            ("2024-05-01", Datetime(5), "7", "2024-05-01T00:00:00Z", 9.5),
            "2024-05-01T00:00:00Z",
            7.0,
            id="numbers before times, and of equal times the text",
        ),
        pytest.param(("7", " 1e1 ", -1), 10.0, -1, id="text is cast to FLOAT"),
        pytest.param((False, True), True, False, id="bit"),
        pytest.param((Datetime(2), Datetime(3)), Datetime(3), Datetime(2), id="datetime"),
        pytest.param((5, True, Datetime(3)), Datetime(3), True, id="kinds: bit, number, datetime"),
        pytest.param((1, 1.0, 1), 1.0, 1, id="1 is before 1.0"),
        pytest.param((-0.0, 0.0), 0.0, 0.0, id="one zero"),
    ],
)
def test_max_and_min(values: tuple[Any, ...], largest: Any, smallest: Any) -> None:
    for order in itertools.permutations(values):
        assert same(result(call("MAX", V), order), largest)
        assert same(result(call("MIN", V), order), smallest)


def test_max_and_min_of_an_explicit_cast_to_nvarchar_are_of_text() -> None:
    text = Cast(V, "nvarchar", True, HERE)

    assert result(call("MAX", text), ("10", "9", None, "a")) == "a"
    assert result(call("MIN", text), ("10", "9", None, "a")) == "10"


@pytest.mark.parametrize(
    ("function", "value"),
    [
        *[("MAX", text) for text in ("", "much", "nan", "inf", "1e999")],
        ("MIN", []),
        ("MAX", {}),
        ("MAX", float("nan")),
        ("SUM", "1"),
        ("SUM", True),
        ("SUM", Datetime(1)),
        ("SUM", {}),
        ("SUM", float("inf")),
        ("SUM", float("nan")),
        ("SUM", 1e300),
        ("AVG", "1"),
        ("STDEV", "1"),
    ],
)
def test_values_that_a_function_can_not_take_are_refused(function: str, value: Any) -> None:
    with pytest.raises(RowError):
        result(call(function, V), (value,))


@pytest.mark.parametrize("value", ["1", True, 1e300])
@pytest.mark.parametrize("function", ["SUM", "AVG", "STDEV", "STDEVP", "VAR", "VARP"])
def test_what_is_not_a_number_is_refused_by_the_name_of_the_function(function: str, value: Any) -> None:
    with pytest.raises(RowError, match=rf"^{function} (takes bigint and float|can't add)"):
        result(call(function, V), (value,))


@pytest.mark.parametrize(
    ("values", "total"),
    [
        pytest.param((1, 2, None), 3, id="bigint"),
        pytest.param((None,), None, id="all NULL"),
        pytest.param((2**62, 2**62, -1), 2**63 - 1, id="64 bits, whatever is in between"),
        pytest.param((1, 0.5), 1.5, id="float if any is"),
        pytest.param((0.1,) * 10, 1.0, id="rounded once"),
        pytest.param((1e100, 1.0, -1e100), 1.0, id="nothing is lost"),
        pytest.param((2**63 - 1, 1.0, -(2**63 - 1)), 1.0, id="a bigint is exact among floats"),
        pytest.param((0.1, -0.1), 0.0, id="zero"),
    ],
)
def test_sum(values: tuple[Any, ...], total: Any) -> None:
    for order in itertools.islice(itertools.permutations(values), 24):
        assert same(result(call("SUM", V), order), total)


def test_many_floats_add_up_exactly() -> None:
    values = [0.1, 1e16, -0.3, 1e-300, -1e16] * 30

    assert result(call("SUM", V), values) == float(sum(map(Fraction, values)))


def test_a_sum_outside_64_bits_is_refused_and_an_average_of_it_is_not() -> None:
    with pytest.raises(RowError, match="a SUM of bigint is outside 64 bits"):
        result(call("SUM", V), (2**63 - 1, 1))
    assert result(call("AVG", V), (2**63 - 1, 2**63 - 3)) == 2**63 - 2


@pytest.mark.parametrize(
    ("values", "average"),
    [
        pytest.param((1, 2, None), 1, id="bigint, as T-SQL has it"),
        pytest.param((-1, -2), -1, id="rounded towards zero"),
        pytest.param((1, 2.0), 1.5, id="float if any is"),
        pytest.param((None,), None, id="all NULL"),
    ],
)
def test_average(values: tuple[Any, ...], average: Any) -> None:
    assert same(result(call("AVG", V), values), average)


@pytest.mark.parametrize(
    ("function", "values", "expected"),
    [
        ("VAR", (2, 4, 4, 4, 5, 5, 7, 9, None), 32 / 7),
        ("VARP", (2, 4, 4, 4, 5, 5, 7, 9), 4.0),
        ("STDEVP", (2, 4, 4, 4, 5, 5, 7, 9), 2.0),
        ("STDEV", (1, 3), 2**0.5),
        ("STDEV", (1,), None),
        ("STDEVP", (1,), 0.0),
        ("VAR", (None,), None),
        ("VARP", (None,), None),
        ("VAR", (1e15 + 0.25, 1e15 + 0.5), 0.03125),
        ("STDEV", (0.1,) * 9, 0.0),
    ],
)
def test_deviation(function: str, values: tuple[Any, ...], expected: Any) -> None:
    assert same(result(call(function, V), values), expected)


def test_a_variance_that_no_float_holds_is_refused() -> None:
    with pytest.raises(RowError, match="too large"):
        result(call("VAR", V), (1e200, -1e200))


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        pytest.param(call("COUNT", STAR), 7, id="all rows"),
        pytest.param(call("COUNT"), 7, id="COUNT()"),
        pytest.param(call("COUNT", V), 6, id="not NULL"),
        pytest.param(call("COUNT", V, distinct=True), 4, id="1 and 1.0 are one value, true and '1' are others"),
    ],
)
def test_count(counted: Call, expected: int) -> None:
    assert result(counted, (1, 1.0, 1, True, "1", None, 2)) == expected


@pytest.mark.parametrize(
    ("values", "ascending", "descending"),
    [
        pytest.param((2, 1, 3), 1, 2, id="numbers"),
        pytest.param((1, 1, 1), 0, 0, id="a tie goes to the first to arrive, either way"),
        pytest.param((1, None, 2), 1, 2, id="NULL is the least"),
        pytest.param((Datetime(5), Datetime(4)), 1, 0, id="datetimes"),
        pytest.param((0.0, -0.0), 0, 0, id="one zero"),
        pytest.param(("2024-05-01T12:00Z", "2024-05-01T12:30:00.5+01:00", None, "2"), 2, 0, id="text with a time"),
    ],
)
def test_top_one(values: tuple[Any, ...], ascending: int, descending: int) -> None:
    assert result(call("TOPONE", N, over=order_by("v")), values) == ascending
    assert result(call("TOPONE", N, over=order_by("v", descending=True)), values) == descending


def test_top_one_is_the_whole_row_unless_an_expression_is_given() -> None:
    assert result(call("TOPONE", over=order_by("v")), (1,)) == {"v": 1, "n": 0}


def test_collect_top_ranks_from_one_and_holds_as_many_as_there_are() -> None:
    top = call("COLLECTTOP", constant(2), N, over=order_by("v", descending=True))

    assert result(top, (1, 3, 2)) == [{"rank": 1, "value": 1}, {"rank": 2, "value": 2}]
    assert result(top, (None,)) == [{"rank": 1, "value": 0}]


@pytest.mark.parametrize("value", ["noon", "", True, {}, [], float("nan")])
def test_order_by_takes_numbers_and_datetimes_only(value: Any) -> None:
    with pytest.raises(RowError):
        result(call("TOPONE", N, over=order_by("v")), (value,))


def test_collect_is_in_order_of_arrival_and_without_null() -> None:
    assert result(call("COLLECT", V), (3, None, "x", {"a": 1})) == [3, "x", {"a": 1}]
    assert result(call("COLLECT"), (None,)) == [{"v": None, "n": 0}]


@pytest.mark.parametrize(
    ("function", "share", "descending", "values", "expected"),
    [
        pytest.param("PERCENTILE_CONT", 0.95, False, (0.98, 0.93, 0.78, 0.99, 0.89), 0.988, id="documented, CONT"),
        pytest.param("PERCENTILE_DISC", 0.95, False, (0.98, 0.93, 0.78, 0.99, 0.89), 0.99, id="documented, DISC"),
        pytest.param("PERCENTILE_CONT", 0.5, False, (1, 2), 1.5, id="between"),
        pytest.param("PERCENTILE_CONT", 0, False, (3, 1, 2), 1.0, id="the least"),
        pytest.param("PERCENTILE_CONT", 1, False, (3, 1, 2), 3.0, id="the greatest"),
        pytest.param("PERCENTILE_DISC", 0, False, (3, 1, 2), 1, id="the least, of the values' type"),
        pytest.param("PERCENTILE_DISC", 0.07, False, tuple(range(100)), 6, id="a share means what was written"),
        pytest.param("PERCENTILE_DISC", 0.25, True, (1, 2, 3, 4), 4, id="descending"),
        pytest.param("PERCENTILE_CONT", 0.25, True, (1, 2, 3), 2.5, id="CONT, descending"),
        pytest.param("PERCENTILE_CONT", 0.5, False, (None,), None, id="all NULL"),
        pytest.param("PERCENTILE_DISC", 0.5, False, (None,), None, id="all NULL, DISC"),
    ],
)
def test_percentiles(function: str, share: float, descending: bool, values: tuple[Any, ...], expected: Any) -> None:
    percentile = call(function, constant(share), over=order_by("v", descending=descending))

    assert result(percentile, values) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("refused", "message"),
    [
        (call("MAX"), "MAX takes 1 argument, not 0"),
        (call("MAX", STAR), r"MAX takes no \*"),
        (call("SUM", V, N), "SUM takes 1 argument, not 2"),
        (call("SUM", V, distinct=True), "DISTINCT"),
        (call("COUNT", STAR, distinct=True), "takes an expression"),
        (call("COUNT", STAR, V), "at most 1"),
        (call("TOPONE"), "needs OVER"),
        (call("TOPONE", over=Over()), "needs OVER"),
        (call("TOPONE", V, N, over=order_by("v")), "at most 1"),
        (call("MAX", V, over=order_by("v")), "takes no OVER"),
        (call("MAX", V, over=Over(limit=1)), "not allowed with GROUP BY"),
        (call("COLLECTTOP", V, over=order_by("v")), "number of rows"),
        (call("COLLECTTOP", constant(0), over=order_by("v")), "number of rows"),
        (call("PERCENTILE_CONT", constant(1.5), over=order_by("v")), "from 0 to 1"),
        (call("PERCENTILE_CONT", V, over=order_by("v")), "from 0 to 1"),
        (call("PERCENTILE_DISC", constant(1), over=order_by("v", "n")), "one column"),
    ],
    ids=lambda value: None if isinstance(value, Call) else value,
)
def test_calls_that_mean_nothing_are_refused(refused: Call, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        aggregate_of(refused)


@pytest.mark.parametrize("gone", [1, 200, 400])
def test_values_leave_a_percentile_one_by_one_or_many_at_once(gone: int) -> None:
    percentile = aggregate_of(call("PERCENTILE_DISC", constant(0.5), over=order_by("v")))
    given = rows(*((1, {"v": value}) for value in [*([1, 2.5, 1.0, 7] * 100), *range(50)]))
    column: list[Any] = [None, None, None]
    percentile.fold(column, [number >= gone for number in range(len(given))], percentile.item.many(given))
    assert isinstance(percentile, Holistic)
    oldest, newest, _ = column

    both = percentile.combine(oldest, newest)
    percentile.remove(both, oldest)

    assert exactly(both) == exactly(newest)
