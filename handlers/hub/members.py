"""The members of the dialect's JSON objects: none unknown, twice, or in another case; no text with half a character.

msgspec reads quickly, but of what it leaves out, or why a text can't be read, it says too little. `is_complete` tells
whether anything was left out; only then, or after an error, the text is read once more, with the standard library.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from pipeline.hub.event import MAX_KEY, Property
from wz import Problem

_encode = msgspec.json.Encoder().encode


class BrokerProperties(msgspec.Struct, rename="pascal", frozen=True, gc=False):
    """The broker properties that the gateway knows: Microsoft's "Message headers and properties".

    Only the first two have a meaning for a hub. The others are ignored, and so are all that are not known.
    """

    partition_key: Annotated[str, msgspec.Meta(max_length=MAX_KEY)] | UnsetType | None = UNSET
    message_id: Annotated[str, msgspec.Meta(max_length=MAX_KEY)] | UnsetType | None = UNSET
    correlation_id: Any = UNSET
    force_persistence: Any = UNSET
    label: Any = UNSET
    reply_to: Any = UNSET
    reply_to_session_id: Any = UNSET
    scheduled_enqueue_time_utc: Any = UNSET
    session_id: Any = UNSET
    time_to_live: Any = UNSET
    time_to_live_time_span: Any = UNSET
    to: Any = UNSET
    via_partition_key: Any = UNSET


class BatchItem(msgspec.Struct, rename="pascal", gc=False):
    """One event of a batch: a body, user properties or broker properties. Some clients omit even the body."""

    body: str | UnsetType | None = UNSET
    user_properties: dict[str, Property] | UnsetType | None = UNSET
    broker_properties: BrokerProperties | UnsetType | None = UNSET
    is_body_base64: bool | UnsetType = msgspec.field(name="IsBodyBase64", default=UNSET)


_ITEM, _BROKER = (
    tuple(field.encode_name for field in msgspec.structs.fields(struct)) for struct in (BatchItem, BrokerProperties)
)
_BY_LOWER = {name.lower(): name for name in (*_ITEM, *_BROKER)}


class _Members(list[tuple[str, Any]]):
    """An object as it was written: its members in order, also those that are there twice."""


def is_complete(text: bytes, read: object) -> bool:
    """Say whether what was read from a JSON text has all of its members.

    It has if it has as many strings when it is written again: a member that was dropped takes its name with it. That is
    so if there are as many quotation marks, unless one was written as an escape. Costs about as much as reading.
    """
    try:
        again = _encode(read)
    except RecursionError:  # of a value that is ignored, and that was just not too deep to be read
        return False
    if text == again:  # from a relay, for example; it costs nothing where even the lengths differ
        return True
    if text.count(b'"') == again.count(b'"') and not (b"\\" in text and rb"\u0022" in text):
        return True
    return _strings(text) == _strings(again)


def _strings(text: bytes) -> int:
    """Return how many quotation marks are not part of a string: two for each."""
    text = text.replace(rb"\\", b"")
    return text.count(b'"') - text.count(rb"\"")


def check_batch(text: bytes) -> None:
    """Look at each item. Raises `Problem` (400) for a member that would be lost, and returns if there is none."""
    items = _loaded(text)
    for number, item in enumerate(items if type(items) is list else ()):
        at = f"[{number}]"
        if not isinstance(item, _Members):
            continue
        _check_names(item, _ITEM, at, others=False)
        for name, value in item:
            place = f"{at}.{name}"
            if name == "BrokerProperties" and isinstance(value, _Members):
                _check_names(value, _BROKER, place, others=True)
            elif name == "UserProperties" and isinstance(value, _Members):
                _check_twice(value, place)
                _check_values(value, place)
            _check_text(value, place)


def check_broker_properties(text: bytes) -> None:
    """Look at the header `BrokerProperties` as `check_batch` does at an item's."""
    found = _loaded(text)
    if isinstance(found, _Members):
        _check_names(found, _BROKER, "BrokerProperties", others=True)
        _check_text(found, "BrokerProperties")


def _loaded(text: bytes) -> Any:
    """Return what the standard library reads, or None for what it can't: msgspec has told why, or will."""
    try:
        return json.loads(text, object_pairs_hook=_Members)
    except ValueError:  # also an integer of more than 4,300 digits
        return None
    except RecursionError as exc:
        raise Problem(400, "the JSON is nested too deeply", field="body") from exc


def _check_names(members: _Members, known: Sequence[str], at: str, *, others: bool) -> None:
    for name, _ in members:
        if name in known:
            continue
        meant = _BY_LOWER.get(name.lower())
        if meant in known:
            raise _refusal(at, name, f"its name is {meant!r}: the case of letters counts")
        if not others:
            raise _refusal(at, name, f"an event has the members {', '.join(known)}, and no others")
    _check_twice(members, at)


def _check_twice(members: _Members, at: str) -> None:
    seen: set[str] = set()
    for name, _ in members:
        if name in seen:
            raise _refusal(at, name, "it is there twice")
        seen.add(name)


def _check_values(properties: _Members, at: str) -> None:
    for name, value in properties:
        if isinstance(value, list):
            raise _refusal(at, name, "a property is text, a number, a boolean or null")
        if isinstance(value, float) and not math.isfinite(value):
            raise _refusal(at, name, "a number of more than 64 bits, or none at all: send it as text")


def _check_text(value: Any, at: str) -> None:
    for place, text in _texts(value, at):
        try:
            text.encode()
        except UnicodeEncodeError as exc:
            half = f"\\u{ord(text[exc.start]):04x}"
            field = place.encode(errors="backslashreplace").decode()
            detail = f"{field}: {half} is one half of a surrogate pair, which is no character: write both halves"
            raise Problem(400, detail, field=field) from exc


def _texts(value: Any, at: str) -> Iterator[tuple[str, str]]:
    """Return the texts of a member, and, if it is an object, those of its own, with their places."""
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, _Members):
        for name, inner in value:
            yield f"{at}.{name}", name
            if isinstance(inner, str):
                yield f"{at}.{name}", inner


def _refusal(at: str, name: str, why: str) -> Problem:
    field = f"{at}.{name}".encode(errors="backslashreplace").decode()
    return Problem(400, f"{field}: {why}", field=field)
