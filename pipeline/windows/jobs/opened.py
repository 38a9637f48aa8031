"""What the tasks of a job have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...hub.consumer_group import ConsumerGroup
from ...store import Redis
from ..engine.bodies import ReadBody
from ..engine.event_times import TimePolicies
from ..planning.nodes import Plan
from . import keys
from .keys import MERGE
from .outputs import Sink
from .reports import Reports


@dataclass(frozen=True)
class HubReader:
    """An input of the query: a hub, read as a consumer group. `read` reads the bodies of its events."""

    input: str
    group: ConsumerGroup
    read: ReadBody

    @property
    def partitions(self) -> int:
        return self.group.hub.partitions

    def source(self, partition: int) -> str:
        """Return the name of a partition's position in checkpoints."""
        return f"{self.input}@{self.group.hub.name}/{partition}"


@dataclass(frozen=True)
class Pacing:
    """How much a task does in one turn, and how often it saves its state.

    `batch` is the number of events of each source, and about the number of rows, in a turn. The state is saved after
    `snapshot_seconds`, if anything is new, or after `snapshot_events`; about as many events are read again after a
    crash.
    """

    snapshot_seconds: float
    batch: int = 500
    snapshot_events: int = 50_000


@dataclass(frozen=True)
class OpenedJob:
    """What the tasks of a job have in common.

    `stages` has the nodes that the partitions' tasks run and, if the job has a second stage, those that the merging
    task runs. `version` is that of the query; see begin.py. `faults` is the output of faults, if there is one.
    """

    name: str
    version: str
    plan: Plan
    stages: Sequence[frozenset[int]]
    readers: Sequence[HubReader]
    sinks: Mapping[str, Sequence[Sink]]
    client: Redis
    reports: Reports
    policies: TimePolicies
    pacing: Pacing
    tables: Mapping[str, Any]
    faults: str | None = None

    @property
    def partitions(self) -> int:
        """The number of partitions of the input that has the most."""
        return max(reader.partitions for reader in self.readers)

    @property
    def is_merged(self) -> bool:
        """Whether the job has a second stage, the merging one."""
        return len(self.stages) > 1

    @property
    def tasks(self) -> list[str]:
        """The names of the tasks: the number of each partition, and `MERGE` if there is a second stage."""
        return [*map(str, range(self.partitions)), *([MERGE] if self.is_merged else [])]

    @property
    def key(self) -> str:
        return keys.job(self.name)

    @property
    def lateness(self) -> int | None:
        """By how much, in ticks, the rows of a window may come after its end, by Redis's clock; None for any time.

        After it no event of the window is waited for, even if a partition is silent.
        """
        late = [0 if stream.timestamp is None else self.policies.late for stream in self.plan.streams]
        known = [each for each in late if each is not None]
        return max(known) if len(known) == len(late) else None

    def current_version(self) -> str | None:
        """Return the version of the job that was begun last, None if none was. Costs a round trip."""
        stored = self.client.hget(self.key, "version")
        return stored.decode() if isinstance(stored, bytes) else None
