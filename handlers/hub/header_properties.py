"""The user properties of a single event: those headers of its request that have no other meaning.

A property has the name under which its header was sent, where the server tells it (`SENT_HEADERS`: the gunicorn of
deploy/ does). Another server has WSGI's names alone, in upper case and without those that contain `_`: there it is in
title case, `Deviceid` for `DeviceId`, and `device_id` is lost. handlers/wsgi.py warns of it at the start.

Names ignore case. Of a header that was sent several times, in any case, there is one property, with the name of the
first and all values, joined by a comma: HTTP says that these are one header (RFC 9110, 5.3), and any proxy may have
joined them already.
"""

from __future__ import annotations

import logging
import math
import os
import re
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from pipeline.hub.event import Property
from pipeline.hub.headers import is_property

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

logger = logging.getLogger(__name__)

#: The environ's key for pairs of a header's name and its value, as they were sent; of deploy/header_names.py. A client
#: can't make it: what it sends has keys that begin with `HTTP_`. Nothing but properties may be read from it: names that
#: WSGI takes for one are several there, and those that a server drops for safety are there as well.
SENT_HEADERS = "wz.headers"

#: The variable by which the server says that it has this key.
_SERVER_HAS_IT = "WSGI_HEADERS_AS_SENT"

_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")
_DOUBLE = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
#: Digits of the texts that may be doubles: one with more than 17 that matter is none (IEEE 754), zeros may follow.
_MOST_DIGITS = 40


def header_properties(environ: WSGIEnvironment) -> dict[str, Property]:
    """Return the headers that are user properties, by their names."""
    headers: Iterable[tuple[str, str]] | None = environ.get(SENT_HEADERS)
    found: dict[str, tuple[str, list[str]]] = {}  # by the name in lower case
    for name, value in _titled(environ) if headers is None else headers:
        if is_property(name, value):
            found.setdefault(name.lower(), (name, []))[1].append(header_text(value))
    return {name: typed(texts[0]) if len(texts) == 1 else ", ".join(texts) for name, texts in found.values()}


def warn_of_server() -> None:
    """Say in the log if the server that has loaded the app does not tell headers as they were sent."""
    if os.environ.get(_SERVER_HAS_IT) != SENT_HEADERS:
        logger.warning(
            "this server tells no header as it was sent: a user property in a header gets its name in title case, and "
            "is lost if the name has an underscore. In a batch it is kept, and under `python -m deploy.serve` anywhere"
        )


def typed(text: str) -> Property:
    """Return a header's value as the service types it: an integer of up to 64 bits, a double, a bool, otherwise text.

    Text may be quoted, so that it stays text: `"42"`. So does a number that would be another one, or lose what it is
    written with, such as `007`, `+49`, or one with more digits than a double has.
    """
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return text[1:-1]
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if _INTEGER.fullmatch(text):
        number = int(text)
        return number if -(2**63) <= number < 2**63 else text
    if len(text) <= _MOST_DIGITS and _DOUBLE.fullmatch(text) and not text.lstrip("-").isdecimal():
        double = float(text)
        return double if math.isfinite(double) and Decimal(repr(double)) == Decimal(text) else text
    return text


def header_text(value: str) -> str:
    """Decode a header as UTF-8, which WSGI has decoded as latin-1; a value that is not UTF-8 stays latin-1."""
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode()
    except UnicodeDecodeError:
        return value


def _titled(environ: WSGIEnvironment) -> Iterable[tuple[str, str]]:
    return [(_title(key), value) for key, value in environ.items() if key.startswith("HTTP_")]


@lru_cache(maxsize=1024)  # clients send the same headers again and again
def _title(key: str) -> str:
    return key[5:].replace("_", "-").title()
