"""Every way to send, and the answers to what can't be taken."""

from __future__ import annotations

import json
from typing import Any

import pytest
import redis as redis_py

from handlers import create_app
from pipeline.connection_string import ConnectionString
from pipeline.hub.consumer_group import ConsumerGroup
from pipeline.hub.description import Description
from pipeline.hub.log import Hub
from pipeline.hub.namespace import Hubs
from pipeline.hub.partition import partition_of
from pipeline.hub.publishers import RevokedPublishers
from pipeline.hub.rules import Right, Rules
from pipeline.hub.throughput import take
from pipeline.settings import Settings

from ... import stack
from ..conftest import ServiceClient, detail
from .test_send import BATCH, read_all

pytestmark = pytest.mark.cluster

ITEMS = json.dumps([{"Body": "1"}, {"Body": "2", "UserProperties": {"n": 2}}])


def stored(redis: redis_py.Redis) -> list[tuple[int, str, str | None, str | None]]:
    """Partition, body, key and publisher of every event."""
    hub = Hub(redis, "events", 4)
    events = [(p, stored.event) for p in range(4) for stored in hub.read(p)]
    return [(p, event.body.decode(), event.partition_key, event.publisher) for p, event in events]


@pytest.mark.parametrize("content_type", ["", BATCH])
def test_a_body_that_is_broken_off_stores_nothing(content_type: str, redis: redis_py.Redis, settings: Settings) -> None:
    length = {"CONTENT_LENGTH": str(len(ITEMS) + 1)}
    client = ServiceClient(create_app(settings))
    answer = client.post("/events/messages", data=ITEMS, content_type=content_type, environ_overrides=length)

    assert answer.status_code == 400
    assert stored(redis) == []


DEV_1 = partition_of("dev-1", 4)


@pytest.mark.parametrize(
    ("path", "content_type", "expected"),
    [
        pytest.param("/partitions/2/messages", "", [(2, ITEMS, None, None)], id="to a partition"),
        pytest.param(
            "/partitions/2/messages", BATCH, [(2, "1", None, None), (2, "2", None, None)], id="batch to a partition"
        ),
        pytest.param("/publishers/dev-1/messages", "", [(DEV_1, ITEMS, "dev-1", "dev-1")], id="as a publisher"),
        pytest.param(
            "/publishers/dev-1/messages",
            BATCH,
            [(DEV_1, "1", "dev-1", "dev-1"), (DEV_1, "2", "dev-1", "dev-1")],
            id="batch as a publisher",
        ),
        pytest.param(
            "/publisher/dev-1/messages", "", [(DEV_1, ITEMS, "dev-1", "dev-1")], id="the typo of the reference"
        ),
        pytest.param("/Partitions/2/Messages", "", [(2, ITEMS, None, None)], id="words in any case"),
        pytest.param("/PARTITIONS/2/MESSAGES/", "", [(2, ITEMS, None, None)], id="a slash at the end"),
        pytest.param(
            "/partitions/2/messages?timeout=60&api-version=2014-01", "", [(2, ITEMS, None, None)], id="documented query"
        ),
        pytest.param("/partitions/2/messages?timeout=x&api-version=", "", [(2, ITEMS, None, None)], id="any query"),
        pytest.param(
            "/partitions/2/messages",
            BATCH.upper() + "; charset=utf-8",
            [(2, "1", None, None), (2, "2", None, None)],
            id="the batch's type in another case, with a parameter",
        ),
    ],
)
def test_ways_to_send(
    client: ServiceClient, redis: redis_py.Redis, path: str, content_type: str, expected: list[Any]
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = client.post(f"/Events{path}", data=ITEMS, headers=headers)

    assert (answer.status_code, answer.data) == (201, b"")
    assert stored(redis) == expected


@pytest.mark.core
def test_a_publisher_s_name_is_kept_as_it_is(client: ServiceClient, redis: redis_py.Redis) -> None:
    assert client.post("/events/publishers/D%C3%A9v%201%2525/messages", data="x").status_code == 201

    assert [(key, publisher) for _, _, key, publisher in stored(redis)] == [("Dév 1%25", "Dév 1%25")]


def test_a_publisher_may_name_itself_as_key(client: ServiceClient, redis: redis_py.Redis) -> None:
    headers = {"BrokerProperties": '{"PartitionKey": "dev-1"}'}
    assert client.post("/events/publishers/dev-1/messages", data="x", headers=headers).status_code == 201

    assert stored(redis) == [(DEV_1, "x", "dev-1", "dev-1")]


KEYED = json.dumps([{"Body": "1"}, {"Body": "2", "BrokerProperties": {"PartitionKey": "k"}}])


@pytest.mark.parametrize(
    ("path", "headers", "data", "status", "text"),
    [
        pytest.param(
            "/partitions/1/messages",
            {"BrokerProperties": '{"PartitionKey": "k"}'},
            "x",
            400,
            "can't have a PartitionKey",
            id="a key on a partition's path",
        ),
        pytest.param(
            "/partitions/1/messages",
            {"Content-Type": BATCH},
            KEYED,
            400,
            "can't have a PartitionKey",
            id="a key in a batch for a partition",
        ),
        pytest.param(
            "/publishers/p/messages",
            {"BrokerProperties": '{"PartitionKey": "k"}'},
            "x",
            400,
            "must be its name, 'p'",
            id="a publisher with another key",
        ),
        pytest.param(
            "/publishers/p/messages",
            {"Content-Type": BATCH},
            KEYED,
            400,
            "must be its name, 'p'",
            id="a publisher's batch with another key",
        ),
        pytest.param("/partitions/4/messages", {}, "x", 404, "partitions 0 to 3, not 4", id="no such partition"),
        pytest.param("/partitions/-1/messages", {}, "x", 404, "not '-1'", id="a partition below 0"),
        pytest.param("/partitions/one/messages", {}, "x", 404, "not 'one'", id="a partition that is not a number"),
        pytest.param("/partitions/99999999999/messages", {}, "x", 404, "not '99999999999'", id="a large number"),
        pytest.param(f"/publishers/{'p' * 129}/messages", {}, "x", 400, "1 to 128 characters", id="a long publisher"),
        pytest.param(
            "/publishers/a%0Bb/messages",
            {},
            "x",
            400,
            "without control characters",
            id="a publisher with a control character",
        ),
        pytest.param("/publishers/K%FCche/messages", {}, "x", 400, "UTF-8", id="a publisher in another encoding"),
        pytest.param(
            "/publishers/%2E%2E/messages", {}, "x", 400, "named '..'", id="a publisher who is a step in a path"
        ),
        pytest.param(
            "/messages",
            {"Content-Type": BATCH},
            json.dumps([{"Body": "", "UserProperties": {"p": "x" * 32769}}]),
            400,
            "'p' is larger than 32 KB",
            id="a property too large",
        ),
        pytest.param(
            "/messages",
            {"Content-Type": BATCH},
            '[{"UserProperties": {"p": {}}}]',
            400,
            "[0].UserProperties.p: a property is text, a number, a boolean or null",
            id="a property that is not a value",
        ),
    ],
)
def test_what_cannot_be_sent(
    client: ServiceClient, path: str, headers: dict[str, str], data: str, status: int, text: str
) -> None:
    answer = client.post(f"/events{path}", data=data, headers=headers)

    assert answer.status_code == status
    assert text in detail(answer)
    assert read_all(client) == []


def test_a_batch_has_the_properties_of_its_items_only(client: ServiceClient) -> None:
    headers = {"Content-Type": BATCH, "Alert": "ignored", "BrokerProperties": "also ignored"}
    client.post("/events/messages", data='[{"UserProperties": {"my_Name": 1.5}}, {"Body": null}]', headers=headers)

    assert [(event["body"], event["properties"]) for event in read_all(client)] == [("", {"my_Name": 1.5}), ("", {})]


@pytest.mark.parametrize("name", ["dev%E2%80%8B1", "dev%C2%A01", "dev%C2%851"])
def test_whoever_may_send_can_be_revoked(client: ServiceClient, name: str) -> None:
    assert client.post(f"/events/publishers/{name}/messages", data="x").status_code == 201
    assert client.put(f"/events/revokedpublishers/{name}").status_code == 201
    assert client.post(f"/events/publishers/{name}/messages", data="x").status_code == 401


def test_a_revoked_publisher_is_refused_in_any_case(client: ServiceClient, redis: redis_py.Redis) -> None:
    revoked = RevokedPublishers(Hub(redis, "events", 4))
    revoked.revoke("Dev-1")

    answer = client.post("/events/publishers/dEV-1/messages", data="x")
    assert (answer.status_code, detail(answer).partition(":")[0]) == (401, "PublisherRevoked")
    assert client.post("/events/publishers/dev-2/messages", data="x").status_code == 201

    revoked.resume("DEV-1")
    assert client.post("/events/publishers/dEV-1/messages", data="x").status_code == 201


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/events/publishers/dev-1/messages", 201),
        ("/EVENTS/Publisher/DEV-1/Messages", 201),
        ("/events/publishers/dev-10/messages", 401),
        ("/events/messages", 401),
        ("/events/partitions/0/messages", 401),
    ],
)
def test_a_publisher_s_token(client: ServiceClient, redis: redis_py.Redis, path: str, status: int) -> None:
    rule = Rules(redis, stack.ROOT).add("devices", frozenset({Right.SEND}), hub="events")
    connection = ConnectionString(stack.ROOT.endpoint, rule.name, rule.secondary)
    headers = {"Authorization": stack.token("events/publishers/dev-1", connection)}

    assert client.post(path, data="x", headers=headers).status_code == status


def test_a_publisher_s_token_gives_its_events_one_name(client: ServiceClient, redis: redis_py.Redis) -> None:
    headers = {"Authorization": stack.token("events/publishers/Dev-1")}
    for name in ("Dev-1", "dEV-1"):
        headers |= {"BrokerProperties": json.dumps({"PartitionKey": name})}
        assert client.post(f"/events/publishers/{name}/messages", data="x", headers=headers).status_code == 201

    partition = partition_of("Dev-1", 4)
    assert stored(redis) == [(partition, "x", "Dev-1", "Dev-1"), (partition, "x", "Dev-1", "Dev-1")]


def test_a_name_with_an_escape_does_not_outlive_its_revocation(client: ServiceClient, redis: redis_py.Redis) -> None:
    revoked = RevokedPublishers(Hub(redis, "events", 4))
    for name in ("%62", "dev%201"):
        revoked.revoke(name)
    sends = {
        "%62": {"%2562": 401, "b": 401},
        "dev%201": {"dev%25201": 401, "dev%201": 401},
        "dev 1": {"dev%201": 201, "dev%25201": 401},
    }
    for name, answers in sends.items():
        headers = {"Authorization": stack.token(f"events/publishers/{name}")}  # which signs the name as it is
        for path, status in answers.items():
            answer = client.post(f"/events/publishers/{path}/messages", data="x", headers=headers)
            assert answer.status_code == status, (name, path)


def test_a_full_hub_says_when_to_try_again(client: ServiceClient, redis: redis_py.Redis) -> None:
    hub = Hub(redis, "events", 4)
    ConsumerGroup(hub, "$relay").attach()
    redis.hset(hub.keys[0].stats, "bytes", 2**40)  # as if there were a terabyte that the relay has not sent

    answer = client.post("/events/partitions/0/messages", data="x")

    assert answer.status_code == 503
    assert detail(answer).startswith("ServerBusy: partition 0 of hub 'events' is full")
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.fixture
def throttled(client: ServiceClient, redis: redis_py.Redis, settings: Settings) -> ServiceClient:
    """A hub with one throughput unit that is used up for a minute."""
    hubs = Hubs(redis, settings.hubs)
    hubs.create("slow", Description(partitions=1, throughput_units=1))
    take(hubs["slow"], 0, 61_000)
    return client


def test_a_throttled_hub_answers_as_the_service_does(throttled: ServiceClient) -> None:
    answer = throttled.post("/slow/messages", data="x")

    assert answer.status_code == 503
    assert detail(answer).startswith(
        f"The request was terminated because the namespace {stack.HOST} is being throttled. Error code : 50002. "
        f"Please wait {answer.headers['Retry-After']} seconds and try again. "
        "Reason: the hub 'slow' takes 1,000 events or 1,048,576 bytes a second."
    )
    assert 30 < int(answer.headers["Retry-After"]) <= 61
    assert throttled.post("/events/messages", data="x").status_code == 201


def test_one_sender_can_t_use_all_that_a_hub_takes(client: ServiceClient, redis: redis_py.Redis) -> None:
    Hubs(redis, {}).create("fair", Description(partitions=1, publisher_events_per_second=1))
    made = [Rules(redis, stack.ROOT).add(name, frozenset({Right.SEND}), bytes_per_second=1000) for name in "ab"]
    tokens = [
        {"Authorization": stack.token("fair", ConnectionString(stack.ROOT.endpoint, rule.name, rule.primary))}
        for rule in made
    ]
    assert client.get("/hubs/fair").json["publisher_events_per_second"] == 1

    def send(path: str, data: str, token: dict[str, str], content_type: str = "text/plain") -> str:
        answer = client.post(f"/fair{path}", data=data, headers=token | {"Content-Type": content_type})
        return "" if answer.status_code == 201 else f"{answer.status_code} {detail(answer)}"

    assert send("/messages", "x" * 301_000, tokens[0]) == ""  # five minutes' worth
    refused = send("/messages", "x", tokens[0])
    assert refused.startswith("503 The request was terminated")
    assert "Reason: the rule 'a' may send 1,000 bytes a second." in refused
    items = json.dumps([{"Body": "x"}] * 300)
    assert send("/publishers/dev-1/messages", items, tokens[1], BATCH) == ""
    assert "the publisher 'Dev-1' may send 1 event a second" in send("/publishers/Dev-1/messages", "x", tokens[1])
    assert send("/publishers/dev-2/messages", "x", tokens[1]) == ""
