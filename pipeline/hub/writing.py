"""Writing events to partitions: cut into entries, with room made where a partition is full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files

from ..errors import PipelineError
from ..store.scripts import Script
from .entry import MAX_EVENTS, PackedEntry, entries
from .event import OVERHEAD, Event
from .repetition import Appended, KeyOfAnother, Recognized, RequestKey
from .retention import trim
from .stored_hub import StoredHub

_FOLDER = files(__package__)
_APPEND = Script(_FOLDER / "remembered.lua", _FOLDER / "append.lua")

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
    most = MAX_EVENTS if time is None else 1
    recognized = _recognized(hub, relay)
    cut = {partition: entries(events, most, recognized) for partition, events in by_partition.items()}
    call = _call(hub, cut, hub.settings.partition_bytes, time, key=key)
    trimmed: set[int] = set()
    while True:
        outcome, *number = _APPEND.call(hub.redis, *call)
        match outcome:
            case b"full":
                full = list(cut)[number[0]]
                make_room(hub, full, sum(entry.size for entry in cut[full]), len(by_partition[full]), trimmed)
            case b"known":
                return Appended(replayed=True)
            case b"another":
                raise KeyOfAnother
            case _:
                return Appended(repeated=number[0])


def write_parts(
    hub: StoredHub, by_partition: Mapping[int, Sequence[Event]], batch: str, relay: str | None = None
) -> int:
    """Write a batch, which has this id, each partition by itself; without effect on those that have taken it before.

    Returns how many events were left out as repetitions. One round trip, in which all nodes are asked at the same time.
    If it fails for some partitions, others may have taken their part. None has a cap: the rest of the batch may be
    written already, so a full one takes its part too.
    """
    recognized = _recognized(hub, relay)
    calls = [
        _call(hub, {partition: entries(events, recognized=recognized)}, batch=batch)
        for partition, events in by_partition.items()
    ]
    repeated = 0
    for partition, (outcome, *number) in zip(by_partition, _APPEND.call_all(hub.redis, calls), strict=True):
        if outcome == b"full":  # its caller would drop the intent, and the events with it
            raise RuntimeError(f"partition {partition} of hub {hub.name!r} refused its part of the batch {batch}")
        repeated += number[0] if outcome == b"written" else 0
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
    trim(hub, partition, size)
    trimmed.add(partition)


def _recognized(hub: StoredHub, relay: str | None) -> Recognized:
    return Recognized(relay, bool(hub.settings.duplicate_detection_ms))


def _call(
    hub: StoredHub,
    cut: Mapping[int, Sequence[PackedEntry]],
    cap: int = 0,
    time: int | None = None,
    batch: str = "",
    key: RequestKey | None = None,
) -> tuple[list[str], list[object]]:
    """Return the keys and the arguments with which append.lua writes these entries."""
    keys: list[str] = []
    window = hub.settings.duplicate_detection_ms
    args: list[object] = ["" if time is None else time, batch, window, *(key or ("", "")), hub.settings.remember_ms]
    for partition, packed in cut.items():
        its = hub.keys[partition]
        keys += (its.events, its.sequence, its.stats, its.relayed)
        if window:
            keys += (its.message_ids, its.older_message_ids)
        if batch:
            keys.append(its.batches)
        args += (cap, len(packed))
        for entry in packed:
            args += entry
    if key:
        keys += (hub.keys.requests, hub.keys.older_requests)
    return keys, args
