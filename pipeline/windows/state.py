"""A job's checkpoint: little, because windows are rebuilt by reading the log again, as Stream Analytics does it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import msgspec
import redis
from redis.client import Pipeline

from ..lease import LeaseLost
from .clock import BEGINNING, isoformat, parse, to_unix_ms


class Position(msgspec.Struct, frozen=True):
    """The last event of a partition whose own rows are written."""

    offset: str = "0"
    sequence_number: int = -1
    enqueued_ms: int = 0

    def replay_from(self, needed_after: int) -> str:
        """Return the offset after which to read, so that no event later than `needed_after` (ticks) is missed.

        An offset begins with its event's time in ms, so a time alone will do for one.
        """
        needed_ms = to_unix_ms(needed_after)
        return self.offset if self.enqueued_ms <= needed_ms else str(needed_ms)


@dataclass
class Progress:
    """How far a job has come. Every window that ends by `watermark` is emitted, and no other."""

    commits: int = 0
    watermark: int = BEGINNING
    done: dict[int, Position] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)


class Checkpoint:
    """Saved in the transaction that writes the rows, so that a row is written once, whenever the process dies.

    Redis key:
        job:NAME:checkpoint  hash; `commits` counts the transactions, `watermark` is a UTC time, `partition:P` the
                             Position as JSON; then totals: `rows:OUTPUT` and each kind in faults.py
    """

    def __init__(self, client: redis.Redis, job: str) -> None:
        self.redis = client
        self.key = f"job:{job}:checkpoint"

    def load(self) -> Progress:
        """Return what was saved last; a job that never ran begins with the log."""
        saved = cast("Mapping[bytes, bytes]", self.redis.hgetall(self.key))
        fields = {name.decode(): value.decode() for name, value in saved.items()}
        progress = Progress()
        if "commits" in fields:
            progress.commits = int(fields.pop("commits"))
            progress.watermark = parse(fields.pop("watermark"))
        for name, value in fields.items():
            if name.startswith("partition:"):
                position = msgspec.json.decode(value, type=Position)
                progress.done[int(name.removeprefix("partition:"))] = position
            else:
                progress.counts[name] = int(value)
        return progress

    def guard(self, pipe: Pipeline, progress: Progress) -> None:
        """Watch the checkpoint. Raises `LeaseLost` if another has saved one since `progress` was loaded.

        The lease can't tell: it may have been lost, used and released by another, and taken again.
        """
        pipe.watch(self.key)  # type: ignore[no-untyped-call]
        commits = cast("bytes | None", pipe.hget(self.key, "commits"))
        if int(commits or 0) != progress.commits:
            raise LeaseLost(self.key)

    def queue(self, pipe: Pipeline, progress: Progress) -> None:
        pipe.hset(
            self.key,
            mapping={
                "commits": progress.commits,
                "watermark": isoformat(progress.watermark),
                **{f"partition:{p}": msgspec.json.encode(position) for p, position in progress.done.items()},
                **dict(progress.counts.items()),
            },
        )
