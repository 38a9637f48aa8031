"""A Redis that has no memory left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import redis as redis_py
from redis.cluster import RedisCluster

from pipeline.store.scripts import ScriptClient


@contextmanager
def full(client: ScriptClient, most: int = 1) -> Iterator[None]:
    """Let a server, or each of a cluster, have `most` bytes until the block ends; with 1 it never has room."""
    _set(client, most)
    try:
        yield
    finally:
        _set(client, 0)


def _set(client: ScriptClient, most: int) -> None:
    if isinstance(client, RedisCluster):
        client.config_set("maxmemory", most, target_nodes=RedisCluster.ALL_NODES)
    else:
        assert isinstance(client, redis_py.Redis)
        client.config_set("maxmemory", most)
