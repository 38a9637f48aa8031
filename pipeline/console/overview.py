"""All that there is and how it does, read at once: hubs with their readers, jobs, Redis, and whether a worker runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from ..hub.log import Hub
from ..hub.relay_route import RelayState, relay_states
from ..hub.relay_status import PartitionStatus, statuses
from ..store import Redis
from ..store.clock import reply_ms
from ..store.server_status import ServerStatus, server_status
from ..windows.jobs.progress import JobProgress
from ..windows.jobs.record import JobRecord
from ..windows.jobs.registry import JobRegistry
from ..windows.jobs.reports import WaitingWindow
from .keys import HISTORY_LEASE


@dataclass(frozen=True)
class HubNow:
    """A hub, what its partitions hold, and where its relay sends."""

    hub: Hub
    partitions: Sequence[PartitionStatus]
    relay: RelayState

    @property
    def deadletters(self) -> int:
        return sum(one.relay.deadletters for one in self.partitions)

    def held(self, partition: int) -> tuple[int, str]:
        """Return about how many bytes a partition can't drop, and for which group: '' if there is none.

        These are the events that the slowest attached group has not processed; their part of the bytes is taken to be
        their part of the events.
        """
        log = self.partitions[partition].log
        waiting = [(group.lag, group.name) for group in log.groups if group.attached]
        lag, name = max(waiting, default=(0, ""))
        return (log.bytes * min(lag, log.events) // log.events if log.events else 0), name


@dataclass(frozen=True)
class JobNow:
    """A job and how far it has come."""

    name: str
    record: JobRecord
    progress: JobProgress

    @property
    def waiting(self) -> WaitingWindow | None:
        """What its next rows wait for, if it runs: the window that ends first. None if nothing waits."""
        status = self.progress.status
        return status.waiting[0] if status is not None and status.waiting else None


@dataclass(frozen=True)
class Overview:
    """`now_ms` is Redis's clock. `is_worked`: a worker has run within the last 25 seconds (`HISTORY_LEASE`)."""

    now_ms: int
    is_worked: bool
    hubs: Mapping[str, HubNow]
    jobs: Mapping[str, JobNow]
    servers: Sequence[ServerStatus]

    def job_of(self, hub: str, group: str) -> JobNow | None:
        """Return the job that reads a hub as this group, None if none does."""
        return next((job for job in self.jobs.values() if (hub, group) in job.record.groups), None)


def overview(
    hubs: Mapping[str, Hub], jobs: JobRegistry, records: Mapping[str, JobRecord], asked: Sequence[Redis]
) -> Overview:
    """Read how these hubs and jobs do, and the servers of the clients in `asked`.

    Six round trips, however many hubs and jobs there are, and one for each server.
    """
    with jobs.server.pipeline(transaction=False) as pipe:
        pipe.time()
        pipe.exists(HISTORY_LEASE.pattern)
        now, worked = cast("tuple[tuple[int, int], int]", pipe.execute())
    found = zip(statuses(list(hubs.values())), relay_states(list(hubs.values())), strict=True)
    progress = jobs.progress_of(records)
    servers = {one.address: one for client in asked for one in server_status(client)}
    return Overview(
        now_ms=reply_ms(now),
        is_worked=bool(worked),
        hubs={name: HubNow(hub, *its) for (name, hub), its in zip(hubs.items(), found, strict=True)},
        jobs={name: JobNow(name, record, progress[name]) for name, record in records.items()},
        servers=list(servers.values()),
    )
