"""The shorter ways to pack and to send a command do what redis-py's do."""

from __future__ import annotations

from typing import Any

import pytest
import redis as redis_py
from redis.exceptions import ConnectionError, DataError, ResponseError, TimeoutError

from pipeline.settings import Settings
from pipeline.store.client import redis_client

from ..stack import ROOT, until


@pytest.fixture
def client(redis_url: str) -> redis_py.Redis:
    # An address of its own, and so a pool of its own.
    url = f"{redis_url}{'&' if '?' in redis_url else '?'}db=7&socket_timeout=0.2"
    found = redis_client(Settings(environment="test", redis_url=url, connection_string=ROOT))
    found.flushdb()
    found.ping()
    return found


def idle(client: redis_py.Redis) -> list[bool]:
    """For each idle connection of the pool, whether it is open."""
    return [connection._sock is not None for connection in client.connection_pool._available_connections]


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        pytest.param("é", "é".encode(), id="text"),
        pytest.param(b"\xff\x00", b"\xff\x00", id="bytes"),
        pytest.param(2**70, b"1180591620717411303424", id="a large integer"),
        pytest.param(0.1, b"0.1", id="a double"),
        pytest.param(bytearray(b"array"), b"array", id="a bytearray"),
        pytest.param(memoryview(b"view"), b"view", id="a memoryview"),
    ],
)
def test_what_a_command_may_have_in_it(client: redis_py.Redis, value: Any, stored: bytes) -> None:
    client.execute_command("SET", "key", value)  # type: ignore[no-untyped-call]

    assert client.get("key") == stored


def test_a_name_may_be_in_bytes_or_of_two_words(client: redis_py.Redis) -> None:
    assert client.execute_command(b"ECHO", "a") == b"a"  # type: ignore[no-untyped-call]
    assert client.execute_command("CONFIG GET", "port")  # type: ignore[no-untyped-call]


def test_what_can_not_be_sent_leaves_the_connection_open(client: redis_py.Redis) -> None:
    with pytest.raises(DataError):
        client.set("key", object())  # type: ignore[arg-type]

    assert idle(client) == [True]
    assert client.get("key") is None


def test_a_refusal_leaves_the_connection_open(client: redis_py.Redis) -> None:
    with pytest.raises(ResponseError):
        client.execute_command("GET")  # type: ignore[no-untyped-call]

    assert idle(client) == [True]


def test_a_connection_that_failed_is_closed_and_used_again(client: redis_py.Redis, redis: redis_py.Redis) -> None:
    [connection] = client.connection_pool._available_connections
    with pytest.raises(TimeoutError):
        client.blpop(["nothing"], timeout=30)
    assert idle(client) == [False]

    script = f"redis.call('CLIENT', 'KILL', 'ID', '{client.client_id()}')"
    with pytest.raises((ConnectionError, ResponseError)):
        client.eval(script, 0)
    assert client.ping()
    assert client.connection_pool._available_connections == [connection]


def test_a_connection_that_the_server_closed_while_it_was_idle_is_opened_again(
    client: redis_py.Redis, redis: redis_py.Redis
) -> None:
    [connection] = client.connection_pool._available_connections
    redis.client_kill_filter(_id=str(client.client_id()))

    assert client.ping()
    assert client.connection_pool._available_connections == [connection]
    assert client.connection_pool._in_use_connections == set()


def test_an_answer_that_nobody_has_read_is_nobody_else_s(client: redis_py.Redis) -> None:
    [connection] = client.connection_pool._available_connections
    connection.send_command("ECHO", "of another")
    until(connection.can_read)

    assert client.execute_command("ECHO", "mine") == b"mine"  # type: ignore[no-untyped-call]


def test_a_connection_of_another_pool_is_not_taken_in(client: redis_py.Redis, redis: redis_py.Redis) -> None:
    stranger: Any = client.connection_pool.make_connection()
    client.connection_pool.release(stranger)

    assert stranger not in client.connection_pool._available_connections


def test_a_client_of_one_connection_keeps_it(client: redis_py.Redis) -> None:
    with client.client() as single:  # type: ignore[no-untyped-call]
        assert single.client_id() == single.client_id()
        assert idle(client) == []
