"""Where a job begins: where it stopped, or anew. Then it reads back far enough that its first row is complete.

A job begins anew if it has not run before, if its query or its partition keys have changed (so that its state can't be
used), if `start` in job.toml has changed, or if somebody restarts it (`Restart`). Then its tasks have no state, read
the log again from some time before the first row that is wanted, and put out nothing before that row:

    a query that has changed   the first row is the one after the last row that was written, as in Stream Analytics when
                               a job starts "when last stopped"
    restarted from last        the same
    start is a time, or now    the first row is that of this time; the same if it is restarted from a time
    neither                    the first row is the first complete one that the log gives

"Far enough" is `Plan.span`, the longest time for which an event can change a row. If the hub has already dropped events
of that time, the rows that depend on them are left out.

Invariant, unless `start` asks for rows again: a row that was written is not written again, and no row is lost. For rows
that are given as their event is fed, `Progress.done` says which have been written (`Mute.done`). For rows that depend
on a state, it is the time up to which all have been written, `_Beginning._written`. If there is a merging task, this
time is the merging task's: the tasks of the partitions have closed and committed everything up to that time before it,
even if no checkpoint says so. Otherwise it is the task's own time. A new task has no such time, and takes the earliest
of all tasks: then rows may be written again, but are not lost.

Two workers may begin a job at once, and one may die while it does. So there are two steps, each of which may be
repeated. First `_fence`: after it no task of another version can commit, since its count of commits differs from the
stored one. Then one transaction saves all checkpoints, while `keys.job` is watched. The hubs may be in other slots of a
cluster: before that transaction they are told to keep what this version needs as well, and after it no more than that.

Change together: the meaning of a checkpoint (state.py, recovery.py), the version (`_version` in opening.py), and this
file.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import msgspec

from ...hub.consumer_group import ConsumerGroup, least_offsets
from ...hub.runtime import runtime
from ...store import Pipeline, Redis, WatchError, transaction, while_full
from ...store.offsets import order
from ..engine.event_times import EARLY_TOLERANCE
from ..language.ticks import BEGINNING, from_unix_ms, isoformat, parse, to_unix_ms
from .exchange import Exchange
from .job_toml import LAST, NOW
from .keys import MERGE
from .opened import HubReader, OpenedJob
from .record import NEVER, Restart
from .state import FIRST, Checkpoint, Mute, Position, Progress, SnapshotMark

logger = logging.getLogger(__name__)

#: Fields of `keys.job` that a beginning changes.
_STATUS = ("version", "start", "tasks", "ready", "restarts")


@dataclass(frozen=True)
class _Oldest:
    """The oldest event of a partition that is kept: its time in ticks, and whether it is the first there ever was."""

    time: int
    is_first: bool


def begin(opened: OpenedJob, start: str, restart: Restart = NEVER) -> None:
    """Make the checkpoints of this version of the job, unless they exist, and have the hubs keep the events it needs.

    `start` is that of job.toml. `restart` is carried out once: not if it was begun before, or a later one was. After
    this, workers that run another version of the job can't commit.

    Redis key: `keys.job`.
    """
    for reader in opened.readers:
        reader.group.attach()
    client = opened.client
    while not _is_begun(
        opened, start, restart, _status(opened, client)
    ):  # not Redis.transaction: after another version's fence, ours must come again
        _fence(opened)
        with transaction(client, opened.key) as pipe:
            pipe.watch(opened.key)  # type: ignore[no-untyped-call]
            read = _status(opened, pipe)
            if _is_begun(opened, start, restart, read):
                return
            is_new, number = _is_new(restart, read), max(restart.number, int(read["restarts"] or 0))
            fresh = _Beginning(opened, start, _checkpoints(opened), restart.start if is_new else LAST)
            kept = [group.keep_from(partition, offset) for group, partition, offset in fresh.offsets()]
            tasks = msgspec.json.encode(opened.tasks)
            pipe.multi()
            fresh.queue(pipe)
            pipe.hset(opened.key, mapping={"start": start, "tasks": tasks, "ready": 1, "restarts": number})
            try:  # also while memory is full: until a job has read them, its hubs keep their events
                while_full.execute(client, pipe, opened.key, read)
            except WatchError:
                continue
        for before, (group, partition, offset) in zip(kept, fresh.offsets(), strict=True):
            group.move(partition, before, offset)
        logger.info("job %s begins %s", opened.name, fresh)


def _status(opened: OpenedJob, client: Redis | Pipeline) -> dict[str, bytes | None]:
    return dict(zip(_STATUS, cast("list[bytes | None]", client.hmget(opened.key, *_STATUS)), strict=True))


def _is_begun(opened: OpenedJob, start: str, restart: Restart, status: Mapping[str, bytes | None]) -> bool:
    is_ours = (status["version"], status["ready"]) == (opened.version.encode(), b"1")
    return is_ours and start in (LAST, (status["start"] or b"").decode()) and not _is_new(restart, status)


def _is_new(restart: Restart, status: Mapping[str, bytes | None]) -> bool:
    return restart.number > int(status["restarts"] or 0)


def _checkpoints(opened: OpenedJob) -> dict[str, Progress]:
    """Return what tasks have saved, including tasks that this version does not have any more."""
    stored = cast("bytes | None", opened.client.hget(opened.key, "tasks"))
    names = msgspec.json.decode(stored or b"[]", type=list[str])
    return {name: Checkpoint(opened.client, opened.name, name).load() for name in names}


def _fence(opened: OpenedJob) -> None:
    """Prevent all tasks of other versions from committing, and mark the job as not ready for this version yet."""
    checkpoints = _checkpoints(opened)
    with transaction(opened.client, opened.key) as pipe:
        for name in checkpoints:
            Checkpoint(opened.client, opened.name, name).fence(pipe)
        pipe.hset(opened.key, mapping={"version": opened.version, "ready": 0})
        while_full.execute(opened.client, pipe, opened.key, {})


class _Beginning:
    """Finds out where each task must begin. `before` are the checkpoints that exist, by task.

    `restart` is the time from which somebody has just restarted it, or `LAST`.
    """

    def __init__(self, opened: OpenedJob, start: str, before: Mapping[str, Progress], restart: str) -> None:
        self.opened = opened
        self.before = before
        self.start: int | None = None  # ticks
        stored = cast("bytes | None", opened.client.hget(opened.key, "start"))
        if restart != LAST:
            self.start = parse(restart)
        elif start != LAST and (not before or stored != start.encode()):
            now = from_unix_ms(opened.readers[0].group.hub.clock_ms())
            self.start = now if start == NOW else parse(start)
        self.oldest = {
            reader.source(partition): oldest
            for reader in opened.readers
            for partition in range(reader.partitions)
            if (oldest := _oldest(reader, partition)) is not None
        }

    def __str__(self) -> str:
        if self.start is not None:
            return f"at {isoformat(self.start)}"
        return "after its last row: it makes its state again" if self.before else "at the start of its log"

    def queue(self, pipe: Pipeline) -> None:
        opened = self.opened
        for name in self.before.keys() - set(opened.tasks):
            checkpoint = Checkpoint(opened.client, opened.name, name)
            pipe.delete(checkpoint.key, checkpoint.state_key)
        for partition in range(opened.partitions):
            exchange = Exchange(opened.client, opened.name, partition)
            pipe.delete(exchange.key, exchange.watermark_key)
        pipe.delete(opened.reports.key, opened.reports.errors_key)
        for name in opened.tasks:
            progress = self._merging() if name == MERGE else self._partition(name)
            progress.commits = 1  # not 0, which a task that still runs would accept after the job was deleted
            if (before := self.before.get(name)) is not None:
                progress.commits += before.commits
                progress.counts = before.counts
            Checkpoint(opened.client, opened.name, name).queue_new(pipe, progress)

    def _partition(self, name: str) -> Progress:
        partition = int(name)
        offsets = {
            reader.source(partition): self._offset(reader, partition)
            for reader in self.opened.readers
            if partition < reader.partitions
        }
        wanted = self._wanted_from(name)
        if self.start is None:
            before = self.before.get(name, Progress())
            written = {source: before.done[source].offset for source in offsets if source in before.done}
            mute = Mute(BEGINNING, wanted, written)
        else:
            mute = Mute(self.start - 1, wanted)
        done = {
            source: _position(reader, partition, offsets[source])
            for reader in self.opened.readers
            if (source := reader.source(partition)) in offsets
        }
        return Progress(done=done, mute=mute, snapshot=SnapshotMark(offsets))

    def _merging(self) -> Progress:
        wanted = self._wanted_from(MERGE)
        return Progress(mute=Mute(self._written(MERGE) if self.start is None else self.start - 1, wanted))

    def _wanted_from(self, name: str) -> int:
        """Return the last time whose rows from a state are left out: they were written before, or lack events."""
        written = self._written(name) if self.start is None else self.start - 1
        return max(written, self._incomplete_to)

    def _written(self, name: str) -> int:
        """Return the last time up to which this task's rows have all been written."""
        if (merging := self.before.get(MERGE)) is not None:
            return merging.emitted  # the partitions' tasks are never behind it, whatever their checkpoints say
        if (ours := self.before.get(name)) is not None:
            return ours.emitted
        return min((progress.emitted for progress in self.before.values()), default=BEGINNING)

    @cached_property
    def _incomplete_to(self) -> int:
        """Return the time up to which rows are incomplete, because the hub has dropped some of their events."""
        dropped = [
            oldest.time for oldest in self.oldest.values() if not oldest.is_first and oldest.time > self._read_from
        ]
        if not dropped or not self.opened.plan.span:
            return BEGINNING
        return max(dropped) + self.opened.plan.span + self._early() - 1

    @cached_property
    def _read_from(self) -> int:
        """Return the time from which on events must be read."""
        first = self.start
        if first is None:
            first = min((self._written(name) for name in self.opened.tasks), default=BEGINNING) if self.before else None
        return BEGINNING if first is None else max(BEGINNING, first - self.opened.plan.span - self._early())

    def _early(self) -> int:
        """Return by how much an event may arrive before its time."""
        return EARLY_TOLERANCE if any(stream.timestamp for stream in self.opened.plan.streams) else 0

    def _offset(self, reader: HubReader, partition: int) -> str:
        """Return the offset after which a partition is read: before it, all events are done and not needed again."""
        milliseconds = to_unix_ms(self._read_from)
        offset = str(milliseconds - 1) if milliseconds else FIRST
        if self.start is None and self.before:
            before = self.before.get(str(partition), Progress())
            done = before.done.get(reader.source(partition), Position()).offset
            return min(offset, done, key=order)
        return offset

    def offsets(self) -> Sequence[tuple[ConsumerGroup, int, str]]:
        """Return after which offset each group is to keep the events of each of its partitions."""
        found = (
            (reader.group, p, self._offset(reader, p))
            for reader in self.opened.readers
            for p in range(reader.partitions)
        )
        return least_offsets(found)


def _position(reader: HubReader, partition: int, offset: str) -> Position:
    """Return the offset with the sequence number of the last event up to it."""
    hub = reader.group.hub
    if events := hub.read(partition, offset, limit=1):
        return Position(offset, events[0].sequence_number - 1)
    return Position(offset, runtime(hub, [partition])[0].next - 1)


def _oldest(reader: HubReader, partition: int) -> _Oldest | None:
    hub = reader.group.hub
    if events := hub.read(partition, limit=1):
        return _Oldest(from_unix_ms(events[0].enqueued_ms), events[0].sequence_number == 0)
    last = runtime(hub, [partition])[0].last_ms
    return None if last is None else _Oldest(from_unix_ms(last), is_first=False)
