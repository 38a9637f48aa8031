"""A Redis that has no memory left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import redis as redis_py
from redis.cluster import RedisCluster


@contextmanager
def full(client: redis_py.Redis | RedisCluster, most: int = 1) -> Iterator[None]:
    """Let a server, or each of a cluster, have `most` bytes until the block ends; with 1 it never has room."""
    _set(client, most)
    try:
        yield
    finally:
        _set(client, 0)


def _set(client: redis_py.Redis | RedisCluster, most: int) -> None:
    if isinstance(client, RedisCluster):
        client.config_set("maxmemory", most, target_nodes=RedisCluster.ALL_NODES)
    else:
        client.config_set("maxmemory", most)
