"""Consumer groups, with Manage, and the runtime information of the partitions that they read, with Listen."""

from __future__ import annotations

from typing import Annotated

import msgspec
from markupsafe import Markup

from pipeline.hub.group_registry import ConsumerGroups, GroupDescription
from pipeline.hub.log import Hub
from pipeline.hub.runtime import PartitionRuntime, runtime
from pipeline.windows.jobs.keys import leases_of_group
from wz import Request, Response
from wz.openapi import Content, operation

from ..services import services
from ..times import atom_time, now_ms
from . import atom
from .body import plain_body
from .management import WRONG_CODING, author, done, entry_or_feed, managing, url, watching
from .parameters import NO_HUB, GroupName, HubName, partition_number

PartitionId = Annotated[str, msgspec.Meta(examples=["0"])]

_NO_GROUP = f"{NO_HUB}, or no such consumer group"


@managing.get("/<hub>/consumergroups")
@operation(responses={200: entry_or_feed("a feed of consumer groups"), 404: NO_HUB})
def list_groups(request: Request, hub: HubName) -> Response:
    """List a hub's consumer groups, as an ATOM feed."""
    found = services(request).hubs[hub]
    entries = [_group_entry(request, found, group) for group in ConsumerGroups(found).list().values()]
    return atom.feed(url(request, f"{found.name}/consumergroups"), url(request, ""), entries)


@managing.get("/<hub>/consumergroups/<group>")
@operation(responses={200: entry_or_feed("the consumer group"), 404: _NO_GROUP})
def get_group(request: Request, hub: HubName, group: GroupName) -> Response:
    """Show a consumer group, as an ATOM entry."""
    found = services(request).hubs[hub]
    return atom.respond(_group_entry(request, found, ConsumerGroups(found)[group]))


@managing.put("/<hub>/consumergroups/<group>")
@operation(
    body={"application/atom+xml": bytes},
    responses={
        201: entry_or_feed("made"),
        400: "the name or the body can't be taken",
        404: NO_HUB,
        409: "there is a consumer group of this name already",
        415: WRONG_CODING,
    },
)
def put_group(request: Request, hub: HubName, group: GroupName) -> Response:
    """Make a consumer group. Of a ConsumerGroupDescription, only UserMetadata is used."""
    found = services(request).hubs[hub]
    given = atom.read_description(plain_body(request), "ConsumerGroupDescription")
    return atom.respond(
        _group_entry(request, found, ConsumerGroups(found).create(group, given.get("UserMetadata"))), 201
    )


@managing.delete("/<hub>/consumergroups/<group>")
@operation(
    responses={
        200: Content("deleted, with its offsets"),
        400: "$Default is always there",
        404: _NO_GROUP,
        409: "a worker is reading as this group",
    }
)
def delete_group(request: Request, hub: HubName, group: GroupName) -> Response:
    """Delete a consumer group with its offsets, also that of a relay or window job which no longer runs."""
    found = services(request).hubs[hub]
    ConsumerGroups(found).delete(group, leases_of_group(group, found.partitions))
    return done()


def _group_entry(request: Request, hub: Hub, group: GroupDescription) -> Markup:
    created, updated = group.created_ms, group.updated_ms
    if not created:  # $Default, which is as old as its hub
        created = updated = services(request).hubs.description(hub.name).created_ms
    elements = {
        "CreatedAt": atom_time(created),
        "UpdatedAt": atom_time(updated),
        "UserMetadata": group.metadata,
    }
    content = atom.description("ConsumerGroupDescription", elements)
    id_ = url(request, f"{hub.name}/consumergroups/{group.name}")
    return atom.entry(id_, content, author(request), created, updated)


@watching.get("/<hub>/consumergroups/<group>/partitions")
@operation(responses={200: entry_or_feed("a feed of partitions"), 404: _NO_GROUP})
def list_partitions(request: Request, hub: HubName, group: GroupName) -> Response:
    """List a hub's partitions with their runtime information, as an ATOM feed."""
    found = services(request).hubs[hub]
    path = f"{found.name}/consumergroups/{ConsumerGroups(found)[group].name}/partitions"
    entries = [_partition_entry(request, path, partition) for partition in runtime(found)]
    return atom.feed(url(request, path), url(request, ""), entries)


@watching.get("/<hub>/consumergroups/<group>/partitions/<partition>")
@operation(responses={200: entry_or_feed("the partition"), 404: f"{_NO_GROUP}, or no such partition"})
def get_partition(request: Request, hub: HubName, group: GroupName, partition: PartitionId) -> Response:
    """Show a partition's runtime information, as an ATOM entry."""
    found = services(request).hubs[hub]
    path = f"{found.name}/consumergroups/{ConsumerGroups(found)[group].name}/partitions"
    (information,) = runtime(found, [partition_number(found, partition)])
    return atom.respond(_partition_entry(request, path, information))


def _partition_entry(request: Request, path: str, partition: PartitionRuntime) -> Markup:
    # The service also has OutgoingBytesPerSecond. To count what is read here, each read would have to write.
    elements = {
        "SizeInBytes": partition.bytes,
        "BeginSequenceNumber": partition.first,
        "EndSequenceNumber": partition.next - 1,
        "IncomingBytesPerSecond": partition.in_rate,
        "LastEnqueuedOffset": partition.last_offset or "-1",
        "LastEnqueuedTimeUtc": atom_time(partition.last_ms),
    }
    content = atom.description("PartitionDescription", elements)
    now = now_ms()
    return atom.entry(url(request, f"{path}/{partition.partition}"), content, author(request), now, now)
