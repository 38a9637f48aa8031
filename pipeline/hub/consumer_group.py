"""A consumer group as it reads: who reads a partition, and how far it has come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from ..store import while_full
from ..store.lease import Lease
from ..store.offsets import order
from .keys import LEASE_TTL
from .log import Hub


class ConsumerGroup:
    """One reader of a hub, known by its name; its offset in each partition is kept, and one process reads at a time.

    Redis's own consumer groups give entries to any reader that asks, which breaks the order of a key, and keep a list
    of pending entries; here each partition has an offset. A window job keeps its place with its results, and moves the
    offset after it.

    Redis keys: `offsets`, `attached`, `lease`; see keys.py.
    """

    def __init__(self, hub: Hub, name: str) -> None:
        self.hub = hub
        self.name = name
        self.leases = [Lease(hub.redis, hub.keys[p].lease(name), LEASE_TTL) for p in range(hub.partitions)]

    def offset(self, partition: int) -> str:
        """Return the offset after which to read on; '0', before all events, for a new group."""
        return self.stored_offset(partition) or "0"

    def stored_offset(self, partition: int) -> str | None:
        """Return the offset, or None if none was stored. Raises `UnknownPartition`."""
        stored = self.hub.redis.hget(self.hub.keys[self.hub.checked_partition(partition)].offsets, self.name)
        return None if stored is None else cast("bytes", stored).decode()

    def keep_from(self, partition: int, offset: str) -> str:
        """Have the hub also keep the events after `offset`. Returns what is stored then: this, or a lesser one."""
        stored = self.stored_offset(partition)
        if stored is not None and order(stored) <= order(offset):
            return stored
        self.store(partition, offset)
        return offset

    def move(self, partition: int, before: str | None, offset: str) -> None:
        """Store an offset, if the stored one is still `before`."""
        if before is None:
            self.store(partition, offset)
        elif before != offset:
            key = self.hub.keys[partition].offsets
            while_full.replace(self.hub.redis, key, self.name, before.encode(), offset.encode())

    def store(self, partition: int, offset: str | None) -> bool:
        """Store an offset, or delete it with None; returns whether there was one. Raises `UnknownPartition`."""
        key = self.hub.keys[self.hub.checked_partition(partition)].offsets
        if offset is None:
            return bool(self.hub.redis.hdel(key, self.name))
        return not while_full.write(self.hub.redis, "HSET", key, self.name, offset)

    def attach(self) -> None:
        """Have the hub keep every event after this group's offsets, whatever its retention is, until `detach`.

        A partition that is full of such events refuses new ones. Call this whenever work begins: it may be repeated.
        """
        with self.hub.redis.pipeline(transaction=False) as pipe:
            for partition in range(self.hub.partitions):
                while_full.write(pipe, "SADD", self.hub.keys[partition].attached, self.name)
            pipe.execute()

    def detach(self) -> None:
        """Let retention drop events that this group has not processed. Its offsets stay."""
        with self.hub.redis.pipeline(transaction=False) as pipe:
            for partition in range(self.hub.partitions):
                pipe.srem(self.hub.keys[partition].attached, self.name)
            pipe.execute()


def least_offsets(found: Iterable[tuple[ConsumerGroup, int, str]]) -> Sequence[tuple[ConsumerGroup, int, str]]:
    """Return one offset for each partition of each group, the least: a group may be that of several inputs of a job."""
    least: dict[tuple[str, str, int], tuple[ConsumerGroup, int, str]] = {}
    for group, partition, offset in found:
        which = (group.hub.name, group.name, partition)
        if which not in least or order(offset) < order(least[which][2]):
            least[which] = (group, partition, offset)
    return list(least.values())
