"""A Redis Cluster of three nodes on loopback, for the tests that ask for it: started once, emptied for each of them."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.cluster import RedisCluster

from deploy import servers
from pipeline.settings import Settings
from pipeline.store.client import cluster_client

from .stack import HOST, PATIENCE, ROOT, process, until

NODES = 3
SLOTS = 16384
BUS = 10_000  # nodes talk to each other on the port that is higher by this; only Redis >= 7 lets one choose it

#: Shards of each board on the cluster: more than nodes, so that some share one.
SHARDS = 8


@contextmanager
def running(folder: Path, replicas: bool = False, **options: object) -> Iterator[tuple[str, ...]]:
    """Run a cluster, with these options, until the block ends. Yields the addresses of its primaries.

    With `replicas`, each primary has one.
    """
    with ExitStack() as stack:
        nodes = []
        for _ in range(2 * NODES if replicas else NODES):
            port = free_port()
            node = stack.enter_context(closing(redis.Redis(port=port)))
            stack.enter_context(process(command(port, folder, options), ready=partial(_answers, node)))
            nodes.append(node)
        ports = [node.connection_pool.connection_kwargs["port"] for node in nodes]
        _join(nodes, ports)
        for primary, replica in zip(nodes, nodes[NODES:], strict=False):
            ask(replica, "CLUSTER REPLICATE", ask(primary, "CLUSTER MYID"))
            until(lambda replica=replica: replica.info("replication").get("master_link_status") == "up")  # type: ignore[misc]
        yield tuple(f"redis://127.0.0.1:{port}" for port in ports[:NODES])


@contextmanager
def of_one_node(folder: Path, port: int) -> Iterator[None]:
    """Run a cluster that a test may end, and start again with the same folder and port."""
    with closing(redis.Redis(port=port)) as node, process(command(port, folder), ready=partial(_answers, node)):
        if ask(node, "CLUSTER INFO")["cluster_slots_assigned"] == "0":
            ask(node, "CLUSTER ADDSLOTS", *range(SLOTS))
        until(lambda: bool(ask(node, "CLUSTER INFO")["cluster_state"] == "ok"))
        yield


@pytest.fixture(scope="session")
def cluster_urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, ...]]:
    """Addresses of the nodes."""
    with running(tmp_path_factory.mktemp("cluster")) as urls:
        yield urls


@pytest.fixture(scope="session")
def cluster_settings(redis_url: str, cluster_urls: tuple[str, ...]) -> Settings:
    """The service with its hubs and boards on the cluster. One node is enough to find the others."""
    return Settings(
        environment="test",
        redis_url=redis_url,
        connection_string=ROOT,
        hosts=frozenset({HOST, "127.0.0.1"}),
        hubs_cluster=cluster_urls[:1],
        boards_cluster=cluster_urls[:1],
        board_shards=SHARDS,
    )


@pytest.fixture
def cluster(cluster_settings: Settings) -> RedisCluster:
    """The service's own client of the cluster, which is empty."""
    client = cluster_client(cluster_settings.boards_cluster, cluster_settings.environment)
    client.flushall()
    return client


def free_port() -> int:
    # Not one that the system chose: those are so high that some have no port 10,000 above them.
    while True:
        port = random.randrange(20_000, 30_000)
        try:
            for number in (port, port + BUS):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", number))
        except OSError:
            continue
        return port


def command(port: int, folder: Path, more: Mapping[str, object] = {}) -> list[object]:
    """Return how a node is started; options have `_` for `-`."""
    options: dict[str, object] = {
        "port": port,
        "bind": "127.0.0.1",
        "cluster-enabled": "yes",
        "cluster-config-file": f"nodes-{port}.conf",
        "appendfilename": f"node-{port}.aof",
        "save": "",
        "dir": folder,
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    return [servers.redis_server(), *(word for name, value in options.items() for word in (f"--{name}", value))]


def _answers(node: redis.Redis) -> bool:
    try:
        return bool(node.ping())
    except redis.ConnectionError:
        return False


def _join(nodes: Sequence[redis.Redis], ports: Sequence[int]) -> None:
    """Share the slots out, introduce the nodes to each other, and wait until all know that the cluster is whole."""
    limits = [i * SLOTS // NODES for i in range(NODES + 1)]
    for i, node in enumerate(nodes):
        if i < NODES:
            ask(node, "CLUSTER ADDSLOTS", *range(limits[i], limits[i + 1]))  # Redis 6.2 has no ADDSLOTSRANGE
        ask(node, "CLUSTER SET-CONFIG-EPOCH", i + 1)
        ask(node, "CLUSTER MEET", "127.0.0.1", ports[0])
    deadline = time.monotonic() + PATIENCE
    while not all(_is_whole(node, len(nodes)) for node in nodes):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the nodes have not become a cluster in {PATIENCE:.0f} s")
        time.sleep(0.05)


def _is_whole(node: redis.Redis, nodes: int) -> bool:
    info = ask(node, "CLUSTER INFO")
    return info["cluster_state"] == "ok" and info["cluster_known_nodes"] == str(nodes)  # type: ignore[no-any-return]


def ask(node: redis.Redis, *command: str | int) -> Any:
    """Send a command that redis-py has no method with types for."""
    return node.execute_command(*command)  # type: ignore[no-untyped-call]
