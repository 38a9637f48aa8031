"""Events as lines of NDJSON: `wz hub export` writes them, `wz hub import` and `wz hub send` read them.

    {"$event":{"offset":"1777636800000-7","sequence_number":7,"partition_key":"dev-1"},
     "EventEnqueuedUtcTime":"2026-05-01T12:00:00.000Z","PartitionId":2,"t":21.5}

It is one line. Behind the three columns come the members of the body, so that `wz job run` replays the line as the hub
gave the event to a job. What the line would lose of a body is in `$event` as well: the whole body, as `body`, or as
`body_base64` if it is not text. A body that is an array of objects is an array of lines' objects, the first of which
has `$event`.

Any other JSON value is an event too, with this value as its body, and neither key nor time: the NDJSON of other
programs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

import msgspec

from ..errors import PipelineError
from .event import MAX_KEY, Event, Property, StoredEvent
from .publisher_name import check_publisher_name

#: The column of what a line says of its event besides time, partition and body.
METADATA = "$event"

#: The columns that Stream Analytics adds to the events of a hub. The last of them is only read.
ENQUEUED, PARTITION, PROCESSED = "EventEnqueuedUtcTime", "PartitionId", "EventProcessedUtcTime"

_COLUMNS = frozenset({ENQUEUED.lower(), PARTITION.lower(), PROCESSED.lower(), METADATA})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BEGIN = f'{{"{METADATA}":'

#: What follows `$event` in a line of `line_of`.
_TIME_AND_PLACE = re.compile(rf',"{ENQUEUED}":"(?P<time>[^"\\]*)","{PARTITION}":(?P<partition>[0-9]{{1,9}})(?=[,}}])')

_Key = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_KEY)]


class InvalidLine(PipelineError, ValueError):
    """A line is not an event; the message says why, but not which line it is."""


class Metadata(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What a line's `$event` has. Readers ignore `offset` and `sequence_number`, which a hub assigns anew."""

    offset: str | None = None
    sequence_number: int | None = None
    partition_key: _Key | None = None
    publisher: _Key | None = None
    content_type: str | None = None
    message_id: _Key | None = None
    properties: dict[str, Property] = {}
    body: str | None = None
    body_base64: bytes | None = None


class Line(NamedTuple):
    """The event of a line; the time, ms since the Unix epoch, and the partition that it was recorded with, if any."""

    event: Event
    enqueued_ms: int | None
    partition: int | None


_Members = dict[str, msgspec.Raw]
_members = msgspec.json.Decoder(_Members).decode
_members_of_many = msgspec.json.Decoder(list[_Members]).decode
_metadata = msgspec.json.Decoder(Metadata).decode
_any_json = msgspec.json.Decoder(msgspec.Raw).decode
_to_json = msgspec.json.Encoder().encode
_scan = json.JSONDecoder().raw_decode


# -- writing ----------------------------------------------------------------------------------------------------------


def line_of(stored: StoredEvent) -> bytes:
    """Return an event's line, without a line break. `event_of` makes the same event of it, byte for byte."""
    event = stored.event
    metadata = Metadata(
        stored.offset,
        stored.sequence_number,
        event.partition_key,
        event.publisher,
        event.content_type,
        event.message_id,
        dict(event.properties),
    )
    records, is_exact = _records(event.body)
    if not is_exact:
        try:
            metadata.body = event.body.decode()
        except UnicodeDecodeError:
            metadata.body_base64 = event.body
    place = f'"{ENQUEUED}":"{time_text(stored.enqueued_ms)}","{PARTITION}":{stored.partition}'.encode()
    begin = _BEGIN.encode() + _to_json(metadata) + b","
    if records is None:
        return begin + place + b"}"
    lines = [b"%s%s%s}" % (place, b"," if record else b"", record) for record in records]
    first, others = begin + lines[0], [b"{" + line for line in lines[1:]]
    return first if event.body.lstrip()[:1] == b"{" else b"[" + b",".join([first, *others]) + b"]"


def time_text(ms: int) -> str:
    """Return ms since the Unix epoch as 2026-05-01T12:00:00.000Z."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _records(body: bytes) -> tuple[list[bytes] | None, bool]:
    """Return the members of each record of a body, and whether those of its only one are the body itself.

    None is returned for a body that is neither an object nor an array of some.
    """
    try:
        if body.lstrip()[:1] == b"{":
            members = _members(body)
            inner = body[1:-1]
            is_exact = (
                (not inner or bool(inner.strip()))
                and body == b"{%s}" % inner
                and b"\n" not in body
                and b"\r" not in body
                and not any(map(_is_column, members))
            )
            return [inner if is_exact else _joined(members)], is_exact
        return [_joined(members) for members in _members_of_many(body)] or None, False
    except (ValueError, RecursionError):  # msgspec's own errors are ValueErrors
        return None, False


def _joined(members: _Members) -> bytes:
    """Return members as JSON without the braces, in one line, without those that are columns of the line."""
    text = b",".join(_to_json(name) + b":" + bytes(raw) for name, raw in members.items() if not _is_column(name))
    return text.replace(b"\r", b" ").replace(b"\n", b" ")  # in JSON, these are only between values


def _is_column(name: str) -> bool:
    return name.lower() in _COLUMNS


# -- reading ----------------------------------------------------------------------------------------------------------


def event_of(line: bytes) -> Line:
    """Read a line. Raises `InvalidLine`.

    A line that another program has written anew, as jq does, is read as well: then the body is written as that did.
    """
    text = line.strip()
    try:
        return _as_written(text.decode()) or _as_columns(text)
    except (ValueError, RecursionError) as exc:
        if isinstance(exc, InvalidLine):
            raise
        raise InvalidLine(f"it is not the JSON of an event: {exc}") from exc


def exported_event(metadata: Mapping[str, Any], partition: int, enqueued_ms: int) -> StoredEvent:
    """Return what a line's `$event` says of its event; the body is b"" unless `$event` has it. Raises `InvalidLine`.

    The offset is "" and the sequence number -1 where `$event` does not have them.
    """
    try:
        known = _metadata(_to_json(metadata))
    except ValueError as exc:
        raise InvalidLine(f"{METADATA} is not what a hub has exported: {exc}") from exc
    number = -1 if known.sequence_number is None else known.sequence_number
    return StoredEvent(partition, number, known.offset or "", enqueued_ms, _event(known, b""))


def _as_written(text: str) -> Line | None:
    """Read a line of `line_of` that has one record, whose text is the body; None for any other."""
    if not text.startswith(_BEGIN + "{"):
        return None
    _, end = _scan(text, len(_BEGIN))
    match = _TIME_AND_PLACE.match(text, end)
    if match is None:
        return None
    body = "{" + text[match.end() :].removeprefix(",")
    members = _members(body)
    if any(map(_is_column, members)):
        return None
    metadata = _metadata(text[len(_BEGIN) : end].encode())
    return Line(_event(metadata, body.encode()), _ms(match["time"]), int(match["partition"]))


def _as_columns(text: bytes) -> Line:
    """Read a line by the names of its columns."""
    records: Sequence[_Members]
    if text[:1] == b"{":
        records, brackets = [_members(text)], b"%s"
    elif text[:1] == b"[" and (found := _many(text)):
        records, brackets = found, b"[%s]"
    else:
        _any_json(text)
        return Line(Event(text), None, None)
    if not any(_is_column(name) for record in records for name in record):
        return Line(Event(text), None, None)
    columns = {name.lower(): raw for name, raw in records[0].items() if _is_column(name)}
    body = brackets % b",".join(b"{%s}" % _joined(record) for record in records)
    metadata = _metadata(columns.get(METADATA, b"{}"))
    time, place = columns.get(ENQUEUED.lower()), columns.get(PARTITION.lower())
    return Line(
        _event(metadata, body),
        None if time is None else _ms(msgspec.json.decode(time, type=str)),
        None if place is None else msgspec.json.decode(place, type=Annotated[int, msgspec.Meta(ge=0)]),
    )


def _many(text: bytes) -> Sequence[_Members]:
    try:
        return _members_of_many(text)
    except msgspec.ValidationError:  # an array of something else
        return ()


def _event(metadata: Metadata, body: bytes) -> Event:
    if metadata.body is not None and metadata.body_base64 is not None:
        raise InvalidLine(f"{METADATA} has both body and body_base64")
    if metadata.publisher is not None and metadata.partition_key not in (None, metadata.publisher):
        raise InvalidLine(f"the partition_key of a publisher's event is its name, {metadata.publisher!r}")
    if metadata.publisher is not None:
        check_publisher_name(metadata.publisher)
    if metadata.body is not None:
        body = metadata.body.encode()
    elif metadata.body_base64 is not None:
        body = metadata.body_base64
    key = metadata.publisher or metadata.partition_key
    return Event(body, key, metadata.content_type, metadata.properties, metadata.publisher, metadata.message_id)


def _ms(text: str) -> int:
    """Return a time in ms since the Unix epoch; what is below a millisecond, which a hub does not have, is dropped."""
    time = datetime.fromisoformat(text)
    since = (time if time.tzinfo else time.replace(tzinfo=UTC)) - _EPOCH
    if since.days < 0:
        raise InvalidLine(f"{ENQUEUED} {text!r} is before 1970")
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000
