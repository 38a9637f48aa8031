"""Who reads a hub: its relay, jobs and clients, as consumer groups, with how far each has come in each partition."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from ..hub.relay import GROUP
from ..hub.relay_route import Switch
from ..hub.relay_status import PartitionStatus
from ..hub.runtime import GroupRuntime
from ..store.offsets import order
from ..windows.jobs.reports import JobStatus, place_of
from ..windows.jobs.states import State
from .overview import HubNow, JobNow

_ORDER = ("relay", "job", "client")


@dataclass(frozen=True)
class Reader:
    """A consumer group of a hub. `job` is the job that reads as this group, if one does.

    `state` is None for a client's group: nobody knows whether its client runs. `why` says why it does not go on.
    `lags` has how many events it has not processed, by partition; None where it has read nothing. `past` has the offset
    of the last event that it has processed, `next` the number of the event that comes next, where a job tells it: its
    offset follows only when the job saves its state. `holds` says whether the hub keeps all that it has not processed.
    `workers` are those that read for it now.
    """

    name: str
    kind: Literal["relay", "job", "client"]
    job: JobNow | None
    state: str | None
    why: str | None
    holds: bool
    lags: tuple[int | None, ...]
    past: tuple[str, ...]
    next: tuple[int | None, ...]
    oldest_ms: int | None
    workers: frozenset[str] = frozenset()

    @property
    def lag(self) -> int:
        return sum(lag or 0 for lag in self.lags)

    def has_passed(self, partition: int, number: int, offset: str) -> bool:
        """Say whether the event with this number and offset is behind it."""
        its = self.next[partition]
        return number < its if its is not None else order(offset) <= order(self.past[partition])


def readers(one: HubNow, jobs: Mapping[str, JobNow], recorded: Collection[str] = ()) -> list[Reader]:
    """Return the readers of a hub: the relay, then jobs, then clients, each by name.

    `jobs` are those that read it, `recorded` the groups that users have made.
    """
    name = one.hub.name
    groups: dict[str, dict[int, GroupRuntime]] = {group: {} for group in recorded}
    for status in one.partitions:
        for group in status.log.groups:
            groups.setdefault(group.name, {})[status.log.partition] = group
    by_group = {group: job for job in jobs.values() for hub, group in job.record.groups if hub == name}
    for its in by_group:
        groups.setdefault(its, {})  # a job that no worker has begun has no place in any partition
    found = [_reader(one, group, its, by_group.get(group)) for group, its in groups.items()]
    return sorted(found, key=lambda reader: (_ORDER.index(reader.kind), reader.name.lower()))


def _reader(one: HubNow, name: str, groups: Mapping[int, GroupRuntime], job: JobNow | None) -> Reader:
    told = {} if job is None or job.progress.status is None else _next(job.progress.status)
    following = tuple(told.get(place_of(one.hub.name, status.log.partition)) for status in one.partitions)
    lags = tuple(
        _lag(status, groups.get(status.log.partition), number)
        for status, number in zip(one.partitions, following, strict=True)
    )
    waits = [group.oldest_ms for group in groups.values() if group.oldest_ms is not None]
    # Until a job saves its state, its group is behind it: then it is not known for how long an event has waited.
    is_exact = sum(lag or 0 for lag in lags) == sum(group.lag for group in groups.values())
    state, why, workers = _relay(one) if name == GROUP else _job(job)
    return Reader(
        name=name,
        kind="relay" if name == GROUP else "client" if job is None else "job",
        job=job,
        state=state,
        why=why,
        holds=any(group.attached for group in groups.values()),
        lags=lags,
        past=tuple(groups[p].offset if p in groups else "0" for p in range(one.hub.partitions)),
        next=following,
        oldest_ms=max(waits, default=None) if is_exact else None,
        workers=workers,
    )


def _next(status: JobStatus) -> dict[str, int]:
    return {place: number for task in status.tasks.values() for place, number in task.next.items()}


def _lag(one: PartitionStatus, group: GroupRuntime | None, number: int | None) -> int | None:
    if number is not None:
        return max(0, one.log.next - number)
    return None if group is None else group.lag


def _relay(one: HubNow) -> tuple[str | None, str | None, frozenset[str]]:
    partitions = one.partitions
    workers = frozenset(one.relay.worker for one in partitions if one.relay.worker)
    waiting = [f"partition {one.log.partition}: {one.relay.error}" for one in partitions if one.relay.error]
    if one.relay.switch is not Switch.ON:
        return str(one.relay.switch), one.relay.said(0), workers
    if not workers and one.relay.error:
        return "stopped", one.relay.error, workers
    if not workers:
        return "stopped", "no worker relays this hub", workers
    if any(one.relay.is_full for one in partitions):
        return "full", waiting[0] if waiting else None, workers
    return ("waits", waiting[0], workers) if waiting else ("running", None, workers)


def _job(job: JobNow | None) -> tuple[str | None, str | None, frozenset[str]]:
    if job is None:
        return None, None, frozenset()
    why = job.progress.reason if job.progress.state in (State.FAILED, State.DEGRADED) else None
    return str(job.progress.state), why, frozenset()
