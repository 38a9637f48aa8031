"""The log: the events that a hub has taken, in one Redis Stream per partition."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from typing import cast

from ..errors import PipelineError
from ..store import OUTAGES, Redis, RedisCluster, writes
from ..store.refusals import NOT_RUN
from . import throughput
from .batches import Batches
from .description import HubSettings
from .entry import Reading
from .event import Event, StoredEvent
from .hops import check_hops
from .partition import partition_of
from .repetition import ALL_ARE_NEW, Appended, KeyOfAnother, RequestKey, recognized
from .stored_hub import StoredHub
from .writing import BatchTooLarge, HubFull, write


class Hub(StoredHub):
    """One hub: events are appended to its partitions, and are read from one partition, in order.

    Redis keys: `events`, `sequence`, `stats`, `relayed`, `message_ids`, `idempotency_keys`; see keys.py.
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
        relay: str | None = None,
        key: RequestKey | None = None,
        limits: Sequence[throughput.Limit] = (),
    ) -> Appended:
        """Append events to the partitions of their keys, or all to `partition`: all events or none, in one round trip.

        Events without a key go together to the next partition in turn. With `enqueued_ms`, recorded events are replayed
        at their own time; if one of the partitions has a later event, they are refused (`ResponseError`).

        What the hub has already is left out, and the answer says how much that is: see repetition.py. `relay` is the
        rule of the relay that sends the events; one without a key then goes to the partition of its relay id. `key` is
        that of a request that may come again. If the hub detects duplicates, an event without a key goes to the
        partition of its MessageId.

        On a cluster, events for several partitions take four round trips, and any with `key` five; if the sender dies,
        others finish what it began (see batches.py). Each partition takes or refuses recorded events by itself there.

        `limits` are those of the sender, beside the hub's own: see throughput.py. Raises `UnknownPartition`, `HubFull`,
        `BatchTooLarge`, `Throttled`, `KeyOfAnother` or `WrongHops`.
        """
        check_hops(events, lambda: self.hop)
        by_partition = self._divide(events, partition, relay)
        if not (limits or self.settings.throughput_units):
            return self._write(by_partition, enqueued_ms, relay, key)
        size = sum(len(event.body) for event in events)
        throughput.take(self, size, len(events), limits)
        try:
            return self._write(by_partition, enqueued_ms, relay, key)
        except (HubFull, BatchTooLarge, KeyOfAnother, *NOT_RUN) as exc:
            if isinstance(exc, PipelineError) or not writes.may_have_written():
                with suppress(*OUTAGES):  # what is to be told is why the batch was refused
                    throughput.give_back(self, size, len(events), limits)
            raise

    def _write(
        self,
        by_partition: dict[int, list[Event]],
        enqueued_ms: int | None,
        relay: str | None,
        key: RequestKey | None,
    ) -> Appended:
        if self._batches is None:
            return write(self, by_partition, enqueued_ms, relay, key)
        if key is None and (len(by_partition) == 1 or enqueued_ms is not None):
            each = [write(self, {place: its}, enqueued_ms, relay) for place, its in by_partition.items()]
            return Appended(sum(one.repeated for one in each))
        return self._batches.append(by_partition, relay, key)

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

    def _divide(self, events: Sequence[Event], partition: int | None, relay: str | None) -> dict[int, list[Event]]:
        if partition is not None:
            return {self.checked_partition(partition): list(events)}
        by_partition: dict[int, list[Event]] = defaultdict(list)
        of_key: dict[str | None, list[Event]] = {}
        by = recognized(relay, self.settings.duplicate_detection_ms)
        for event in events:
            key = event.partition_key
            if key is None and by is not ALL_ARE_NEW:
                key = by.partition_key(event)
            its = of_key.get(key)
            if its is None:
                place = self.turn() if key is None else partition_of(key, self.partitions)
                its = of_key[key] = by_partition[place]
            its.append(event)
        return by_partition
