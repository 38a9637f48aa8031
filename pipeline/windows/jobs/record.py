"""What is recorded of a job."""

from __future__ import annotations

import msgspec

from .definition import Definition

#: Stands for a task in a job's errors: it could not be begun.
BEGIN = "begin"


class JobRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is recorded of a job. `folder`: it is a worker's, and not made over HTTP.

    `revision` is another one each time that the job is put, `updated` is UTC. `groups` are the consumer groups that it
    reads as, each with its hub; `tasks` and `outboxes` are what it has keys of in Redis, or had before it was changed.
    """

    definition: Definition
    folder: bool
    revision: str
    updated: str
    groups: list[tuple[str, str]]
    tasks: list[str]
    outboxes: list[str]
