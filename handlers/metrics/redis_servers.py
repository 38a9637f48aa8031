"""Redis itself: whether it can be written to, and how near it is to its limits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from pipeline.store import Redis
from pipeline.store.server_status import ServerStatus, server_status

_GAUGES: dict[str, tuple[str, Callable[[ServerStatus], int]]] = {
    "wz_redis_memory_bytes": ("Bytes of memory that Redis uses.", lambda one: one.memory),
    "wz_redis_memory_limit_bytes": (
        "The most bytes of memory that Redis may use; 0: all that there is.",
        lambda one: one.memory_limit,
    ),
    "wz_redis_connections": ("Connections of all clients of Redis.", lambda one: one.connections),
    "wz_redis_connections_limit": ("How many connections of clients Redis takes.", lambda one: one.connections_limit),
    "wz_redis_blocked_connections": ("Connections that wait in a command that blocks.", lambda one: one.blocked),
    "wz_redis_is_replica": ("1 if this Redis is a replica, which refuses writes.", lambda one: int(one.is_replica)),
    "wz_redis_write_failed": (
        "1 if the last write of Redis to its disk has failed.",
        lambda one: int(one.write_failed),
    ),
}
_COUNTERS: dict[str, tuple[str, Callable[[ServerStatus], int]]] = {
    "wz_redis_commands": ("Commands that Redis has carried out.", lambda one: one.commands),
    "wz_redis_evicted_keys": (
        "Keys that Redis has dropped to make room: events and boards are lost with them.",
        lambda one: one.evicted,
    ),
    "wz_redis_rejected_connections": ("Connections that Redis has refused.", lambda one: one.rejected),
}


def server_metrics(clients: Iterable[Redis]) -> Iterator[Metric]:
    """Ask each server, one round trip for each; several clients of one are told apart by nothing."""
    servers = {one.address: one for client in clients for one in server_status(client)}
    families: list[tuple[Any, dict[str, tuple[str, Callable[[ServerStatus], int]]]]]
    families = [(GaugeMetricFamily, _GAUGES), (CounterMetricFamily, _COUNTERS)]
    for family, table in families:
        for name, (text, value) in table.items():
            metric = family(name, text, labels=["server"])
            for address, one in servers.items():
                metric.add_metric([address], value(one))
            yield metric
