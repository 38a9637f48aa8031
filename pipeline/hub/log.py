"""The log: what a hub has taken, one Redis Stream a partition."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Sequence
from typing import cast

from ..store import Redis, RedisCluster
from . import throughput
from .batches import Batches
from .description import HubSettings
from .entry import Reading
from .event import Event as Event
from .event import Property as Property
from .event import StoredEvent as StoredEvent
from .partition import partition_of
from .stored_hub import StoredHub
from .writing import write


class Hub(StoredHub):
    """One hub: events go into its partitions, and are read of one partition, in order.

    Redis keys: `events`, `sequence`, `stats`, `relayed`; see keys.py.
    """

    def __init__(
        self, client: Redis | RedisCluster, name: str, partitions: int, settings: HubSettings | None = None
    ) -> None:
        super().__init__(client, name, partitions, settings)
        self._batches = Batches(self) if isinstance(client, RedisCluster) else None
        # Events without a key go round; each process starts elsewhere, so that few processes still use every partition.
        self._turn = itertools.count(random.randrange(partitions))

    def append(self, events: Sequence[Event], *, partition: int | None = None, enqueued_ms: int | None = None) -> None:
        """Append events to the partitions of their keys, or all to `partition`: all or none, in one round trip.

        Events without a key go together to the next partition in turn, but one that a relay sent to the one of its
        relay id, which may have it already: it is then left out. `enqueued_ms` replays recorded events at their own
        time; if one of the partitions has a later event, they are refused (`ResponseError`).

        On a cluster, events for several partitions take a round trip for each, and three or four more; if the sender
        dies, others finish what it began, see batches.py. Recorded events are there taken or refused by each partition
        alone.

        Raises `UnknownPartition`, `HubFull` or `Throttled`.
        """
        by_partition = self._divide(events, partition)
        if self.settings.throughput_units:
            throughput.take(self, sum(len(event.body) for event in events), len(events))
        if self._batches is None:
            write(self, by_partition, enqueued_ms)
        elif len(by_partition) == 1 or enqueued_ms is not None:
            for its_partition, its_events in by_partition.items():
                write(self, {its_partition: its_events}, enqueued_ms)
        else:
            self._batches.append(by_partition)

    def finish_batches(self) -> None:
        """On a cluster, finish what senders that died have begun: see batches.py."""
        if self._batches is not None:
            self._batches.finish()
            self._batches.forget()

    def read(self, partition: int, after: str = "0", limit: int = 100) -> list[StoredEvent]:
        """Return up to `limit` events whose offset is greater than `after`, oldest first; fewer only at the end.

        A time in ms since the Unix epoch will do for an offset. Raises `UnknownPartition`.
        One round trip for what came in batches; up to three, for 1,000 events that came one by one.
        """
        reading = Reading(self.known(partition), after, limit)
        while reading.count:
            found = self.redis.xrange(self.keys[partition].events, min=f"({reading.after}", count=reading.count)
            reading.take(cast("list[tuple[bytes, dict[bytes, bytes]]]", found))
        return reading.events

    def _divide(self, events: Sequence[Event], partition: int | None) -> dict[int, list[Event]]:
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
