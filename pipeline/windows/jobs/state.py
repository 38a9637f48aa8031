"""A task's checkpoint: its progress, and the state from which it resumes.

The progress is saved with every commit, the state now and then. recovery.py explains how a task uses the two, and what
has to be changed together with this file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, cast

import msgspec

from ...store import Pipeline, Redis, WatchError, while_full
from ...store.lease import LeaseLost
from ..language.ticks import BEGINNING, isoformat, parse
from ..row import Changes
from . import keys

_FIELDS = 500  # the number of the state's fields that one command writes or reads

#: The offset before all entries.
FIRST = "0"

#: The field of a checkpoint with the number of commits, which each commit and each `Checkpoint.fence` increases.
COMMITS = "commits"

#: What the fields of a checkpoint begin with that count the rows of an output. Other counts are of faults.
ROWS = "rows:"


class Position(msgspec.Struct, frozen=True):
    """The last entry of a source that is done, and its event's sequence number.

    The number is -1 before the first event, and in an exchange.
    """

    offset: str = FIRST
    sequence_number: int = -1


class Mute(msgspec.Struct, frozen=True):
    """What a job that begins anew processes, but does not put out; see the table in recovery.py. Times are in ticks.

    `fed` is the last such time for rows that are given when their event is fed, `advanced` for rows that a state gives.
    `done` has, by source, the last event whose rows of the first kind an earlier version has put out.
    """

    fed: int = BEGINNING
    advanced: int = BEGINNING
    done: Mapping[str, str] = {}


class SnapshotMark(msgspec.Struct, frozen=True):
    """What belongs to a saved state: each source's offset and state, and the time that was closed, in ticks.

    `saved` is when it was saved, in ticks, by Redis's clock.
    """

    offsets: Mapping[str, str] = {}
    sources: Mapping[str, bytes] = {}
    closed: int = BEGINNING
    saved: int = BEGINNING


@dataclass
class Progress:
    """How far a task has come: which rows it has written.

    These are all rows that depend on a state and are not later than `closed`, in ticks, and all rows that were given
    when an entry up to `done`, by source, was fed.
    """

    commits: int = 0
    closed: int = BEGINNING
    done: dict[str, Position] = field(default_factory=dict)
    mute: Mute = field(default_factory=Mute)
    snapshot: SnapshotMark = field(default_factory=SnapshotMark)
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def emitted(self) -> int:
        """The time, in ticks, up to which rows are written, by this version of the job or an earlier one."""
        return max(self.closed, self.mute.advanced)


#: What `Checkpoint.guard` has read: see `while_full.execute`.
Guarded = Mapping[str, bytes | None]


class Checkpoint:
    """Is saved in the transaction that writes the rows, so that each row is written once, even if the process dies.

    Redis keys: `keys.checkpoint` and `keys.state`.
    """

    def __init__(self, client: Redis, job: str, task: str) -> None:
        self.redis = client
        self.key = keys.checkpoint(job, task)
        self.state_key = keys.state(job, task)

    def load(self) -> Progress:
        """Return the progress that was saved last, or an empty one."""
        saved = cast("dict[bytes, bytes]", self.redis.hgetall(self.key))
        progress = Progress()
        if saved:
            progress.commits = int(saved.pop(COMMITS.encode()))
            progress.closed = parse(saved.pop(b"closed").decode())
            progress.done = msgspec.json.decode(saved.pop(b"done"), type=dict[str, Position])
            progress.mute = msgspec.json.decode(saved.pop(b"mute"), type=Mute)
            progress.snapshot = msgspec.msgpack.decode(saved.pop(b"snapshot"), type=SnapshotMark)
        progress.counts.update({name.decode(): int(value) for name, value in saved.items()})
        return progress

    def state(self) -> dict[str, bytes]:
        """Return the fields of the last snapshot's state. Hold the lease, so that none is written meanwhile."""
        fields = self.redis.hscan_iter(self.state_key, count=_FIELDS)
        return {cast("bytes", name).decode(): cast("bytes", value) for name, value in fields}

    def guard(self, pipe: Pipeline, progress: Progress) -> Guarded:
        """Open a transaction that fails if another task has saved this checkpoint since `progress` was loaded.

        Returns what `commit` needs. Raises `LeaseLost` if that has happened already. This guard ensures that a row is
        written once; the lease of the task only prevents two workers from doing the same work. The lease is not watched
        here: each renewal would make the transaction fail, and it may have been lost and taken back without leaving a
        trace.
        """
        pipe.watch(self.key)  # type: ignore[no-untyped-call]
        commits = cast("bytes | None", pipe.hget(self.key, COMMITS))
        if int(commits or 0) != progress.commits:
            raise LeaseLost(self.key)
        pipe.multi()
        return {COMMITS: commits}

    def queue_commits(self, pipe: Pipeline) -> None:
        """Ask for the number of commits, in bytes; None if there is no checkpoint."""
        pipe.hget(self.key, COMMITS)

    def fence(self, pipe: Pipeline) -> None:
        """Make every task fail to commit that has loaded this checkpoint before: it counts one commit more."""
        pipe.hincrby(self.key, COMMITS, 1)

    def commit(self, pipe: Pipeline, guarded: Guarded) -> list[Any]:
        """Execute a guarded transaction and return its replies, which may be errors. Raises `LeaseLost`.

        If one command fails, the others take effect all the same. It is executed although Redis has no memory left,
        since the hubs keep their events until then, unless it changes a board: that raises `OutOfMemoryError`.
        """
        try:
            return while_full.execute(self.redis, pipe, self.key, guarded, raise_on_error=False)
        except WatchError:
            raise LeaseLost(self.key) from None

    def queue(self, pipe: Pipeline, progress: Progress) -> None:
        fields: dict[str, Any] = {
            COMMITS: progress.commits,
            "closed": isoformat(progress.closed),
            "done": msgspec.json.encode(progress.done),
            **progress.counts,
        }
        pipe.hset(self.key, mapping=fields)  # type: ignore[arg-type]

    def queue_snapshot(self, pipe: Pipeline, snapshot: SnapshotMark, changes: Changes) -> None:
        """Put a snapshot into the transaction: its mark, and the fields of the state that changed."""
        pipe.hset(self.key, "snapshot", msgspec.msgpack.encode(snapshot))
        while some := list(islice(changes, _FIELDS)):
            if written := {name: value for name, value in some if value is not None}:
                pipe.hset(self.state_key, mapping=written)  # type: ignore[arg-type]
            if gone := [name for name, value in some if value is None]:
                pipe.hdel(self.state_key, *gone)

    def queue_new(self, pipe: Pipeline, progress: Progress) -> None:
        """Save the progress of a task that begins without a state, in place of an earlier checkpoint; totals stay."""
        pipe.delete(self.state_key)
        self.queue(pipe, progress)
        self.queue_snapshot(pipe, progress.snapshot, iter(()))
        pipe.hset(self.key, "mute", msgspec.json.encode(progress.mute))


def state_sizes(client: Redis, jobs: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return about how many bytes of Redis's memory the saved states of each job's tasks take: one round trip."""
    with client.pipeline(transaction=False) as pipe:
        for job, tasks in jobs.items():
            for task in tasks:
                pipe.memory_usage(keys.state(job, task))
        sizes = iter(pipe.execute(raise_on_error=False))  # a user of Redis may not be allowed to ask
    found = {job: [next(sizes) for _ in tasks] for job, tasks in jobs.items()}
    return {job: sum(size for size in its if isinstance(size, int)) for job, its in found.items()}


def positions(offsets: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Return the offset of each source by its name; `FIRST` for a source that has none."""
    return {name: offsets.get(name, FIRST) for name in names}
