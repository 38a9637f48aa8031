"""Retention: what a hub lets go, by age and by size, and never before the attached groups are done with it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import cast

from ..store.lease import Lease
from ..store.scripts import Script
from .log import Hub
from .registry import Hubs

logger = logging.getLogger(__name__)

_TRIM = Script(files(__package__) / "retention.lua")

#: Bytes of events that a script call looks at, about: some milliseconds of Redis's time.
_PAGE = 1024 * 1024

_KEYS = ("events", "stats", "offsets", "attached")

#: Partitions that are trimmed in one round trip: as many MiB may be read, between which others have their turn.
_TOGETHER = 100

#: Seconds between two turns.
PERIOD = 5.0


def trim(hub: Hub, partition: int, room: int = 0) -> int:
    """Drop events that are too old, and the oldest of a partition that is nearly full; returns how many went.

    What is left is nine tenths of the partition's share at most, and leaves room for `room` bytes. None goes that an
    attached group (`ConsumerGroup.attach`) is not done with. A round trip for each MiB of events.
    """
    return _trim(hub, [partition], room)


def trim_all(hub: Hub) -> int:
    """Trim every partition: a round trip for a hundred of them, on a cluster one a node."""
    return _trim(hub, range(hub.partitions), 0)


def _trim(hub: Hub, partitions: Iterable[int], room: int) -> int:
    cap = hub.settings.partition_bytes
    most = max(0, min(cap * 9 // 10, cap - room)) if cap else -1
    args = [hub.settings.retention_ms, most, _PAGE]
    left = [[hub.key(partition, what) for what in _KEYS] for partition in partitions]
    total = 0
    while left:
        turn, later = left[:_TOGETHER], left[_TOGETHER:]
        replies = cast("list[list[int]]", _TRIM.call_all(hub.redis, [(keys, args) for keys in turn]))
        total += sum(dropped for dropped, _ in replies)
        left = [keys for keys, (_, more) in zip(turn, replies, strict=True) if more] + later
    return total


class Retention:
    """The worker's task that trims every hub, every few seconds, in one worker at a time.

    Redis key:
        hubs:retention  string, see Lease
    """

    name = "retention"

    def __init__(self, hubs: Hubs) -> None:
        self.hubs: Mapping[str, Hub] = hubs
        self.lease = Lease(hubs.redis, "hubs:retention", ttl=4 * PERIOD)
        self._next = 0.0  # time.monotonic()

    def step(self) -> int:
        """Trim every partition, if it is time and no other worker does it; returns how many events went."""
        if time.monotonic() < self._next or not self.lease.hold():
            return 0
        dropped = 0
        for hub in self.hubs.values():
            hub.finish_batches()
            dropped += trim_all(hub)
        self._next = time.monotonic() + PERIOD
        if dropped:
            logger.info("%d events dropped", dropped)
        return 0  # or the next turn would come at once

    def stop(self) -> None:
        self.lease.release()
