"""Transactions on the keys of one slot: on a server, and on the node of a cluster that has them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis
from redis.client import Pipeline
from redis.cluster import RedisCluster
from redis.exceptions import AskError, MovedError, TryAgainError


@contextmanager
def transaction(client: Redis, key: str) -> Iterator[Pipeline]:
    """Yield a pipeline that is executed as a whole, for `key` and others with its hash tag; `watch` may begin it.

    It is the same `Pipeline` on a server and on a cluster, whose own has no stack of commands to be run as a script
    (while_full.py), and asks for the keys of each command. A slot that is being moved raises `TryAgainError`: nothing
    was done, and the next transaction goes to the node that has it then.
    """
    if not isinstance(client, RedisCluster):
        with client.pipeline() as pipe:
            yield pipe
        return
    node = client.get_redis_connection(client.get_node_from_key(key))
    with node.pipeline() as pipe:
        try:
            yield pipe
        except AskError as exc:
            if isinstance(exc, MovedError):
                client.nodes_manager.move_slot(exc)
            raise TryAgainError(str(exc)) from exc
