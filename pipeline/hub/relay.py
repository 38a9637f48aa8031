"""The relay: a consumer group that sends a hub's events on to the upstream hub.

It guarantees that every event is sent at least once, and those of one key in order. An offset advances only when the
upstream hub has taken the events, or has given an answer that is not waited for: then they go to the partition's dead
letters with its answer, or, where the hub's route says so, are dropped and counted.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

from ..settings import Settings
from ..store import OutOfMemoryError, while_full
from ..store.lease import LeaseLost
from ..store.outage_log import outages
from ..store.pace import IDLE, RECEIVER_WAIT, Pace
from ..store.scripts import Script, lua
from .consumer_group import ConsumerGroup
from .deadletters import DeadLetter, DeadLetters, DeadLettersFull, NoMemoryForDeadLetter
from .event import StoredEvent
from .log import Hub
from .relay_route import note_state
from .share import BEAT, TTL, Share
from .trace import trace_id, traceparent_of
from .upstream import Upstream, UpstreamRefused, UpstreamUnavailable
from .upstream_requests import Outgoing, UpstreamRequest, upstream_requests

logger = logging.getLogger(__name__)

GROUP = "$relay"

#: Events that are read from a partition at once, at most.
MAX_EVENTS = 1000

#: About how many bytes of bodies are read at once. How many events that is, the mean size of the last ones tells.
PAGE_BYTES = 4 * 1024 * 1024

#: Idle partitions that a relay looks at per second, so that they cost little however many there are. Each turn looks at
#: up to a quarter of that number; with a thousand partitions, an event waits for up to a second.
LOOKS = 1000

_COMMIT = Script(*lua(__package__, "numbers", "commit"))
_WAITING = Script(*lua(__package__, "waiting"), reads_only=True)


@dataclass(frozen=True, slots=True)
class _State:
    """How far the relay of a partition is: `redrive` are offsets of dead letters that are to be sent again."""

    source: str
    offset: str
    redrive: list[str]


class Relay:
    """One worker of a hub's relay; it forwards the partitions that are its share.

    `any_key`: a batch may have events of several keys, which this service takes. See `upstream_requests`. `max_letters`
    is the number of dead letters from which on a partition waits; the batch that reaches it is kept whole.

    Redis key, beside those of its consumer group, `Share` and `DeadLetters`: `relay`; see keys.py.
    """

    def __init__(
        self,
        hub: Hub,
        upstream: Upstream,
        *,
        any_key: bool = False,
        max_letters: int = Settings.max_dead_letters,
        beat: float = BEAT,
    ) -> None:
        self.hub = hub
        self.upstream = upstream
        self.any_key = any_key
        self.max_letters = max_letters
        self.group = self.group_of(hub)
        self.share = Share.of(self.group, beat)
        self.letters = DeadLetters(hub)
        self.name = f"relay {hub.name}"
        self._attached = False
        self._pace = [Pace() for _ in range(hub.partitions)]
        self._limits = [100] * hub.partitions
        self._busy: set[int] = set()  # partitions that had something to do when they were last looked at
        self._next_look = 0.0  # time.monotonic()

    @staticmethod
    def group_of(hub: Hub) -> ConsumerGroup:
        return ConsumerGroup(hub, GROUP)

    def step(self) -> int:
        """Forward waiting events, up to 1000 per partition; return how many are done.

        One round trip looks at all partitions; only those with something to do cost more.
        """
        self.attach()
        held = self.share.partitions()
        if time.monotonic() >= self._next_look:
            self._look(held)
        done = 0
        for partition in held:
            if partition in self._busy and partition in self.share.held:
                done += self._forward(partition)
                self.share.balance_if_due()
        return done

    def attach(self) -> None:
        """Have the hub keep events that are not relayed yet. Done once, before a worker drops any event."""
        if not self._attached:
            self.group.attach()
            note_state(self.hub, to=self.upstream.address(self.hub.name), expires=self.upstream.target.expires)
            self._attached = True

    def _look(self, held: Sequence[int]) -> None:
        """Find out which partitions have something to do."""
        its = [self.hub.keys[partition] for partition in held]
        calls = [([keys.events, keys.offsets, keys.redrive], [GROUP]) for keys in its]
        waiting = _WAITING.call_all(self.hub.redis, calls)
        self._busy = {partition for partition, is_waiting in zip(held, waiting, strict=True) if is_waiting}
        seconds = (len(held) - len(self._busy)) / LOOKS
        self._next_look = time.monotonic() + (seconds if seconds > IDLE else 0.0)

    def stop(self) -> None:
        """Leave the partitions to another worker at once."""
        self.share.stop()

    def _forward(self, partition: int) -> int:
        pace = self._pace[partition]
        if time.monotonic() < pace.not_before:
            return 0
        try:
            state = self._state(partition)
            done = self._redrive(partition, state) + self._send_on(partition, state)
            if not done:
                self._busy.discard(partition)
            return done
        except LeaseLost:
            self._busy.discard(partition)
            self.share.lost(partition)
            logger.warning("%s: another worker took partition %d; events may go up twice", self.name, partition)
        except (UpstreamUnavailable, DeadLettersFull, NoMemoryForDeadLetter) as exc:
            is_full = isinstance(exc, DeadLettersFull)
            wait = pace.failed(exc.wait if isinstance(exc, UpstreamUnavailable) else RECEIVER_WAIT)
            is_told = isinstance(exc, NoMemoryForDeadLetter)  # once, for all relays of the process
            level = logging.DEBUG if is_told else logging.WARNING
            logger.log(level, "%s: partition %d waits %.1f s: %s", self.name, partition, wait, exc)
            self._note_retry(partition, str(exc), is_full)
        return 0

    def _state(self, partition: int) -> _State:
        """Read how far the relay is. One round trip."""
        relay = self.hub.keys[partition].relay
        with self.hub.redis.pipeline(transaction=False) as pipe:
            while_full.write(pipe, "HSETNX", relay, "source", secrets.token_hex(8))
            pipe.hget(relay, "source")
            pipe.hget(self.hub.keys[partition].offsets, GROUP)
            self.letters.queue_asked_for(pipe, partition)
            _, source, offset, letters = pipe.execute()
        return _State(source.decode(), offset.decode() if offset else "0", self.letters.were_asked_for(letters))

    def _send_on(self, partition: int, state: _State) -> int:
        events = self.hub.read(partition, state.offset, self._limits[partition])
        if not events:
            return 0
        size = sum(len(stored.event.body) for stored in events) // len(events)
        self._limits[partition] = max(10, min(MAX_EVENTS, PAGE_BYTES // max(size, 1)))
        outgoing = [Outgoing.of(stored, event_id(state.source, stored), self.hub.hop) for stored in events]
        for request in upstream_requests(outgoing, any_key=self.any_key):
            self._publish(partition, request)
        return len(events)

    def _publish(self, partition: int, request: UpstreamRequest) -> None:
        """Send, and commit; a batch that is refused is cut in two until the refused event is alone."""
        sent = [outgoing.stored for outgoing in request.events]
        refused: UpstreamRefused | None = None
        try:
            self.upstream.send(self.hub.name, request)
        except UpstreamRefused as exc:
            if exc.may_be_one and len(sent) > 1:
                for half in request.halves():
                    self._publish(partition, half)
                return
            refused = exc
        self._commit(partition, sent, refused)

    def _redrive(self, partition: int, state: _State) -> int:
        """Send the dead letters that are to be re-driven, each alone."""
        done = 0
        for offset in state.redrive:
            letter = self.letters.get(partition, offset)
            if letter is None:
                self.letters.forget(partition, offset)
                continue
            # Not an id that the receiver would compare with later offsets: this event is late on purpose.
            id_ = f"{event_id(state.source, letter.stored)}/r{letter.redrives + 1}"
            refused: UpstreamRefused | None = None
            try:
                for request in upstream_requests([Outgoing.of(letter.stored, id_, self.hub.hop)]):
                    self.upstream.send(self.hub.name, request)
            except UpstreamRefused as exc:
                refused = exc
            self._commit(partition, [letter.stored], refused, redriven=letter)
            done += 1
        return done

    def _commit(
        self,
        partition: int,
        sent: list[StoredEvent],
        refused: UpstreamRefused | None,
        redriven: DeadLetter | None = None,
    ) -> None:
        """Note what became of events that were sent, all taken or all `refused`.

        Raises `LeaseLost`, `DeadLettersFull` or `NoMemoryForDeadLetter`, and has then done nothing.
        """
        its = self.hub.keys[partition]
        keys = [self.share.leases[partition].key, its.offsets, its.relay, its.deadletters, its.redrive, its.sent]
        last = sent[-1]
        progress = (GROUP, last.offset, last.sequence_number + 1) if redriven is None else ("", "", "")
        letters: list[DeadLetter] = []
        if refused and not refused.is_dropped:
            redrives = 0 if redriven is None else redriven.redrives + 1
            letters = [DeadLetter("", str(refused), redrives, stored) for stored in sent]
        taken = [] if refused else sent
        args: list[object] = [self.share.worker, int(TTL * 1000), *progress, redriven.offset if redriven else ""]
        args += [len(taken), sum(len(stored.event.body) for stored in taken)]
        args += [self.max_letters, sent[0].offset, last.offset, self.upstream.address(self.hub.name)]
        args.append(len(sent) if refused and refused.is_dropped else 0)
        for letter in letters:
            args += letter.fields()
        try:
            committed = _COMMIT.call(self.hub.redis, keys, args)
        except OutOfMemoryError as exc:
            if not letters:
                raise
            outages.note(exc)
            raise NoMemoryForDeadLetter(self.hub.name, partition, letters[0].reason) from None
        if committed == 0:
            raise LeaseLost(keys[0])
        if committed < 0:
            raise DeadLettersFull(self.hub.name, partition, self.max_letters, letters[0].reason)
        if refused:
            self._tell(partition, sent, refused)
        self._pace[partition].succeeded()

    def _tell(self, partition: int, sent: list[StoredEvent], refused: UpstreamRefused) -> None:
        traceparent = traceparent_of(sent[0].event)
        logger.error(
            "%s: %d events of partition %d are %s, the first at %s: %s",
            self.name,
            len(sent),
            partition,
            "dropped" if refused.is_dropped else "refused",
            sent[0].offset,
            refused,
            extra={} if traceparent is None else {"trace_id": trace_id(traceparent)},
        )
        if refused.ring:
            while_full.write(self.hub.redis, "HSET", self.hub.keys[partition].relay, "ring", refused.ring)

    def _note_retry(self, partition: int, reason: str, is_full: bool) -> None:
        key = self.hub.keys[partition].relay
        # Not in a pipeline, which on a cluster sends a command again whose answer was lost, and would count twice.
        while_full.write(self.hub.redis, "HINCRBY", key, "retries", 1)
        while_full.write(self.hub.redis, "HSET", key, "error", reason, "full", int(is_full))


def event_id(source: str, stored: StoredEvent) -> str:
    """Return the id by which a receiver recognizes an event that is sent again: SOURCE/PARTITION/OFFSET.

    It rises, so that a receiver need only keep the last one. A sequence number could be assigned twice, by a Redis that
    was killed before its last second was on disk or by a replica that was behind, and then the second event would be
    dropped.
    """
    return f"{source}/{stored.partition}/{stored.offset}"
