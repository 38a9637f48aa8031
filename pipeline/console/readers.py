"""Who reads a hub: its relay, jobs and clients, as consumer groups, with how far each has come in each partition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ..hub.group_registry import ConsumerGroups
from ..hub.log import Hub
from ..hub.relay import GROUP
from ..hub.relay_status import PartitionStatus
from ..hub.runtime import GroupRuntime
from ..store.offsets import order
from ..windows.jobs.record import JobRecord
from ..windows.jobs.registry import JobProgress, JobRegistry, State
from ..windows.jobs.reports import place_of


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
    job: str | None
    state: str | None
    why: str | None
    holds: bool
    lags: tuple[int | None, ...]
    past: tuple[str, ...]
    next: tuple[int | None, ...]
    oldest_ms: int | None
    workers: frozenset[str] = frozenset()
    is_recorded: bool = False
    progress: JobProgress | None = None

    @property
    def lag(self) -> int:
        return sum(lag or 0 for lag in self.lags)

    def has_passed(self, partition: int, number: int, offset: str) -> bool:
        """Say whether the event with this number and offset is behind it."""
        its = self.next[partition]
        return number < its if its is not None else order(offset) <= order(self.past[partition])


def readers(hub: Hub, partitions: Sequence[PartitionStatus], registry: JobRegistry) -> list[Reader]:
    """Return the readers of a hub: the relay, then jobs, then clients, each by name.

    `partitions` is the status of all of them. Costs four round trips.
    """
    recorded = ConsumerGroups(hub).list()
    groups: dict[str, dict[int, GroupRuntime]] = {name: {} for name in recorded}
    for one in partitions:
        for group in one.log.groups:
            groups.setdefault(group.name, {})[one.log.partition] = group
    jobs = {name: job for name, job in registry.all().items() if any(its == hub.name for its, _ in job.groups)}
    progress = registry.progress_of(jobs)
    by_group = dict(_by_group(hub.name, jobs))
    for name in by_group:
        groups.setdefault(name, {})  # a job that no worker has begun has no place in any partition
    found = [
        _reader(hub, name, its, partitions, by_group.get(name), progress, name in recorded)
        for name, its in groups.items()
    ]
    return sorted(found, key=lambda reader: (("relay", "job", "client").index(reader.kind), reader.name.lower()))


def _by_group(hub: str, jobs: Mapping[str, JobRecord]) -> Iterator[tuple[str, str]]:
    for name, job in jobs.items():
        for its, group in job.groups:
            if its == hub:
                yield group, name


def _reader(
    hub: Hub,
    name: str,
    groups: Mapping[int, GroupRuntime],
    partitions: Sequence[PartitionStatus],
    job: str | None,
    progress: Mapping[str, JobProgress],
    is_recorded: bool,
) -> Reader:
    its = progress.get(job or "")
    told = {} if its is None or its.status is None else _next(its)
    following = tuple(told.get(place_of(hub.name, one.log.partition)) for one in partitions)
    lags = tuple(
        _lag(one, groups.get(one.log.partition), number) for one, number in zip(partitions, following, strict=True)
    )
    waits = [group.oldest_ms for group in groups.values() if group.oldest_ms is not None]
    state, why, workers = _relay(partitions) if name == GROUP else _job(its)
    return Reader(
        name=name,
        kind="relay" if name == GROUP else "client" if job is None else "job",
        job=job,
        state=state,
        why=why,
        holds=any(group.attached for group in groups.values()),
        lags=lags,
        past=tuple(groups[p].offset if p in groups else "0" for p in range(hub.partitions)),
        next=following,
        oldest_ms=max(waits, default=None) if any(lags) else None,
        workers=workers,
        is_recorded=is_recorded,
        progress=its,
    )


def _next(progress: JobProgress) -> dict[str, int]:
    assert progress.status is not None
    return {place: number for task in progress.status.tasks.values() for place, number in task.next.items()}


def _lag(one: PartitionStatus, group: GroupRuntime | None, number: int | None) -> int | None:
    if number is not None:
        return max(0, one.log.next - number)
    return None if group is None else group.lag


def _relay(partitions: Sequence[PartitionStatus]) -> tuple[str | None, str | None, frozenset[str]]:
    workers = frozenset(one.relay.worker for one in partitions if one.relay.worker)
    waiting = [f"partition {one.log.partition}: {one.relay.error}" for one in partitions if one.relay.error]
    if not workers:
        return "stopped", "no worker relays this hub", workers
    if any(one.relay.is_full for one in partitions):
        return "full", waiting[0] if waiting else None, workers
    return ("waits", waiting[0], workers) if waiting else ("running", None, workers)


def _job(progress: JobProgress | None) -> tuple[str | None, str | None, frozenset[str]]:
    if progress is None:
        return None, None, frozenset()
    error = progress.status.error if progress.status else None
    why = error.message if error is not None and progress.state is State.FAILED else None
    return str(progress.state), why, frozenset()
