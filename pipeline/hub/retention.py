"""Retention: what a hub lets go, by age and by size, and never before the attached groups are done with it."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from importlib.resources import files
from typing import cast

from ..lease import Lease
from ..scripts import Script
from .log import Hub
from .registry import Hubs

logger = logging.getLogger(__name__)

_TRIM = Script(files(__package__) / "retention.lua")

#: Bytes of bodies that a script call looks at, about: some milliseconds of Redis's time.
_PAGE = 1024 * 1024

#: Seconds between two turns.
PERIOD = 5.0


def trim(hub: Hub, partition: int, room: int = 0) -> int:
    """Drop events that are too old, and the oldest of a partition that is nearly full; returns how many went.

    What is left is nine tenths of the partition's share at most, and leaves room for `room` bytes. None goes that an
    attached group (`ConsumerGroup.attach`) is not done with. A round trip for each MiB of bodies.
    """
    keys = [hub.key(partition, what) for what in ("events", "stats", "offsets", "attached")]
    cap = hub.settings.partition_bytes
    most = max(0, min(cap * 9 // 10, cap - room)) if cap else -1
    total = 0
    while True:
        dropped, more = cast("list[int]", _TRIM.call(hub.redis, keys, [hub.settings.retention_ms, most, _PAGE]))
        total += dropped
        if not more:
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
            for partition in range(hub.partitions):
                dropped += trim(hub, partition)
        self._next = time.monotonic() + PERIOD
        if dropped:
            logger.info("%d events dropped", dropped)
        return 0  # or the next turn would come at once

    def stop(self) -> None:
        self.lease.release()
