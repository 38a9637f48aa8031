"""The relay: a consumer group that sends a hub's events on to the upstream hub.

What it promises: every event at least once, those of one key in order. An offset moves on only when the upstream hub
has taken the events, or has said that it never will: then they go to the partition's dead letters with its answer.
"""

from __future__ import annotations

import itertools
import logging
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

from ..lease import LeaseLost
from .group import ConsumerGroup
from .log import Event, Hub, StoredEvent
from .upstream import Upstream, UpstreamRefused, UpstreamUnavailable, fits_batch

logger = logging.getLogger(__name__)

READ = 500  # events a turn and partition
BATCH_EVENTS = 100
BATCH_BYTES = 768 * 1024  # of bodies; escaping and properties stay below the service's limit of 1 MB a batch
MAX_WAIT = 60.0  # seconds


@dataclass
class _Pace:
    """When a partition whose upstream failed is to be tried again: exponential, with jitter, up to `MAX_WAIT`."""

    failures: int = 0
    not_before: float = 0.0

    def failed(self, at_least: float) -> float:
        wait: float = min(MAX_WAIT, at_least * 2**self.failures) * random.uniform(1.0, 1.25)
        self.failures = min(self.failures + 1, 16)
        self.not_before = time.monotonic() + wait
        return wait

    def succeeded(self) -> None:
        self.failures = 0
        self.not_before = 0.0


class Relay:
    """One hub's way up. Redis key, beside those of its consumer group:

    {hub:NAME:P}:deadletters  stream; `o` is the event's offset, `r` the reason
    """

    def __init__(self, hub: Hub, upstream: Upstream) -> None:
        self.hub = hub
        self.upstream = upstream
        self.group = ConsumerGroup(hub, "$relay")
        self.name = f"relay {hub.name}"
        self._pace = [_Pace() for _ in range(hub.partitions)]

    def step(self) -> int:
        """Forward what is waiting, up to 500 events a partition; return how many events are done."""
        return sum(self._forward(partition) for partition in range(self.hub.partitions))

    def stop(self) -> None:
        """Leave the partitions to another worker at once."""
        for lease in self.group.leases:
            lease.release()

    def _forward(self, partition: int) -> int:
        pace = self._pace[partition]
        if time.monotonic() < pace.not_before or not self.group.leases[partition].hold():
            return 0
        done = 0
        for events in batches(self.hub.read(partition, self.group.offset(partition), READ)):
            try:
                if not self.group.leases[partition].renew():
                    raise LeaseLost(partition)
                reason = self._send([stored.event for stored in events])
                self._commit(partition, events, reason)
            except LeaseLost:
                logger.warning("%s: another worker took partition %d; events may go up twice", self.name, partition)
                break
            except UpstreamUnavailable as exc:
                wait = pace.failed(exc.wait)
                logger.warning("%s: partition %d waits %.1f s: %s", self.name, partition, wait, exc)
                break
            pace.succeeded()
            done += len(events)
        return done

    def _send(self, events: list[Event]) -> str | None:
        """Send a batch, or an event that goes alone; return why it was refused for good, or None."""
        try:
            if fits_batch(events[0]):
                self.upstream.send_batch(self.hub.name, events)
            else:
                self.upstream.send(self.hub.name, events[0])
        except UpstreamRefused as exc:
            return str(exc)
        return None

    def _commit(self, partition: int, events: list[StoredEvent], reason: str | None) -> None:
        lease = self.group.leases[partition]
        with self.hub.redis.pipeline() as pipe:
            lease.guard(pipe)
            if reason is not None:
                logger.error("%s: %d events of partition %d are refused: %s", self.name, len(events), partition, reason)
                for stored in events:
                    pipe.xadd(self.hub.key(partition, "deadletters"), {"o": stored.offset, "r": reason})
            self.group.commit(pipe, partition, events[-1].offset)
            lease.commit(pipe)


def batches(events: list[StoredEvent]) -> Iterator[list[StoredEvent]]:
    """Cut events, in order, into what one request can carry: neighbours of one partition key, or a single event."""
    for _, run in itertools.groupby(events, key=lambda s: (s.event.partition_key, fits_batch(s.event))):
        batch: list[StoredEvent] = []
        size = 0
        for stored in run:
            length = len(stored.event.body)
            full = len(batch) == BATCH_EVENTS or size + length > BATCH_BYTES
            if batch and (full or not fits_batch(stored.event)):
                yield batch
                batch, size = [], 0
            batch.append(stored)
            size += length
        yield batch
