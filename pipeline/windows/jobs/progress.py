"""How far jobs have come: their states, what their tasks report, and their deliveries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from ...store import Redis
from . import keys
from .outputs import DeliveryStatus, delivery_status_of, queue_delivery_status
from .record import JobRecord
from .reports import JobStatus, lags_of, queue_status, status_of
from .states import State, state_of


class JobProgress(NamedTuple):
    """`status` is None until a worker has begun the job; `deliveries` are those of the outputs outside Redis.

    `reason` says why the job is in this state, None if it just runs.
    """

    state: State
    status: JobStatus | None
    deliveries: list[DeliveryStatus]
    reason: str | None


def progress_of(client: Redis, jobs: Mapping[str, JobRecord]) -> dict[str, JobProgress]:
    """Return the progress of each of these jobs: two round trips, however many they are."""
    if not jobs:
        return {}
    with client.pipeline(transaction=False) as pipe:
        pipe.exists(keys.LOOKED)
        for name, job in jobs.items():
            pipe.exists(keys.workers(name))
            queue_status(pipe, name)
            for output in job.outboxes:
                queue_delivery_status(pipe, name, output)
        replies = iter(pipe.execute())
    is_worked = bool(next(replies))
    found: dict[str, tuple[bool, JobStatus | None, list[DeliveryStatus]]] = {}
    for name, job in jobs.items():
        is_run = bool(next(replies))
        status = status_of(name, replies)
        found[name] = is_run, status, [delivery_status_of(output, replies) for output in job.outboxes]
    lags = lags_of(client, {name: status for name, (_, status, _) in found.items() if status is not None})
    progress = {}
    for name, (is_run, status, deliveries) in found.items():
        if status is not None:
            status = msgspec.structs.replace(status, lag=lags[name])
        state, reason = state_of(jobs[name], is_run, is_worked, status, deliveries)
        progress[name] = JobProgress(state, status, deliveries, reason)
    return progress
