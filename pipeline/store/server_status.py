"""How Redis is: what its servers say of themselves, and the connections that this process has to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from redis import Redis
from redis.cluster import RedisCluster

from .client import address_of


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """`memory` is in bytes; a limit of 0 is none. `commands`, `evicted` and `rejected` count since the server's start.

    `version` is its name and number, `seconds` how long it runs. `is_replica`: it refuses writes. `write_failed`: its
    last try to write to its disk failed.
    """

    address: str
    version: str
    seconds: int
    memory: int
    memory_limit: int
    connections: int
    connections_limit: int
    blocked: int
    commands: int
    evicted: int
    rejected: int
    is_replica: bool
    write_failed: bool


def server_status(client: Redis | RedisCluster) -> list[ServerStatus]:
    """Ask a server, or each of a cluster that has keys. One round trip for each."""
    if isinstance(client, RedisCluster):
        answers = cast("dict[str, dict[str, Any]]", client.info(target_nodes=RedisCluster.PRIMARIES))
        return [_status(address, info) for address, info in sorted(answers.items())]
    return [_status(address_of(client), client.info())]


def pool_connections(client: Redis | RedisCluster) -> tuple[int, int]:
    """Return how many connections of this process's pools are in use, and how many are idle. Sends nothing."""
    if isinstance(client, RedisCluster):  # noqa: SIM108 (mypy does not see through the shorter form)
        clients = [node.redis_connection for node in client.get_nodes()]  # type: ignore[no-untyped-call]
    else:
        clients = [client]
    pools = [one.connection_pool for one in clients if one is not None]
    return sum(len(pool._in_use_connections) for pool in pools), sum(len(pool._available_connections) for pool in pools)


def _status(address: str, info: Mapping[str, Any]) -> ServerStatus:
    def number(name: str) -> int:
        return int(info.get(name, 0))

    server = info.get("server_name", "redis")  # Valkey has it, and also says which Redis it stands for
    writes = (info.get(name, "ok") for name in ("aof_last_write_status", "rdb_last_bgsave_status"))
    return ServerStatus(
        address=address,
        version=f"{server} {info.get(f'{server}_version', info.get('redis_version', ''))}",
        seconds=number("uptime_in_seconds"),
        memory=number("used_memory"),
        memory_limit=number("maxmemory"),
        connections=number("connected_clients"),
        connections_limit=number("maxclients"),
        blocked=number("blocked_clients"),
        commands=number("total_commands_processed"),
        evicted=number("evicted_keys"),
        rejected=number("rejected_connections"),
        is_replica=info.get("role") == "slave",
        write_failed=any(status != "ok" for status in writes),
    )
