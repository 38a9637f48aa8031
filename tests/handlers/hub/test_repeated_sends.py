"""Sends that come again: what is stored once, what is answered, and who can have whose events left out."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
import redis as redis_py
from werkzeug.test import TestResponse

from handlers.hub.repeated_sends import REPEATED
from pipeline.connection_string import ConnectionString
from pipeline.hub.description import Description
from pipeline.hub.namespace import Hubs
from pipeline.hub.partition import partition_of
from pipeline.hub.rules import Right, Rules
from pipeline.hub.upstream_requests import BATCH_TYPE
from wz.idempotency import REPLAYED

from ... import stack
from ..conftest import ServiceClient, detail

pytestmark = pytest.mark.cluster


def bodies(client: ServiceClient, hub: str = "events") -> list[str]:
    pages = [client.get(f"/hubs/{hub}/partitions/{p}/events").json for p in range(4)]
    return sorted(event["body"] for page in pages for event in page["events"])


def token_of(redis: redis_py.Redis, name: str, *rights: Right, hub: str | None = None) -> dict[str, str]:
    """Make a rule, and return the header with a token of it."""
    rule = Rules(redis, stack.ROOT).add(name, frozenset(rights), hub)
    connection = ConnectionString(stack.ROOT.endpoint, rule.name, rule.primary)
    return {"Authorization": stack.token(connection=connection)}


def send(
    client: ServiceClient, body: str, headers: dict[str, str] | None = None, path: str = "/events"
) -> TestResponse:
    return client.post(f"{path}/messages", data=body, headers=headers or {})


def counted(client: ServiceClient, name: str) -> float:
    lines = client.get("/metrics").text.splitlines()
    return next((float(line.split()[-1]) for line in lines if line.startswith(f'{name}_total{{hub="events"}}')), 0)


# -- relays -----------------------------------------------------------------------------------------------------------


@pytest.mark.core
def test_an_event_with_a_relay_s_id_is_kept_whoever_sends_it(client: ServiceClient) -> None:
    ids = ["abc/0/100-0", "abc/0/100-0", "abc/0/99-0", "abc/0/999999999999999-0", "abc/0/101-0"]
    answers = [send(client, str(number), {"wz-event-id": its}) for number, its in enumerate(ids)]
    items = [{"Body": f"item {its}", "UserProperties": {"wz-event-id": its}} for its in ids]
    answers.append(client.post("/events/messages", data=json.dumps(items), content_type=BATCH_TYPE))

    assert {(answer.status_code, answer.headers.get(REPEATED)) for answer in answers} == {(201, None)}
    assert bodies(client) == sorted([*"01234", *(f"item {its}" for its in ids)])


def test_what_a_relay_repeats_is_left_out_counted_logged_and_told(
    client: ServiceClient, redis: redis_py.Redis, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    relay = token_of(redis, "chain", Right.SEND, Right.RELAY)
    before = counted(client, "wz_events_repeated")
    items = [
        {"Body": str(n), "UserProperties": {"wz-event-id": f"abc/0/10{n}-0"}, "BrokerProperties": {"PartitionKey": key}}
        for n, key in enumerate(["7", "131", "7"])
    ]
    with caplog.at_level(logging.INFO):
        answers = [
            client.post("/events/messages", data=json.dumps(items[:count]), content_type=BATCH_TYPE, headers=relay)
            for count in (2, 3, 3)
        ]

    assert [answer.headers.get(REPEATED) for answer in answers] == [None, "2", "3"]
    assert bodies(client) == ["0", "1", "2"]
    if place in ("wsgi", "cluster"):  # what is logged and counted in this process
        assert counted(client, "wz_events_repeated") == before + 5
        told = [record.getMessage() for record in caplog.records if "left out" in record.getMessage()]
        assert told == [f"hub events: {n} events from the rule chain left out: repetitions" for n in (2, 3)]


def test_a_relay_can_have_no_other_s_events_left_out(client: ServiceClient, redis: redis_py.Redis) -> None:
    relays = [
        token_of(redis, "chain", Right.SEND, Right.RELAY),
        token_of(redis, "chain", Right.SEND, Right.RELAY, hub="events"),
        token_of(redis, "other", Right.SEND, Right.RELAY),
    ]
    for number, relay in enumerate(relays):
        its = "abc/0/999999999999999-0" if number == 0 else "abc/0/100-0"
        answer = send(client, str(number), {**relay, "wz-event-id": its})
        assert (answer.status_code, answer.headers.get(REPEATED)) == (201, None)

    assert bodies(client) == ["0", "1", "2"]


def test_manage_does_not_make_a_relay(client: ServiceClient, redis: redis_py.Redis) -> None:
    boss = token_of(redis, "boss", Right.SEND, Right.LISTEN, Right.MANAGE)
    for _ in range(2):
        send(client, "x", {**boss, "wz-event-id": "abc/0/100-0"})

    assert bodies(client) == ["x", "x"]


# -- Idempotency-Key --------------------------------------------------------------------------------------------------

KEY = {"Idempotency-Key": "4a9c9d2e-0c3f-4d0e-9a51-1d9a7c8e6f00"}
ITEMS = [
    {"Body": "1", "BrokerProperties": {"PartitionKey": "7"}},
    {"Body": "2", "BrokerProperties": {"PartitionKey": "131"}},
    {"Body": "3"},
]


@pytest.mark.core
@pytest.mark.parametrize("path", ["/events", "/events/publishers/dev-1", "/events/partitions/2"])
def test_a_send_that_comes_again_with_its_key_is_stored_once(client: ServiceClient, path: str) -> None:
    answers = [send(client, "x", {**KEY, "traceparent": f"00-{n:032x}-{n:016x}-01"}, path) for n in range(1, 4)]

    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert [answer.headers.get(REPLAYED) for answer in answers] == [None, "true", "true"]
    assert bodies(client) == ["x"]


def test_a_batch_that_comes_again_with_its_key_is_stored_once(client: ServiceClient) -> None:
    before = counted(client, "wz_sends_replayed")
    for _ in range(3):
        answer = client.post("/events/messages", data=json.dumps(ITEMS), content_type=BATCH_TYPE, headers=KEY)
        assert (answer.status_code, answer.data) == (201, b"")

    assert answer.headers[REPLAYED] == "true"
    assert bodies(client) == ["1", "2", "3"]
    assert counted(client, "wz_sends_replayed") in (before + 2, before)  # over a server, by whichever process was asked


def test_a_key_of_another_request_is_refused(client: ServiceClient) -> None:
    send(client, "x", KEY)
    answers = [
        send(client, "y", KEY),
        send(client, "x", {**KEY, "BrokerProperties": '{"PartitionKey": "k"}'}),
        send(client, "x", {**KEY, "Content-Type": "text/css"}),
        client.post("/events/messages", data=json.dumps(ITEMS), content_type=BATCH_TYPE, headers=KEY),
    ]

    for answer in answers:
        assert answer.status_code == 422
        assert "Idempotency-Key: the key belongs to another request: use a new one" in detail(answer)
    assert bodies(client) == ["x"]


@pytest.mark.parametrize("key", ["", '""', "é", "x" * 256])
def test_what_is_no_key(client: ServiceClient, key: str) -> None:
    answer = send(client, "x", {"Idempotency-Key": key})

    assert answer.status_code == 422
    assert "Idempotency-Key must be 1 to 255 printable ASCII characters" in detail(answer)
    assert bodies(client) == []


def test_a_key_is_one_of_a_rule_and_a_path(client: ServiceClient, redis: redis_py.Redis) -> None:
    for headers in ({}, token_of(redis, "a", Right.SEND), token_of(redis, "a", Right.SEND, hub="events")):
        send(client, "by a rule", {**KEY, **headers})
    send(client, "by a publisher", KEY, "/events/publishers/dev-1")
    send(client, "by another", KEY, "/events/publishers/dev-2")

    assert bodies(client) == ["by a publisher", "by a rule", "by a rule", "by a rule", "by another"]


def test_a_key_is_no_property_and_its_quotes_don_t_count(client: ServiceClient) -> None:
    send(client, "x", {"Idempotency-Key": "abc"})
    assert send(client, "x", {"Idempotency-Key": '"abc"'}).headers[REPLAYED] == "true"

    pages = [client.get(f"/hubs/events/partitions/{p}/events").json["events"] for p in range(4)]
    assert [event["properties"] for page in pages for event in page] == [{}]


def test_a_send_that_was_refused_has_not_used_up_its_key(client: ServiceClient) -> None:
    assert client.post("/events/messages", data="{", content_type=BATCH_TYPE, headers=KEY).status_code == 400
    assert send(client, "x", KEY).headers.get(REPLAYED) is None


# -- MessageId --------------------------------------------------------------------------------------------------------


def message(message_id: str, key: str | None = None) -> dict[str, Any]:
    return {"MessageId": message_id, **({"PartitionKey": key} if key else {})}


def test_a_hub_that_detects_duplicates_keeps_the_first(client: ServiceClient, redis: redis_py.Redis) -> None:
    Hubs(redis, {}).create("once", Description(partitions=4, duplicate_detection_ms=600_000))
    other = token_of(redis, "other", Right.SEND)
    first = send(client, "1", {"BrokerProperties": json.dumps(message("a"))}, "/once")
    second = send(client, "2", {**other, "BrokerProperties": json.dumps(message("a"))}, "/once")
    items = [{"Body": str(n), "BrokerProperties": message(its)} for n, its in ((3, "a"), (4, "b"), (5, "b"), (6, "c"))]
    batch = client.post("/once/messages", data=json.dumps(items), content_type=BATCH_TYPE)

    assert [answer.headers.get(REPEATED) for answer in (first, second, batch)] == [None, "1", "2"]
    assert bodies(client, "once") == ["1", "4", "6"]


def test_on_any_other_hub_a_message_id_may_come_again(client: ServiceClient) -> None:
    for _ in range(2):
        answer = send(client, "1", {"BrokerProperties": json.dumps(message("a", "7"))})
        assert REPEATED not in answer.headers

    assert bodies(client) == ["1", "1"]
    events = client.get(f"/hubs/events/partitions/{partition_of('7', 4)}/events").json["events"]
    assert [event["message_id"] for event in events] == ["a", "a"]
