"""A batch: a JSON array of events, each with the members that Microsoft's "Send batch events" has.

What would be lost is refused: an item without any of its members, and a member that is unknown, written in another
case, or there twice (members.py).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

import msgspec
from msgspec import UNSET

from pipeline.hub.event import Event
from wz import Problem

from . import members
from .members import BatchItem, BrokerProperties

#: Bytes of a property's value: the service's limit.
MAX_PROPERTY = 32 * 1024

_LINE_BREAKS = b"\t\n\r "

#: For an event that has none.
NO_BROKER_PROPERTIES = BrokerProperties()

_batch = msgspec.json.Decoder(list[BatchItem])
_broker_properties = msgspec.json.Decoder(BrokerProperties)


def batch(body: bytes) -> list[Event]:
    """Read a batch; if one item is wrong, all are refused."""
    try:
        items = _batch.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        members.check_batch(body)
        raise Problem(400, f"the batch is not a JSON array of events: {exc}", field="body") from exc
    if not items:
        raise Problem(400, "the batch holds no event", field="body")
    if not members.is_complete(body, items):
        members.check_batch(body)
    if len(body) > MAX_PROPERTY:  # a smaller body can't have a property that is too large
        _check_properties(items)
    return _events(items)


def broker_properties(header: str) -> BrokerProperties:
    """Read the header BrokerProperties."""
    try:
        text = header.encode()
        found = _broker_properties.decode(text)
        if not members.is_complete(text, found):
            members.check_broker_properties(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as exc:
        members.check_broker_properties(text)
        raise Problem(400, f"'BrokerProperties' is invalid: {exc}", field="BrokerProperties") from exc
    return found


def _events(items: Sequence[BatchItem]) -> list[Event]:
    events: list[Event] = []
    for item in items:  # no call for each: there may be thousands
        body, properties, broker = item.body, item.user_properties, item.broker_properties
        if body is UNSET and properties is UNSET and broker is UNSET:
            index = len(events)
            raise Problem(
                400,
                f"[{index}] has neither Body nor UserProperties nor BrokerProperties: it would be an empty event",
                field=f"[{index}].Body",
            )
        data = body.encode() if body else b""
        if item.is_body_base64:
            data = _from_base64(data, len(events))
        known = broker or NO_BROKER_PROPERTIES
        events.append(Event(data, known.partition_key or None, None, properties or {}, None, known.message_id or None))
    return events


def _from_base64(data: bytes, index: int) -> bytes:
    """Undo base64 (RFC 4648, 4), also in lines, as MIME and many encoders write it (RFC 2045, 6.8)."""
    try:
        return base64.b64decode(data.translate(None, _LINE_BREAKS), validate=True)
    except binascii.Error as exc:
        raise Problem(400, f"[{index}].Body is not base64: {exc}", field=f"[{index}].Body") from exc


def _check_properties(items: Sequence[BatchItem]) -> None:
    for index, item in enumerate(items):
        for name, value in (item.user_properties or {}).items():
            if isinstance(value, str) and len(value) > MAX_PROPERTY // 4 and len(value.encode()) > MAX_PROPERTY:
                place = f"[{index}].UserProperties"
                raise Problem(400, f"{place}: the property {name!r} is larger than 32 KB", field=place)
