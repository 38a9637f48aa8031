"""The Event Hubs REST dialect: sending, and reading back, which the service itself can't by REST."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import msgspec

from pipeline.hub.log import Event, Property, StoredEvent
from pipeline.hub.publishers import RevokedPublishers
from pipeline.hub.upstream import BATCH_TYPE
from wz import Blueprint, Problem, Request, Response
from wz.openapi import operation

from . import servicebus
from .auth import protect
from .hub_events import MAX_KEY, BatchItem, BrokerProperties, batch, for_partition, for_publisher, single
from .pages import Page
from .services import services

NO_HUB = "there is no such hub"

blueprint = Blueprint("hub")
protect(blueprint, hub_paths=True)
servicebus.speak(blueprint)

reading = Blueprint("reading")
protect(reading, hub_paths=True)


HubName = Annotated[str, msgspec.Meta(description="In any case", examples=["events"])]
PartitionId = Annotated[str, msgspec.Meta(pattern="^(0|[1-9][0-9]{0,3})$", examples=["0"])]
PublisherName = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_KEY, examples=["device-1"])]

_sends = operation(
    body={BATCH_TYPE: Annotated[list[BatchItem], msgspec.Meta(min_length=1)], "*/*": bytes},
    headers={"BrokerProperties": BrokerProperties},
    responses={
        201: "the event, or every event of the batch, is stored",
        400: "the batch, BrokerProperties or a name in the path can't be taken",
        401: "the token is missing, expired, not valid here, or lacks Send; or the publisher is revoked",
        404: "there is no such hub, or no such partition",
        413: "the event or the batch is too large",
        503: "the hub is throttled or full, or the store is away: send again after Retry-After seconds",
    },
)


class EventDocument(msgspec.Struct):
    """An event as JSON: `body` if it is text, else `body_base64`; what the sender left out is null."""

    sequence_number: int
    offset: str
    enqueued_time: str
    partition_key: str | None
    content_type: str | None
    properties: dict[str, Property]
    body: str | msgspec.UnsetType = msgspec.UNSET
    body_base64: str | msgspec.UnsetType = msgspec.UNSET


class Events(msgspec.Struct):
    hub: str
    partition: int
    events: list[EventDocument]
    next: str


@blueprint.post("/<hub>/messages")
@_sends
def send(request: Request, hub: HubName) -> Response:
    """Store one event, or a batch, and only then answer 201 with an empty body, as the service does."""
    target = services(request).hubs[hub]
    target.append(_sent(request))
    return _created()


@blueprint.post("/<hub>/partitions/<partition>/messages")
@_sends
def send_to_partition(request: Request, hub: HubName, partition: PartitionId) -> Response:
    """Store one event, or a batch, in this partition; keys are refused."""
    target = services(request).hubs[hub]
    if not (partition.isascii() and partition.isdecimal() and len(partition) <= 4):
        raise Problem(404, f"hub {target.name!r} has the partitions 0 to {target.partitions - 1}, not {partition!r}")
    target.append(for_partition(_sent(request)), partition=int(partition))
    return _created()


@blueprint.post("/<hub>/publishers/<publisher>/messages")
@_sends
def send_as_publisher(request: Request, hub: HubName, publisher: PublisherName) -> Response:
    """Store one event, or a batch, of this publisher, whose name is the key; one that is revoked is refused."""
    target = services(request).hubs[hub]
    events = for_publisher(_sent(request), publisher)
    RevokedPublishers(target).check(publisher)
    target.append(events)
    return _created()


def _sent(request: Request) -> Sequence[Event]:
    return batch(request.get_data()) if request.mimetype == BATCH_TYPE else [single(request)]


def _created() -> Response:
    return Response(status=201, content_type=servicebus.XML)


@reading.get("/hubs/<hub>/partitions/<int:partition>/events")
@operation(responses={404: f"{NO_HUB}, or no such partition"})
def events(request: Request, hub: HubName, partition: int, query: Page) -> Events:
    """Read a page of a partition; `next` is the `after` of the page that follows."""
    page = services(request).hubs[hub].read(partition, query.after, query.limit)
    next_ = page[-1].offset if page else query.after
    return Events(hub.lower(), partition, [event_document(stored) for stored in page], next_)


def event_document(stored: StoredEvent) -> EventDocument:
    event = stored.event
    document = EventDocument(
        sequence_number=stored.sequence_number,
        offset=stored.offset,
        enqueued_time=datetime.fromtimestamp(stored.enqueued_ms / 1000, UTC).isoformat(timespec="milliseconds"),
        partition_key=event.partition_key,
        content_type=event.content_type,
        properties=dict(event.properties),
    )
    try:
        document.body = event.body.decode()
    except UnicodeDecodeError:
        document.body_base64 = base64.b64encode(event.body).decode()
    return document
