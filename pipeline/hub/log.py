"""The log: what a hub has taken, one Redis Stream a partition."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import cast

import redis
from redis.cluster import RedisCluster

from ..errors import PipelineError
from ..store.clock import clock_ms
from ..store.scripts import Script
from . import throughput
from .batches import Batches
from .entry import Reading, entries
from .event import Event as Event
from .event import Property as Property
from .event import StoredEvent as StoredEvent
from .event import size_of
from .partition import partition_of

_APPEND = Script(files(__package__) / "append.lua")

#: Seconds until a hub that was full may have room: workers trim every few seconds.
_FULL_WAIT = 5


class UnknownHub(PipelineError, LookupError):
    def __init__(self, name: str) -> None:
        super().__init__(f"there is no hub {name!r}; `wz hub list` shows which there are")
        self.name = name


class UnknownPartition(PipelineError, LookupError):
    def __init__(self, hub: Hub, partition: int) -> None:
        super().__init__(f"hub {hub.name!r} has the partitions 0 to {hub.partitions - 1}, not {partition}")
        self.partition = partition


class HubFull(PipelineError):
    """A partition has as many bytes as it may, and none that every attached group is done with; nothing was stored."""

    def __init__(self, hub: Hub, partition: int, seconds: int = _FULL_WAIT) -> None:
        super().__init__(
            f"partition {partition} of hub {hub.name!r} is full of events that its relay or a job has not done yet; "
            f"try again in {seconds} s"
        )
        self.partition = partition
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class HubSettings:
    """What may be chosen for a hub. 0 sets no limit.

    `retention_ms` is how long an event is kept; `retention_bytes` how many bytes of events (`Event.size`) the hub
    keeps, each partition an equal share; a throughput unit is 1 MiB/s or 1,000 events/s of sends.
    """

    partitions: int
    retention_ms: int = 0
    retention_bytes: int = 0
    throughput_units: int = 0

    @property
    def partition_bytes(self) -> int:
        """A partition's share of `retention_bytes`, rounded up."""
        return -(-self.retention_bytes // self.partitions)


class Hub:
    """One hub's partitions.

    Redis keys, all of a partition in one slot of a cluster:
        {hub:NAME:P}:events     stream; an entry has n (sequence number of its first event), c (number of events), s
                                (bytes, `Event.size`), e (the events), in this order: see entry.py
        {hub:NAME:P}:sequence   string, the next sequence number
        {hub:NAME:P}:stats      hash; bytes (of `Event.size`) and events in the stream now, first (sequence number of
                                the oldest event kept), in_bytes and in_events ever taken
        {hub:NAME:P}:relayed    hash, SOURCE/PARTITION of a relay -> last offset taken from there
    """

    def __init__(
        self, client: redis.Redis | RedisCluster, name: str, partitions: int, settings: HubSettings | None = None
    ) -> None:
        # The two clients have the same commands, but their types have nothing in common.
        self.redis = cast("redis.Redis", client)
        self.name = name
        self.partitions = partitions
        self.settings = settings or HubSettings(partitions)
        self._batches = Batches(self) if isinstance(client, RedisCluster) else None
        # Events without a key go round; each process starts elsewhere, so that few processes still use every partition.
        self._turn = itertools.count(random.randrange(partitions))

    def key(self, partition: int, what: str) -> str:
        return f"{{hub:{self.name}:{partition}}}:{what}"

    def of_hub(self, what: str) -> str:
        """Return a key of the hub as a whole, in a slot of its own."""
        return f"{{hub:{self.name}}}:{what}"

    def append(self, events: Sequence[Event], *, partition: int | None = None, enqueued_ms: int | None = None) -> None:
        """Append events to the partitions of their keys, or all to `partition`: all or none, in one round trip.

        Events without a key go together to the next partition in turn, but one that a relay sent to the one of its
        relay id, which may have it already: it is then left out. `enqueued_ms` replays recorded events at their own
        time; if one of the partitions has a later event, they are refused (`redis.ResponseError`).

        On a cluster, events for several partitions take a round trip for each, and two more; what was begun is
        finished by somebody, see `Batches`. Recorded events are there taken or refused by each partition alone.

        Raises `UnknownPartition`, `HubFull` or `Throttled`.
        """
        by_partition = self._divided(events, partition)
        if self.settings.throughput_units:
            size = sum(len(event.body) for event in events)
            throughput.take(self, size, len(events))
        cap = self.settings.partition_bytes
        if self._batches is None:
            self._write_or_trim(by_partition, cap, enqueued_ms)
        elif len(by_partition) == 1 or enqueued_ms is not None:
            for its_partition, its_events in by_partition.items():
                self._write_or_trim({its_partition: its_events}, cap, enqueued_ms)
        else:
            self._batches.append(by_partition)

    def write(
        self, by_partition: Mapping[int, Sequence[Event]], cap: int = 0, time: int | None = None, batch: str = ""
    ) -> int | None:
        """Run append.lua: returns the first partition that is full, or None if all took their events."""
        names = ("events", "sequence", "stats", "relayed", *(["batches"] if batch else []))
        keys = [self.key(partition, name) for partition in by_partition for name in names]
        args: list[object] = ["" if time is None else time, batch]
        for events in by_partition.values():
            cut = entries(events) if time is None else entries(events, max_events=1)
            args += (cap, len(cut))
            for entry in cut:
                args += entry
        place = cast("int", _APPEND.call(self.redis, keys, args))
        return None if place < 0 else list(by_partition)[place]

    def finish_batches(self) -> None:
        """On a cluster, finish what senders that died have begun: see `Batches`."""
        if self._batches is not None:
            self._batches.finish()
            self._batches.forget()

    def make_room(self, partition: int, size: int) -> int:
        """Drop what retention lets go, for `size` bytes of events to come; returns the number of events dropped."""
        from . import retention  # which imports this module

        return retention.trim(self, partition, size)

    def _write_or_trim(self, by_partition: Mapping[int, Sequence[Event]], cap: int, time: int | None) -> None:
        trimmed = set()
        while (full := self.write(by_partition, cap, time)) is not None:
            if full in trimmed:
                raise HubFull(self, full)
            self.make_room(full, size_of(by_partition[full]))
            trimmed.add(full)

    def _divided(self, events: Sequence[Event], partition: int | None) -> dict[int, list[Event]]:
        if partition is not None:
            return {self.known(partition): list(events)}
        by_partition: dict[int, list[Event]] = defaultdict(list)
        of_key: dict[str | None, list[Event]] = {}
        for event in events:
            key = event.partition_key
            if key is None and event.properties and (relay_id := event.relay_id):
                key = relay_id[1]
            its = of_key.get(key)
            if its is None:
                place = next(self._turn) % self.partitions if key is None else partition_of(key, self.partitions)
                its = of_key[key] = by_partition[place]
            its.append(event)
        return by_partition

    def known(self, partition: int) -> int:
        """Return the partition's number. Raises `UnknownPartition`."""
        if not 0 <= partition < self.partitions:
            raise UnknownPartition(self, partition)
        return partition

    def read(self, partition: int, after: str = "0", limit: int = 100) -> list[StoredEvent]:
        """Return up to `limit` events whose offset is greater than `after`, oldest first; fewer only at the end.

        A time in ms since the Unix epoch will do for an offset.
        One round trip for what came in batches; up to three, for 1,000 events that came one by one.
        """
        reading = Reading(self.known(partition), after, limit)
        while reading.count:
            key = self.key(partition, "events")
            found = self.redis.xrange(key, min=f"({reading.after}", count=reading.count)
            reading.take(cast("list[tuple[bytes, dict[bytes, bytes]]]", found))
        return reading.events

    def clock_ms(self) -> int:
        """Redis's clock: no event will be stored at an earlier time, unless a fail-over sets the clock back."""
        return clock_ms(self.redis)
