"""A write counts only once replicas have it, if that is asked for; else nobody is told that it is safe."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import redis as redis_py

from bench.hub_cluster import move_slot
from handlers import create_app
from handlers.outage import MAY_BE_STORED
from pipeline.hub import Event, Hub
from pipeline.hub.description import HubSettings
from pipeline.hub.repetition import RequestKey
from pipeline.settings import Settings
from pipeline.store import replicas
from pipeline.store.client import cluster_client, redis_client
from pipeline.store.refusals import NotReplicated

from .. import cluster, stack
from ..client import validated
from ..tcp_proxy import Proxy

KEY = RequestKey("one", "print")
BATCH = [Event(b"x", str(number)) for number in range(20)]


class Replicated(NamedTuple):
    """A server with a replica, or a cluster whose primaries have one each."""

    client: Any
    settings: Settings
    replica: redis_py.Redis | None

    def hub(self, wanted: int = 1) -> Hub:
        return Hub(self.client, "events", 4, HubSettings(4, replicas=wanted))

    def replica_of(self, key: str) -> redis_py.Redis:
        if self.replica is not None:
            return self.replica
        found: redis_py.Redis = self.client.get_redis_connection(self.client.get_node_from_key(key, replica=True))
        return found

    def reader_of(self, key: str) -> redis_py.Redis:
        """Return a client that reads from the replica, which one of a cluster must be told."""
        options = self.replica_of(key).connection_pool.connection_kwargs
        names = ("path", "db") if self.replica else ("host", "port")
        reader = redis_py.Redis(
            single_connection_client=True,
            **{"unix_socket_path" if name == "path" else name: options[name] for name in names},
        )
        if self.replica is None:
            cluster.ask(reader, "READONLY")
        return reader

    @contextmanager
    def paused(self, key: str) -> Iterator[None]:
        """Pause the replica that is to have this key."""
        process = self.replica_of(key).info("server")["process_id"]
        os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(process, signal.SIGCONT)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicated]:
    one, other = (tmp_path_factory.mktemp(name) for name in ("primary", "replica"))
    port = stack.free_port()
    with (
        stack.redis_server(one, "--port", port, "--repl-diskless-sync-delay", 0) as (_, url),
        stack.redis_server(other, "--replicaof", "127.0.0.1", port) as (_, url_of_replica),
        redis_py.Redis.from_url(f"{url_of_replica}?db=2") as replica,
    ):
        stack.until(lambda: replica.info("replication").get("master_link_status") == "up")
        settings = Settings(
            environment="test",
            redis_url=url,
            connection_string=stack.ROOT,
            hosts=frozenset({stack.HOST}),
            hubs_replicas=1,
        )
        yield Replicated(redis_client(settings), settings, replica)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicated]:
    folder = tmp_path_factory.mktemp("nodes")
    with cluster.running(folder, replicas=True, cluster_node_timeout=600_000, repl_diskless_sync_delay=0) as urls:
        client: Any = cluster_client(urls, "test")

        def knows_replicas() -> bool:
            client.nodes_manager.initialize()
            return all(client.get_node_from_key(str(number), replica=True) for number in range(64))

        stack.until(knows_replicas)
        yield Replicated(client, Settings(hubs_cluster=urls), None)


@pytest.fixture(params=["server", "nodes"])
def stores(request: pytest.FixtureRequest) -> Replicated:
    found: Replicated = request.getfixturevalue(request.param)
    found.client.flushall()
    return found


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicas, "WAIT_MS", 4_500)


def stored(hub: Hub) -> int:
    return sum(len(hub.read(partition)) for partition in range(hub.partitions))


def test_what_was_acknowledged_is_in_the_replica(stores: Replicated) -> None:
    hub = stores.hub()
    key = hub.keys[1].events
    with closing(stores.reader_of(key)) as reader:
        for number in range(1, 11):
            hub.append([Event(b"one")], partition=1)
            assert reader.xlen(key) == number
    hub.append(BATCH)
    hub.append(BATCH, key=KEY)
    assert stored(hub) == 50


def test_what_no_replica_confirms_may_be_stored_and_is_once(
    stores: Replicated, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = stores.hub()
    hub.append([Event(b"one")], partition=1)
    with stores.paused(hub.keys[1].events), monkeypatch.context() as context:
        context.setattr(replicas, "WAIT_MS", 50)
        for _ in range(2):  # the second time nothing is written, and yet it does not count
            with pytest.raises(NotReplicated, match="0 of 1 replicas"):
                hub.append([Event(b"two")], partition=1, key=KEY)
    assert [kept.event.body for kept in hub.read(1)] == [b"one", b"two"]

    assert hub.append([Event(b"two")], partition=1, key=KEY).replayed
    assert stored(hub) == 2


def test_fewer_replicas_than_are_wanted_are_too_few(stores: Replicated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicas, "WAIT_MS", 500)
    with pytest.raises(NotReplicated):
        stores.hub(2).append([Event(b"one")])


def test_a_batch_that_one_node_has_not_confirmed_is_finished_later(
    nodes: Replicated, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes.client.flushall()
    hub = nodes.hub()
    with nodes.paused(hub.keys[1].events), monkeypatch.context() as context:
        context.setattr(replicas, "WAIT_MS", 50)
        with pytest.raises(NotReplicated):
            hub.append(BATCH)
        assert nodes.client.xlen(hub.keys.intents) == 1

    assert hub._batches is not None
    assert hub._batches.finish(at_least_ms=0) == 1
    assert (stored(hub), nodes.client.xlen(hub.keys.intents)) == (len(BATCH), 0)


def test_a_confirmed_write_follows_its_slot(nodes: Replicated) -> None:
    nodes.client.flushall()
    hub = nodes.hub()
    slot, client = hub.keys[2].events, nodes.client
    other = cluster_client(nodes.settings.hubs_cluster[::-1], "test")  # which is told nothing of the move
    hub.append([Event(b"one")], partition=2)
    source = move_slot(other, slot)
    hub.append([Event(b"two")], partition=2)  # MOVED

    taking = client.get_redis_connection(source)
    giving = client.get_redis_connection(client.get_node_from_key(slot))
    number = client.keyslot(slot)
    cluster.ask(taking, "CLUSTER SETSLOT", number, "IMPORTING", cluster.ask(giving, "CLUSTER MYID").decode())
    cluster.ask(giving, "CLUSTER SETSLOT", number, "MIGRATING", cluster.ask(taking, "CLUSTER MYID").decode())
    keys = cluster.ask(giving, "CLUSTER GETKEYSINSLOT", number, 100)
    cluster.ask(giving, "MIGRATE", source.host, source.port, "", 0, 5_000, "KEYS", *keys)
    hub.append([Event(b"three")], partition=2)  # ASK
    cluster.ask(taking, "CLUSTER SETSLOT", number, "NODE", cluster.ask(taking, "CLUSTER MYID").decode())
    cluster.ask(giving, "CLUSTER SETSLOT", number, "NODE", cluster.ask(taking, "CLUSTER MYID").decode())
    client.nodes_manager.initialize()

    assert [kept.event.body for kept in hub.read(2)] == [b"one", b"two", b"three"]


def test_a_client_is_told_that_it_may_be_stored(server: Replicated, monkeypatch: pytest.MonkeyPatch) -> None:
    server.client.flushdb()
    client = validated(create_app(server.settings))

    def send() -> Any:
        return client.post("/events/messages", data="x", headers={"Authorization": stack.token()})

    assert send().status_code == 201
    with server.paused(""), monkeypatch.context() as context:
        context.setattr(replicas, "WAIT_MS", 50)
        answer = send()
    assert answer.status_code == 504
    assert "too few replicas of the store have confirmed it in time" in answer.text
    assert MAY_BE_STORED in answer.text
    assert send().status_code == 201


@pytest.mark.parametrize(("wanted", "lost"), [(0, 1), (1, 0)])
def test_what_was_acknowledged_outlives_the_primary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: int, lost: int
) -> None:
    port = stack.free_port()
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    with (
        stack.redis_server(one, "--port", port, "--repl-diskless-sync-delay", 0) as (process, url),
        closing(Proxy(port)) as link,
        stack.redis_server(other, "--replicaof", "127.0.0.1", link.port) as (_, url_of_replica),
        redis_py.Redis.from_url(url) as primary,
        redis_py.Redis.from_url(url_of_replica) as replica,
    ):
        stack.until(lambda: replica.info("replication").get("master_link_status") == "up")
        settings = HubSettings(1, replicas=wanted)
        hub = Hub(primary, "events", 1, settings)
        hub.append([Event(b"one")])
        acknowledged = 1
        primary.wait(1, 0)  # it is there in both cases
        link.cut.set()
        monkeypatch.setattr(replicas, "WAIT_MS", 50)
        with suppress(NotReplicated):
            hub.append([Event(b"two")])
            acknowledged += 1
        process.kill()
        process.wait()
        replica.replicaof("NO", "ONE")

        assert acknowledged - stored(Hub(replica, "events", 1)) == lost
