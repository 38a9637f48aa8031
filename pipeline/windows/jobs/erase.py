"""Deletes what a job has in Redis."""

from __future__ import annotations

from ...hub.consumer_group import ConsumerGroup
from ...hub.namespace import Hubs, UnknownHub
from ...store import Pipeline
from . import keys
from .record import JobRecord


def queue_erase(pipe: Pipeline, hubs: Hubs, name: str, job: JobRecord) -> None:
    """Delete everything that a job has in Redis, except its outputs. Its tasks that still run can't commit any more."""
    pipe.unlink(*keys.of_job(name, job.tasks, job.outboxes))
    for hub, group in job.groups:
        queue_detach(pipe, hubs, name, hub, group)


def queue_detach(pipe: Pipeline, hubs: Hubs, name: str, hub: str, group: str) -> None:
    """Let a hub keep no more events for a job, and delete the consumer group if it is the job's own."""
    try:
        its_group = ConsumerGroup(hubs[hub], group)
    except UnknownHub:
        return
    for partition in range(its_group.hub.partitions):
        pipe.srem(its_group.hub.keys[partition].attached, group)
        if group == keys.group_of(name):
            pipe.hdel(its_group.hub.keys[partition].offsets, group)
