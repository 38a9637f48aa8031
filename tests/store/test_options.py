"""The options of connections; a server that does not answer is made by the tests, or is a paused node."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
import redis as redis_py
from redis.cluster import RedisCluster

from pipeline.settings import Settings
from pipeline.store import options
from pipeline.store.client import RedisUnavailable, cluster_client, redis_client

from ..cluster import ask
from ..stack import ROOT

STATED = {
    "socket_connect_timeout": options.CONNECT_TIMEOUT,
    "socket_timeout": options.SOCKET_TIMEOUT,
    "health_check_interval": options.HEALTH_CHECK_INTERVAL,
    "client_name": options.client_name("test"),
    "protocol": options.PROTOCOL,
}
STATED_OF_TCP = {"socket_keepalive": True, "socket_keepalive_options": options.KEEPALIVE}

PATIENCE = 0.3  # seconds that the tests wait for an answer
MARGIN = 2.0  # seconds that a busy machine may take beyond that


def settings_for(url: str) -> Settings:
    return Settings(environment="test", redis_url=url, connection_string=ROOT)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server that accepts connections and never answers."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=16)) as server:
        yield server


@contextmanager
def ends_in_time() -> Iterator[None]:
    start = time.monotonic()
    yield
    assert PATIENCE <= time.monotonic() - start < PATIENCE + MARGIN


@pytest.mark.parametrize(
    ("url", "more"),
    [
        pytest.param("unix:///run/redis.sock", {}, id="unix socket"),
        pytest.param("redis://host", STATED_OF_TCP, id="TCP"),
        pytest.param("rediss://host", STATED_OF_TCP, id="TLS"),
    ],
)
def test_a_server_s_connections_leave_nothing_to_redis_py(url: str, more: dict[str, Any]) -> None:
    pool = redis_client(settings_for(url)).connection_pool

    assert pool.connection_kwargs.items() >= {**STATED, **more}.items()
    assert pool.connection_kwargs["retry"].get_retries() == 0
    assert pool.max_connections == options.MAX_CONNECTIONS


def test_a_cluster_s_connections_leave_nothing_to_redis_py(cluster: RedisCluster) -> None:
    assert cluster.retry.get_retries() == 0
    for node in cluster.get_nodes():  # type: ignore[no-untyped-call]
        pool = node.redis_connection.connection_pool
        assert pool.connection_kwargs.items() >= {**STATED, **STATED_OF_TCP}.items()
        assert pool.connection_kwargs["retry"].get_retries() == 0
        assert pool.max_connections == options.MAX_CONNECTIONS


def test_an_address_may_say_otherwise_for_itself() -> None:
    pool = redis_client(settings_for("redis://host?socket_timeout=0.5&health_check_interval=30")).connection_pool

    assert pool.connection_kwargs["socket_timeout"] == 0.5
    assert pool.connection_kwargs["health_check_interval"] == 30


def test_operators_see_which_process_a_connection_is_of(redis: redis_py.Redis) -> None:
    names = [found["name"] for found in redis.client_list()]

    assert f"wz-test@{socket.gethostname()}:{os.getpid()}" in names


def test_a_server_that_does_not_answer(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "SOCKET_TIMEOUT", PATIENCE)
    client = redis_client(settings_for(f"redis://127.0.0.1:{listener.getsockname()[1]}"))

    with ends_in_time(), pytest.raises(redis_py.TimeoutError):
        client.ping()


def test_a_server_that_does_not_accept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "CONNECT_TIMEOUT", PATIENCE)
    with closing(socket.create_server(("127.0.0.1", 0), backlog=0)) as full:
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(3)]  # more than the system buffers for it
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))

        with ends_in_time(), pytest.raises(redis_py.TimeoutError):
            redis_client(settings_for(f"redis://127.0.0.1:{port}")).ping()

        for one in waiting:
            one.close()


def test_a_cluster_none_of_whose_nodes_answers(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "SOCKET_TIMEOUT", PATIENCE)
    urls = (f"redis://127.0.0.1:{listener.getsockname()[1]}",)

    with ends_in_time(), pytest.raises(RedisUnavailable, match="can't be reached"):
        cluster_client(urls, "test")


def test_a_node_of_a_cluster_that_does_not_answer_any_more(
    cluster_settings: Settings, cluster: RedisCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options, "SOCKET_TIMEOUT", PATIENCE)
    # The same cluster by another name, as a process has one client for each.
    impatient: Any = cluster_client((cluster_settings.hubs_cluster[0].replace("127.0.0.1", "localhost"),), "test")
    impatient.ping(target_nodes=RedisCluster.PRIMARIES)
    node = cluster.get_primaries()[0].redis_connection  # type: ignore[no-untyped-call]
    ask(node, "CLIENT PAUSE", int((PATIENCE + MARGIN) * 1000))

    with ends_in_time(), pytest.raises(redis_py.TimeoutError):
        impatient.ping(target_nodes=RedisCluster.PRIMARIES)

    ask(node, "PING")  # this is answered after the pause
