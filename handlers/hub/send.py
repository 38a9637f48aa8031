"""The Event Hubs REST dialect: sending."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from pipeline.hub import Event, Hub
from pipeline.hub.publishers import RevokedPublishers
from pipeline.hub.repetition import ALL_STORED
from pipeline.hub.resource import publisher_names
from pipeline.hub.throughput import limits_of
from pipeline.hub.upstream_requests import BATCH_TYPE
from wz import Blueprint, Request, Response
from wz.idempotency import HEADER, LONGEST, PATTERN, REPLAYED
from wz.openapi import Content, operation
from wz.reply import Reply

from .. import metrics
from ..auth import protect, signed_by, token_of
from ..outage import MAY_BE_STORED, NOTHING_CHANGED
from ..services import services
from . import xml_errors
from .event_parser import for_partition, for_publisher, several, single
from .members import BatchItem, BrokerProperties
from .parameters import HubName, PublisherName, partition_number
from .repeated_sends import REPEATED, key_of_request, note_left_out, relay_of

blueprint = Blueprint("hub")
protect(blueprint, hub_paths=True)
xml_errors.speak(blueprint)

PartitionId = Annotated[str, msgspec.Meta(pattern="^(0|[1-9][0-9]{0,3})$", examples=["0"])]

_sends = operation(
    body={BATCH_TYPE: Annotated[list[BatchItem], msgspec.Meta(min_length=1)], "*/*": bytes},
    headers={
        "BrokerProperties": BrokerProperties,
        HEADER: Annotated[
            str,
            msgspec.Meta(
                pattern=PATTERN,
                max_length=LONGEST,
                description="A text that no other request has, like a UUID. Sent again with it, this is stored once",
            ),
        ],
    },
    responses={
        201: Content(
            "the event, or every event of the batch, is stored; or was before, if a header says so",
            headers={
                REPLAYED: f"'true': the request was carried out before, by its {HEADER}",
                REPEATED: "how many of its events were left out, since the hub has them",
            },
        ),
        400: "the batch, BrokerProperties or a name in the path can't be taken; or the event has been in this hub",
        401: "the token is missing, expired, not valid here, or lacks Send; or the publisher is revoked",
        404: "there is no such hub, or no such partition",
        413: "the event or the batch is too large",
        415: "the Content-Encoding, or a batch's charset, is not one that is taken",
        422: f"{HEADER} is no key, or belongs to another request",
        502: f"the connection to the store broke. {MAY_BE_STORED}",
        503: f"the hub is throttled or full, or the store is away or full; {NOTHING_CHANGED}",
        504: f"the store has not answered in time. {MAY_BE_STORED}",
    },
)


@blueprint.post("/<hub>/messages")
@_sends
def send(request: Request, hub: HubName) -> Response:
    """Store one event, or a batch, and only then answer 201 with an empty body, as the service does."""
    target = services(request).hubs[hub]
    return _store(request, target, _sent(request))


@blueprint.post("/<hub>/partitions/<partition>/messages")
@_sends
def send_to_partition(request: Request, hub: HubName, partition: PartitionId) -> Response:
    """Store one event, or a batch, in this partition; partition keys are refused."""
    target = services(request).hubs[hub]
    number = partition_number(target, partition)
    return _store(request, target, for_partition(_sent(request)), number)


@blueprint.post("/<hub>/publishers/<publisher>/messages")
@_sends
def send_as_publisher(request: Request, hub: HubName, publisher: PublisherName) -> Response:
    """Store one event, or a batch, of this publisher, whose name is the partition key; a revoked one is refused."""
    target = services(request).hubs[hub]
    name, names = publisher_names(token_of(request).resource, publisher)
    events = for_publisher(_sent(request), name)
    RevokedPublishers(target).check(*names)
    return _store(request, target, events, publisher=name)


def _sent(request: Request) -> Sequence[Event]:
    return several(request) if _is_batch(request) else [single(request)]


def _is_batch(request: Request) -> bool:
    content_type = request.environ.get("CONTENT_TYPE") or ""
    if len(content_type) <= len(BATCH_TYPE):  # without parameters
        return content_type.lower() == BATCH_TYPE
    return request.mimetype == BATCH_TYPE


def _store(
    request: Request,
    target: Hub,
    events: Sequence[Event],
    partition: int | None = None,
    publisher: str | None = None,
) -> Response:
    rule = signed_by(request)
    key = key_of_request(request, rule)
    limits = limits_of(target, rule, publisher)
    with metrics.counted(target, is_batch=_is_batch(request)):
        appended = target.append(events, partition=partition, relay=relay_of(rule), key=key, limits=limits)
    headers = () if appended == ALL_STORED else tuple(note_left_out(target, rule, appended).items())
    return Reply(b"", 201, xml_errors.XML, headers).as_response(Response)
