"""Redis: its clients, scripts, leases and clock. Nothing in this package belongs to a domain.

Nothing outside this package imports the library `redis`: the library's types and errors that others need are exported
here.
"""

from __future__ import annotations

from redis import ConnectionError, Redis, RedisError, ResponseError, TimeoutError, WatchError
from redis.client import Pipeline
from redis.cluster import RedisCluster
from redis.exceptions import AskError, NoScriptError, OutOfMemoryError

from .refusals import OUTAGES
from .transaction import transaction

__all__ = [
    "FAILURES",
    "OUTAGES",
    "UNREACHABLE",
    "AskError",
    "NoScriptError",
    "OutOfMemoryError",
    "Pipeline",
    "Redis",
    "RedisCluster",
    "RedisError",
    "ResponseError",
    "TimeoutError",
    "WatchError",
    "transaction",
]

#: All that Redis may answer with, or the client if it finds no node of a cluster, which is no `RedisError`.
FAILURES: tuple[type[Exception], ...] = (RedisError, *OUTAGES)

#: Redis can't be reached, or has not answered in time.
UNREACHABLE = (ConnectionError, TimeoutError)
