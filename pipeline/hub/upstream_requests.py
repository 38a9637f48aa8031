"""Requests to the upstream hub: each carries a single event or a batch.

This module decides on the bytes on the wire; upstream.py sends them. Each event gets the user property `wz-event-id`,
by which a receiver can recognize a repetition: delivery is at least once. This service drops repetitions. It also gets
`wz-hops`, by which this service refuses an event that it has had: see hops.py.

Body, partition key, publisher and user properties are always kept. The content type is kept for an event that goes
alone; an item of a batch has no place for one, so there it becomes the user property `wz-content-type`. A trace goes on
with its event, as the property `traceparent`, and with a batch whose events are all of one trace, as the header.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

import msgspec

from .event import RELAY_ID, Event, Property, StoredEvent
from .headers import CONTROL, may_be_sent
from .hops import HOPS, is_hops, with_hop
from .trace import common_headers

BATCH_TYPE = "application/vnd.microsoft.servicebus.json"

#: Bytes of a request's body that the service takes.
LIMIT = 1024 * 1024

#: The user property with the content type of an event in a batch.
CONTENT_TYPE = "wz-content-type"

#: Bytes of a property's value in a header, and properties in one request: nginx and gunicorn take 8 KiB for a header,
#: 32 KiB for all, and 100 headers.
_VALUE = 4096
_PROPERTIES = 50
_PROPERTIES_BYTES = 16384


#: What a header's value may be for HTTP libraries, which write it as Latin-1.
_LINE = re.compile("[^\x00-\x1f\x7f\u0100-\U0010ffff]*")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An event of the log, and the same as it is sent, with its id. `item` is its JSON in a batch."""

    stored: StoredEvent
    event: Event
    item: bytes = field(default=b"", repr=False)

    @classmethod
    def of(cls, stored: StoredEvent, event_id: str, hop: str) -> Outgoing:
        """Add the event's hop to its properties, and its id, in place of the one that an earlier relay gave it."""
        event, before = stored.event, stored.event.properties
        kept = {name: value for name, value in before.items() if name.lower() != RELAY_ID and not is_hops(name)}
        its = {**kept, RELAY_ID: event_id, HOPS: with_hop(before, hop)}
        return cls(stored, msgspec.structs.replace(event, properties=its))


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """One request: `path` is below the hub's, `events` are what it carries, in order."""

    events: tuple[Outgoing, ...]
    path: str
    headers: dict[str, str]
    body: bytes = field(repr=False)

    def halves(self) -> tuple[UpstreamRequest, UpstreamRequest]:
        """Cut a batch of several events in two."""
        middle = len(self.events) // 2
        return _batch(self.events[:middle]), _batch(self.events[middle:])


def upstream_requests(events: Iterable[Outgoing], *, any_key: bool = False) -> Iterator[UpstreamRequest]:
    """Cut events, in order, into as few requests as possible, each within `LIMIT` bytes as it is sent.

    A batch has consecutive events of one partition key or publisher, since Azure does not document what it does with
    other batches; an event that has a content type, or whose body is not text, goes alone and unchanged. With
    `any_key`, which this service accepts, a batch has consecutive events of any key and type. An event that is too
    large for a batch always goes alone.
    """
    batch: list[Outgoing] = []
    size = 2  # the brackets
    for event in events:
        if not any_key and _goes_alone(event.event) and (single := _single(event)):
            if batch:
                yield _batch(batch)
            yield single
            batch, size = [], 2
            continue
        event = replace(event, item=_item(event.event))
        if len(event.item) + 2 > LIMIT and (single := _single(event)):
            if batch:
                yield _batch(batch)
            yield single
            batch, size = [], 2
            continue
        if batch and (size + len(event.item) + 1 > LIMIT or not _together(batch[-1].event, event.event, any_key)):
            yield _batch(batch)
            batch, size = [], 2
        size += len(event.item) + bool(batch)
        batch.append(event)
    if batch:
        yield _batch(batch)


def _together(first: Event, second: Event, any_key: bool) -> bool:
    if first.publisher != second.publisher:
        return False
    return any_key or first.partition_key == second.partition_key


def _goes_alone(event: Event) -> bool:
    return event.content_type is not None or _text(event.body) is None


def _batch(events: Sequence[Outgoing]) -> UpstreamRequest:
    body = b"[%s]" % b",".join(event.item for event in events)
    headers = {"Content-Type": BATCH_TYPE, **common_headers(event.event for event in events)}
    return UpstreamRequest(tuple(events), _path(events[0].event), headers, body)


def _single(outgoing: Outgoing) -> UpstreamRequest | None:
    """Return a request for one event, properties as headers; None if these don't fit or it looks like a batch."""
    event = outgoing.event
    content_type = event.content_type or "application/octet-stream"
    if not _LINE.fullmatch(content_type):  # none that came by HTTP; but a file may say what it likes
        return None
    headers = {"Content-Type": content_type}
    if content_type.partition(";")[0].strip().lower() == BATCH_TYPE:
        return None
    if broker := _broker_properties(event):
        headers["BrokerProperties"] = json.dumps(broker)  # ASCII, as headers are
    for name, value in event.properties.items():
        text = _header(value)
        if text is None or not may_be_sent(name, text):
            return None
        headers[name] = text
    if len(event.properties) > _PROPERTIES or sum(map(len, headers.values())) > _PROPERTIES_BYTES:
        return None
    if len({name.lower() for name in headers}) < len(headers):  # names that differ in case alone would be one header
        return None
    return UpstreamRequest((outgoing,), _path(event), headers, event.body)


def _path(event: Event) -> str:
    return "messages" if event.publisher is None else f"publishers/{quote(event.publisher, safe='')}/messages"


def _item(event: Event) -> bytes:
    text = _text(event.body)
    item: dict[str, Any] = (
        {"Body": base64.b64encode(event.body).decode(), "IsBodyBase64": True} if text is None else {"Body": text}
    )
    item["UserProperties"] = dict(event.properties)
    if event.content_type is not None:
        item["UserProperties"][CONTENT_TYPE] = event.content_type
    if broker := _broker_properties(event):
        item["BrokerProperties"] = broker
    return msgspec.json.encode(item)


def _broker_properties(event: Event) -> dict[str, str]:
    key = None if event.publisher is not None else event.partition_key  # a publisher's name is its key
    return {name: text for name, text in (("PartitionKey", key), ("MessageId", event.message_id)) if text is not None}


def _header(value: Property) -> str | None:
    """Return a property as a header's value, UTF-8 shown as Latin-1 as HTTP libraries want it; None if it can't be one.

    A text that would be read as a number, or as true or false, gets quotes, as Azure's own clients give them.
    """
    if not isinstance(value, str):
        return None if value is None else msgspec.json.encode(value).decode()
    quotes = '"' if value != value.strip() or value[:1] in ("", '"') or _reads_as_another_type(value) else ""
    encoded = f"{quotes}{value}{quotes}".encode()
    if len(encoded) > _VALUE or CONTROL.search(value):
        return None
    return encoded.decode("latin-1")


def _reads_as_another_type(text: str) -> bool:
    if text.lower() in ("true", "false", "null"):
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True


def _text(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None
