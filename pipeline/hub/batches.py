"""Batches of several partitions on a cluster, where no command spans two of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import msgspec
import redis

from ..store.clock import machine_time
from .entry import pack, unpack
from .event import Event, size_of

if TYPE_CHECKING:
    from .log import Hub

logger = logging.getLogger(__name__)

#: Milliseconds after which whoever finds an intent finishes it: its sender is gone, or will find that it was helped.
ABANDONED = 5_000

#: Milliseconds for which a partition remembers that it took a batch, at least.
REMEMBERED = 600_000


class Batches:
    """A batch is first recorded as a whole, an intent, then taken by each partition, then the intent is dropped.

    So it is taken whole even if its sender dies on the way: the next sender of such a batch finishes what it finds
    five seconds old, and so does a worker (`Retention`). A partition remembers the ids of the batches that
    it took, so that any of this may be repeated. They are forgotten after ten minutes, but not while an intent as old
    is left; a sender that is paused for longer just before it writes can double its part.

    Redis keys:
        {hub:NAME:batches}:intents  stream, an entry a batch: `e` is its events, the entry's id the batch's
        {hub:NAME:P}:batches        sorted set, id of a batch that the partition took -> its time in ms
    """

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.intents = f"{{hub:{hub.name}:batches}}:intents"

    def append(self, by_partition: Mapping[int, Sequence[Event]]) -> None:
        """Append a batch. Raises `HubFull` before anything is recorded; once it is, it is taken even beyond the cap."""
        try:
            self.finish()
        except redis.RedisError as exc:  # of a partition that this batch may have nothing to do with
            logger.warning("hub %s: an abandoned batch can't be finished yet: %s", self.hub.name, exc)
        self._check_room(by_partition)
        self.carry_out(self.record(by_partition), by_partition)

    def record(self, by_partition: Mapping[int, Sequence[Event]]) -> str:
        """Write the intent down; returns the batch's id."""
        return cast("bytes", self.hub.redis.xadd(self.intents, {"e": _encode(by_partition)})).decode()

    def carry_out(self, batch: str, by_partition: Mapping[int, Sequence[Event]]) -> None:
        """Let each partition take its part, if it has not, and drop the intent."""
        for partition, events in by_partition.items():
            self.hub.write({partition: events}, batch=batch)
        self.hub.redis.xdel(self.intents, batch)

    def finish(self, at_least_ms: int = ABANDONED, limit: int = 10) -> int:
        """Finish intents that are as old as this by this machine's clock; returns how many.

        One round trip if there is none, which does not read those that are under way. With a clock that is fast, it
        finishes some of them: they are taken no more than once all the same.
        """
        before = int(machine_time() * 1000) - at_least_ms
        found = cast("list[Any]", self.hub.redis.xrange(self.intents, max=str(before), count=limit))
        for entry, fields in found:
            self.carry_out(entry.decode(), _decode(fields[b"e"]))
        return len(found)

    def forget(self) -> None:
        """Drop what partitions remember of batches that are older than `REMEMBERED` and than every intent."""
        before = self.hub.clock_ms() - REMEMBERED
        found = cast("list[Any]", self.hub.redis.xrange(self.intents, count=1))
        if found:
            before = min(before, int(found[0][0].partition(b"-")[0]))
        with self.hub.redis.pipeline(transaction=False) as pipe:
            for partition in range(self.hub.partitions):
                pipe.zremrangebyscore(self.hub.key(partition, "batches"), "-inf", f"({before}")
            pipe.execute()

    def _check_room(self, by_partition: Mapping[int, Sequence[Event]]) -> None:
        cap = self.hub.settings.partition_bytes
        if not cap:
            return
        from .log import HubFull

        sizes = {partition: size_of(events) for partition, events in by_partition.items()}
        for partition in self._without_room(sizes, cap):
            self.hub.make_room(partition, sizes[partition])
            if self._without_room({partition: sizes[partition]}, cap):
                raise HubFull(self.hub, partition)

    def _without_room(self, sizes: Mapping[int, int], cap: int) -> list[int]:
        """Return the partitions that would have more than `cap` bytes with so many more. One round trip a node."""
        with self.hub.redis.pipeline(transaction=False) as pipe:
            for partition in sizes:
                pipe.hget(self.hub.key(partition, "stats"), "bytes")
            held = cast("list[bytes | None]", pipe.execute())
        return [p for (p, size), its in zip(sizes.items(), held, strict=True) if size and int(its or 0) + size > cap]


def _encode(by_partition: Mapping[int, Sequence[Event]]) -> bytes:
    return msgspec.msgpack.encode({partition: pack(events) for partition, events in by_partition.items()})


def _decode(data: bytes) -> dict[int, list[Event]]:
    packed = msgspec.msgpack.decode(data, type=dict[int, bytes])
    return {partition: unpack(events) for partition, events in packed.items()}
