"""The format of a session: JSON with tags for some types that JSON does not have, as in Flask.

A value of such a type becomes an object with one key, which begins with a space:

    {"pair": (1, 2), "at": datetime(2026, 3, 1, tzinfo=UTC)}
    {"pair":{" t":[1,2]},"at":{" d":"Sun, 01 Mar 2026 00:00:00 GMT"}}

The keys are " t" tuple, " b" bytes in base64, " m" Markup, " u" UUID in hex, " d" datetime as HTTP writes it, and
" di" a dict that would look like one of these: two underscores are added to its key.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from markupsafe import Markup
from werkzeug.http import http_date, parse_date

_READERS: Mapping[str, Callable[[Any], Any]] = {
    " t": tuple,
    " b": b64decode,
    " m": Markup,
    " u": UUID,
    " d": parse_date,
    " di": lambda value: {key[:-2]: inner for key, inner in value.items()},
}
_PLAIN = frozenset({str, int, float, bool, type(None)})


class TaggedJSON:
    """A serializer for itsdangerous. A datetime comes back in UTC, to the second; a naive one is taken to be in UTC.

    Other types that msgspec encodes come back as what they are in JSON: a Decimal as a string, a set as a list. Types
    that msgspec can't encode raise TypeError.
    """

    @staticmethod
    def dumps(value: Any) -> bytes:
        """Encode, with tags. Raises TypeError for what msgspec does not encode."""
        return msgspec.json.encode(_tag(value))

    @staticmethod
    def loads(data: bytes) -> Any:
        """Decode, and turn what is tagged into its type. Raises ValueError for what is not JSON."""
        value = msgspec.json.decode(data)
        return _untag(value) if b'{" ' in data else value  # most sessions hold no tag: look before walking


def _tag(value: Any) -> Any:
    if type(value) in _PLAIN:
        return value
    match value:
        case dict():
            tagged = {key: _tag(inner) for key, inner in value.items()}
            if len(tagged) == 1 and not _READERS.keys().isdisjoint(tagged):
                return {" di": {f"{key}__": inner for key, inner in tagged.items()}}
            return tagged
        case tuple():
            return {" t": [_tag(item) for item in value]}
        case list():
            return [_tag(item) for item in value]
        case bytes():
            return {" b": b64encode(value).decode()}
        case UUID():
            return {" u": value.hex}
        case datetime():
            return {" d": http_date(value)}
    if callable(getattr(value, "__html__", None)):
        return {" m": str(value.__html__())}
    return value


def _untag(value: Any) -> Any:
    if isinstance(value, list):
        return [_untag(item) for item in value]
    if not isinstance(value, dict):
        return value
    value = {key: _untag(inner) for key, inner in value.items()}
    if len(value) == 1:
        [(key, inner)] = value.items()
        if key in _READERS:
            return _READERS[key](inner)
    return value
