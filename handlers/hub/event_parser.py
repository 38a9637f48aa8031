"""Reads the body of a send: one event, with its headers, or a batch of events.

User properties come as headers, whose names reach a WSGI application in upper case (`HTTP_ALERT`): a reader gets them
as `Alert`, and `DeviceId` as `Deviceid`, `x-tag` as `X-Tag`. To the service, names of properties ignore case. A name
whose case matters, or that contains an underscore (nginx drops such headers), needs a batch, where names are kept as
they are.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from werkzeug.exceptions import ClientDisconnected

from pipeline.hub.event import MAX_KEY, Event, Property
from pipeline.hub.headers import CONTROL, RESERVED, RESERVED_PREFIXES
from wz import Problem, Request

#: Bytes of a property's value: the service's limit.
MAX_PROPERTY = 32 * 1024

# As WSGI has them.
_RESERVED = frozenset("HTTP_" + name.upper().replace("-", "_") for name in RESERVED)
_RESERVED_PREFIXES = tuple("HTTP_" + prefix.upper().replace("-", "_") for prefix in RESERVED_PREFIXES)

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_LENGTH = re.compile("[0-9]{1,18}")
_DOUBLE = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")


class BrokerProperties(msgspec.Struct, rename="pascal", frozen=True, gc=False):
    """Of the gateway's broker properties, these two have a meaning for a hub; others are ignored."""

    partition_key: Annotated[str, msgspec.Meta(max_length=MAX_KEY)] | None = None
    message_id: Annotated[str, msgspec.Meta(max_length=MAX_KEY)] | None = None


NO_BROKER_PROPERTIES = BrokerProperties()


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
    broker = NO_BROKER_PROPERTIES
    if header is not None:
        try:
            broker = _broker_properties.decode(_text(header))
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise Problem(400, f"'BrokerProperties' is invalid: {exc}", field="BrokerProperties") from exc
    return Event(
        whole_body(request),
        broker.partition_key or None,
        environ.get("CONTENT_TYPE") or None,
        header_properties(environ),
        message_id=broker.message_id or None,
    )


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


def header_properties(environ: Mapping[str, Any]) -> dict[str, Property]:
    """Return the headers that are user properties, by their names in title case."""
    return {name: typed(_text(value)) for key, value in environ.items() if (name := _property_name(key))}


@lru_cache(maxsize=1024)  # clients send the same headers again and again
def _property_name(key: str) -> str:
    """Return the name of the user property that an environ's key stands for; "" for one that is none."""
    if not key.startswith("HTTP_") or key in _RESERVED or key.startswith(_RESERVED_PREFIXES):
        return ""
    return key[5:].replace("_", "-").title()


def typed(text: str) -> Property:
    """Return a header's value as the service types it: an integer of up to 64 bits, a double, a bool, otherwise text.

    Text may be quoted, so that it stays text: `"42"`. A number that does not fit stays text, with all its digits.
    """
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return text[1:-1]
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if _INTEGER.fullmatch(text):
        number = int(text)
        return number if -(2**63) <= number < 2**63 else text
    if _DOUBLE.fullmatch(text) and not text.lstrip("+-").isdecimal():
        double = float(text)
        return double if math.isfinite(double) else text
    return text


def _text(value: str) -> str:
    """Decode a header as UTF-8, which WSGI has decoded as latin-1; a value that is not UTF-8 stays latin-1."""
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode()
    except UnicodeDecodeError:
        return value


def _event(item: BatchItem, index: int) -> Event:
    body, broker = item.body, item.broker_properties or NO_BROKER_PROPERTIES
    data = body.encode() if body else b""
    if item.is_body_base64:
        try:
            data = base64.b64decode(data, validate=True)
        except binascii.Error as exc:
            raise Problem(400, f"item {index}: the Body is not base64: {exc}", field=f"[{index}].Body") from exc
    properties = item.user_properties or {}
    return Event(data, broker.partition_key or None, None, properties, None, broker.message_id or None)


def _check_properties(items: Sequence[BatchItem]) -> None:
    for index, item in enumerate(items):
        for name, value in (item.user_properties or {}).items():
            if isinstance(value, str) and len(value) > MAX_PROPERTY // 4 and len(value.encode()) > MAX_PROPERTY:
                raise Problem(
                    400, f"item {index}: the property {name!r} is larger than 32 KB", field=f"[{index}].UserProperties"
                )
