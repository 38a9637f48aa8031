"""Runtime information: how much a partition holds, and how far behind its readers are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ..store.offsets import ms_of
from ..store.scripts import Script, lua
from .stored_hub import StoredHub

_RUNTIME = Script(*lua(__package__, "numbers", "runtime"), reads_only=True)


@dataclass(frozen=True, slots=True)
class GroupRuntime:
    """How far a group has come in a partition.

    `lag` is how many of the stored events it has not processed, `oldest_ms` how long the first of them has waited, None
    if there is none. Events are kept until an attached group has processed them.
    """

    name: str
    offset: str
    attached: bool
    lag: int
    oldest_ms: int | None


@dataclass(frozen=True, slots=True)
class PartitionRuntime:
    """What a partition holds now: events from sequence number `first` to `next` - 1.

    `last_offset` is that of the newest event ever, None for a partition that never had any; an offset begins with its
    event's time. `bytes` is what they take in the log (`Event.size`). `in_events` and `in_bytes` count since the
    beginning; `in_rate` is in bytes per second, a mean over the last seconds (the worker's retention measures it).
    """

    partition: int
    first: int
    next: int
    events: int
    bytes: int
    in_events: int
    in_bytes: int
    in_rate: int
    last_offset: str | None
    groups: tuple[GroupRuntime, ...]

    @property
    def last_ms(self) -> int | None:
        """When the newest event came, ms since the Unix epoch."""
        return None if self.last_offset is None else ms_of(self.last_offset)


def runtime(hub: StoredHub, partitions: Sequence[int] | None = None) -> list[PartitionRuntime]:
    """Read the runtime information of these partitions, by default all. One round trip, on a cluster one per node.

    Raises `UnknownPartition`.
    """
    wanted = (
        range(hub.partitions) if partitions is None else [hub.checked_partition(partition) for partition in partitions]
    )
    return _read([(hub, partition) for partition in wanted])


def runtimes(hubs: Sequence[StoredHub]) -> list[list[PartitionRuntime]]:
    """Read `runtime` of several hubs of one namespace, in their order. One round trip, on a cluster one per node."""
    found = iter(_read([(hub, partition) for hub in hubs for partition in range(hub.partitions)]))
    return [list(islice(found, hub.partitions)) for hub in hubs]


def _read(places: Sequence[tuple[StoredHub, int]]) -> list[PartitionRuntime]:
    if not places:
        return []
    its = (hub.keys[partition] for hub, partition in places)
    called = ([keys.events, keys.sequence, keys.stats, keys.offsets, keys.attached] for keys in its)
    replies = _RUNTIME.call_all(places[0][0].redis, [(keys, []) for keys in called])
    return [_runtime(partition, *reply) for (_, partition), reply in zip(places, replies, strict=True)]


def _runtime(
    partition: int, now: bytes, sequence: bytes, last: bytes, stats: list[bytes], groups: list[list[Any]]
) -> PartitionRuntime:
    numbers = {name.decode(): int(value) for name, value in zip(stats[::2], stats[1::2], strict=True)}
    following = int(sequence)
    return PartitionRuntime(
        partition=partition,
        first=numbers.get("first", 0),
        next=following,
        events=numbers.get("events", 0),
        bytes=numbers.get("bytes", 0),
        in_events=numbers.get("in_events", 0),
        in_bytes=numbers.get("in_bytes", 0),
        in_rate=numbers.get("in_rate", 0),
        last_offset=last.decode() or None,
        groups=tuple(sorted((_group(int(now), following, *group) for group in groups), key=lambda group: group.name)),
    )


def _group(
    now: int, following: int, name: bytes, offset: bytes, attached: int, waiting: int, waiting_id: bytes
) -> GroupRuntime:
    return GroupRuntime(
        name=name.decode(),
        offset=offset.decode(),
        attached=bool(attached),
        lag=0 if waiting < 0 else following - waiting,
        oldest_ms=None if waiting < 0 else max(0, now - int(waiting_id.partition(b"-")[0])),
    )
