"""Reading hubs over HTTP, which Azure's REST does not offer: pages, long polls, server-sent events, stored offsets."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Annotated

import msgspec

from pipeline.hub import Hub, Property, StoredEvent, paging
from pipeline.hub.group_registry import ConsumerGroups
from pipeline.hub.rules import Right
from pipeline.store.offsets import OFFSET
from wz import Blueprint, Problem, Request, Response
from wz.openapi import Content, operation

from ..auth import protect
from ..following import (
    SHARE_TAKEN,
    TOO_MANY,
    After,
    Followed,
    TailQuery,
    Wait,
    begin_after,
    follow,
    take_place,
    too_many_readers,
)
from ..pages import Page
from ..readers import TooManyReaders
from ..services import services
from ..times import json_time
from .parameters import NO_HUB, GroupName, HubName

blueprint = Blueprint("reading", url_prefix="/hubs")
protect(blueprint, hub_paths=True, right=Right.LISTEN)


class EventsQuery(Page):
    after: After = "0"
    wait: Wait = 0


class EventDocument(msgspec.Struct):
    """An event as JSON: `body` if it is text, else `body_base64`; what the sender left out is null.

    `message_id` is there only if the sender gave one.
    """

    sequence_number: int
    offset: str
    enqueued_time: str
    partition_key: str | None
    publisher: str | None
    content_type: str | None
    properties: dict[str, Property]
    body: str | msgspec.UnsetType = msgspec.UNSET
    body_base64: str | msgspec.UnsetType = msgspec.UNSET
    message_id: str | msgspec.UnsetType = msgspec.UNSET


class Events(msgspec.Struct):
    hub: str
    partition: int
    events: list[EventDocument]
    next: str


class Offset(msgspec.Struct, forbid_unknown_fields=True):
    """The offset of the last event that was processed."""

    offset: Annotated[str, msgspec.Meta(pattern=f"^{OFFSET}$", examples=["0"])]


@blueprint.get("/<hub>/partitions/<int:partition>/events")
@operation(
    responses={
        404: f"{NO_HUB}, or no such partition",
        429: SHARE_TAKEN,
        503: TOO_MANY,
    }
)
def events(request: Request, hub: HubName, partition: int, query: EventsQuery) -> Events:
    """Read a page of a partition; `next` is the `after` of the next page.

    With `wait`, a page is answered as soon as there is an event, and an empty page only after so many seconds. A page
    ends when it has about 4 MiB, so it may have fewer events than `limit` although there are more.
    """
    found = services(request).hubs[hub]
    after = _resolved(found, partition, query.after)
    page = paging.page(found, partition, after, query.limit)
    seconds = min(query.wait, request.app.config["MAX_WAIT"])
    if not page and seconds:
        with take_place(request) as place:
            paging.wait(found, partition, after, seconds, place.is_over)
        page = paging.page(found, partition, after, query.limit)
    following = page[-1].offset if page else after
    return Events(found.name, partition, [event_document(stored) for stored in page], following)


@blueprint.get("/<hub>/partitions/<int:partition>/tail")
@operation(
    headers={"Last-Event-ID": str},
    responses={
        200: Content("events as they come; `id` is the offset, `data` the event as JSON", str, "text/event-stream"),
        404: f"{NO_HUB}, or no such partition",
        429: SHARE_TAKEN,
        503: TOO_MANY,
    },
)
def tail(request: Request, hub: HubName, partition: int, query: TailQuery) -> Response:
    """Follow a partition, as server-sent events.

    A client that connects again sends Last-Event-ID, which takes precedence over `after`, and misses nothing that is
    kept. The stream ends after five minutes, or when its token does or the process stops: then the client connects
    again.
    """
    found = services(request).hubs[hub]
    after = _resolved(found, partition, begin_after(request, query.after))

    def page(after: str) -> list[tuple[str, str]]:
        events = paging.page(found, partition, after, 100)
        return [(stored.offset, msgspec.json.encode(event_document(stored)).decode()) for stored in events]

    def wait(after: str, seconds: float, is_over: Callable[[], bool]) -> bool:
        return paging.wait(found, partition, after, seconds, is_over)

    return follow(request, Followed(page, wait), after)


def _resolved(hub: Hub, partition: int, after: str) -> str:
    hub.checked_partition(partition)
    return paging.latest(hub, partition) if after == "@latest" else after


blueprint.errorhandler(TooManyReaders)(too_many_readers)


_offset = operation(responses={404: f"{NO_HUB}, no such consumer group or partition, or no offset is stored"})
_OFFSET_PATH = "/<hub>/consumergroups/<group>/partitions/<int:partition>/offset"


@blueprint.get(_OFFSET_PATH)
@_offset
def get_offset(request: Request, hub: HubName, group: GroupName, partition: int) -> Offset:
    """Read how far a consumer group has come in a partition, as it was stored."""
    stored = ConsumerGroups(services(request).hubs[hub]).reader(group).stored_offset(partition)
    if stored is None:
        raise Problem(404, f"no offset is stored for {group!r} in partition {partition}: begin with after=0")
    return Offset(stored)


@blueprint.put(_OFFSET_PATH)
@_offset
def put_offset(request: Request, hub: HubName, group: GroupName, partition: int, body: Offset) -> Offset:
    """Store how far a consumer group has come in a partition; this may also go back."""
    ConsumerGroups(services(request).hubs[hub]).reader(group).store(partition, body.offset)
    return body


@blueprint.delete(_OFFSET_PATH)
@operation(responses={204: "forgotten", 404: f"{NO_HUB}, no such consumer group or partition, or no offset is stored"})
def delete_offset(request: Request, hub: HubName, group: GroupName, partition: int) -> Response:
    """Forget how far a consumer group has come in a partition."""
    if not ConsumerGroups(services(request).hubs[hub]).reader(group).store(partition, None):
        raise Problem(404, f"no offset is stored for {group!r} in partition {partition}")
    return Response(status=204)


def event_document(stored: StoredEvent) -> EventDocument:
    event = stored.event
    document = EventDocument(
        sequence_number=stored.sequence_number,
        offset=stored.offset,
        enqueued_time=json_time(stored.enqueued_ms),
        partition_key=event.partition_key,
        publisher=event.publisher,
        content_type=event.content_type,
        properties=dict(event.properties),
        message_id=event.message_id or msgspec.UNSET,
    )
    try:
        document.body = event.body.decode()
    except UnicodeDecodeError:
        document.body_base64 = base64.b64encode(event.body).decode()
    return document
