from __future__ import annotations

import functools
import itertools
from typing import Any

import pytest

from pipeline.windows.aggregates import Aggregate, Extreme, Path, TopOne
from pipeline.windows.clock import isoformat, parse
from pipeline.windows.rows import Row
from pipeline.windows.values import Datetime, RowError

V = Path(("v",))
N = Path(("n",))


def result(aggregate: Aggregate, values: tuple[Any, ...]) -> Any:
    rows = [Row({"v": value, "n": number}, time=1, arrival=(0, number, 0)) for number, value in enumerate(values)]
    return aggregate.lower(functools.reduce(aggregate.combine, map(aggregate.lift, rows)))


@pytest.mark.parametrize(
    ("values", "largest", "smallest"),
    [
        pytest.param((1, 3, 2), 3, 1, id="bigint"),
        pytest.param((0.5, 2**53, 2**53 + 1), 2**53 + 1, 0.5, id="bigint and float compare exactly"),
        pytest.param((None, 1, None), 1, 1, id="NULL is ignored"),
        pytest.param((None, None), None, None, id="all NULL"),
        pytest.param(("7", " 1e1 ", -1), 10.0, -1, id="text is cast to FLOAT"),
        pytest.param((False, True), True, False, id="bit"),
        pytest.param((Datetime(2), Datetime(3)), Datetime(3), Datetime(2), id="datetime"),
        pytest.param((5, True, Datetime(3)), Datetime(3), True, id="kinds: bit, number, datetime"),
    ],
)
def test_max_and_min(values: tuple[Any, ...], largest: Any, smallest: Any) -> None:
    for order in itertools.permutations(values):
        assert (result(Extreme(V, True), order), result(Extreme(V, False), order)) == (largest, smallest)


@pytest.mark.parametrize("text", ["", "much", "nan", "inf", "1_0", "1e999", "0x1", "٣"])
def test_text_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(RowError, match="can't be cast to FLOAT"):
        result(Extreme(V, True), (text,))


@pytest.mark.parametrize(
    ("values", "ascending", "descending"),
    [
        pytest.param((2, 1, 3), 1, 2, id="numbers"),
        pytest.param((1, 1, 1), 0, 0, id="a tie goes to the first to arrive, either way"),
        pytest.param((1, None, 2), 1, 2, id="NULL is the least"),
        pytest.param((Datetime(5), Datetime(4)), 1, 0, id="datetimes"),
    ],
)
def test_top_one(values: tuple[Any, ...], ascending: int, descending: int) -> None:
    assert result(TopOne(N, ((V, False),)), values) == ascending
    assert result(TopOne(N, ((V, True),)), values) == descending


def test_top_one_is_the_whole_row_unless_a_column_is_named() -> None:
    assert result(TopOne(Path(()), ((V, False),)), (1,)) == {"v": 1, "n": 0}


@pytest.mark.parametrize("value", ["1", True, {}, []])
def test_top_one_orders_by_numbers_and_datetimes_only(value: Any) -> None:
    with pytest.raises(RowError):
        result(TopOne(N, ((V, False),)), (value,))


@pytest.mark.parametrize(
    "text", ["2024-05-01T11:00:00.0000000Z", "0001-01-01T00:00:00.0000001Z", "9999-12-31T23:59:59.9999999Z"]
)
def test_time_as_text_keeps_every_tick(text: str) -> None:
    assert isoformat(parse(text)) == text
