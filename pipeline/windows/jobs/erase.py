"""Takes a job away from a hub."""

from __future__ import annotations

from ...hub.consumer_group import ConsumerGroup
from ...hub.namespace import Hubs, UnknownHub
from . import keys


def detach(hubs: Hubs, name: str, hub: str, group: str) -> None:
    """Let a hub keep no more events for a job, and delete the consumer group if it is the job's own."""
    try:
        its_group = ConsumerGroup(hubs[hub], group)
    except UnknownHub:
        return
    its_group.detach()
    if group == keys.group_of(name):
        for partition in range(its_group.hub.partitions):
            its_group.store(partition, None)
