"""Writing events to partitions: cut into entries, with room made where a partition is full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import PipelineError
from ..store import writes
from ..store.replicas import Confirmation
from ..store.scripts import lua
from ..store.together import SharedScript
from .entry import MAX_EVENTS, PackedEntry, entries
from .event import OVERHEAD, Event
from .repetition import ALL_ARE_NEW, ALL_STORED, Appended, KeyOfAnother, RequestKey, recognized
from .retention import trim
from .stored_hub import StoredHub

_APPEND_NEW = SharedScript(*lua(__package__, "numbers", "all_new", "append"))
_APPEND = SharedScript(*lua(__package__, "numbers", "remembered", "recognition", "append"))

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


class BatchTooLarge(PipelineError):
    """No partition of the hub can ever have room for these events together; nothing was stored."""

    def __init__(self, hub: StoredHub, partition: int, events: int, size: int) -> None:
        super().__init__(
            f"{events:,} events of the batch are for partition {partition} and count {size:,} bytes, {OVERHEAD} of "
            f"them for each event; a partition of hub {hub.name!r} keeps {hub.settings.partition_bytes:,}: send fewer"
        )


def write(
    hub: StoredHub,
    by_partition: Mapping[int, Sequence[Event]],
    time: int | None = None,
    relay: str | None = None,
    key: RequestKey | None = None,
) -> Appended:
    """Write events to these partitions, all or none, in one round trip unless one of them is full.

    `time` is that of recorded events, ms since the Unix epoch; `relay` and `key` are as in `Hub.append`. Raises
    `HubFull`, `BatchTooLarge` or `KeyOfAnother`.
    """
    by = recognized(relay, hub.settings.duplicate_detection_ms)
    most = MAX_EVENTS if time is None else 1
    cut = {partition: entries(events, most, by) for partition, events in by_partition.items()}
    looks = by is not ALL_ARE_NEW or key is not None
    script = _APPEND if looks else _APPEND_NEW
    call = _call(hub, cut, looks, hub.settings.partition_bytes, time, key=key)
    trimmed: set[int] = set()
    confirmation = _confirmation(hub, next(iter(cut))) if hub.settings.replicas else None
    while not isinstance(reply := script.call(hub.redis, *call, confirmation), int):
        match reply:
            case [b"full", place]:
                full = list(cut)[place]
                make_room(hub, full, sum(entry.size for entry in cut[full]), len(by_partition[full]), trimmed)
            case [b"known"]:
                return Appended(replayed=True)
            case _:
                raise KeyOfAnother
    return Appended(reply) if reply else ALL_STORED


def write_parts(
    hub: StoredHub, by_partition: Mapping[int, Sequence[Event]], batch: str, relay: str | None = None
) -> int:
    """Write a batch, which has this id, each partition by itself; without effect on those that have taken it before.

    Returns how many events were left out as repetitions. One round trip, in which all nodes are asked at the same time.
    If it fails for some partitions, others may have taken their part. None has a cap: the rest of the batch may be
    written already, so a full one takes its part too.
    """
    by = recognized(relay, hub.settings.duplicate_detection_ms)
    looks = by is not ALL_ARE_NEW
    calls = [
        _call(hub, {partition: entries(events, by=by)}, looks, batch=batch)
        for partition, events in by_partition.items()
    ]
    repeated = 0
    confirmations = [_confirmation(hub, partition) for partition in by_partition] if hub.settings.replicas else []
    replies = (_APPEND if looks else _APPEND_NEW).call_all(hub.redis, calls, confirmations)
    for partition, reply in zip(by_partition, replies, strict=True):
        if isinstance(reply, int):
            repeated += reply
        elif reply[0] == b"full":  # its caller would drop the intent, and the events with it
            raise RuntimeError(f"partition {partition} of hub {hub.name!r} refused its part of the batch {batch}")
    return repeated


def make_room(hub: StoredHub, partition: int, size: int, events: int, trimmed: set[int]) -> None:
    """Let retention drop events of a full partition, for so many bytes and events that are to be written.

    It does so once per write: raises `HubFull` if the partition is in `trimmed`, to which it is then added. Raises
    `BatchTooLarge` if several events can't be taken whatever is dropped.
    """
    if size > hub.settings.partition_bytes and events > 1:
        raise BatchTooLarge(hub, partition, events, size)
    if partition in trimmed:
        raise HubFull(hub, partition)
    with writes.uncounted():
        trim(hub, partition, size)
    trimmed.add(partition)


def _confirmation(hub: StoredHub, partition: int) -> Confirmation:
    return Confirmation(hub.settings.replicas, hub.keys[partition].sequence)


def _call(
    hub: StoredHub,
    cut: Mapping[int, Sequence[PackedEntry]],
    looks: bool,
    cap: int = 0,
    time: int | None = None,
    batch: str = "",
    key: RequestKey | None = None,
) -> tuple[list[str], list[object]]:
    """Return the keys and the arguments with which append.lua writes these entries.

    `looks`: something may be a repetition, so that recognition.lua is part of the script.
    """
    keys: list[str] = []
    args: list[object] = ["" if time is None else time, batch]
    if looks:
        args += (hub.settings.duplicate_detection_ms, *(key or ("", "")), hub.settings.remember_ms)
    for partition, packed in cut.items():
        its = hub.keys[partition]
        keys += (its.events, its.sequence, its.stats)
        if looks:
            keys += (its.relayed, its.message_ids, its.older_message_ids)
        if batch:
            keys.append(its.batches)
        args += (cap, len(packed))
        for entry in packed:
            args += entry if looks else (entry.events, entry.size, entry.packed)
    if key:
        keys += (hub.keys.idempotency_keys, hub.keys.older_idempotency_keys)
    return keys, args
