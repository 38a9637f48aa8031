"""Reads the body of a send: one event, whose user properties are headers (header_properties.py), or a batch."""

from __future__ import annotations

import base64
import binascii
import itertools
import re
from collections.abc import Sequence
from typing import Annotated

import msgspec
from werkzeug.exceptions import ClientDisconnected

from pipeline.hub.event import MAX_KEY, Event, Property
from pipeline.hub.headers import CONTROL
from wz import Problem, Request

from .header_properties import header_properties, header_text

#: Bytes of a property's value: the service's limit.
MAX_PROPERTY = 32 * 1024

_LENGTH = re.compile("[0-9]{1,18}")


class BrokerProperties(msgspec.Struct, rename="pascal", frozen=True, gc=False):
    """Of the gateway's broker properties, only the partition key has a meaning for a hub; others are ignored."""

    partition_key: Annotated[str, msgspec.Meta(max_length=MAX_KEY)] | None = None


class BatchItem(msgspec.Struct, rename="pascal", gc=False):
    """One event of a batch. Everything may be left out: some clients omit even the body."""

    body: str | None = ""
    user_properties: dict[str, Property] | None = None
    broker_properties: BrokerProperties | None = None
    is_body_base64: bool = msgspec.field(name="IsBodyBase64", default=False)


_batch = msgspec.json.Decoder(list[BatchItem])
_broker_properties = msgspec.json.Decoder(BrokerProperties)


def single(request: Request) -> Event:
    """Read the body, of any type, as one event, and the headers as its properties."""
    environ = request.environ
    header = environ.get("HTTP_BROKERPROPERTIES")
    key = None
    if header is not None:
        try:
            key = _broker_properties.decode(header_text(header)).partition_key
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise Problem(400, f"'BrokerProperties' is invalid: {exc}", field="BrokerProperties") from exc
    return Event(whole_body(request), key or None, environ.get("CONTENT_TYPE") or None, header_properties(environ))


def batch(body: bytes) -> list[Event]:
    """Read a batch; if one item is wrong, all are refused."""
    try:
        items = _batch.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise Problem(400, f"the batch is not a JSON array of events: {exc}", field="body") from exc
    if not items:
        raise Problem(400, "the batch holds no event", field="body")
    if len(body) > MAX_PROPERTY:  # a smaller body can't have a property that is too large
        _check_properties(items)
    return list(map(_event, items, itertools.count()))


def whole_body(request: Request) -> bytes:
    """Read the body. Raises `ClientDisconnected` if it ends before its announced length."""
    body = bytes(request.get_data())
    length = request.environ.get("CONTENT_LENGTH", "")
    if _LENGTH.fullmatch(length) and len(body) < int(length):
        raise ClientDisconnected
    return body


def for_partition(events: Sequence[Event]) -> Sequence[Event]:
    """Refuse keys: they might select another partition than the path does."""
    if any(event.partition_key is not None for event in events):
        raise Problem(400, "an event sent to a partition can't have a PartitionKey", field="BrokerProperties")
    return events


def for_publisher(events: Sequence[Event], name: str) -> list[Event]:
    """Give the events their publisher, whose name is their key: any other key is refused."""
    if len(name) > MAX_KEY or CONTROL.search(name):
        raise Problem(
            400, f"a publisher's name is 1 to {MAX_KEY} characters, without control characters", field="publisher"
        )
    if any(event.partition_key not in (None, name) for event in events):
        raise Problem(
            400,
            f"the PartitionKey of a publisher's event must be its name, {name!r}, or be left out",
            field="BrokerProperties",
        )
    return [msgspec.structs.replace(event, partition_key=name, publisher=name) for event in events]


def _event(item: BatchItem, index: int) -> Event:
    body, broker = item.body, item.broker_properties
    data = body.encode() if body else b""
    if item.is_body_base64:
        try:
            data = base64.b64decode(data, validate=True)
        except binascii.Error as exc:
            raise Problem(400, f"item {index}: the Body is not base64: {exc}", field=f"[{index}].Body") from exc
    return Event(data, (broker.partition_key or None) if broker else None, None, item.user_properties or {})


def _check_properties(items: Sequence[BatchItem]) -> None:
    for index, item in enumerate(items):
        for name, value in (item.user_properties or {}).items():
            if isinstance(value, str) and len(value) > MAX_PROPERTY // 4 and len(value.encode()) > MAX_PROPERTY:
                raise Problem(
                    400, f"item {index}: the property {name!r} is larger than 32 KB", field=f"[{index}].UserProperties"
                )
