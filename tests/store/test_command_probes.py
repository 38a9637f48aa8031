"""What a watched request asks of Redis: names, keys, bytes and times of each round trip, never a value."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError, ResponseError

from pipeline.boards import Boards
from pipeline.settings import Settings
from pipeline.store.client import hubs_client
from pipeline.store.command_probes import CommandProbes, RoundTrip, text_of
from pipeline.store.connection import Client, Counting, make_pool
from pipeline.store.refusals import Parser

from ..stack import PATIENCE

SECRET = "a value that nobody may see"


_trips: ContextVar[list[RoundTrip] | None] = ContextVar("trips", default=None)


def listener() -> Callable[[RoundTrip], object] | None:
    trips = _trips.get()
    return None if trips is None else trips.append


@contextmanager
def watched() -> Iterator[list[RoundTrip]]:
    trips: list[RoundTrip] = []
    token = _trips.set(trips)
    probes = CommandProbes(listener)
    probes.on()
    try:
        yield trips
    finally:
        probes.off()
        _trips.reset(token)


def test_a_command_is_one_round_trip(redis: Redis) -> None:
    with watched() as trips:
        redis.set("here", SECRET)

    (trip,) = trips
    assert trip.text == "SET here"
    assert trip.where.startswith("tests/store/test_command_probes.py:")
    assert trip.begin < trip.end
    assert (trip.commands, trip.sent, trip.received) == (
        1,
        len(f"*3\r\n$3\r\nSET\r\n$4\r\nhere\r\n$27\r\n{SECRET}\r\n"),
        5,
    )


def test_a_pipeline_is_one_round_trip(redis: Redis) -> None:
    with watched() as trips, redis.pipeline() as pipe:
        for number in range(10):
            pipe.set(f"key-{number}", SECRET)
        pipe.execute()

    (trip,) = trips
    assert trip.text.startswith("MULTI; SET key-0; SET key-1; ")
    assert trip.text.endswith("; and 4 more")
    assert (trip.commands, trip.error) == (12, "")
    assert trip.sent > 10 * len(SECRET)
    assert trip.received > 10 * len("+QUEUED\r\n")


def test_a_large_reply_is_counted_whole(redis: Redis) -> None:
    redis.set("large", b"x" * 1_000_000)
    with watched() as trips:
        redis.get("large")

    assert trips[0].received == len("$1000000\r\n") + 1_000_000 + 2


def test_a_script_has_the_name_of_its_file(redis: Redis, settings: Settings) -> None:
    Boards.unchecked(settings)["b"].add("ann", Decimal(1))  # so that Redis has the script
    with watched() as trips:
        Boards.unchecked(settings)["b"].add("ann", Decimal(1))

    (trip,) = trips
    assert trip.text.startswith("EVALSHA update.lua {board:b}:")
    assert trip.where.startswith("pipeline/boards/")


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (("GET", "k"), "GET k"),
        (("get", b"\xff"), "GET \ufffd"),
        (("PING",), "PING"),
        (("AUTH", "user", SECRET), "AUTH"),
        (("HELLO", 3, "AUTH", "user", SECRET), "HELLO"),
        (("EVAL", "return 1", 0, SECRET), "EVAL another script"),
        (("EVALSHA", "0" * 40, 1, "k", SECRET), "EVALSHA another script k"),
        (("XREAD", "COUNT", 10, "BLOCK", 1000, "STREAMS", "s", "0"), "XREAD s"),
        (("PUBLISH", "channel", SECRET), "PUBLISH"),
        (("GET", "k" * 1000), "GET " + "k" * 100 + "..."),
    ],
    ids=lambda value: str(value[0]) if isinstance(value, tuple) else "",
)
def test_a_command_is_named_without_its_values(command: tuple[object, ...], text: str) -> None:
    assert text_of([command]) == text


def test_what_can_not_be_named_is_sent(redis: Redis) -> None:
    with watched() as trips, pytest.raises(ResponseError):
        redis.execute_command("EVALSHA", "0" * 40, "no number", SECRET)  # type: ignore[no-untyped-call]

    assert [(trip.text, trip.error) for trip in trips] == [("?", "ResponseError")]


def test_a_listener_that_fails_fails_no_command(redis: Redis) -> None:
    def note(trip: RoundTrip) -> None:
        raise RuntimeError("not my day")

    probes = CommandProbes(lambda: note)
    probes.on()
    try:
        assert redis.set("k", 1)
    finally:
        probes.off()


def test_a_refused_command_says_so(redis: Redis) -> None:
    redis.set("text", "x")
    with watched() as trips, pytest.raises(ResponseError):
        redis.hget("text", "field")

    assert [(trip.text, trip.error) for trip in trips] == [("HGET text", "ResponseError")]


def test_a_read_that_blocks(redis: Redis) -> None:
    with watched() as trips:
        redis.xread({"nothing": "0"}, block=10)

    (trip,) = trips
    assert trip.text == "XREAD nothing"
    assert trip.end - trip.begin >= 10_000_000


def test_a_new_connection_is_one_step(redis_url: str) -> None:
    with Client.from_pool(make_pool(redis_url, "test")) as client, watched() as trips:
        client.get("a")
        client.get("b")

    assert [trip.text for trip in trips] == ["a new connection", "GET a", "GET b"]


def refused(path: Path) -> list[RoundTrip]:
    pool = make_pool(f"unix://{path}", "test")
    with Client.from_pool(pool) as client, watched() as trips, pytest.raises(ConnectionError):
        client.get("a")
    return trips


def test_a_connection_that_ends_says_so(tmp_path: Path) -> None:
    path = tmp_path / "redis.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                while b"GET" not in (data := connection.recv(4096)) and data:
                    connection.sendall(b"+OK\r\n" * data.count(b"*"))

        thread = threading.Thread(target=answer)
        thread.start()
        trips = refused(path)
        thread.join(PATIENCE)
    more = refused(path)

    assert [(trip.text, trip.error) for trip in trips] == [("a new connection", ""), ("GET a", "ConnectionError")]
    assert [(trip.text, trip.error) for trip in more] == [("a new connection", "ConnectionError")]


def test_only_who_is_watched_is(redis: Redis) -> None:
    with watched() as trips:
        thread = threading.Thread(target=redis.get, args=["theirs"])
        thread.start()
        thread.join(PATIENCE)
        redis.get("mine")

    assert [trip.text for trip in trips] == ["GET mine"]


def test_nothing_stays_when_nobody_is_watched(redis: Redis) -> None:
    def methods() -> dict[str, object]:
        return {**vars(Counting), **vars(Parser)}

    before = methods()
    with watched():
        redis.get("a")
        assert methods() != before

    assert methods() == before


def test_the_nodes_of_a_cluster(cluster_settings: Settings) -> None:
    cluster = hubs_client(cluster_settings)
    cluster.set("warm", 1)
    with watched() as trips:
        cluster.set("one", 1)
        with cluster.pipeline() as pipe:
            for number in range(20):
                pipe.set(f"key-{number}", SECRET)
            pipe.execute()

    texts = [trip.text for trip in trips if trip.text != "a new connection"]
    assert texts[0] == "SET one"
    assert sum(trip.commands for trip in trips) == 21
    assert SECRET not in str(trips)
