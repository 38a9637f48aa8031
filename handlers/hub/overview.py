"""An overview of the hubs as JSON: what they hold, and how far behind their readers are."""

from __future__ import annotations

import msgspec

from pipeline.hub.description import Description
from pipeline.hub.log import Hub
from pipeline.hub.relay_route import relay_states
from pipeline.hub.relay_status import status
from pipeline.hub.rules import Right
from pipeline.hub.runtime import PartitionRuntime, runtime
from wz import Blueprint, Request
from wz.openapi import operation

from ..auth import protect
from ..services import services
from ..times import json_time
from .parameters import NO_HUB, HubName
from .relay import RelayDocument, relay_document

blueprint = Blueprint("hubs", url_prefix="/hubs")
protect(blueprint, hub_paths=True, right=Right.LISTEN)


class GroupDocument(msgspec.Struct):
    """`lag` is how many events it has not processed, `oldest_seconds` for how long the first of them has waited.

    Events are kept until an attached group has processed them.
    """

    name: str
    attached: bool
    lag: int
    oldest_seconds: float | None


class PartitionDocument(msgspec.Struct):
    """It holds the events from `first_sequence_number` to `next_sequence_number` - 1; `bytes` counts their
    bodies, keys, content types and properties."""

    partition: int
    first_sequence_number: int
    next_sequence_number: int
    last_offset: str | None
    last_enqueued_time: str | None
    events: int
    bytes: int
    groups: list[GroupDocument]


class HubSummary(msgspec.Struct):
    """`events` and `bytes` are what it holds now."""

    name: str
    partitions: int
    events: int
    bytes: int
    groups: list[GroupDocument]


class HubDocument(HubSummary):
    """0 stands for no limit: of retention, of throughput units, and of what each publisher may send a second.

    Duplicates are detected for so many seconds, 0: not at all.
    """

    created_time: str
    updated_time: str
    retention_seconds: float
    retention_bytes: int
    throughput_units: int
    publisher_events_per_second: int
    publisher_bytes_per_second: int
    duplicate_detection_seconds: float
    metadata: str | None
    relay: RelayDocument
    partition_details: list[PartitionDocument]


class HubList(msgspec.Struct):
    hubs: list[HubSummary]


@blueprint.get("")
def hubs(request: Request) -> HubList:
    """List the hubs with what they hold and how far behind their readers are."""
    found = services(request).hubs
    return HubList([summary(hub, runtime(hub)) for hub in found.values()])


@blueprint.get("/<hub>")
@operation(responses={404: NO_HUB})
def hub(request: Request, hub: HubName) -> HubDocument:
    """Show a hub with its settings and each of its partitions."""
    hubs = services(request).hubs
    description = hubs.description(hub)  # first, since it asks Redis
    return document(hubs[hub], description)


def summary(hub: Hub, partitions: list[PartitionRuntime]) -> HubSummary:
    return HubSummary(
        name=hub.name,
        partitions=hub.partitions,
        events=sum(partition.events for partition in partitions),
        bytes=sum(partition.bytes for partition in partitions),
        groups=_groups(partitions),
    )


def document(hub: Hub, description: Description) -> HubDocument:
    found = status(hub)
    partitions = [one.log for one in found]
    return HubDocument(
        **msgspec.structs.asdict(summary(hub, partitions)),
        created_time=json_time(description.created_ms),
        updated_time=json_time(description.updated_ms),
        retention_seconds=hub.settings.retention_ms / 1000,
        retention_bytes=hub.settings.retention_bytes,
        throughput_units=hub.settings.throughput_units,
        publisher_events_per_second=hub.settings.publisher_events_per_second,
        publisher_bytes_per_second=hub.settings.publisher_bytes_per_second,
        duplicate_detection_seconds=hub.settings.duplicate_detection_ms / 1000,
        metadata=description.metadata,
        relay=relay_document(relay_states([hub])[0], found),
        partition_details=[_partition(partition) for partition in partitions],
    )


def _partition(partition: PartitionRuntime) -> PartitionDocument:
    return PartitionDocument(
        partition=partition.partition,
        first_sequence_number=partition.first,
        next_sequence_number=partition.next,
        last_offset=partition.last_offset,
        last_enqueued_time=None if partition.last_ms is None else json_time(partition.last_ms),
        events=partition.events,
        bytes=partition.bytes,
        groups=_groups([partition]),
    )


def _groups(partitions: list[PartitionRuntime]) -> list[GroupDocument]:
    """Add up each group's lag in these partitions. A group without an offset in a partition has read nothing there."""
    groups: dict[str, GroupDocument] = {}
    for partition in partitions:
        for one in partition.groups:
            group = groups.setdefault(one.name, GroupDocument(one.name, False, 0, None))
            group.attached |= one.attached
            group.lag += one.lag
            if one.oldest_ms is not None:
                group.oldest_seconds = max(group.oldest_seconds or 0, one.oldest_ms / 1000)
    return sorted(groups.values(), key=lambda group: group.name)
