"""The log: what a hub has taken, one Redis Stream a partition."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, cast

import msgspec
import redis

from ..errors import PipelineError
from .partition import partition_of

#: A user property's value, as the service types them.
Property = str | int | float | bool | None

_APPEND = (files(__package__) / "append.lua").read_text()
_properties = msgspec.json.Decoder(dict[str, Property])


class UnknownHub(PipelineError, LookupError):
    def __init__(self, name: str) -> None:
        super().__init__(f"there is no hub {name!r}; hubs are named in WZ_HUBS")
        self.name = name


class UnknownPartition(PipelineError, LookupError):
    def __init__(self, hub: Hub, partition: int) -> None:
        super().__init__(f"hub {hub.name!r} has the partitions 0 to {hub.partitions - 1}, not {partition}")
        self.partition = partition


class PartitionCountChanged(PipelineError):
    """Keys would move to other partitions and lose their order."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event as its sender gave it. `body` is opaque; an absent key or type is None, never empty."""

    body: bytes
    partition_key: str | None = None
    content_type: str | None = None
    properties: Mapping[str, Property] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event in the log.

    `offset` is the stream's entry id, `ms-n`: opaque to readers, rising within a partition. `sequence_number` is
    0, 1, 2 ... within a partition. `enqueued_ms` is Redis's clock, ms since the Unix epoch.
    """

    partition: int
    sequence_number: int
    offset: str
    enqueued_ms: int
    event: Event


class Hub:
    """One hub's partitions.

    Redis keys, all of a partition in one slot of a cluster:
        {hub:NAME:P}:events     stream; an entry has n (sequence number), b (body), k (partition key),
                                t (content type), p (user properties, JSON); k, t and p are '' where there is none
        {hub:NAME:P}:sequence   string, the next sequence number
        hub:NAME                hash; `partitions` is the count that the log was begun with
    """

    def __init__(self, client: redis.Redis, name: str, partitions: int) -> None:
        self.redis = client
        self.name = name
        self.partitions = partitions
        self._append = client.register_script(_APPEND)
        # Events without a key go round; each process starts elsewhere, so that few processes still use every partition.
        self._turn = itertools.count(random.randrange(partitions))

    def key(self, partition: int, what: str) -> str:
        return f"{{hub:{self.name}:{partition}}}:{what}"

    def declare(self) -> None:
        """Record the number of partitions. Raises `PartitionCountChanged` if the log has another."""
        key = f"hub:{self.name}"
        self.redis.hsetnx(key, "partitions", str(self.partitions))
        recorded = int(cast("bytes", self.redis.hget(key, "partitions")))
        if recorded != self.partitions:
            raise PartitionCountChanged(
                f"hub {self.name!r} was begun with {recorded} partitions and WZ_HUBS now says {self.partitions}: "
                f"keep {recorded}, or take a new name"
            )

    def append(self, events: Sequence[Event], enqueued_ms: int | None = None) -> None:
        """Append events to the partitions of their keys, all or none, in one round trip.

        Events without a key go together to the next partition in turn. `enqueued_ms` replays recorded events at
        their own time; a partition whose last event is later refuses them (`redis.ResponseError`), the others don't.
        """
        by_partition: dict[int, list[Event]] = defaultdict(list)
        keyless = next(self._turn) % self.partitions if any(e.partition_key is None for e in events) else 0
        for event in events:
            key = event.partition_key
            by_partition[keyless if key is None else partition_of(key, self.partitions)].append(event)

        time = "" if enqueued_ms is None else enqueued_ms
        with self.redis.pipeline(transaction=len(by_partition) > 1) as pipe:
            for partition, its_events in by_partition.items():
                self._append(
                    keys=[self.key(partition, "events"), self.key(partition, "sequence")],
                    args=[time, *itertools.chain.from_iterable(map(_fields, its_events))],
                    client=pipe,
                )
            pipe.execute()

    def read(self, partition: int, after: str = "0", limit: int = 100) -> list[StoredEvent]:
        """Return up to `limit` events whose offset is greater than `after`, oldest first; [] at the end."""
        if not 0 <= partition < self.partitions:
            raise UnknownPartition(self, partition)
        entries = self.redis.xrange(self.key(partition, "events"), min=f"({after}", count=limit)
        return [_stored(partition, *entry) for entry in cast("list[tuple[bytes, dict[bytes, bytes]]]", entries)]

    def read_all(self, after: Mapping[int, str], limit: int = 100) -> list[list[StoredEvent]]:
        """Read several partitions, each after its own offset, in one round trip; in the order of `after`.

        A time in ms since the Unix epoch will do for an offset.
        """
        with self.redis.pipeline(transaction=False) as pipe:
            for partition, offset in after.items():
                pipe.xrange(self.key(partition, "events"), min=f"({offset}", count=limit)
            batches = pipe.execute()
        return [
            [_stored(partition, *entry) for entry in entries] for partition, entries in zip(after, batches, strict=True)
        ]

    def clock_ms(self) -> int:
        """Redis's clock: no event will be stored at an earlier time, unless a fail-over sets the clock back."""
        seconds, microseconds = self.redis.time()
        return seconds * 1000 + microseconds // 1000


class Hubs(Mapping[str, Hub]):
    """The namespace: every hub by its name, in any case."""

    def __init__(self, client: redis.Redis, partitions: Mapping[str, int]) -> None:
        self._hubs = {name: Hub(client, name, count) for name, count in partitions.items()}

    def __getitem__(self, name: str) -> Hub:
        try:
            return self._hubs[name.lower()]
        except KeyError:
            raise UnknownHub(name) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._hubs)

    def __len__(self) -> int:
        return len(self._hubs)

    def declare(self) -> None:
        """Record every hub's number of partitions, or raise `PartitionCountChanged`."""
        for hub in self._hubs.values():
            hub.declare()


def _fields(event: Event) -> tuple[bytes | str, ...]:
    return (
        event.body,
        event.partition_key or "",
        event.content_type or "",
        msgspec.json.encode(event.properties) if event.properties else "",
    )


def _stored(partition: int, entry_id: bytes, fields: dict[bytes, bytes]) -> StoredEvent:
    offset = entry_id.decode()
    properties: Any = _properties.decode(fields[b"p"]) if fields[b"p"] else {}
    return StoredEvent(
        partition=partition,
        sequence_number=int(fields[b"n"]),
        offset=offset,
        enqueued_ms=int(offset.partition("-")[0]),
        event=Event(
            body=fields[b"b"],
            partition_key=fields[b"k"].decode() or None,
            content_type=fields[b"t"].decode() or None,
            properties=properties,
        ),
    )
