"""Writes that count only once replicas have them, so that a fail-over to one of these loses nothing.

Redis answers before its replicas have what was written. WAIT, on the connection of the write and right behind it, is
answered when so many replicas have confirmed all that this connection has written, or when the time is over. Then
nobody knows: what was written stays, and may reach the replicas later. So the caller is told that it may be stored.

Theory. A request that comes a second time may find that all of it is there, and write nothing; what it relies on was
written by another connection, for which WAIT does not wait. So between the script and WAIT comes a write that changes
nothing, INCRBY 0: replicas take writes in order, so whoever has this one has all before it. The three go over one
connection in one go: on another connection, the last two might reach a server that took over meanwhile.

What it does not promise: a confirmation is of the replica's memory, not its disk; and no WAIT makes a replica that has
the data the one that takes over. Redis Cluster and Sentinel prefer the one that has most, of those that they see.

Source: https://redis.io/docs/latest/commands/wait/
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from redis.cluster import RedisCluster
from redis.exceptions import AskError, ClusterError, MovedError, ResponseError, TryAgainError

from .at_once import PipelineClient, send_at_once
from .refusals import NotReplicated

#: Milliseconds that replicas may take, well below the time in which a command must be answered (options.py).
WAIT_MS = 2000

#: How often a command is sent anew since its slot was moved, or is being moved.
_REDIRECTIONS = 16


class Confirmation(NamedTuple):
    """How many replicas must confirm a write; `key` is a number, or free, in the slot of the write's keys."""

    replicas: int
    key: str


def send_confirmed(
    client: PipelineClient,
    commands: Sequence[tuple[Any, ...]],
    keys: Sequence[str],
    confirmations: Sequence[Confirmation],
    *,
    asking: Any = None,
) -> list[Any]:
    """Send commands as `send_at_once` does, and have their writes confirmed, each node's at once.

    The answer to a command that was carried out is `NotReplicated`, if too few replicas have confirmed it in time.
    `asking`: a node of a cluster to which the slot of the keys is being moved.
    """
    nodes = [
        client.get_node_from_key(key).name if isinstance(client, RedisCluster) else ""  # type: ignore[no-untyped-call]
        for key in keys
    ]
    of_node = dict(zip(nodes, confirmations, strict=True))
    after: list[tuple[Any, ...]] = []
    for each in of_node.values():
        after += [("INCRBY", each.key, 0), ("WAIT", each.replicas, WAIT_MS)]
    its_keys = [each.key for each in of_node.values() for _ in range(2)]
    answers = send_at_once(client, [*commands, *after], [*keys, *its_keys], asking=asking)
    told = iter(answers[len(commands) :])
    failures = {node: _failure(next(told), next(told), each.replicas) for node, each in of_node.items()}
    return [
        answer if isinstance(answer, Exception) else failures[node] or answer
        for answer, node in zip(answers, nodes, strict=False)
    ]


def call_confirmed(client: PipelineClient, command: tuple[Any, ...], key: str, confirmation: Confirmation) -> Any:
    """Send one command in this way, and follow its slot if that has moved. Raises its error."""
    asking = None
    for _ in range(_REDIRECTIONS):
        (answer,) = send_confirmed(client, [command], [key], [confirmation], asking=asking)
        asking = None
        if isinstance(answer, MovedError):
            client.nodes_manager.initialize()  # type: ignore[attr-defined]
        elif isinstance(answer, AskError):
            asking = client.get_node(answer.host, answer.port)  # type: ignore[attr-defined]
        elif isinstance(answer, TryAgainError):
            time.sleep(0.05)
        elif isinstance(answer, Exception):
            raise answer
        else:
            return answer
    raise ClusterError("the slot of the keys has been moved too often")


def _failure(marked: Any, confirmed: Any, wanted: int) -> Exception | None:
    """Return why a node's writes are not confirmed, given the answers to INCRBY and WAIT; None if they are."""
    for answer in (marked, confirmed):
        if isinstance(answer, ResponseError):  # of these commands alone: the write itself was carried out
            return NotReplicated(f"what was written can't be confirmed: {answer}")
        if isinstance(answer, Exception):
            return answer
    if confirmed >= wanted:
        return None
    return NotReplicated(f"{confirmed} of {wanted} replicas have confirmed in {WAIT_MS} ms what was written")
