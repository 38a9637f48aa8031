"""A task's checkpoint: what is done, and the state to begin again from.

The first is saved with every commit, the second now and then. recovery.py says what a task makes of the two, and which
files change together with what is saved here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, cast

import msgspec

from ...store import Pipeline, Redis, WatchError
from ...store.lease import LeaseLost
from ..language.ticks import BEGINNING, isoformat, parse
from ..row import Changes
from . import keys

_FIELDS = 500  # of the state that one command writes or reads

#: What offsets begin with.
FIRST = "0"


def order(offset: str) -> tuple[int, int]:
    """Return what sorts as offsets do: `ms-n`, or `ms` for `ms-0`."""
    milliseconds, _, number = offset.partition("-")
    return int(milliseconds), int(number or 0)


class Position(msgspec.Struct, frozen=True):
    """The last entry of a source that is done. `sequence_number` is its event's; -1 before all, and in an exchange."""

    offset: str = FIRST
    sequence_number: int = -1


class Mute(msgspec.Struct, frozen=True):
    """What a job that begins anew works on, but does not put out; see the table in recovery.py. Times are included.

    `fed` is the last such time of rows that come out as their event is fed, `advanced` of rows that a state gives.
    `done` is, by source, the last event whose rows an earlier version has put out as it was fed.
    """

    fed: int = BEGINNING
    advanced: int = BEGINNING
    done: Mapping[str, str] = {}


class SnapshotMark(msgspec.Struct, frozen=True):
    """Where the state was that is saved: the offset of each source, what each remembers, the time."""

    offsets: Mapping[str, str] = {}
    sources: Mapping[str, bytes] = {}
    closed: int = BEGINNING


@dataclass
class Progress:
    """How far a task has come: every row up to `closed` is written, and every row that an event done gave at once."""

    commits: int = 0
    closed: int = BEGINNING
    done: dict[str, Position] = field(default_factory=dict)
    mute: Mute = field(default_factory=Mute)
    snapshot: SnapshotMark = field(default_factory=SnapshotMark)
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def emitted(self) -> int:
        """The time up to which there are rows, also before the job began anew."""
        return max(self.closed, self.mute.advanced)


class Checkpoint:
    """Saved in the transaction that writes the rows, so that a row is written once, whenever the process dies.

    Redis keys: `keys.checkpoint` and `keys.state`.
    """

    def __init__(self, client: Redis, job: str, task: str) -> None:
        self.redis = client
        self.key = keys.checkpoint(job, task)
        self.state_key = keys.state(job, task)

    def load(self) -> Progress:
        """Return what was saved last."""
        saved = cast("dict[bytes, bytes]", self.redis.hgetall(self.key))
        progress = Progress()
        if saved:
            progress.commits = int(saved.pop(b"commits"))
            progress.closed = parse(saved.pop(b"closed").decode())
            progress.done = msgspec.json.decode(saved.pop(b"done"), type=dict[str, Position])
            progress.mute = msgspec.json.decode(saved.pop(b"mute"), type=Mute)
            progress.snapshot = msgspec.msgpack.decode(saved.pop(b"snapshot"), type=SnapshotMark)
        progress.counts.update({name.decode(): int(value) for name, value in saved.items()})
        return progress

    def state(self) -> dict[str, bytes]:
        """Return the state at the snapshot. It must not be written meanwhile: hold the lease."""
        fields = self.redis.hscan_iter(self.state_key, count=_FIELDS)
        return {cast("bytes", name).decode(): cast("bytes", value) for name, value in fields}

    def guard(self, pipe: Pipeline, progress: Progress) -> None:
        """Open a transaction that fails if another task has saved this checkpoint since `progress` was loaded.

        Raises `LeaseLost` if one has. This is what makes a row be written once; the task's lease only spares two
        workers the work. It is not watched here: it may have been lost, used and taken again without a trace, and each
        of its renewals would break the transaction off.
        """
        pipe.watch(self.key)  # type: ignore[no-untyped-call]
        if int(cast("bytes | None", pipe.hget(self.key, "commits")) or 0) != progress.commits:
            raise LeaseLost(self.key)
        pipe.multi()

    def commit(self, pipe: Pipeline) -> list[Any]:
        """Execute a guarded transaction and return its replies, errors among them. Raises `LeaseLost`.

        A command that fails undoes no other.
        """
        try:
            return list(pipe.execute(raise_on_error=False))
        except WatchError:
            raise LeaseLost(self.key) from None

    def queue(self, pipe: Pipeline, progress: Progress) -> None:
        fields: dict[str, Any] = {
            "commits": progress.commits,
            "closed": isoformat(progress.closed),
            "done": msgspec.json.encode(progress.done),
            **progress.counts,
        }
        pipe.hset(self.key, mapping=fields)  # type: ignore[arg-type]

    def queue_snapshot(self, pipe: Pipeline, snapshot: SnapshotMark, changes: Changes) -> None:
        pipe.hset(self.key, "snapshot", msgspec.msgpack.encode(snapshot))
        while some := list(islice(changes, _FIELDS)):
            if written := {name: value for name, value in some if value is not None}:
                pipe.hset(self.state_key, mapping=written)  # type: ignore[arg-type]
            if gone := [name for name, value in some if value is None]:
                pipe.hdel(self.state_key, *gone)

    def queue_new(self, pipe: Pipeline, progress: Progress) -> None:
        """Save where a task begins that has no state, instead of anything that there was; totals stay."""
        pipe.delete(self.state_key)
        self.queue(pipe, progress)
        self.queue_snapshot(pipe, progress.snapshot, iter(()))
        pipe.hset(self.key, "mute", msgspec.json.encode(progress.mute))


def positions(offsets: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Return the offset of each source by its name; the first for one that has none."""
    return {name: offsets.get(name, FIRST) for name in names}
