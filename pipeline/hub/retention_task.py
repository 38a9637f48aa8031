"""The worker's task that drops the events of every hub that retention allows to drop."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from ..store import OutOfMemoryError
from ..store.lease import Lease
from ..store.outage_log import outages
from .keys import RETENTION, RETENTION_TTL
from .log import Hub
from .namespace import Hubs
from .retention import trim_all

logger = logging.getLogger(__name__)

#: Seconds between two turns: the lease lasts for four.
PERIOD = RETENTION_TTL / 4


class Retention:
    """The worker's task that trims every hub, every few seconds, in one worker at a time.

    Redis key: `RETENTION`; see keys.py.
    """

    name = "retention"

    def __init__(self, hubs: Hubs) -> None:
        self.hubs: Mapping[str, Hub] = hubs
        self.lease = Lease(hubs.redis, RETENTION.pattern, RETENTION_TTL)
        self._next = 0.0  # time.monotonic()

    def step(self) -> int:
        """Trim every partition, if it is time and no other worker does so; returns how many events were dropped."""
        if time.monotonic() < self._next or not self.lease.hold():
            return 0
        dropped = 0
        for hub in self.hubs.values():
            dropped += trim_all(hub)
            try:
                hub.finish_batches()
            except OutOfMemoryError as exc:  # they wait for room, which the next hub may have to give
                outages.note(exc)
        self._next = time.monotonic() + PERIOD
        if dropped:
            logger.info("%d events dropped", dropped)
        return 0  # otherwise the next turn would come at once

    def stop(self) -> None:
        self.lease.release()
