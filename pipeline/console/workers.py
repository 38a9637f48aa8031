"""Which workers there are: what they have said in Redis within the last seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from ..hub.relay_status import PartitionStatus
from ..store import Redis
from ..store.clock import queue_times, reply_ms
from ..windows.jobs import keys


@dataclass
class Worker:
    """A worker process, named HOST-PID, with the hubs that it relays and the jobs that it has a part in.

    `seen_ms` is how long ago it last announced itself for a job; None for one that only relays.
    """

    name: str
    hubs: set[str] = field(default_factory=set)
    jobs: set[str] = field(default_factory=set)
    seen_ms: int | None = None


def workers(redis: Redis, relays: dict[str, Sequence[PartitionStatus]], jobs: Sequence[str]) -> list[Worker]:
    """Return the workers by name: those that relay a partition of a hub, and those that are there for one of `jobs`.

    One round trip. A worker with nothing to do has no name in Redis.
    """
    found: dict[str, Worker] = {}

    def of(name: str) -> Worker:
        process = name.rpartition("-")[0] or name  # a process has a name of its own for each thing that it shares
        return found.setdefault(process, Worker(process))

    for hub, partitions in relays.items():
        for one in partitions:
            if one.relay.worker:
                of(one.relay.worker).hubs.add(hub)
    with redis.pipeline(transaction=False) as pipe:
        queue_times(redis, pipe, [keys.JOBS])
        for job in jobs:
            pipe.zrange(keys.workers(job), 0, -1, withscores=True)
        now, *replies = pipe.execute()
    for job, members in zip(jobs, cast("list[list[tuple[bytes, float]]]", replies), strict=True):
        for name, beat in members:
            worker = of(name.decode())
            worker.jobs.add(job)
            ago = max(0, reply_ms(now) - int(beat))
            worker.seen_ms = ago if worker.seen_ms is None else min(ago, worker.seen_ms)
    return [found[name] for name in sorted(found)]
