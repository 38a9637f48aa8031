"""The Event Hubs REST dialect: sending, and reading back, which the service itself can't by REST."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Annotated

import msgspec

from pipeline.hub.log import Event, Property, StoredEvent
from pipeline.hub.upstream import BATCH_TYPE
from wz import Blueprint, Problem, Request, Response
from wz.openapi import operation

from .auth import protect
from .pages import Page
from .services import services

#: Characters of a partition key, as in Microsoft's SDKs (MAX_PARTITION_KEY_LENGTH).
MAX_KEY = 128

NO_HUB = "there is no such hub"

blueprint = Blueprint("hub")
protect(blueprint, hub_paths=True)


HubName = Annotated[str, msgspec.Meta(description="In any case", examples=["events"])]


class BrokerProperties(msgspec.Struct, rename="pascal", frozen=True):
    """Of what the gateway knows, only the partition key means anything to a hub; unknown names are ignored."""

    partition_key: Annotated[str, msgspec.Meta(max_length=MAX_KEY)] | None = None


class BatchItem(msgspec.Struct, rename="pascal"):
    """One event of a batch. Real clients leave out the body, too."""

    body: str = ""
    user_properties: dict[str, Property] = {}
    broker_properties: BrokerProperties = BrokerProperties()
    is_body_base64: bool = msgspec.field(name="IsBodyBase64", default=False)


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


_batch = msgspec.json.Decoder(list[BatchItem])
_broker_properties = msgspec.json.Decoder(BrokerProperties)


@blueprint.post("/<hub>/messages")
@operation(
    body={BATCH_TYPE: Annotated[list[BatchItem], msgspec.Meta(min_length=1)], "*/*": bytes},
    headers={"BrokerProperties": BrokerProperties},
    responses={
        201: "the event, or every event of the batch, is stored",
        400: "the batch or BrokerProperties can't be read; `field` names the part",
        404: NO_HUB,
    },
)
def send(request: Request, hub: HubName) -> Response:
    """Store one event, or a batch, and only then answer 201 with an empty body, as the service does."""
    target = services(request).hubs[hub]
    if request.mimetype == BATCH_TYPE:
        target.append(batch(request.get_data()))
    else:
        target.append([single(request)])
    return Response(status=201, content_type="application/xml; charset=utf-8")


@blueprint.get("/hubs/<hub>/partitions/<int:partition>/events")
@operation(responses={404: f"{NO_HUB}, or no such partition"})
def events(request: Request, hub: HubName, partition: int, query: Page) -> Events:
    """Read a page of a partition; `next` is the `after` of the page that follows."""
    page = services(request).hubs[hub].read(partition, query.after, query.limit)
    next_ = page[-1].offset if page else query.after
    return Events(hub.lower(), partition, [event_document(stored) for stored in page], next_)


def single(request: Request) -> Event:
    """Read the body, whatever its type, as one event."""
    header = request.headers.get("BrokerProperties")
    key = None
    if header is not None:
        try:
            key = _broker_properties.decode(header.encode("latin-1")).partition_key  # UTF-8, which WSGI shows so
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise Problem(400, f"'BrokerProperties' is invalid: {exc}", field="BrokerProperties") from exc
    return Event(request.get_data(), partition_key=key or None, content_type=request.headers.get("Content-Type"))


def batch(body: bytes) -> list[Event]:
    """Read a batch; one wrong item refuses all of them."""
    try:
        items = _batch.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise Problem(400, f"the batch is not a JSON array of events: {exc}", field="body") from exc
    if not items:
        raise Problem(400, "the batch holds no event", field="body")
    return [_event(item, index) for index, item in enumerate(items)]


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


def _event(item: BatchItem, index: int) -> Event:
    body = item.body.encode()
    if item.is_body_base64:
        try:
            body = base64.b64decode(body, validate=True)
        except binascii.Error as exc:
            raise Problem(400, f"item {index}: the Body is not base64: {exc}", field=f"[{index}].Body") from exc
    return Event(body, item.broker_properties.partition_key or None, properties=item.user_properties)
