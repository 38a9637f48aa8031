"""Making, changing, showing and deleting hubs, with Manage."""

from __future__ import annotations

from typing import Any

import msgspec
from markupsafe import Markup

from pipeline.hub.description import DAY_MS, MAX_DAYS, Description
from pipeline.hub.log import Hub
from pipeline.hub.namespace import HubExists
from pipeline.hub.runtime import runtime
from pipeline.settings import DEFAULT_PARTITIONS
from wz import Problem, Request, Response
from wz.openapi import Content, operation

from ..services import services
from ..times import atom_time
from . import atom
from .body import plain_body
from .duplicate_detection import duplicate_detection, duplicate_detection_elements
from .management import WRONG_CODING, author, done, entry_or_feed, managing, url
from .parameters import NO_HUB, NewHub, OneHub


@managing.get("/$Resources/Eventhubs")
@operation(responses={200: entry_or_feed("a feed of hubs")})
def list_hubs(request: Request) -> Response:
    """List the hubs, as an ATOM feed."""
    hubs = services(request).hubs
    found = hubs.list()
    entries = [_hub_entry(request, hubs[name], description) for name, description in found.items()]
    return atom.feed(url(request, "$Resources/Eventhubs"), url(request, ""), entries)


@managing.get("/<hub:hub>")
@operation(responses={200: entry_or_feed("the hub"), 404: NO_HUB})
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
        200: entry_or_feed("changed, with If-Match: *"),
        201: entry_or_feed("made"),
        400: "the name, the body or a value in it can't be taken; or another number of partitions",
        404: "with If-Match: there is no such hub",
        409: "there is a hub of this name already, or another request is changing it",
        415: WRONG_CODING,
    },
)
def put_hub(request: Request, hub: NewHub) -> Response:
    """Make a hub, or change it with `If-Match: *`.

    Of an EventHubDescription, these are used: PartitionCount (by default 4; it can't be changed),
    MessageRetentionInDays and UserMetadata; and of Service Bus's descriptions RequiresDuplicateDetection, with
    DuplicateDetectionHistoryTimeWindow (PT10M unless it is given).
    """
    hubs = services(request).hubs
    changes_it = "If-Match" in request.headers
    if not changes_it and hub.lower() in hubs.list():
        # Before the body is read: createQueueIfNotExists of azure-sb sends another kind of body, and goes on after a
        # 409.
        raise HubExists(hub.lower())
    given = atom.read_description(plain_body(request), "EventHubDescription")
    changes: dict[str, Any] = {}
    if (partitions := _number(given, "PartitionCount")) is not None:
        changes["partitions"] = partitions
    if (days := _number(given, "MessageRetentionInDays")) is not None:
        if not 1 <= days <= MAX_DAYS:
            raise Problem(400, f"MessageRetentionInDays must be 1 to {MAX_DAYS}, not {days}.")
        changes["retention_ms"] = days * DAY_MS
    if "UserMetadata" in given:
        changes["metadata"] = given["UserMetadata"]
    if (detection := duplicate_detection(given)) is not None:
        changes["duplicate_detection_ms"] = detection
    if changes_it:
        status, description = 200, hubs.update(hub, lambda old: msgspec.structs.replace(old, **changes))
    else:
        status, description = 201, hubs.create(hub, Description(**{"partitions": DEFAULT_PARTITIONS, **changes}))
    return atom.respond(_hub_entry(request, hubs[hub], description), status)


@managing.delete("/<hub:hub>")
@operation(responses={200: Content("deleted, with its events, groups and offsets"), 404: NO_HUB, 409: "it is in use"})
def delete_hub(request: Request, hub: OneHub) -> Response:
    """Delete a hub with all that it holds."""
    services(request).hubs.delete(hub)
    return done()


def _hub_entry(request: Request, hub: Hub, description: Description) -> Markup:
    settings = hub.settings
    elements = {
        "MessageRetentionInDays": max(1, -(-settings.retention_ms // DAY_MS)) if settings.retention_ms else MAX_DAYS,
        "SizeInBytes": sum(partition.bytes for partition in runtime(hub)),
        "Status": "Active",
        "UserMetadata": description.metadata,
        "CreatedAt": atom_time(description.created_ms),
        "UpdatedAt": atom_time(description.updated_ms),
        "PartitionCount": hub.partitions,
        "PartitionIds": [str(partition) for partition in range(hub.partitions)],
        "EntityAvailabilityStatus": "Available",
        **duplicate_detection_elements(settings.duplicate_detection_ms),
    }
    content = atom.description("EventHubDescription", elements)
    return atom.entry(url(request, hub.name), content, author(request), description.created_ms, description.updated_ms)


def _number(given: dict[str, str], name: str) -> int | None:
    text = given.get(name)
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise Problem(400, f"{name} must be a number, not {text!r}.")
    return int(text)
