"""Reading for clients outside: pages of bounded size, and waiting for the next event."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import cast

from ..store import Redis
from .event import StoredEvent
from .log import Hub

#: About how many bytes of bodies a page has; a page has at least one event.
PAGE_BYTES = 4 * 1024 * 1024

_FIRST = 8  # events of a page that are read before it is known how large they are
_SLICE = 1.0  # seconds for which Redis blocks, below the socket's timeout; the caller may stop between two blocks


def latest(hub: Hub, partition: int) -> str:
    """Return the offset of the newest event that is kept, '0' if there is none. Raises `UnknownPartition`."""
    newest = hub.redis.xrevrange(hub.keys[hub.checked_partition(partition)].events, count=1)
    return cast("bytes", newest[0][0]).decode() if newest else "0"


def page(hub: Hub, partition: int, after: str, limit: int) -> list[StoredEvent]:
    """Return up to `limit` events after an offset, and about `PAGE_BYTES` of bodies. Raises `UnknownPartition`."""
    events: list[StoredEvent] = []
    size, count = 0, min(limit, _FIRST)
    while count > 0:
        more = hub.read(partition, after, count)
        events += more
        if len(more) < count:
            break
        after = more[-1].offset
        size += sum(len(stored.event.body) for stored in more)
        each = max(1, size // len(events))
        count = min(limit - len(events), (PAGE_BYTES - size) // each)
    return events


def wait(hub: Hub, partition: int, after: str, seconds: float, is_over: Callable[[], bool]) -> bool:
    """Wait until there is an event after an offset, which must not be '@latest'; returns whether there is one."""
    return wait_for_entry(hub.redis, hub.keys[hub.checked_partition(partition)].events, after, seconds, is_over)


def wait_for_entry(client: Redis, key: str, after: str, seconds: float, is_over: Callable[[], bool]) -> bool:
    """Wait until a stream has an entry after an id; returns whether it has.

    It occupies a connection of the pool, blocked in Redis, and calls `is_over` once a second.
    """
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and not is_over():
        if client.xread({key: after}, count=1, block=max(1, int(min(left, _SLICE) * 1000))):
            return True
    return False
