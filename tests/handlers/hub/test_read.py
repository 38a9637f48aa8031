"""Reading hubs back: long polls and streams, in which a second client sends while the first waits."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import redis as redis_py
from redis.cluster import RedisCluster

from handlers import create_app
from handlers.following import MAX_WAIT
from handlers.readers import MAX_READERS, MAX_SHARE, Readers, TooManyReaders
from pipeline.connection_string import ConnectionString
from pipeline.hub import Event, Hub
from pipeline.hub.consumer_group import ConsumerGroup
from pipeline.hub.event import OVERHEAD
from pipeline.hub.rules import Right, Rules
from pipeline.settings import Settings
from wz.live_server import LiveServer

from ... import stack
from ..conftest import ServiceClient
from ..following import Tail, Waiting

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

pytestmark = pytest.mark.cluster

URL = "/hubs/events/partitions/1"
OFFSETS = "/hubs/events/consumergroups/$Default/partitions/1/offset"


def until_blocked(redis: redis_py.Redis) -> None:
    """Return when a reader waits in Redis."""
    deadline = time.monotonic() + stack.PATIENCE
    servers: list[Any] = [redis]
    if isinstance(redis, RedisCluster):
        servers = [redis.get_redis_connection(node) for node in redis.get_primaries()]
    while not any(server.info("clients")["blocked_clients"] for server in servers):
        assert time.monotonic() < deadline, "no reader waits in Redis"


def test_a_long_poll_is_answered_by_the_event_that_comes(
    client: ServiceClient, redis: redis_py.Redis, hub: Hub
) -> None:
    waiting = Waiting(client, f"{URL}/events?wait=20")
    until_blocked(redis)
    hub.append([Event(b"hello", publisher="dev-1")], partition=1)

    (event,) = waiting.result()["events"]
    assert (event["body"], event["publisher"]) == ("hello", "dev-1")


def test_a_long_poll_after_the_newest_event_is_answered_by_the_next(
    client: ServiceClient, redis: redis_py.Redis, hub: Hub
) -> None:
    hub.append([Event(b"old")], partition=1)
    waiting = Waiting(client, f"{URL}/events?wait=20&after=@latest")
    until_blocked(redis)
    hub.append([Event(b"new")], partition=1)

    assert [event["body"] for event in waiting.result()["events"]] == ["new"]


def test_a_long_poll_ends_with_an_empty_page(client: ServiceClient, hub: Hub) -> None:
    hub.append([Event(b"old")], partition=1)
    newest = hub.read(1)[0].offset

    page = client.get(f"{URL}/events?wait=1&after={newest}").json

    assert page == {"hub": "events", "partition": 1, "events": [], "next": newest}


@pytest.mark.core
def test_a_long_poll_does_not_wait_for_what_is_there(client: ServiceClient, hub: Hub) -> None:
    hub.append([Event(b"x")], partition=1)

    assert len(client.get(f"{URL}/events?wait=20").json["events"]) == 1


def test_a_page_after_the_newest_event_tells_where_that_is(client: ServiceClient, hub: Hub) -> None:
    assert client.get(f"{URL}/events?after=@latest").json["next"] == "0"
    hub.append([Event(b"x")], partition=1)
    assert client.get(f"{URL}/events?after=@latest").json["next"] == hub.read(1)[0].offset


@pytest.mark.core
def test_a_page_ends_at_some_megabytes(client: ServiceClient, hub: Hub) -> None:
    for n in range(12):
        hub.append([Event(str(n % 10).encode() * 1024 * 1024)], partition=1)

    first = client.get(f"{URL}/events?limit=1000").json
    second = client.get(f"{URL}/events?limit=1000&after={first['next']}").json

    assert [len(first["events"]), len(second["events"])] == [8, 4]
    assert [event["sequence_number"] for event in first["events"] + second["events"]] == list(range(12))


def test_a_time_will_do_for_an_offset(client: ServiceClient, hub: Hub) -> None:
    for ms in (1000, 2000, 3000):
        hub.append([Event(str(ms).encode())], partition=1, enqueued_ms=ms)

    assert [event["body"] for event in client.get(f"{URL}/events?after=2000").json["events"]] == ["2000", "3000"]


@pytest.mark.core
def test_a_tail_tells_events_as_they_come(client: ServiceClient, redis: redis_py.Redis, hub: Hub) -> None:
    hub.append([Event(b"old")], partition=1)
    tail = Tail(client, f"{URL}/tail?after=0")
    assert tail.next()[1]["body"] == "old"

    hub.append([Event(b"1", "key", "text/plain", {"n": 1}), Event(b"\xff")], partition=1)

    offset, event = tail.next()
    assert (offset, event["body"], event["properties"]) == (event["offset"], "1", {"n": 1})
    assert tail.next()[1]["body_base64"] == "/w=="
    tail.close()


def test_a_tail_goes_on_after_the_event_that_was_seen_last(client: ServiceClient, hub: Hub) -> None:
    hub.append([Event(b"1"), Event(b"2")], partition=1)
    tail = Tail(client, f"{URL}/tail?after=@latest", **{"Last-Event-ID": hub.read(1)[0].offset})

    assert tail.next()[1]["body"] == "2"
    tail.close()


@pytest.mark.parametrize(
    ("path", "headers", "status", "field"),
    [
        pytest.param(f"{URL}/tail", {"Last-Event-ID": "x"}, 422, "Last-Event-ID", id="no id"),
        pytest.param(f"{URL}/tail?after=x", {}, 422, "after", id="no offset"),
        pytest.param("/hubs/events/partitions/4/tail", {}, 404, None, id="no such partition"),
        pytest.param("/hubs/none/partitions/0/tail", {}, 404, None, id="no such hub"),
        pytest.param(f"{URL}/events?wait=21", {}, 422, "wait", id="too long a wait"),
        pytest.param("/hubs/events/partitions/4/events?after=@latest", {}, 404, None, id="latest of no partition"),
        pytest.param("/hubs/none", {}, 404, None, id="a hub that is not there"),
        pytest.param("/hubs/none/consumergroups/$Default/partitions/0/offset", {}, 404, None, id="an offset of none"),
        pytest.param("/hubs/events/consumergroups/none/partitions/0/offset", {}, 404, None, id="no such group"),
        pytest.param("/hubs/events/consumergroups/$Default/partitions/9/offset", {}, 404, None, id="no partition 9"),
        pytest.param(OFFSETS, {}, 404, None, id="no stored offset"),
    ],
)
def test_what_cannot_be_read(
    client: ServiceClient, path: str, headers: dict[str, str], status: int, field: str | None
) -> None:
    answer = client.get(path, headers=headers)

    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert answer.json.get("field") == field


def test_a_tail_s_head_takes_no_place(redis: redis_py.Redis, settings: Settings) -> None:
    app = create_app(settings)
    take_all(app.extensions["services"].readers, MAX_READERS)

    assert ServiceClient(app).head(f"{URL}/tail").status_code == 200


def test_more_readers_than_places_are_told_to_come_again(redis: redis_py.Redis, settings: Settings) -> None:
    app = create_app(settings)
    client = ServiceClient(app)
    other = Rules(redis, stack.ROOT).add("other", frozenset({Right.LISTEN}))
    others = {"Authorization": stack.token(connection=ConnectionString(stack.ROOT.endpoint, other.name, other.primary))}
    tails = [Tail(client, f"{URL}/tail") for _ in range(MAX_SHARE)]
    for path in (f"{URL}/tail", f"{URL}/events?wait=20"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "5")

    tails += [Tail(client, f"{URL}/tail", **others) for _ in range(MAX_READERS - MAX_SHARE)]
    for path in (f"{URL}/tail", f"{URL}/events?wait=20"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert client.get(f"{URL}/events").status_code == 200

    tails[0].close()
    Tail(client, f"{URL}/tail").close()
    for tail in tails[1:]:
        tail.close()
    with pytest.raises(TooManyReaders):
        take_all(app.extensions["services"].readers, MAX_READERS + 1)


def take_all(readers: Readers, number: int) -> None:
    for holder in range(number):
        readers.enter(holder)


def test_a_tail_ends_when_its_client_has_gone(redis: redis_py.Redis, settings: Settings) -> None:
    app = create_app(settings)
    app.config["TAIL_SECONDS"] = stack.PATIENCE
    here, there = socket.socketpair()

    def served(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return app({**environ, "gunicorn.socket": here}, start_response)

    with here, there:
        tail = Tail(ServiceClient(served), f"{URL}/tail")
        there.close()

        with pytest.raises(EOFError):
            tail.next()


@pytest.mark.parametrize("layer", ["gunicorn", "nginx"])
def test_nobody_waits_for_a_client_that_has_gone(
    layer: str, gunicorn: LiveServer, nginx: LiveServer, redis: redis_py.Redis, hub: Hub
) -> None:
    def turns() -> int:
        calls: int = redis.info("commandstats").get("cmdstat_xread", {"calls": 0})["calls"]
        return calls

    def waiting() -> int:
        blocked: int = redis.info("clients")["blocked_clients"]
        return blocked

    server = {"gunicorn": gunicorn, "nginx": nginx}[layer]
    before = turns()
    with closing(server.connect()) as connection:
        connection.request("GET", f"{URL}/events?wait={MAX_WAIT}", headers={"Authorization": stack.token()})
        stack.until(lambda: waiting() == 1)

    stack.until(lambda: waiting() == 0)
    assert turns() - before <= MAX_WAIT // 2  # it looks once a second


def test_a_stream_ends_with_its_token(redis: redis_py.Redis, settings: Settings) -> None:
    tail = Tail(ServiceClient(create_app(settings)), f"{URL}/tail", Authorization=stack.token(lifetime=5))

    with pytest.raises(EOFError):
        tail.next()


def test_readers_of_a_process_that_stops_are_let_go(redis: redis_py.Redis, settings: Settings) -> None:
    app = create_app(settings)
    app.extensions["services"].readers.is_stopping = lambda: True

    with pytest.raises(EOFError):
        Tail(ServiceClient(app), f"{URL}/tail").next()
    assert ServiceClient(app).get(f"{URL}/events?wait=20").json["events"] == []


def test_an_offset_is_stored_read_and_forgotten(client: ServiceClient) -> None:
    answer = client.put(OFFSETS, json={"offset": "5-0"})
    assert (answer.status_code, answer.json) == (200, {"offset": "5-0"})
    assert client.get(OFFSETS.lower()).json == {"offset": "5-0"}

    assert client.delete(OFFSETS).status_code == 204
    assert client.delete(OFFSETS).status_code == 404


@pytest.mark.parametrize("offset", ["", "x", "@latest", "1-", 5, None])
def test_only_an_offset_can_be_stored(client: ServiceClient, offset: object) -> None:
    assert client.put(OFFSETS, json={"offset": offset}).status_code == 422
    assert client.get(OFFSETS).status_code == 404


def test_the_relay_s_offset_is_not_for_others(client: ServiceClient, hub: Hub) -> None:
    ConsumerGroup(hub, "$relay").attach()

    assert client.put(OFFSETS.replace("$Default", "$relay"), json={"offset": "5-0"}).status_code == 404


def test_hubs_tell_what_they_hold_and_who_is_behind(client: ServiceClient, hub: Hub) -> None:
    hub.append([Event(b"1"), Event(b"22")], partition=1)
    relay = ConsumerGroup(hub, "$relay")
    relay.attach()
    relay.store(1, hub.read(1)[0].offset)

    (summary,) = client.get("/hubs").json["hubs"]
    document = client.get("/hubs/Events").json

    assert (summary["name"], summary["partitions"], summary["events"], summary["bytes"]) == (
        "events",
        4,
        2,
        3 + 2 * OVERHEAD,
    )
    (group,) = summary["groups"]
    assert (group["name"], group["attached"], group["lag"]) == ("$relay", True, 1)
    assert (document["retention_seconds"], document["retention_bytes"]) == (86400, 1024**3)
    detail = document["partition_details"][1]
    assert (detail["first_sequence_number"], detail["next_sequence_number"], detail["events"]) == (0, 2, 2)
    assert detail["last_offset"] == hub.read(1)[1].offset
    assert document["partition_details"][0]["last_offset"] is None
