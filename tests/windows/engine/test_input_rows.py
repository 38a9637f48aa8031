from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pipeline.windows.engine.input_rows import InputError, records_of, rows_of
from pipeline.windows.language.ticks import from_unix_ms, isoformat
from pipeline.windows.language.values import DEEPEST, Columns, Datetime, Names

from ..support.example import stored

ARRIVAL = from_unix_ms(1_714_558_500_000)
NOW = ARRIVAL + 5
ADDED = {
    "EventProcessedUtcTime": Datetime(NOW),
    "PartitionId": 3,
    "EventEnqueuedUtcTime": Datetime(ARRIVAL),
}


def columns(body: Any, *names: str) -> list[Any]:
    event = stored(msgspec.json.encode(body), 1_714_558_500_000, partition=3, sequence_number=7)
    return [row.columns for row in rows_of(event, NOW, Names(names))]


def test_an_object_is_a_row_at_its_arrival() -> None:
    (row,) = rows_of(stored(b'{"a": 1}', 1_714_558_500_000, 3, 7), NOW, Names(()))

    assert (row.columns, row.time, row.arrival) == ({"a": 1} | ADDED, ARRIVAL, (3, 7, 0))


def test_an_array_is_a_row_for_each_object() -> None:
    rows = rows_of(stored(b'[{"a": 1}, {"a": 2}]', 1_714_558_500_000, 3, 7), NOW, Names(()))

    assert [(row.columns["a"], row.arrival) for row in rows] == [(1, (3, 7, 0)), (2, (3, 7, 1))]


@pytest.mark.parametrize("name", ["PartitionId", "partitionid", "EVENTENQUEUEDUTCTIME", "eventProcessedUtcTime"])
def test_what_the_hub_adds_can_t_be_forged(name: str) -> None:
    assert columns({name: isoformat(0), "a": 1}) == [{"a": 1} | ADDED]


def test_what_the_hub_adds_comes_last() -> None:
    assert [list(found) for found in columns({"PartitionId": 1, "a": 1})] == [["a", *ADDED]]


def test_a_record_whose_case_is_another_is_looked_up_all_the_same() -> None:
    (found,) = columns({"EventId": 1}, "eventid")

    assert isinstance(found, Columns)
    assert found.get("eventid") == 1


def nested(levels: int) -> bytes:
    """Return JSON with so many levels, the outermost object among them: arrays of one item inside of each other."""
    return b'{"a":%s1%s}' % (b"[" * (levels - 1), b"]" * (levels - 1))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="half an object"),
        pytest.param(b"7", id="a number"),
        pytest.param(b'[{"a": 1}, 7]', id="an array with a number"),
        pytest.param(b"\xff", id="no UTF-8"),
        pytest.param(b'{"a": 1e999}', id="a number that is too large"),
        pytest.param(nested(DEEPEST + 1), id="too deep"),
        pytest.param(nested(100_000), id="much too deep"),
        pytest.param(b'{"a": 9223372036854775808}', id="an integer beyond 64 bits"),
    ],
)
def test_a_body_without_records_is_refused(body: bytes) -> None:
    with pytest.raises(InputError):
        records_of(body)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(nested(DEEPEST), id="as deep as may be"),
        pytest.param(b"[%s]" % b",".join([b'{"a":[[1],{}]}'] * 500), id="wide"),
        pytest.param(msgspec.json.encode({"a": "[{" * 500}), id="brackets in text"),
    ],
)
def test_what_is_one(body: bytes) -> None:
    assert records_of(body)
