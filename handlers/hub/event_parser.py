"""Reads the body of a send: one event, whose user properties are headers (header_properties.py), or a batch."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pipeline.errors import InvalidValue
from pipeline.hub.event import Event
from pipeline.hub.publisher_name import check_publisher_name
from pipeline.hub.upstream_requests import BATCH_TYPE
from wz import Problem, Request

from .batch import NO_BROKER_PROPERTIES, batch, broker_properties
from .body import plain_body
from .charset import as_utf8
from .header_properties import header_properties, header_text


def single(request: Request) -> Event:
    """Read the body, of any type, as one event, and the headers as its properties."""
    environ = request.environ
    header = environ.get("HTTP_BROKERPROPERTIES")
    broker = NO_BROKER_PROPERTIES if header is None else broker_properties(header_text(header))
    return Event(
        plain_body(request),
        broker.partition_key or None,
        environ.get("CONTENT_TYPE") or None,
        header_properties(environ),
        message_id=broker.message_id or None,
    )


def several(request: Request) -> list[Event]:
    """Read the body as a batch, in any encoding that JSON is sent in."""
    charset = None
    if request.environ.get("CONTENT_TYPE") != BATCH_TYPE:  # then it has parameters, or is in another case
        charset = request.mimetype_params.get("charset")
    return batch(as_utf8(plain_body(request), charset, request.max_content_length))


def for_partition(events: Sequence[Event]) -> Sequence[Event]:
    """Refuse keys: they might select another partition than the path does."""
    if any(event.partition_key is not None for event in events):
        raise Problem(400, "an event sent to a partition can't have a PartitionKey", field="BrokerProperties")
    return events


def for_publisher(events: Sequence[Event], name: str) -> list[Event]:
    """Give the events their publisher, whose name, in any case, is their key: any other key is refused."""
    try:
        check_publisher_name(name)
    except InvalidValue as exc:
        raise Problem(400, str(exc), field=exc.field) from exc
    if any(event.partition_key and event.partition_key.lower() != name.lower() for event in events):
        raise Problem(
            400,
            f"the PartitionKey of a publisher's event must be its name, {name!r}, or be left out",
            field="BrokerProperties",
        )
    return [msgspec.structs.replace(event, partition_key=name, publisher=name) for event in events]
