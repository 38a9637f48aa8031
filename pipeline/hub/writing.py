"""Writing events to partitions: cut into entries, with room made where a partition is full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import cast

from ..errors import PipelineError
from ..store.together import SharedScript
from .entry import PackedEntry, entries
from .event import Event
from .retention import trim
from .stored_hub import StoredHub

_APPEND = SharedScript(files(__package__) / "append.lua")

#: Seconds until a hub that was full may have room: workers trim every few seconds.
_TRIM_WAIT = 5


class HubFull(PipelineError):
    """A partition has as many bytes as it may, and its attached groups still need all of them; nothing was stored."""

    def __init__(self, hub: StoredHub, partition: int, seconds: int = _TRIM_WAIT) -> None:
        super().__init__(
            f"partition {partition} of hub {hub.name!r} is full of events that its relay or a job still needs; "
            f"try again in {seconds} s"
        )
        self.partition = partition
        self.seconds = seconds


def write(hub: StoredHub, by_partition: Mapping[int, Sequence[Event]], time: int | None = None) -> None:
    """Write events to these partitions, all or none, in one round trip unless one of them is full.

    `time` is that of recorded events, ms since the Unix epoch. Raises `HubFull`.
    """
    most = {} if time is None else {"max_events": 1}
    cut = {partition: entries(events, **most) for partition, events in by_partition.items()}
    trimmed: set[int] = set()
    while (full := _run(hub, cut, hub.settings.partition_bytes, time)) is not None:
        make_room(hub, full, sum(entry.size for entry in cut[full]), trimmed)


def write_parts(hub: StoredHub, by_partition: Mapping[int, Sequence[Event]], batch: str) -> None:
    """Write a batch, which has this id, each partition by itself; without effect on those that have taken it before.

    One round trip, in which all nodes are asked at the same time. If it fails for some partitions, others may have
    taken their part. None has a cap: the rest of the batch may be written already, so a full one takes its part too.
    """
    calls = [_call(hub, {partition: entries(events)}, batch=batch) for partition, events in by_partition.items()]
    for partition, place in zip(by_partition, _APPEND.call_all(hub.redis, calls), strict=True):
        if place >= 0:  # its caller would drop the intent, and the events with it
            raise RuntimeError(f"partition {partition} of hub {hub.name!r} refused its part of the batch {batch}")


def make_room(hub: StoredHub, partition: int, size: int, trimmed: set[int]) -> None:
    """Let retention drop events of a full partition, for `size` bytes of events that are to be written.

    It does so once per write: raises `HubFull` if the partition is in `trimmed`, to which it is then added.
    """
    if partition in trimmed:
        raise HubFull(hub, partition)
    trim(hub, partition, size)
    trimmed.add(partition)


def _run(hub: StoredHub, cut: Mapping[int, Sequence[PackedEntry]], cap: int, time: int | None) -> int | None:
    """Run append.lua: returns the first partition that would have more than `cap` bytes, or None if all took theirs."""
    place = cast("int", _APPEND.call(hub.redis, *_call(hub, cut, cap, time)))
    return None if place < 0 else list(cut)[place]


def _call(
    hub: StoredHub,
    cut: Mapping[int, Sequence[PackedEntry]],
    cap: int = 0,
    time: int | None = None,
    batch: str = "",
) -> tuple[list[str], list[object]]:
    """Return the keys and the arguments with which append.lua writes these entries."""
    keys: list[str] = []
    args: list[object] = ["" if time is None else time, batch]
    for partition, packed in cut.items():
        its = hub.keys[partition]
        keys += (its.events, its.sequence, its.stats, its.relayed)
        if batch:
            keys.append(its.batches)
        args += (cap, len(packed))
        for entry in packed:
            args += entry
    return keys, args
