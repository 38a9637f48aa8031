"""Reads the body of a send: one event, with its headers, or a batch of events.

User properties come as headers, whose names reach a WSGI application in upper case (`HTTP_ALERT`): a reader gets them
as `Alert`, and `DeviceId` as `Deviceid`, `x-tag` as `X-Tag`. To the service, names of properties ignore case. A name
whose case matters, or that contains an underscore (nginx drops such headers), needs a batch, where names are kept as
they are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from werkzeug.exceptions import ClientDisconnected

from pipeline.hub.event import MAX_KEY, Event, Property
from pipeline.hub.headers import CONTROL, RESERVED, RESERVED_PREFIXES
from pipeline.hub.upstream_requests import BATCH_TYPE
from wz import Problem, Request

from .batch import NO_BROKER_PROPERTIES, batch, broker_properties
from .charset import as_utf8
from .content_coding import decoded

# As WSGI has them.
_RESERVED = frozenset("HTTP_" + name.upper().replace("-", "_") for name in RESERVED)
_RESERVED_PREFIXES = tuple("HTTP_" + prefix.upper().replace("-", "_") for prefix in RESERVED_PREFIXES)

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_LENGTH = re.compile("[0-9]{1,18}")
_DOUBLE = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")


def single(request: Request) -> Event:
    """Read the body, of any type, as one event, and the headers as its properties."""
    environ = request.environ
    header = environ.get("HTTP_BROKERPROPERTIES")
    broker = NO_BROKER_PROPERTIES if header is None else broker_properties(_text(header))
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


def plain_body(request: Request) -> bytes:
    """Read the body, with its content coding undone. Raises what `whole_body` does, and `decoded`."""
    body = whole_body(request)
    codings = request.environ.get("HTTP_CONTENT_ENCODING")
    return decoded(body, codings, request.max_content_length) if codings else body


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
    """Give the events their publisher, whose name, in any case, is their key: any other key is refused."""
    if len(name) > MAX_KEY or CONTROL.search(name):
        raise Problem(
            400, f"a publisher's name is 1 to {MAX_KEY} characters, without control characters", field="publisher"
        )
    if any(event.partition_key and event.partition_key.lower() != name.lower() for event in events):
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
