"""Retention: a hub drops events by age and by size, but never before all attached groups have processed them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from ..store.scripts import Script, lua
from .stored_hub import StoredHub

_TRIM = Script(*lua(__package__, "numbers", "retention"), while_full=True)

#: About how many bytes of events one call of the script reads: some milliseconds of Redis's time.
_PAGE = 1024 * 1024

#: Partitions that are trimmed in one round trip: up to so many MiB are read, and other clients are served in between.
_TOGETHER = 100


def trim(hub: StoredHub, partition: int, room: int = 0) -> int:
    """Drop events that are too old, and the oldest of a partition that is nearly full; returns how many.

    The rest is at most nine tenths of the partition's share, and leaves room for `room` bytes. No event is dropped that
    an attached group (`ConsumerGroup.attach`) has not processed. A round trip for each MiB of events.
    """
    return _trim(hub, [partition], room)


def trim_all(hub: StoredHub) -> int:
    """Trim every partition: a round trip for a hundred of them, on a cluster one a node."""
    return _trim(hub, range(hub.partitions), 0)


def _trim(hub: StoredHub, partitions: Iterable[int], room: int) -> int:
    cap = hub.settings.partition_bytes
    most = max(0, min(cap * 9 // 10, cap - room)) if cap else -1
    args = [hub.settings.retention_ms, most, _PAGE]
    its = (hub.keys[partition] for partition in partitions)
    left = [[keys.events, keys.stats, keys.offsets, keys.attached] for keys in its]
    total = 0
    while left:
        turn, later = left[:_TOGETHER], left[_TOGETHER:]
        replies = cast("list[list[int]]", _TRIM.call_all(hub.redis, [(keys, args) for keys in turn]))
        total += sum(dropped for dropped, _ in replies)
        left = [keys for keys, (_, more) in zip(turn, replies, strict=True) if more] + later
    return total
