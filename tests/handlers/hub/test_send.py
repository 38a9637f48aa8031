from __future__ import annotations

import base64
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from werkzeug.test import TestResponse

from pipeline.hub.partition import partition_of

from ... import stack
from ..conftest import ServiceClient, detail

pytestmark = pytest.mark.cluster

BATCH = "application/vnd.microsoft.servicebus.json"


def read_all(client: ServiceClient) -> list[dict[str, Any]]:
    pages = [client.get(f"/hubs/events/partitions/{p}/events").json for p in range(4)]
    return [event for page in pages for event in page["events"]]


def send_batch(client: ServiceClient, items: object) -> TestResponse:
    return client.post("/events/messages", data=json.dumps(items), content_type=BATCH)


@pytest.mark.core
@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        pytest.param("hello", "text/plain", id="text"),
        pytest.param('[{"Body": "not a batch"}]', "application/json", id="an array of another type is one event"),
        pytest.param('{"a": 1}', "application/atom+xml;type=entry;charset=utf-8", id="the documented type"),
        pytest.param("é漢", "text/plain; charset=utf-8", id="not ASCII"),
        pytest.param("", "text/plain", id="empty"),
    ],
)
def test_a_single_event_keeps_body_and_type(client: ServiceClient, data: str, content_type: str) -> None:
    answer = client.post("/events/messages", data=data, content_type=content_type)

    assert (answer.status_code, answer.data) == (201, b"")
    (event,) = read_all(client)
    assert (event["body"], event["content_type"]) == (data, content_type)


@pytest.mark.core
def test_a_body_that_is_not_text_reads_back_as_base64(client: ServiceClient) -> None:
    client.post("/events/messages", data=b"\x00\xff")

    (event,) = read_all(client)
    assert base64.b64decode(event["body_base64"]) == b"\x00\xff"
    assert "body" not in event


def test_the_query_of_the_documented_url_changes_nothing(client: ServiceClient) -> None:
    assert client.post("/events/messages?timeout=60&api-version=2014-01", data="x").status_code == 201


def test_a_hub_s_name_ignores_case(client: ServiceClient) -> None:
    assert client.post("/EVENTS/messages", data="x").status_code == 201
    assert len(read_all(client)) == 1


@pytest.mark.parametrize("key", ["7", "device-1", "é"])
def test_the_partition_key_picks_the_partition(client: ServiceClient, key: str) -> None:
    broker_properties = json.dumps({"PartitionKey": key, "Label": "ignored"})
    client.post("/events/messages", data="x", headers={"BrokerProperties": broker_properties})

    page = client.get(f"/hubs/events/partitions/{partition_of(key, 4)}/events").json
    assert [event["partition_key"] for event in page["events"]] == [key]


@pytest.mark.core
def test_a_batch_is_one_event_an_item(client: ServiceClient) -> None:
    items = [
        {"Body": "1", "UserProperties": {"Alert": "Strong Wind", "n": 3}, "BrokerProperties": {"PartitionKey": "p"}},
        {"Body": "2", "BrokerProperties": {"PartitionKey": "p"}},
        {"UserProperties": {"only": True}, "BrokerProperties": {"PartitionKey": "p"}},
        {"Body": "AP8=", "IsBodyBase64": True, "BrokerProperties": {"PartitionKey": "p"}},
    ]
    assert send_batch(client, items).status_code == 201

    events = read_all(client)
    assert [event.get("body", event.get("body_base64")) for event in events] == ["1", "2", "", "AP8="]
    assert [event["properties"] for event in events] == [{"Alert": "Strong Wind", "n": 3}, {}, {"only": True}, {}]
    assert [event["sequence_number"] for event in events] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("{", id="broken JSON"),
        pytest.param('{"Body": "x"}', id="no array"),
        pytest.param('{"records": []}', id="a wrapper"),
        pytest.param("[]", id="no items"),
        pytest.param('[{"Body": "fine"}, {"Body": {"not": "text"}}]', id="one wrong item"),
        pytest.param('[{"Body": "fine"}, {"Body": "?", "IsBodyBase64": true}]', id="not base64"),
        pytest.param('[{"Body": "x", "BrokerProperties": {"PartitionKey": "%s"}}]' % ("k" * 129), id="a key too long"),
        pytest.param("[" * 50_000, id="nested deeply"),
    ],
)
def test_a_batch_is_taken_whole_or_not_at_all(client: ServiceClient, body: str) -> None:
    answer = client.post("/events/messages", data=body, content_type=BATCH)

    assert answer.status_code == 400
    assert read_all(client) == []


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("{'PartitionKey': 'x'}", id="Python's repr, as one client sends it"),
        pytest.param('{"PartitionKey": 7}', id="a key that is not a string"),
        pytest.param('{"PartitionKey": "%s"}' % ("k" * 129), id="a key too long"),
        pytest.param("", id="empty"),
    ],
)
def test_broken_broker_properties(client: ServiceClient, header: str) -> None:
    answer = client.post("/events/messages", data="x", headers={"BrokerProperties": header})

    assert answer.status_code == 400
    assert detail(answer).startswith("'BrokerProperties' is invalid")
    assert read_all(client) == []


@pytest.mark.core
def test_pages_follow_each_other(client: ServiceClient) -> None:
    send_batch(client, [{"Body": str(i), "BrokerProperties": {"PartitionKey": "p"}} for i in range(5)])
    url = f"/hubs/events/partitions/{partition_of('p', 4)}/events"

    first = client.get(f"{url}?limit=3").json
    second = client.get(f"{url}?limit=3&after={first['next']}").json
    third = client.get(f"{url}?limit=3&after={second['next']}").json

    assert [event["body"] for event in first["events"] + second["events"]] == ["0", "1", "2", "3", "4"]
    assert (third["events"], third["next"]) == ([], second["next"])


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        pytest.param("/hubs/events/partitions/4/events", 404, None, id="no such partition"),
        pytest.param("/hubs/none/partitions/0/events", 404, None, id="no such hub"),
        pytest.param("/hubs/events/partitions/0/events?after=x", 422, "after", id="no offset"),
        pytest.param("/hubs/events/partitions/0/events?after=99999999999999999999", 422, "after", id="too large"),
        pytest.param("/hubs/events/partitions/0/events?limit=0", 422, "limit", id="an empty page"),
        pytest.param("/hubs/events/partitions/0/events?limit=1001", 422, "limit", id="a page too large"),
    ],
)
def test_what_cannot_be_read(client: ServiceClient, path: str, status: int, field: str | None) -> None:
    answer = client.get(path)

    assert answer.status_code == status
    assert answer.json.get("field") == field


def test_an_unknown_hub_is_404(client: ServiceClient) -> None:
    assert client.post("/nohub/messages", data="x").status_code == 404


@pytest.mark.core
def test_too_large_an_event_is_413(client: ServiceClient) -> None:
    answer = client.post("/events/messages", data=b"x" * (1024 * 1024 + 1))

    assert (answer.status_code, answer.mimetype) == (413, "application/xml")
    assert read_all(client) == []


@pytest.mark.core
def test_an_event_of_exactly_the_limit_is_taken(client: ServiceClient) -> None:
    assert client.post("/events/messages", data=b"x" * (1024 * 1024)).status_code == 201


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/events/messages"),
        ("GET", "/hubs/events/partitions/0/events"),
        ("GET", "/outputs/OutputWindow"),
        ("GET", "/boards/b"),
        ("DELETE", "/boards/b"),
        ("GET", "/boards/b/members"),
        ("GET", "/boards/b/sum?rank=0"),
        ("GET", "/boards/b/members/ann"),
        ("PUT", "/boards/b/members/ann"),
        ("DELETE", "/boards/b/members/ann"),
        ("POST", "/boards/b/members/ann/rewards"),
    ],
)
@pytest.mark.parametrize(
    "token",
    [
        pytest.param(str, id="no token"),
        pytest.param(lambda: "SharedAccessSignature sr=x&sig=y&se=1&skn=z", id="a wrong signature"),
        pytest.param(partial(stack.token, lifetime=-1), id="expired"),
        pytest.param(partial(stack.token, "nothing/here"), id="for something else"),
    ],
)
def test_every_route_needs_a_token(client: ServiceClient, method: str, path: str, token: Callable[[], str]) -> None:
    answer = client.open(path, method=method, headers={"Authorization": token()}, json={})

    dialect = path.startswith("/events/")
    assert (answer.status_code, answer.mimetype) == (401, "application/xml" if dialect else "application/problem+json")
    assert answer.headers["WWW-Authenticate"] == "SharedAccessSignature"
