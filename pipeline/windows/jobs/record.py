"""What the registry records of a job."""

from __future__ import annotations

import msgspec

from .definition import Definition
from .job_toml import LAST


class Restart(msgspec.Struct, frozen=True):
    """`number` counts how often somebody wanted the job to begin anew; `start` is from where: last, or a UTC time."""

    number: int = 0
    start: str = LAST


NEVER = Restart()


class JobRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the registry records of a job. `folder` tells that it is a worker's folder, and not made over HTTP.

    `revision` is different after each time that the job is put; `updated` is UTC. `groups` are its consumer groups,
    each as (hub, group). `tasks` and `outboxes` are all for which it may have keys in Redis, including those from
    before it was changed: none of a folder's that could never begin, whose `definition` is empty. `stopped` is the UTC
    time at which it was stopped, None if workers are to run it.
    """

    definition: Definition
    folder: bool
    revision: str
    updated: str
    groups: list[tuple[str, str]] = []
    tasks: list[str] = []
    outboxes: list[str] = []
    stopped: str | None = None
    restart: Restart = NEVER
