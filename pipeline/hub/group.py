"""Consumer groups: who reads a partition, and how far it has come."""

from __future__ import annotations

from typing import cast

from redis.client import Pipeline

from ..lease import Lease
from .log import Hub


class ConsumerGroup:
    """One reader of a hub, known by its name; its offset in each partition is kept, and one process reads at a time.

    Redis's own consumer groups hand entries to whoever asks, which breaks the order of a key, and keep a list of
    what is pending; here an offset is committed together with what was made of the events (`Lease.guard`).

    Redis keys:
        {hub:NAME:P}:offsets      hash, group -> offset of the last event that is done
        {hub:NAME:P}:lease:GROUP  string, the process that reads the partition
    """

    def __init__(self, hub: Hub, name: str) -> None:
        self.hub = hub
        self.name = name
        self.leases = [Lease(hub.redis, hub.key(p, f"lease:{name}")) for p in range(hub.partitions)]

    def offset(self, partition: int) -> str:
        """Return the offset after which to read on; '0', before all events, for a new group."""
        stored = self.hub.redis.hget(self.hub.key(partition, "offsets"), self.name)
        return "0" if stored is None else cast("bytes", stored).decode()

    def commit(self, pipe: Pipeline, partition: int, offset: str) -> None:
        """Put the new offset into a transaction of the caller's."""
        pipe.hset(self.hub.key(partition, "offsets"), self.name, offset)
