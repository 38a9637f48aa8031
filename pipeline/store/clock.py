"""The clocks: Redis's, which all processes and machines share, and this machine's, for times from outside.

Times that processes compare (ages, deadlines, order) are Redis's. This machine's time is for what comes from outside:
the expiry of tokens, which other machines made, and what a person calls today, or in the future (a board's end).
It also decides when a batch of a cluster is finished by another process than its sender, which saves each send a round
trip: a clock that is fast does no harm there, and one that is slow only delays (see batches.py). Durations are measured
with `time.monotonic()`. The linter refuses every other clock; pyproject.toml lists the files that may have one.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from redis import Redis
from redis.client import Pipeline
from redis.cluster import RedisCluster


def clock_ms(client: Redis) -> int:
    """Return Redis's time, ms since the Unix epoch. One round trip."""
    return reply_ms(client.time())


def reply_ms(reply: Sequence[int]) -> int:
    """Return the reply of TIME in a pipeline, seconds and microseconds, as ms since the Unix epoch."""
    seconds, microseconds = reply
    return seconds * 1000 + microseconds // 1000


def queue_times(client: Redis, pipe: Pipeline, keys: Iterable[str]) -> int:
    """Ask for the time; on a cluster each node that has one of the keys, since each has a clock of its own.

    Returns how many replies of TIME come.
    """
    if not isinstance(client, RedisCluster):
        pipe.time()
        return 1
    nodes = {client.get_node_from_key(key) for key in keys}
    for node in nodes:
        pipe.execute_command("TIME", target_nodes=node)
    return len(nodes)


def machine_time() -> float:
    """Return this machine's time, seconds since the Unix epoch."""
    return time.time()


def machine_nanoseconds() -> int:
    """Return the same in nanoseconds: the clock of nginx and of gunicorn's workers on this machine, too."""
    return time.time_ns()


def machine_now() -> datetime:
    """Return this machine's time in UTC."""
    return datetime.now(UTC)
