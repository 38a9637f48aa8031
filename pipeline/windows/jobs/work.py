"""What the tasks of a job have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...hub.consumer_group import ConsumerGroup
from ...store import Redis
from ..engine.event_times import TimePolicies
from ..planning.nodes import Plan
from . import keys
from .keys import MERGE
from .outputs import Sink
from .reports import Reports


@dataclass(frozen=True)
class HubReader:
    """An input of the query: a hub, read as a consumer group."""

    input: str
    group: ConsumerGroup

    @property
    def partitions(self) -> int:
        return self.group.hub.partitions

    def source(self, partition: int) -> str:
        """Return the name of a partition's position in checkpoints."""
        return f"{self.input}@{self.group.hub.name}/{partition}"


@dataclass(frozen=True)
class Pacing:
    """How much a task does at once, and how often it saves its state.

    `batch` is how many events of a source, and about how many rows, a turn takes. The state is saved when
    `snapshot_seconds` have passed and there is news, or after `snapshot_events`: about as many are read again after a
    crash.
    """

    batch: int = 500
    snapshot_seconds: float = 30.0
    snapshot_events: int = 50_000


@dataclass(frozen=True)
class Work:
    """What the tasks of a job have in common.

    `stages` are the nodes that each runs: those of the partitions, then, if the job has a second stage, of the merging
    task. `version` is that of the query; see begin.py.
    """

    name: str
    version: str
    plan: Plan
    stages: Sequence[frozenset[int]]
    readers: Sequence[HubReader]
    sinks: Mapping[str, Sequence[Sink]]
    client: Redis
    reports: Reports
    policies: TimePolicies = field(default_factory=TimePolicies)
    pacing: Pacing = field(default_factory=Pacing)
    tables: Mapping[str, Any] = field(default_factory=dict)

    @property
    def partitions(self) -> int:
        return max(reader.partitions for reader in self.readers)

    @property
    def is_merged(self) -> bool:
        return len(self.stages) > 1

    @property
    def tasks(self) -> list[str]:
        """A task for each partition, called by its number; then the merging one."""
        return [*map(str, range(self.partitions)), *([MERGE] if self.is_merged else [])]

    @property
    def key(self) -> str:
        return keys.job(self.name)

    def current_version(self) -> str | None:
        stored = self.client.hget(self.key, "version")
        return stored.decode() if isinstance(stored, bytes) else None
