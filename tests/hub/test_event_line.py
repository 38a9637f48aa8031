"""Lines of NDJSON for events: nothing of an event is lost in its line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.hub.event import Event, StoredEvent
from pipeline.hub.event_line import InvalidLine, event_of, line_of

TIME = 1_777_636_800_123  # 2026-05-01T12:00:00.123Z

BODIES = [
    b'{"a": 1.50,  "b":[1, 2]}',
    b"{}",
    b"{ }",
    b'{"a":\n1}',
    b' {"a": 1} ',
    b'{"a":123456789012345678901234567890}',
    b'{"a":1,"a":2}',
    '{"ä":"\u2028"}'.encode(),
    b'{"PartitionId": 9, "eventenqueuedutctime": "never"}',
    b'{"$event":{"partition_key":"forged"}}',
    b'[{"a":1},{"PartitionId":9,"b":2}]',
    b"[]",
    b"[{}]",
    b"[1]",
    b'"text"',
    b"21.5",
    b"not JSON",
    b"{",
    b"\xff\x00",
    b"",
]


def stored(event: Event) -> StoredEvent:
    return StoredEvent(3, 7, f"{TIME}-7", TIME, event)


@pytest.mark.parametrize("body", BODIES, ids=repr)
def test_a_line_has_the_whole_event(body: bytes) -> None:
    for event in (
        Event(body, "dev-1", "text/plain", {"Level": 3, "EventEnqueuedUtcTime": "x", "n": None}),
        Event(body, "dev-9", None, {}, "dev-9"),
        Event(body),
    ):
        line = line_of(stored(event))

        assert event_of(line) == (event, TIME, 3)
        assert b"\n" not in line
        assert json.loads(line) is not None


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.just("PartitionId"), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=50)
@given(st.binary() | _json.map(lambda value: json.dumps(value).encode()))
def test_any_body_comes_back_as_it_was(body: bytes) -> None:
    assert event_of(line_of(stored(Event(body)))).event.body == body


@settings(max_examples=50)
@given(_json, st.text(min_size=1, max_size=20))
def test_what_another_program_has_written_anew_is_the_same_value(value: object, key: str) -> None:
    event = Event(json.dumps({"value": value}).encode(), key)
    anew = json.dumps(json.loads(line_of(stored(event))), indent=None, sort_keys=True).encode()

    found = event_of(anew)

    assert (found.event.partition_key, found.enqueued_ms, found.partition) == (key, TIME, 3)
    assert json.loads(found.event.body) == {"value": value}


@pytest.mark.parametrize("line", [b'{"a": 1}', b"[1,2]", b'[{"a":1}]', b"5", b'"x"', b"null"], ids=repr)
def test_any_other_json_is_the_body_of_an_event(line: bytes) -> None:
    assert event_of(line + b"\r\n") == (Event(line), None, None)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        pytest.param(b"21.5 degrees", "not the JSON", id="no JSON"),
        pytest.param(b'{"a":1', "not the JSON", id="cut off"),
        pytest.param(b'{"$event":{"key":"k"},"a":1}', "unknown field `key`", id="an unknown name"),
        pytest.param(b'{"$event":{"partition_key":""}}', "partition_key", id="an empty key"),
        pytest.param(b'{"$event":{"partition_key":7}}', "partition_key", id="a key that is a number"),
        pytest.param(b'{"$event":{"body_base64":"%%"}}', "base64", id="no base64"),
        pytest.param(b'{"$event":{"body":"a","body_base64":""}}', "both", id="two bodies"),
        pytest.param(b'{"$event":{"publisher":"a","partition_key":"b"}}', "publisher", id="another key"),
        pytest.param(b'{"EventEnqueuedUtcTime":"noon"}', "noon", id="no time"),
        pytest.param(b'{"EventEnqueuedUtcTime":"1969-12-31T00:00:00Z"}', "before 1970", id="before all time"),
        pytest.param(b'{"PartitionId":-1}', ">= 0", id="no partition"),
        pytest.param(b'{"$event":{"properties":{"a":[]}}}', "properties", id="a property that is an array"),
    ],
)
def test_a_line_that_is_no_event_says_why(line: bytes, says: str) -> None:
    with pytest.raises(InvalidLine, match=says):
        event_of(line)
