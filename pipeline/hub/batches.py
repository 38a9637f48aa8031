"""Batches of several partitions on a cluster, where no command spans two of them.

Theory. On one server append.lua writes a batch to all of its partitions, or to none, in one step. On a cluster each
partition is in a slot of its own, so a batch is written in three steps, each of which is one command:

    1. record     the whole batch is added to `intents`; the id of that entry is the batch's id
    2. carry out  each partition takes its part, and remembers the batch's id in `batches` in the same script
    3. drop       the intent is deleted

    the sender dies ...           what is there                       who continues
    before 1                      nothing; its client had no answer   no other process
    between 1 and the end of 2    the intent, and some of the parts   any that finds an intent `ABANDONED` ms old
    between 2 and 3               the intent, and all of the parts    the same; no part is taken again

An intent is looked for by each sender of such a batch, before its own, and by each run of a worker's `Retention`. So
several processes may carry out one batch at the same time, in any order: the sender, if it was only slow, and those
that believe it dead.

Invariant: as long as the intent is there, or its sender may still write, every partition that took its part remembers
the id. From this the rest follows. A part is taken once, since append.lua leaves out a batch that it remembers; and a
batch is taken whole, since an intent is dropped only by a process that has seen every partition take its part. A batch
may be refused only before step 1. After it, parts are written even beyond the partition's cap (`write_part` passes
none), or one of them might be missing.

The one exception is a sender that is paused before or in step 2 for longer than `REMEMBERED`: the others finish its
batch, the partitions forget the id, and then the sender writes its remaining parts a second time.

What to change together:
- the form of an intent (`_encode`, `_decode`): during an upgrade, old processes finish what new ones recorded, and vice
  versa;
- `ABANDONED` is longer than a healthy sender takes for steps 2 and 3, and `REMEMBERED` is much longer than that;
- `forget` drops no id that is as old as an intent or newer: if ids had another order, its comparison would change;
- the id's time is Redis's, on the node that has `intents`; append.lua takes the score in `batches` from it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from ..store import RedisError
from ..store.clock import machine_time
from ..store.offsets import ms_of
from .entry import pack, unpack
from .event import Event, size_of
from .keys import REMEMBERED
from .stored_hub import StoredHub
from .writing import make_room, write_part

logger = logging.getLogger(__name__)

#: Milliseconds after which any process that finds an intent carries it out. By then the sender has probably died; if it
#: is only slow, both do the same work, and each part is still taken once.
ABANDONED = 5_000


class Batches:
    """The batches of a hub that go to several partitions.

    Redis keys: `intents`, `batches`; see keys.py.
    """

    def __init__(self, hub: StoredHub) -> None:
        self.hub = hub
        self.intents = hub.keys.intents

    def append(self, by_partition: Mapping[int, Sequence[Event]]) -> None:
        """Append a batch: finish abandoned ones, make room, record, carry out. Raises `HubFull`, with nothing stored.

        A round trip for each partition, and three more; a fourth if the partitions have a cap.
        """
        try:
            self.finish()
        except RedisError as exc:  # of a partition that may not be in this batch
            logger.warning("hub %s: an abandoned batch can't be finished yet: %s", self.hub.name, exc)
        self._check_room(by_partition)
        self.carry_out(self.record(by_partition), by_partition)

    def record(self, by_partition: Mapping[int, Sequence[Event]]) -> str:
        """Record the intent; returns the batch's id."""
        return cast("bytes", self.hub.redis.xadd(self.intents, {"e": _encode(by_partition)})).decode()

    def carry_out(self, batch: str, by_partition: Mapping[int, Sequence[Event]]) -> None:
        """Let each partition take its part, unless it has, and drop the intent."""
        for partition, events in by_partition.items():
            write_part(self.hub, partition, events, batch)
        self.hub.redis.xdel(self.intents, batch)

    def finish(self, at_least_ms: int = ABANDONED, limit: int = 10) -> int:
        """Finish intents that are as old as this by this machine's clock; returns how many.

        One round trip if there is none; newer intents are not read. If this clock is fast, some that are still under
        way are finished; their parts are still taken only once.
        """
        before = int(machine_time() * 1000) - at_least_ms
        found = cast("list[Any]", self.hub.redis.xrange(self.intents, max=str(before), count=limit))
        for entry, fields in found:
            self.carry_out(entry.decode(), _decode(fields[b"e"]))
        return len(found)

    def forget(self) -> None:
        """Have partitions forget the batches that are older than `REMEMBERED` and than every intent."""
        before = self.hub.clock_ms() - REMEMBERED
        found = cast("list[Any]", self.hub.redis.xrange(self.intents, count=1))
        if found:
            before = min(before, ms_of(found[0][0].decode()))
        with self.hub.redis.pipeline(transaction=False) as pipe:
            for partition in range(self.hub.partitions):
                pipe.zremrangebyscore(self.hub.keys[partition].batches, "-inf", f"({before}")
            pipe.execute()

    def _check_room(self, by_partition: Mapping[int, Sequence[Event]]) -> None:
        cap = self.hub.settings.partition_bytes
        if not cap:
            return
        sizes = {partition: size_of(events) for partition, events in by_partition.items()}
        trimmed: set[int] = set()
        while full := self._without_room(sizes, cap):
            for partition in full:
                make_room(self.hub, partition, sizes[partition], trimmed)

    def _without_room(self, sizes: Mapping[int, int], cap: int) -> list[int]:
        """Return the partitions that would have more than `cap` bytes with these parts. One round trip per node."""
        with self.hub.redis.pipeline(transaction=False) as pipe:
            for partition in sizes:
                pipe.hget(self.hub.keys[partition].stats, "bytes")
            held = cast("list[bytes | None]", pipe.execute())
        return [p for (p, size), its in zip(sizes.items(), held, strict=True) if size and int(its or 0) + size > cap]


def _encode(by_partition: Mapping[int, Sequence[Event]]) -> bytes:
    return msgspec.msgpack.encode({partition: pack(events) for partition, events in by_partition.items()})


def _decode(data: bytes) -> dict[int, list[Event]]:
    packed = msgspec.msgpack.decode(data, type=dict[int, bytes])
    return {partition: unpack(events) for partition, events in packed.items()}
