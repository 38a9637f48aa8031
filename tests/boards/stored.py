"""All that is stored of boards, to see that something has changed nothing."""

from __future__ import annotations

from typing import Any

import redis as redis_py

from pipeline.boards.tree import HEAD_SIZE, MAGIC, Header

_LOGGED = slice(32, 38)  # in a header: until when changes are logged


def stored(client: Any) -> dict[bytes, tuple[bytes, bool]]:
    """Return each key's value as Redis dumps it, and whether it expires; on a cluster, on all nodes.

    That changes are followed, for a minute, is left out: it is no part of a board.
    """
    found = {}
    for node in nodes_of(client):
        for key in node.scan_iter("{board:*"):
            value = node.dump(key)
            if key.endswith(b":tree"):
                value = node.get(key)
                if value.startswith(MAGIC):
                    assert Header.read(value[:HEAD_SIZE]).logged == int.from_bytes(value[_LOGGED], "little")
                    value = value[: _LOGGED.start] + bytes(6) + value[_LOGGED.stop :]
            if not key.endswith(b":changes"):
                found[key] = value, node.pttl(key) > 0
    return found


def but_trees(found: dict[bytes, tuple[bytes, bool]]) -> dict[bytes, tuple[bytes, bool]]:
    """Leave out the trees: a change of several boards that the second refuses is undone in the tree of the first."""
    return {key: value for key, value in found.items() if not key.endswith(b":tree")}


def nodes_of(client: Any) -> list[Any]:
    if isinstance(client, redis_py.RedisCluster):
        return [node.redis_connection for node in client.get_primaries()]  # type: ignore[no-untyped-call]
    return [client]
