from __future__ import annotations

import json
from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.windows.engine.bodies import InputError
from pipeline.windows.engine.input_rows import EventReader, rows_of
from pipeline.windows.language.ticks import from_unix_ms, isoformat
from pipeline.windows.language.values import DEEPEST, Columns, Datetime, Names
from pipeline.windows.operators.faults import INPUT, MOST_EXAMPLES, Faults
from pipeline.windows.row import Row

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


SPELLINGS = ["a", "A", "b", "deviceId", "deviceid", "PartitionId", "partitionID", "eventenqueuedutctime"]

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3)
    | st.sampled_from(["1234567890123456789", "[{" * DEEPEST, ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(SPELLINGS), inner, max_size=3),
    max_leaves=5,
)
records = st.dictionaries(st.sampled_from(SPELLINGS), values, max_size=4)


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


bodies = st.one_of(
    records.map(encoded),
    records.map(encoded),
    records.map(encoded),
    st.lists(records | values, max_size=3).map(encoded),
    values.map(encoded),
    st.lists(records, min_size=1, max_size=3).map(lambda some: b"\n".join(map(encoded, some))),
    st.sampled_from(
        [b"", b"{", b"\xff", b"\xef\xbb\xbf{}", b'{"a":0.00012345678901234567}', b'{"a":9223372036854775808}']
    ),
    st.integers(DEEPEST - 2, DEEPEST + 2).map(lambda levels: nested(levels)),
)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(bodies, st.integers(0, 1), st.integers(0, 1)), max_size=8),
    st.lists(st.sampled_from(SPELLINGS), max_size=3),
    st.booleans(),
)
def test_events_that_are_read_together_give_the_rows_of_each(
    given: list[tuple[bytes, int, int]], names: list[str], keeps_events: bool
) -> None:
    events = [
        stored(body, 1_714_558_500_000 + late, partition, sequence_number=number)
        for number, (body, late, partition) in enumerate(given)
    ]
    expected: list[Row] = []
    unread: list[int] = []
    for event in events:
        try:
            expected += rows_of(event, NOW, Names(names), keeps_event=keeps_events)
        except InputError:
            unread.append(event.sequence_number)
    counts: Counter[str] = Counter()
    faults = Faults("job", counts)
    reader = EventReader(Names(names), keeps_events=keeps_events)
    for _ in range(2):  # the second time all shapes are known
        rows = reader.rows(events, NOW, faults)

        assert rows == expected
        assert [(type(row.columns), type(row.time), list(row.columns)) for row in rows] == [
            (type(row.columns), type(row.time), list(row.columns)) for row in expected
        ]
        assert [row.event for row in rows] == [row.event for row in expected]
    found = [each.event.sequence_number for each in faults.take().get(INPUT, ()) if each.event]
    assert found == [*unread, *unread][-MOST_EXAMPLES:]
    assert counts[INPUT] == 2 * len(unread)


def test_one_event_that_is_not_json_takes_no_other_with_it() -> None:
    events = [stored(b'{"n":%d}' % number if number != 150 else b"{", 1, 0, number) for number in range(300)]
    faults = Faults("job", Counter())
    rows = EventReader(Names(())).rows(events, NOW, faults)

    assert [row.columns["n"] for row in rows] == [number for number in range(300) if number != 150]
    (found,) = faults.take()[INPUT]
    assert found.event == events[150]
    assert found.message.endswith(f"(partition 0, offset {events[150].offset})")
