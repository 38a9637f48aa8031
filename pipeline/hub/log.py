"""The log: the events that a hub has taken, in one Redis Stream per partition."""

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
from .event import Event, StoredEvent
from .partition import partition_of
from .stored_hub import StoredHub
from .writing import HubFull, write


class Hub(StoredHub):
    """One hub: events are appended to its partitions, and are read from one partition, in order.

    Redis keys: `events`, `sequence`, `stats`, `relayed`; see keys.py.
    """

    def __init__(
        self, client: Redis | RedisCluster, name: str, partitions: int, settings: HubSettings | None = None
    ) -> None:
        super().__init__(client, name, partitions, settings)
        self._batches = Batches(self) if isinstance(client, RedisCluster) else None
        # Events without a key go to each partition in turn; processes start at different ones, so that all are used.
        self._turn = itertools.count(random.randrange(partitions))

    def turn(self) -> int:
        """Return the partition whose turn it is to take an event without a key."""
        return next(self._turn) % self.partitions

    def append(
        self,
        events: Sequence[Event],
        *,
        partition: int | None = None,
        enqueued_ms: int | None = None,
        limits: Sequence[throughput.Limit] = (),
    ) -> None:
        """Append events to the partitions of their keys, or all to `partition`: all events or none, in one round trip.

        Events without a key go together to the next partition in turn. But an event that a relay sent goes to the
        partition of its relay id, which leaves it out if it has it already. With `enqueued_ms`, recorded events are
        replayed at their own time; if one of the partitions has a later event, they are refused (`ResponseError`).

        On a cluster, events for several partitions take a round trip for each, and three or four more; if the sender
        dies, others finish what it began (see batches.py). Each partition takes or refuses recorded events by itself
        there.

        `limits` are those of who sends. Raises `UnknownPartition`, `HubFull` or `Throttled`.
        """
        by_partition = self._divide(events, partition)
        if limits or self.settings.throughput_units:
            size = sum(len(event.body) for event in events)
            throughput.take(self, size, len(events), limits)
            try:
                self._write(by_partition, enqueued_ms)
            except HubFull:
                throughput.give_back(self, size, len(events), limits)
                raise
        else:
            self._write(by_partition, enqueued_ms)

    def _write(self, by_partition: dict[int, list[Event]], enqueued_ms: int | None) -> None:
        if self._batches is None:
            write(self, by_partition, enqueued_ms)
        elif len(by_partition) == 1 or enqueued_ms is not None:
            for its_partition, its_events in by_partition.items():
                write(self, {its_partition: its_events}, enqueued_ms)
        else:
            self._batches.append(by_partition)

    def finish_batches(self) -> None:
        """On a cluster, finish the batches of senders that died: see batches.py."""
        if self._batches is not None:
            self._batches.finish()
            self._batches.forget()

    def read(self, partition: int, after: str = "0", limit: int = 100) -> list[StoredEvent]:
        """Return up to `limit` events whose offset is greater than `after`, oldest first; fewer only at the end.

        A time in ms since the Unix epoch can be used as an offset. Raises `UnknownPartition`. One round trip for events
        that were sent in batches; up to three for 1,000 events that were sent one by one.
        """
        reading = Reading(self.checked_partition(partition), after, limit)
        while reading.count:
            found = self.redis.xrange(self.keys[partition].events, min=f"({reading.after}", count=reading.count)
            reading.add_page(cast("list[tuple[bytes, dict[bytes, bytes]]]", found))
        return reading.events

    def _divide(self, events: Sequence[Event], partition: int | None) -> dict[int, list[Event]]:
        if partition is not None:
            return {self.checked_partition(partition): list(events)}
        by_partition: dict[int, list[Event]] = defaultdict(list)
        of_key: dict[str | None, list[Event]] = {}
        for event in events:
            key = event.partition_key
            if key is None and event.properties and (relay_id := event.relay_id):
                key = relay_id[1]
            its = of_key.get(key)
            if its is None:
                place = self.turn() if key is None else partition_of(key, self.partitions)
                its = of_key[key] = by_partition[place]
            its.append(event)
        return by_partition
