"""Batches of several partitions on a cluster, where no command spans two of them.

Theory. On one server append.lua writes a batch to all of its partitions, or to none, in one step. On a cluster each
partition is in a slot of its own, so a batch is written in four steps. What a step sends goes to all nodes before the
first of them is waited for: a step is one round trip, however many partitions and nodes there are.

    1. look       for abandoned intents, how full the partitions are, and whether each node takes writes
    2. record     the whole batch is added to `intents`; the id of that entry is the batch's id
    3. carry out  each partition takes its part, and remembers the batch's id in `batches` in the same script
    4. drop       the intent is deleted

    the sender dies ...           what is there                       who continues
    before 2                      nothing; its client had no answer   no other process
    between 2 and the end of 3    the intent, and any of the parts    any that finds an intent `ABANDONED` ms old
    between 3 and 4               the intent, and all of the parts    the same; no part is taken again

An intent is looked for by each sender of such a batch, before its own, and by each run of a worker's `Retention`. So
several processes may carry out one batch at the same time: the sender, if it was only slow, and those that believe it
dead. The parts of a step 3 are taken in any order.

Invariant: as long as the intent is there, or its sender may still write, every partition that took its part remembers
the id. From this the rest follows. A part is taken once, since append.lua leaves out a batch that it remembers; and a
batch is taken whole, since an intent is dropped only by a process that has seen every partition take its part. A batch
may be refused only before step 2. A partition may fill up after step 1, so step 3 writes its part even beyond its cap
(`write_parts` passes none), or one of them might be missing. A node that begins to refuse writes after step 1, as one
that has no memory left, leaves the intent: its sender is told that the batch may be stored.

The one exception is a sender that is paused before or in step 3 for longer than `REMEMBERED`: the others finish its
batch, the partitions forget the id, and then the sender writes its remaining parts a second time.

What to change together:
- the form of an intent (`_encode`, `_decode`): during an upgrade, old processes finish what new ones recorded, and vice
  versa;
- `ABANDONED` is longer than a healthy sender takes for steps 3 and 4, and `REMEMBERED` is much longer than that;
- `forget` drops no id that is as old as an intent or newer: if ids had another order, its comparison would change;
- the id's time is Redis's, on the node that has `intents`; append.lua takes the score in `batches` from it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import msgspec

from ..store import RedisError
from ..store.clock import machine_time
from ..store.offsets import ms_of
from . import keyed_batches
from .entry import pack, unpack
from .event import Event, size_of
from .keys import REMEMBERED
from .repetition import Appended, RequestKey
from .stored_hub import StoredHub
from .writing import make_room, write_parts

logger = logging.getLogger(__name__)

#: Milliseconds after which any process that finds an intent carries it out. By then the sender has probably died; if it
#: is only slow, both do the same work, and each part is still taken once.
ABANDONED = 5_000

#: Intents that are finished at once: each may have as many bytes as a request.
_AT_ONCE = 10

#: An entry's id, and its fields.
_Intent = tuple[bytes, dict[bytes, bytes]]


class Batches:
    """The batches of a hub that go to several partitions.

    Redis keys: `intents`, `batches`; see keys.py.
    """

    def __init__(self, hub: StoredHub) -> None:
        self.hub = hub
        self.intents = hub.keys.intents

    def append(
        self,
        by_partition: Mapping[int, Sequence[Event]],
        relay: str | None = None,
        key: RequestKey | None = None,
    ) -> Appended:
        """Append a batch: finish abandoned ones, make room, record, carry out.

        `relay` and `key` are as in `Hub.append`. A batch whose key is known is not recorded again; if it was recorded
        and not carried out, it is now. Raises `HubFull`, `BatchTooLarge` or `KeyOfAnother`, with nothing stored. Four
        round trips, if there is nothing to finish and the partitions have room; with a key one more.
        """
        if key and (known := keyed_batches.look(self.hub, key)):
            self._finish(self._recorded(known))
            return Appended(replayed=True)
        cap = self.hub.settings.partition_bytes
        sizes = {partition: size_of(events) for partition, events in by_partition.items()}
        abandoned, held = self._look(ABANDONED, sizes)
        if abandoned:
            try:
                self._finish(abandoned)
            except RedisError as exc:  # of a partition that may not be in this batch
                logger.warning("hub %s: an abandoned batch can't be finished yet: %s", self.hub.name, exc)
            _, held = self._look(ABANDONED, sizes)  # what was finished takes room as well
        trimmed: set[int] = set()
        while cap and (
            full := [its for its, size in sizes.items() if _is_full(len(by_partition[its]), size, held[its], cap)]
        ):
            for partition in full:
                make_room(self.hub, partition, sizes[partition], len(by_partition[partition]), trimmed)
            _, held = self._look(ABANDONED, sizes)
        if key:
            batch, is_new = keyed_batches.record(self.hub, key, _encode(by_partition, relay))
            if not is_new:  # the same request has come meanwhile
                self._finish(self._recorded(batch))
                return Appended(replayed=True)
        else:
            batch = self.record(by_partition, relay)
        return Appended(self.carry_out(batch, by_partition, relay))

    def record(self, by_partition: Mapping[int, Sequence[Event]], relay: str | None = None) -> str:
        """Record the intent; returns the batch's id."""
        fields = cast("dict[Any, Any]", _encode(by_partition, relay))
        return cast("bytes", self.hub.redis.xadd(self.intents, fields)).decode()

    def carry_out(self, batch: str, by_partition: Mapping[int, Sequence[Event]], relay: str | None = None) -> int:
        """Let each partition take its part, unless it has, and drop the intent.

        Returns how many events were left out as repetitions.
        """
        repeated = write_parts(self.hub, by_partition, batch, relay)
        self.hub.redis.xdel(self.intents, batch)
        return repeated

    def finish(self, at_least_ms: int = ABANDONED) -> int:
        """Finish the oldest intents that are as old as this by this machine's clock, ten at most; returns how many.

        One round trip if there is none; newer intents are not read. If this clock is fast, some that are still under
        way are finished; their parts are still taken only once.
        """
        abandoned, _ = self._look(at_least_ms)
        return self._finish(abandoned)

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

    def _look(self, at_least_ms: int, partitions: Iterable[int] = ()) -> tuple[list[_Intent], dict[int, int]]:
        """Return the oldest intents, if they are as old as this, and the bytes of these partitions. One round trip.

        Raises what a write does, if the node of one of the partitions takes none; nothing is written.
        """
        before = int(machine_time() * 1000) - at_least_ms
        with self.hub.redis.pipeline(transaction=False) as pipe:
            pipe.xrange(self.intents, max=str(before), count=_AT_ONCE)
            for partition in partitions:
                pipe.hget(self.hub.keys[partition].stats, "bytes")
                pipe.setrange(self.hub.keys[partition].sequence, 0, "")  # no byte: see client.try_write
            found, *held = pipe.execute()
        return found, {partition: int(its or 0) for partition, its in zip(partitions, held[::2], strict=True)}

    def _finish(self, abandoned: Sequence[_Intent]) -> int:
        for entry, fields in abandoned:
            self.carry_out(entry.decode(), *_decode(fields))
        return len(abandoned)

    def _recorded(self, batch: str) -> Sequence[_Intent]:
        """Return the intent of this batch, if it is still there."""
        return cast("list[_Intent]", self.hub.redis.xrange(self.intents, min=batch, max=batch))


def _is_full(events: int, size: int, held: int, cap: int) -> bool:
    """Say whether a partition that holds so many bytes has no room for a part, as append.lua does."""
    return held + size > cap and (held > 0 or events > 1)


def _encode(by_partition: Mapping[int, Sequence[Event]], relay: str | None) -> dict[str, bytes | str]:
    packed = {partition: pack(events) for partition, events in by_partition.items()}
    return {"e": msgspec.msgpack.encode(packed), **({"r": relay} if relay else {})}


def _decode(fields: Mapping[bytes, bytes]) -> tuple[dict[int, list[Event]], str | None]:
    packed = msgspec.msgpack.decode(fields[b"e"], type=dict[int, bytes])
    relay = fields.get(b"r")
    return {partition: unpack(events) for partition, events in packed.items()}, relay.decode() if relay else None
