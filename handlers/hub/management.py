"""Hubs, consumer groups, revoked publishers and runtime information, as the service's management clients see them.

Microsoft calls this dialect obsolete, and has another in its place; published clients still speak it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, cast

import msgspec
from markupsafe import Markup
from werkzeug.routing import BaseConverter

from pipeline.errors import InvalidValue
from pipeline.hub.description import DAY_MS, MAX_DAYS, RESERVED, Description
from pipeline.hub.group_registry import ConsumerGroups, GroupDescription
from pipeline.hub.log import Hub
from pipeline.hub.namespace import HubExists
from pipeline.hub.publishers import RevokedPublishers
from pipeline.hub.runtime import PartitionRuntime, runtime
from pipeline.hub.sas import Right
from pipeline.windows.jobs.job import leases_of_group
from wz import App, Blueprint, Problem, Request, Response
from wz.context import current_request
from wz.openapi import Content, operation

from ..auth import protect
from ..services import services
from . import atom
from . import xml_errors as servicebus
from .read import NO_HUB, GroupName, HubName
from .sent_events import MAX_KEY

#: Partitions of a hub whose maker does not say how many.
PARTITIONS = 4

_OWN = "|".join(map(re.escape, sorted(RESERVED)))
_HUB = rf"^(?!({_OWN})$)[^/]+$"

OneHub = Annotated[str, msgspec.Meta(pattern=_HUB, description="In any case", examples=["events"])]
NewHub = Annotated[str, msgspec.Meta(pattern=_HUB, description="In any case", examples=["orders"])]
Publisher = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_KEY, examples=["device-1"])]
PartitionId = Annotated[str, msgspec.Meta(examples=["0"])]

_NO_GROUP = f"{NO_HUB}, or no such consumer group"

managing = Blueprint("management")
protect(managing, hub_paths=True, right=Right.MANAGE)
servicebus.speak(managing)

watching = Blueprint("runtime")
protect(watching, hub_paths=True, right=Right.LISTEN)
servicebus.speak(watching)


class HubConverter(BaseConverter):
    """A path of one segment that is a hub's: anything but what the service keeps for itself."""

    regex = rf"(?!(?:{_OWN})\Z)[^/]+"


def register(app: App) -> None:
    app.url_map.converters["hub"] = HubConverter
    app.register(managing)
    app.register(watching)


@managing.errorhandler(InvalidValue)
def invalid_value(exc: InvalidValue) -> Response:
    request = cast("Request", current_request())  # error handlers are called while one is answered
    return servicebus.respond(request, 400, f"SubCode=40000. {exc}.")


def _entry(status: int, text: str) -> Content:
    return Content(text, bytes, "application/atom+xml")


# -- hubs --------------------------------------------------------------------------------------------------------------


@managing.get("/$Resources/Eventhubs")
@operation(responses={200: _entry(200, "a feed of hubs")})
def list_hubs(request: Request) -> Response:
    """List the hubs, as an ATOM feed."""
    hubs = services(request).hubs
    found = hubs.list()
    entries = [_hub_entry(request, hubs[name], description) for name, description in found.items()]
    return atom.feed(_url(request, "$Resources/Eventhubs"), _url(request, ""), entries)


@managing.get("/<hub:hub>")
@operation(responses={200: _entry(200, "the hub"), 404: NO_HUB})
def get_hub(request: Request, hub: OneHub) -> Response:
    """Show a hub, as an ATOM entry."""
    hubs = services(request).hubs
    description = hubs.description(hub)  # first, since it asks Redis
    return atom.respond(_hub_entry(request, hubs[hub], description))


@managing.put("/<hub:hub>")
@operation(
    headers={"If-Match": str},
    body={"application/atom+xml": bytes},
    responses={
        200: _entry(200, "changed, with If-Match: *"),
        201: _entry(201, "made"),
        400: "the name, the body or a value in it can't be taken; or another number of partitions",
        404: "with If-Match: there is no such hub",
        409: "there is a hub of this name already, or somebody else is changing it",
    },
)
def put_hub(request: Request, hub: NewHub) -> Response:
    """Make a hub, or with `If-Match: *` change it.

    Of an EventHubDescription, PartitionCount (4 unless it is there; for life), MessageRetentionInDays and UserMetadata
    count.
    """
    hubs = services(request).hubs
    changes_it = "If-Match" in request.headers
    if not changes_it and hub.lower() in hubs.list():
        # Before its body is read: createQueueIfNotExists of azure-sb sends another's, and goes on after a 409.
        raise HubExists(hub.lower())
    given = atom.read_description(request.get_data(), "EventHubDescription")
    changes: dict[str, Any] = {}
    if (partitions := _number(given, "PartitionCount")) is not None:
        changes["partitions"] = partitions
    if (days := _number(given, "MessageRetentionInDays")) is not None:
        if not 1 <= days <= MAX_DAYS:
            raise Problem(400, f"MessageRetentionInDays must be 1 to {MAX_DAYS}, not {days}.")
        changes["retention_ms"] = days * DAY_MS
    if "UserMetadata" in given:
        changes["metadata"] = given["UserMetadata"]
    if changes_it:
        status, description = 200, hubs.update(hub, lambda old: msgspec.structs.replace(old, **changes))
    else:
        status, description = 201, hubs.create(hub, Description(**{"partitions": PARTITIONS, **changes}))
    return atom.respond(_hub_entry(request, hubs[hub], description), status)


@managing.delete("/<hub:hub>")
@operation(responses={200: Content("deleted, with its events, groups and offsets"), 404: NO_HUB, 409: "it is in use"})
def delete_hub(request: Request, hub: OneHub) -> Response:
    """Delete a hub with all that it holds."""
    services(request).hubs.delete(hub)
    return _done()


def _hub_entry(request: Request, hub: Hub, description: Description) -> Markup:
    settings = hub.settings
    elements = {
        "MessageRetentionInDays": max(1, -(-settings.retention_ms // DAY_MS)) if settings.retention_ms else MAX_DAYS,
        "SizeInBytes": sum(partition.bytes for partition in runtime(hub)),
        "Status": "Active",
        "UserMetadata": description.metadata,
        "CreatedAt": atom.time_text(description.created_ms),
        "UpdatedAt": atom.time_text(description.updated_ms),
        "PartitionCount": hub.partitions,
        "PartitionIds": [str(partition) for partition in range(hub.partitions)],
        "EntityAvailabilityStatus": "Available",
    }
    content = atom.description("EventHubDescription", elements)
    return atom.entry(
        _url(request, hub.name), content, _author(request), description.created_ms, description.updated_ms
    )


# -- consumer groups ---------------------------------------------------------------------------------------------------


@managing.get("/<hub>/consumergroups")
@operation(responses={200: _entry(200, "a feed of consumer groups"), 404: NO_HUB})
def list_groups(request: Request, hub: HubName) -> Response:
    """List a hub's consumer groups, as an ATOM feed."""
    found = services(request).hubs[hub]
    entries = [_group_entry(request, found, group) for group in ConsumerGroups(found).list().values()]
    return atom.feed(_url(request, f"{found.name}/consumergroups"), _url(request, ""), entries)


@managing.get("/<hub>/consumergroups/<group>")
@operation(responses={200: _entry(200, "the consumer group"), 404: _NO_GROUP})
def get_group(request: Request, hub: HubName, group: GroupName) -> Response:
    """Show a consumer group, as an ATOM entry."""
    found = services(request).hubs[hub]
    return atom.respond(_group_entry(request, found, ConsumerGroups(found)[group]))


@managing.put("/<hub>/consumergroups/<group>")
@operation(
    body={"application/atom+xml": bytes},
    responses={
        201: _entry(201, "made"),
        400: "the name or the body can't be taken",
        404: NO_HUB,
        409: "there is a consumer group of this name already",
    },
)
def put_group(request: Request, hub: HubName, group: GroupName) -> Response:
    """Make a consumer group. Of a ConsumerGroupDescription, UserMetadata counts."""
    found = services(request).hubs[hub]
    given = atom.read_description(request.get_data(), "ConsumerGroupDescription")
    return atom.respond(
        _group_entry(request, found, ConsumerGroups(found).create(group, given.get("UserMetadata"))), 201
    )


@managing.delete("/<hub>/consumergroups/<group>")
@operation(
    responses={
        200: Content("deleted, with its offsets"),
        400: "$Default is always there",
        404: _NO_GROUP,
        409: "a worker reads for it",
    }
)
def delete_group(request: Request, hub: HubName, group: GroupName) -> Response:
    """Delete a consumer group with its offsets; also that of a relay or window job that is no more."""
    found = services(request).hubs[hub]
    ConsumerGroups(found).delete(group, leases_of_group(group, found.partitions))
    return _done()


def _group_entry(request: Request, hub: Hub, group: GroupDescription) -> Markup:
    created, updated = group.created_ms, group.updated_ms
    if not created:  # $Default, which is as old as its hub
        created = updated = services(request).hubs.description(hub.name).created_ms
    elements = {
        "CreatedAt": atom.time_text(created),
        "UpdatedAt": atom.time_text(updated),
        "UserMetadata": group.metadata,
    }
    content = atom.description("ConsumerGroupDescription", elements)
    url = _url(request, f"{hub.name}/consumergroups/{group.name}")
    return atom.entry(url, content, _author(request), created, updated)


# -- partitions --------------------------------------------------------------------------------------------------------


@watching.get("/<hub>/consumergroups/<group>/partitions")
@operation(responses={200: _entry(200, "a feed of partitions"), 404: _NO_GROUP})
def list_partitions(request: Request, hub: HubName, group: GroupName) -> Response:
    """List a hub's partitions with their runtime information, as an ATOM feed."""
    found = services(request).hubs[hub]
    path = f"{found.name}/consumergroups/{ConsumerGroups(found)[group].name}/partitions"
    entries = [_partition_entry(request, path, partition) for partition in runtime(found)]
    return atom.feed(_url(request, path), _url(request, ""), entries)


@watching.get("/<hub>/consumergroups/<group>/partitions/<partition>")
@operation(responses={200: _entry(200, "the partition"), 404: f"{_NO_GROUP}, or no such partition"})
def get_partition(request: Request, hub: HubName, group: GroupName, partition: PartitionId) -> Response:
    """Show a partition's runtime information, as an ATOM entry."""
    found = services(request).hubs[hub]
    path = f"{found.name}/consumergroups/{ConsumerGroups(found)[group].name}/partitions"
    if not (partition.isascii() and partition.isdecimal() and len(partition) <= 4):
        raise Problem(404, f"Hub {found.name!r} has the partitions 0 to {found.partitions - 1}, not {partition!r}.")
    (information,) = runtime(found, [int(partition)])
    return atom.respond(_partition_entry(request, path, information))


def _partition_entry(request: Request, path: str, partition: PartitionRuntime) -> Markup:
    # The service has OutgoingBytesPerSecond, too. To count what is read here, each read would have to write.
    elements = {
        "SizeInBytes": partition.bytes,
        "BeginSequenceNumber": partition.first,
        "EndSequenceNumber": partition.next - 1,
        "IncomingBytesPerSecond": partition.in_rate,
        "LastEnqueuedOffset": partition.last_offset or "-1",
        "LastEnqueuedTimeUtc": atom.time_text(partition.last_ms),
    }
    content = atom.description("PartitionDescription", elements)
    now = int(datetime.now(UTC).timestamp() * 1000)
    return atom.entry(_url(request, f"{path}/{partition.partition}"), content, _author(request), now, now)


# -- revoked publishers ------------------------------------------------------------------------------------------------


@managing.get("/<hub>/revokedpublishers")
@operation(responses={200: _entry(200, "a feed of publishers"), 404: NO_HUB})
def list_revoked(request: Request, hub: HubName) -> Response:
    """List the publishers who may not send, as an ATOM feed."""
    found = services(request).hubs[hub]
    entries = [_revoked_entry(request, found, name) for name in RevokedPublishers(found).names()]
    return atom.feed(_url(request, f"{found.name}/revokedpublishers"), _url(request, ""), entries)


@managing.get("/<hub>/revokedpublishers/<publisher>")
@operation(responses={200: _entry(200, "the publisher"), 404: f"{NO_HUB}, or the publisher is not revoked"})
def get_revoked(request: Request, hub: HubName, publisher: Publisher) -> Response:
    """Show a publisher who may not send, as an ATOM entry."""
    found = services(request).hubs[hub]
    if publisher not in RevokedPublishers(found):
        raise Problem(404, f"The publisher {publisher!r} is not revoked.")
    return atom.respond(_revoked_entry(request, found, publisher))


@managing.put("/<hub>/revokedpublishers/<publisher>")
@operation(
    body={"application/atom+xml": bytes},
    responses={
        201: _entry(201, "revoked"),
        400: "the name or the body can't be taken, or they name two publishers",
        404: NO_HUB,
    },
)
def revoke(request: Request, hub: HubName, publisher: Publisher) -> Response:
    """Let a publisher send no more. Of a RevokedPublisherDescription, Name counts: it must be the one in the path."""
    found = services(request).hubs[hub]
    if len(publisher) > MAX_KEY or not publisher.isprintable():
        raise Problem(400, f"A publisher's name is 1 to {MAX_KEY} characters that can be printed.")
    given = atom.read_description(request.get_data(), "RevokedPublisherDescription")
    if given.get("Name", publisher).lower() != publisher.lower():
        raise Problem(400, f"The body names the publisher {given['Name']!r}, the path {publisher!r}.")
    RevokedPublishers(found).revoke(publisher)
    return atom.respond(_revoked_entry(request, found, publisher), 201)


@managing.delete("/<hub>/revokedpublishers/<publisher>")
@operation(responses={200: Content("may send again"), 404: f"{NO_HUB}, or the publisher is not revoked"})
def resume(request: Request, hub: HubName, publisher: Publisher) -> Response:
    """Let a publisher send again."""
    if not RevokedPublishers(services(request).hubs[hub]).resume(publisher):
        raise Problem(404, f"The publisher {publisher!r} is not revoked.")
    return _done()


def _revoked_entry(request: Request, hub: Hub, publisher: str) -> Markup:
    content = atom.description("RevokedPublisherDescription", {"Name": publisher})
    now = int(datetime.now(UTC).timestamp() * 1000)
    return atom.entry(_url(request, f"{hub.name}/revokedpublishers/{publisher}"), content, _author(request), now, now)


# -- all of them -------------------------------------------------------------------------------------------------------


def _number(given: dict[str, str], name: str) -> int | None:
    text = given.get(name)
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise Problem(400, f"{name} must be a number, not {text!r}.")
    return int(text)


def _url(request: Request, path: str) -> str:
    return f"{request.host_url}{path}"


def _author(request: Request) -> str:
    return services(request).host.partition(".")[0]


def _done() -> Response:
    return Response(status=200, content_type=servicebus.XML)
