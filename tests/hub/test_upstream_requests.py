from __future__ import annotations

import itertools
import json
from typing import Any

import msgspec
import pytest

from pipeline.hub.event import Event, Property, StoredEvent
from pipeline.hub.upstream_requests import BATCH_TYPE, LIMIT, Outgoing, UpstreamRequest, upstream_requests

#: What the hub is called by events that have been in it.
HOP = "events@0123456789ab"


def outgoing(*events: Event) -> list[Outgoing]:
    return [Outgoing.of(StoredEvent(0, n, f"{n}-0", n, event), f"source/0/{n}", HOP) for n, event in enumerate(events)]


def cut(*events: Event, any_key: bool = False) -> list[UpstreamRequest]:
    """Cut events into upstream_requests, in their order, each within the limit."""
    given = outgoing(*events)
    found = list(upstream_requests(given, any_key=any_key))
    sent = itertools.chain.from_iterable(request.events for request in found)
    assert [event.stored for event in sent] == [event.stored for event in given]
    return found


def items(request: UpstreamRequest) -> list[dict[str, Any]]:
    assert request.headers["Content-Type"] == BATCH_TYPE
    found: list[dict[str, Any]] = json.loads(request.body)
    return found


#: Bytes of JSON around the body in a batch of one event.
AROUND = len(msgspec.json.encode([{"Body": "", "UserProperties": {"wz-event-id": "source/0/0", "wz-hops": HOP}}]))


@pytest.mark.parametrize(
    ("events", "sizes", "sizes_any_key"),
    [
        pytest.param([], [], [], id="nothing"),
        pytest.param([Event(b"", "a")] * 3, [3], [3], id="one key"),
        pytest.param([Event(b"", "a"), Event(b"", "b"), Event(b"", "a")], [1, 1, 1], [3], id="several keys"),
        pytest.param([Event(b"")] * 2, [2], [2], id="no key"),
        pytest.param([Event(b"", "a", "text/plain")] * 2, [1, 1], [2], id="a content type"),
        pytest.param([Event(b"\xff", "a")] * 2, [1, 1], [2], id="no text"),
        pytest.param([Event(b"", "p", publisher="p"), Event(b"", "p")], [1, 1], [1, 1], id="a publisher has its path"),
        pytest.param([Event(b"x" * (LIMIT - AROUND), None)], [1], [1], id="as large as can be"),
        pytest.param([Event(b"x" * LIMIT, None)] * 2, [1, 1], [1, 1], id="too large for a batch"),
        pytest.param([Event(b"x" * (LIMIT // 2), None)] * 3, [1, 1, 1], [1, 1, 1], id="two too large together"),
    ],
)
def test_what_goes_in_one_request(events: list[Event], sizes: list[int], sizes_any_key: list[int]) -> None:
    for any_key, expected in ((False, sizes), (True, sizes_any_key)):
        found = cut(*events, any_key=any_key)
        assert [len(request.events) for request in found] == expected
        assert all(len(request.body) <= LIMIT for request in found)


@pytest.mark.parametrize(("less", "sizes"), [(0, [2]), (-1, [1, 1])])
def test_a_batch_is_full_to_the_byte(less: int, sizes: list[int]) -> None:
    second = Event(b"x")
    first = Event(b"x" * (LIMIT - 2 * AROUND - len(second.body) + 1 - less))  # the brackets count once, and a comma

    found = cut(first, second)

    assert [len(request.events) for request in found] == sizes
    assert max(len(request.body) for request in found) <= LIMIT
    assert len(found) > 1 or len(found[0].body) == LIMIT


def test_an_item_has_what_its_event_has() -> None:
    (request,) = cut(Event("é".encode(), "ключ", None, {"n": 3, "b": True, "s": "3"}))

    assert request.path == "messages"
    assert items(request) == [
        {
            "Body": "é",
            "UserProperties": {"n": 3, "b": True, "s": "3", "wz-event-id": "source/0/0", "wz-hops": HOP},
            "BrokerProperties": {"PartitionKey": "ключ"},
        }
    ]


def test_an_event_that_goes_alone_has_its_properties_as_headers() -> None:
    properties: dict[str, Property] = {
        "Alert": "Strong Wind",
        "n": 3,
        "f": 0.5,
        "b": True,
        "digits": "3",
        "empty": "",
        "quoted": '"q"',
    }
    (request,) = cut(Event(b"\xff", "k", "image/png", properties))

    assert request.body == b"\xff"
    assert request.headers == {
        "Content-Type": "image/png",
        "BrokerProperties": '{"PartitionKey": "k"}',
        "Alert": "Strong Wind",
        "n": "3",
        "f": "0.5",
        "b": "true",
        "digits": '"3"',
        "empty": '""',
        "quoted": '""q""',
        "wz-event-id": "source/0/0",
        "wz-hops": HOP,
    }


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(Event(b"x", None, "a/b", {"é": 1}), id="a name that is no header's"),
        pytest.param(Event(b"x", None, "a/b", {"with_underscore": 1}), id="a name that proxies drop"),
        pytest.param(Event(b"x", None, "a/b", {"app.version": 1}), id="another name that proxies drop"),
        pytest.param(Event(b"x", None, "a/b", {"Alert": 1, "alert": 2}), id="names that differ in case"),
        pytest.param(Event(b"x", None, "a/b", {"Priority": "u=1, i"}), id="what would be a browser's"),
        pytest.param(Event(b"x", None, "a/b", {"Content-Length": 1}), id="a name with a meaning of its own"),
        pytest.param(Event(b"x", None, "a/b", {"authorization": "x"}), id="a name that would be the token's"),
        pytest.param(Event(b"x", None, "a/b", {"long": "x" * 5000}), id="a value too long for a header"),
        pytest.param(Event(b"x", None, "a/b", {"lines": "a\x7fb"}), id="a value with a control character"),
        pytest.param(Event(b"x", None, "a/b", {"lines": "a\r\nHost: evil"}), id="a value of two lines"),
        pytest.param(Event(b"x", None, "a/b", {f"p{n}": n for n in range(60)}), id="too many"),
        pytest.param(Event(b"x", None, "a/b", {f"p{n}": "x" * 4000 for n in range(5)}), id="too large together"),
        pytest.param(Event(b"x", None, "a/b", {"null": None}), id="a value that is null"),
        pytest.param(Event(b"[]", None, BATCH_TYPE), id="a type that would make it a batch"),
        pytest.param(Event(b"x", None, "a/b\r\nHost: evil"), id="a type of two lines"),
        pytest.param(Event(b"x", None, "a/漢"), id="a type that is not Latin-1"),
    ],
)
def test_what_headers_cannot_carry_goes_in_a_batch_of_one(event: Event) -> None:
    (request,) = cut(event)

    (item,) = items(request)
    assert item["UserProperties"] == {
        **event.properties,
        "wz-event-id": "source/0/0",
        "wz-hops": HOP,
        "wz-content-type": event.content_type,
    }


def test_a_publisher_s_events_go_to_its_path_and_have_no_other_key() -> None:
    (batch,) = cut(*[Event(b"x", "dev/01", publisher="dev/01")] * 2)
    (single,) = cut(Event(b"x", "dev/01", "text/plain", publisher="dev/01"))

    assert (batch.path, single.path) == ("publishers/dev%2F01/messages",) * 2
    assert "BrokerProperties" not in items(batch)[0]
    assert "BrokerProperties" not in single.headers


def test_the_id_of_an_earlier_relay_is_replaced() -> None:
    (request,) = cut(Event(b"x", None, None, {"Wz-Event-Id": "elsewhere/3/7"}))

    assert items(request)[0]["UserProperties"] == {"wz-event-id": "source/0/0", "wz-hops": HOP}


def test_a_batch_is_cut_in_two_with_all_its_events_in_order() -> None:
    (request,) = cut(*[Event(str(n).encode(), "k") for n in range(5)])

    first, second = request.halves()

    assert [item["Body"] for half in (first, second) for item in items(half)] == ["0", "1", "2", "3", "4"]
    assert (len(first.events), len(second.events)) == (2, 3)
