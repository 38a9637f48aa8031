"""The relay: a consumer group that sends a hub's events on to the upstream hub.

What it promises: every event at least once, those of one key in order. An offset moves on only when the upstream hub
has taken the events, or has said that it never will: then they go to the partition's dead letters with its answer.
"""

from __future__ import annotations

import itertools
import logging
import secrets
import time
from collections.abc import Mapping
from importlib.resources import files
from typing import cast

from ..lease import LeaseLost
from ..pace import Pace
from ..scripts import Script
from .deadletters import DeadLetter, DeadLetters
from .group import ConsumerGroup
from .log import Hub, StoredEvent
from .publication import Outgoing, Publication, publications
from .share import BEAT, TTL, Share
from .upstream import Upstream, UpstreamRefused, UpstreamUnavailable

logger = logging.getLogger(__name__)

GROUP = "$relay"

MAX_EVENTS = 1000  # that are read of a partition at once
PAGE_BYTES = 4 * 1024 * 1024  # of bodies, that these should have: as many events as that were of the last ones' size

_COMMIT = Script(files(__package__) / "commit.lua")


class Relay:
    """One worker of a hub's way up; it forwards the partitions that are its share.

    `any_key`: a batch may have events of several keys, which this service takes. See `publications`.

    Redis key, beside those of its consumer group, `Share` and `DeadLetters`:
        {hub:NAME:P}:relay  hash; source (random, part of the ids that events get), next (sequence number to be sent),
                            events, bytes and requests that the upstream hub took, refused (dead letters ever), retries,
                            error (why it waits, while it does)
    """

    def __init__(self, hub: Hub, upstream: Upstream, *, any_key: bool = False, beat: float = BEAT) -> None:
        self.hub = hub
        self.upstream = upstream
        self.any_key = any_key
        self.group = ConsumerGroup(hub, GROUP)
        self.share = Share.of(self.group, beat)
        self.letters = DeadLetters(hub)
        self.name = f"relay {hub.name}"
        self._attached = False
        self._pace = [Pace() for _ in range(hub.partitions)]
        self._limits = [100] * hub.partitions

    def step(self) -> int:
        """Forward what is waiting, up to 1000 events a partition; return how many are done."""
        if not self._attached:
            self.group.attach()
            self._attached = True
        return sum(self._forward(partition) for partition in self.share.partitions())

    def stop(self) -> None:
        """Leave the partitions to another worker at once."""
        self.share.stop()

    def _forward(self, partition: int) -> int:
        pace = self._pace[partition]
        if time.monotonic() < pace.not_before:
            return 0
        try:
            return self._redrive(partition) + self._send_on(partition)
        except LeaseLost:
            self.share.lost(partition)
            logger.warning("%s: another worker took partition %d; events may go up twice", self.name, partition)
        except UpstreamUnavailable as exc:
            wait = pace.failed(exc.wait)
            logger.warning("%s: partition %d waits %.1f s: %s", self.name, partition, wait, exc)
            self._note_retry(partition, str(exc))
        return 0

    def _send_on(self, partition: int) -> int:
        events = self.hub.read(partition, self.group.offset(partition), self._limits[partition])
        if not events:
            return 0
        size = sum(len(stored.event.body) for stored in events) // len(events)
        self._limits[partition] = max(10, min(MAX_EVENTS, PAGE_BYTES // max(size, 1)))
        source = self._source(partition)
        outgoing = [Outgoing.of(stored, event_id(source, stored)) for stored in events]
        for publication in publications(outgoing, any_key=self.any_key):
            self._publish(partition, publication)
        return len(events)

    def _publish(self, partition: int, publication: Publication) -> None:
        """Send, and commit; a batch that is refused is cut in two until what is wrong is alone."""
        sent = [outgoing.stored for outgoing in publication.events]
        letters: list[DeadLetter] = []
        try:
            self.upstream.send(self.hub.name, publication)
        except UpstreamRefused as exc:
            if exc.may_be_one and len(sent) > 1:
                for half in publication.halves():
                    self._publish(partition, half)
                return
            letters = [DeadLetter("", str(exc), 0, stored) for stored in sent]
        self._commit(partition, sent, letters)

    def _redrive(self, partition: int) -> int:
        """Send dead letters again that somebody asked for, each alone."""
        done = 0
        for offset in self.letters.asked_for(partition):
            letter = self.letters.get(partition, offset)
            if letter is None:
                self.letters.forget(partition, offset)
                continue
            # Nothing that the receiver would compare with the offsets of later ones: it is late on purpose.
            id_ = f"{event_id(self._source(partition), letter.stored)}/r{letter.redrives + 1}"
            refused: list[DeadLetter] = []
            try:
                for publication in publications([Outgoing.of(letter.stored, id_)]):
                    self.upstream.send(self.hub.name, publication)
            except UpstreamRefused as exc:
                refused = [DeadLetter("", str(exc), letter.redrives + 1, letter.stored)]
            self._commit(partition, [letter.stored], refused, redriven=offset)
            done += 1
        return done

    def _commit(
        self, partition: int, sent: list[StoredEvent], letters: list[DeadLetter], redriven: str | None = None
    ) -> None:
        """Raises `LeaseLost`, and has then done nothing."""
        keys = [self.share.leases[partition].key]
        keys += [self.hub.key(partition, what) for what in ("offsets", "relay", "deadletters", "redrive")]
        last = sent[-1]
        progress = (GROUP, last.offset, last.sequence_number + 1) if redriven is None else ("", "", "")
        taken = [] if letters else sent
        args: list[object] = [self.share.worker, int(TTL * 1000), *progress, redriven or ""]
        args += [len(taken), sum(len(stored.event.body) for stored in taken)]
        for letter in letters:
            args += letter.fields()
        if letters:
            reason = letters[0].reason
            logger.error("%s: %d events of partition %d are refused: %s", self.name, len(letters), partition, reason)
        if not _COMMIT.call(self.hub.redis, keys, args):
            raise LeaseLost(keys[0])
        self._pace[partition].succeeded()

    def _source(self, partition: int) -> str:
        key = self.hub.key(partition, "relay")
        self.hub.redis.hsetnx(key, "source", secrets.token_hex(8))
        return cast("bytes", self.hub.redis.hget(key, "source")).decode()

    def _note_retry(self, partition: int, reason: str) -> None:
        key = self.hub.key(partition, "relay")
        self.hub.redis.hincrby(key, "retries", 1)
        self.hub.redis.hset(key, "error", reason)


def event_id(source: str, stored: StoredEvent) -> str:
    """Return the id by which a receiver knows an event again: SOURCE/PARTITION/OFFSET.

    It rises, so that a receiver need only keep the last. Sequence numbers would be given out twice by a Redis that was
    killed before its last second was on disk, or by a replica that was behind, and the second event would be dropped.
    """
    return f"{source}/{stored.partition}/{stored.offset}"


class Relays:
    """`count` workers for each hub there is, also for hubs that are made later; they share it as processes would."""

    def __init__(self, hubs: Mapping[str, Hub], upstream: Upstream, count: int = 1, *, any_key: bool = False) -> None:
        self.hubs = hubs
        self.upstream = upstream
        self.count = count
        self.any_key = any_key
        self._relays: dict[Hub, list[Relay]] = {}

    def tasks(self) -> list[Relay]:
        """Return the workers of all hubs that there are now; the same ones for a hub that was there before."""
        self._relays = {hub: self._relays.get(hub) or self._of(hub) for hub in self.hubs.values()}
        return list(itertools.chain.from_iterable(self._relays.values()))

    def _of(self, hub: Hub) -> list[Relay]:
        return [Relay(hub, self.upstream, any_key=self.any_key) for _ in range(self.count)]
