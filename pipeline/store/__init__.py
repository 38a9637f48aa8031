"""Redis: its clients, scripts, leases and clock. Nothing in this package belongs to a domain.

Nothing outside this package imports the library `redis`: the library's types and errors that others need are exported
here.
"""

from __future__ import annotations

from redis import ConnectionError, Redis, RedisError, ResponseError, TimeoutError, WatchError
from redis.client import Pipeline
from redis.cluster import PipelineCommand, RedisCluster
from redis.exceptions import (
    AskError,
    ClusterError,
    NoScriptError,
    OutOfMemoryError,
    RedisClusterException,
    TryAgainError,
)

__all__ = [
    "OUTAGES",
    "UNREACHABLE",
    "AskError",
    "NoScriptError",
    "Pipeline",
    "PipelineCommand",
    "Redis",
    "RedisCluster",
    "RedisError",
    "ResponseError",
    "TryAgainError",
    "WatchError",
]

#: Redis can't be reached, or has not answered in time.
UNREACHABLE = (ConnectionError, TimeoutError)

#: Redis, or a node of a cluster, is away or has no memory left; the same may be tried again in a moment.
OUTAGES = (*UNREACHABLE, OutOfMemoryError, ClusterError, RedisClusterException)
