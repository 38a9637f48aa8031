"""All that is stored, to see that something has changed nothing."""

from __future__ import annotations

from typing import Any

import redis as redis_py


def stored(client: Any) -> dict[bytes, tuple[bytes, bool]]:
    """Return each key's value as Redis dumps it, and whether it expires; on a cluster, on all nodes."""
    nodes = [client]
    if isinstance(client, redis_py.RedisCluster):
        nodes = [node.redis_connection for node in client.get_primaries()]  # type: ignore[no-untyped-call]
    return {key: (node.dump(key), node.pttl(key) > 0) for node in nodes for key in node.scan_iter()}
