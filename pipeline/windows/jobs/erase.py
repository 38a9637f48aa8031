"""What is deleted with a job."""

from __future__ import annotations

from redis.client import Pipeline

from ...hub.consumer_group import ConsumerGroup
from ...hub.namespace import Hubs, UnknownHub
from .exchange import Exchange
from .outputs.outbox import outbox_keys
from .registered import Registered
from .state import Checkpoint
from .status import Reports
from .work import MERGE


def queue_erase(pipe: Pipeline, hubs: Hubs, name: str, job: Registered) -> None:
    """Delete all that a job has in Redis but its outputs. A task of it that still runs commits nothing more."""
    reports = Reports(hubs.redis, name)
    keys = [f"job:{name}", reports.key, reports.errors_key]
    for task in job.tasks:
        checkpoint = Checkpoint(hubs.redis, name, task)
        keys += [checkpoint.key, checkpoint.state_key]
        if task != MERGE:
            exchange = Exchange(hubs.redis, name, int(task))
            keys += [exchange.key, exchange.watermark_key]
    for output in job.outboxes:
        keys += outbox_keys(name, output)
    pipe.unlink(*keys)
    for hub, group in job.groups:
        queue_detach(pipe, hubs, name, hub, group)


def queue_detach(pipe: Pipeline, hubs: Hubs, name: str, hub: str, group: str) -> None:
    """Have a hub keep no events for a job any more. A group that is the job's own goes, too."""
    try:
        its_group = ConsumerGroup(hubs[hub], group)
    except UnknownHub:
        return
    for partition in range(its_group.hub.partitions):
        pipe.srem(its_group.hub.keys[partition].attached, group)
        if group == f"job:{name}":
            pipe.hdel(its_group.hub.keys[partition].offsets, group)
