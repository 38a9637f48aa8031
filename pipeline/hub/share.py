"""A worker's fair share of a hub's partitions.

Theory. No worker is in charge of the others. Once in each beat every worker, by itself,

    1. announces itself, and reads which other workers there are (`_ANNOUNCE`, one script: both or neither)
    2. computes its quota from that list (`fair_share`: workers that see the same list agree)
    3. renews its leases, and forgets those that it has lost
    4. gives up leases above its quota, or tries to take free ones up to it

Between two beats a thread, the keeper, does 1 and the renewing of 3, since the worker may be busy for longer than a
lease lasts. The keeper neither takes nor gives up leases. It goes on for `STUCK` seconds after the worker's last turn:
a worker that hangs must not keep its leases for ever, however lively its keeper is.

    a worker ...       its leases                          the others count it
    comes              it has none                         from its first beat on
    stops              are released at once                no longer, from then on
    dies               end by themselves, `TTL` s later    for `GONE` s
    is paused          the same; it notices at step 3      for `GONE` s, and again when it continues
    hangs              the same, `STUCK` s after its turn  the same

Invariant: a partition has one lease, and a lease one owner. The list of workers only decides quotas: if it is wrong, or
workers see different lists, then for a beat some partitions wait or some worker has more than its share, and no
partition has two owners. The quotas of those who see the same list add up to the number of partitions. So while no
worker comes or goes, every partition has a reader after two beats: in the first, all see the newest worker and give up
what is above their quota; in the second, it is taken.

A lease is not a promise. A worker that is paused may believe that it still has a partition, so a reader checks, in the
transaction that commits its work, that no other worker has read further: commit.lua compares the lease's owner, a
window job's task compares the number of its commits.

What to change together:
- `BEAT` < `GONE` < `TTL`: a worker that is a little late still counts, and one that does not count any more still has
  its leases for a moment, in which the others find them taken and try again; `TTL` and a beat are below the ten seconds
  after which a dead worker's partitions have another reader (docs/scaling-hubs.md, tests/hub/test_takeover.py);
- `STUCK` is far above the longest turn: reading back the state of a million groups takes some tens of seconds. A worker
  that takes longer loses its leases while it works, and whoever takes them over works as long;
- the keeper's period, a quarter of `TTL`, leaves three tries if Redis can't be reached for a moment;
- `worker_name` and `fair_share`: the process is what comes before the last hyphen.
"""

from __future__ import annotations

import logging
import os
import random
import re
import secrets
import socket
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterable
from typing import cast

from ..store import FAILURES, Redis
from ..store.lease import Lease
from .consumer_group import ConsumerGroup
from .keys import LEASE_TTL, WORKER_TTL

logger = logging.getLogger(__name__)

#: Seconds between two announcements.
BEAT = 1.0

#: Seconds that a lease lasts. A dead worker's partitions have another reader after this time and a beat: below ten
#: seconds, with room for a worker that is a little late.
TTL = LEASE_TTL

#: Seconds without a turn after which a worker is taken to hang.
STUCK = 120.0

#: Seconds without an announcement after which a worker does not count any more.
GONE = WORKER_TTL
_GONE = GONE / TTL

# KEYS[1] the workers; ARGV[1] a worker, ARGV[2] the ms after which a silent worker is gone. Returns all workers.
_ANNOUNCE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])  -- first: see store/while_full.py
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZRANGE', KEYS[1], 0, -1)
"""


class Share:
    """The partitions of a group that one worker reads, or other things that have a lease each and are to be shared.

    The workers' quotas add up to the number of partitions and differ by one at most: once all workers see each other,
    which takes two beats of each, every partition has one.

    Redis keys: those given, of the leases (strings, `TTL`) and of the workers (sorted set, worker -> when it last
    announced itself, ms since the Unix epoch; `GONE`). For a consumer group they are `lease` and `workers` of keys.py.
    """

    def __init__(
        self,
        client: Redis,
        keys: Iterable[str],
        workers_key: str,
        worker: str | None = None,
        beat: float = BEAT,
        ttl: float = TTL,
        stuck: float = STUCK,
    ) -> None:
        """`keys` are those of the leases; `ttl` is how many seconds they last, and `beat` a fraction of it.

        `stuck` is after how many seconds without a call of `balance_if_due` they are not renewed any more.
        """
        self.redis = client
        self.worker = worker or worker_name()
        self.leases = [Lease(client, key, ttl, self.worker) for key in keys]
        self.held: set[int] = set()
        self._beat = beat
        self._ttl = ttl
        self._stuck = stuck
        self._next_beat = 0.0
        self._turn = time.monotonic()
        self._workers_key = workers_key
        self._announce = client.register_script(_ANNOUNCE)
        self._stopped = threading.Event()
        self._keeper: threading.Thread | None = None

    @classmethod
    def of(cls, group: ConsumerGroup, beat: float = BEAT, ttl: float = TTL) -> Share:
        """Return a worker's share of a consumer group's partitions."""
        keys = [lease.key for lease in group.leases]
        return cls(group.hub.redis, keys, group.hub.keys.workers(group.name), beat=beat, ttl=ttl)

    def partitions(self) -> list[int]:
        """Return the partitions that are this worker's, in a random order; once a beat they are balanced first.

        From the first call on, a thread renews the leases also while the caller is busy, until `stop`.
        """
        self.balance_if_due()
        if self._keeper is None:
            self._keeper = threading.Thread(target=self._keep, name=f"keeper of {self.worker}", daemon=True)
            self._keeper.start()
        return random.sample(sorted(self.held), len(self.held))

    def balance_if_due(self) -> None:
        """Balance if a beat has passed. Call this also during long work: a dead worker's partitions are waiting."""
        self._turn = time.monotonic()
        if self._turn >= self._next_beat:
            self.balance()
            self._next_beat = time.monotonic() + self._beat

    def balance(self) -> None:
        """Renew leases, give up those above the quota, or take free ones up to it: three round trips."""
        workers = self._present()
        quota = fair_share(len(self.leases), workers, self.worker)
        self.held = self._hold(tuple(self.held), take=False)
        if len(self.held) > quota:
            self._give_up(random.sample(sorted(self.held), len(self.held) - quota))
        elif len(self.held) < quota:
            free = self._free()
            self.held |= self._hold(random.sample(free, min(len(free), quota - len(self.held))), take=True)

    def lost(self, partition: int) -> None:
        """Note that another worker has this partition."""
        self.held.discard(partition)

    def stop(self) -> None:
        """Leave the partitions to the others at once."""
        self._stopped.set()
        if self._keeper is not None:
            self._keeper.join(self._ttl)  # one that hangs keeps nothing from others: it would have to renew in time
        self._give_up(tuple(self.held))
        self.redis.zrem(self._workers_key, self.worker)

    def _present(self) -> list[str]:
        answer = self._announce(keys=[self._workers_key], args=[self.worker, int(self._ttl * _GONE * 1000)])
        return [worker.decode() for worker in cast("list[bytes]", answer)]

    def _keep(self) -> None:
        is_stuck = False
        while not self._stopped.wait(self._ttl / 4):
            if time.monotonic() - self._turn > self._stuck:
                if not is_stuck:
                    logger.error(
                        "%s has made no turn for %.0f s: others may take over what it has", self.worker, self._stuck
                    )
                is_stuck = True
                continue
            is_stuck = False
            try:
                self._present()
                self._hold(tuple(self.held), take=False)
            except FAILURES as exc:  # the worker's own thread gets the same error, and logs it
                logger.debug("%s could not renew its leases: %s", self.worker, exc)

    def _hold(self, partitions: Collection[int], *, take: bool) -> set[int]:
        """Renew or take leases in one round trip; return those that are this worker's now."""
        with self.redis.pipeline(transaction=False) as pipe:
            for partition in partitions:
                self.leases[partition].queue_hold(pipe, take=take)
            return {p for p, ours in zip(partitions, pipe.execute(), strict=True) if ours}

    def _give_up(self, partitions: Collection[int]) -> None:
        self.held = self.held.difference(partitions)
        with self.redis.pipeline(transaction=False) as pipe:
            for partition in partitions:
                self.leases[partition].queue_release(pipe)
            pipe.execute()

    def _free(self) -> list[int]:
        others = [p for p in range(len(self.leases)) if p not in self.held]
        with self.redis.pipeline(transaction=False) as pipe:
            for partition in others:
                pipe.exists(self.leases[partition].key)
            return [p for p, taken in zip(others, pipe.execute(), strict=True) if not taken]


def fair_share(partitions: int, workers: Iterable[str], worker: str) -> int:
    """Return how many partitions are `worker`'s: equally many for all, and the remainder is spread over the processes.

    A process has several workers, whose names differ in the last part: if the remainder went to the first by name, one
    process could have all partitions and the next none.
    """
    names = sorted({*workers, worker})
    each, rest = divmod(partitions, len(names))
    in_process: Counter[str] = Counter()
    order = []
    for name in names:
        process = name.rpartition("-")[0]
        order.append((in_process[process], name))
        in_process[process] += 1
    return each + (worker in (name for _, name in sorted(order)[:rest]))


def worker_name() -> str:
    """Return a name for a worker that shows where it runs: host-process-random."""
    host = re.sub(r"[^A-Za-z0-9.]", "", socket.gethostname()) or "host"
    return f"{host}-{os.getpid()}-{secrets.token_hex(3)}"
