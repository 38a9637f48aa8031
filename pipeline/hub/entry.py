"""Entries: how events lie in a partition's stream, a run of neighbours in each.

An entry of 25 events costs Redis hardly more than one of a single event, in time and in memory. What is in an entry
stands and falls together: it is read whole, and retention drops it whole. So a run is short, and an event that may turn
out to be a repetition, or that is a recorded one, has an entry to itself.

An entry's id is the offset of its last event, and those before count down from there: of an entry `5-9` with three
events, the offsets are 5-7, 5-8 and 5-9. So XRANGE after any of them finds the entry with what comes next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from .event import Event, Property, StoredEvent

#: What a run has at most: events, and bytes of bodies unless it is one event.
MAX_EVENTS = 128
MAX_BYTES = 64 * 1024

#: Body, partition key, content type, user properties, publisher. The properties are JSON, whose integers have no limit.
_Packed = tuple[bytes, str | None, str | None, bytes, str | None]

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[_Packed]).decode
_to_json = msgspec.json.Encoder().encode
_properties = msgspec.json.Decoder(dict[str, Property]).decode


class Entry(NamedTuple):
    """What append.lua takes: number of events, bytes of their bodies, relay id of the only one or '', the events."""

    events: int
    size: int
    relay_id: str
    packed: bytes


def entries(events: Sequence[Event], max_events: int = MAX_EVENTS) -> Iterator[Entry]:
    """Cut events, in order, into entries."""
    run: list[_Packed] = []
    size = 0
    for event in events:
        body, properties = event.body, event.properties
        relay_id = event.relay_id if properties else None
        if run and (relay_id or len(run) >= max_events or size + len(body) > MAX_BYTES):
            yield Entry(len(run), size, "", _pack(run))
            run, size = [], 0
        its_json = _to_json(properties) if properties else b""
        packed = (body, event.partition_key, event.content_type, its_json, event.publisher)
        if relay_id:
            yield Entry(1, len(body), relay_id[0], _pack([packed]))
        else:
            run.append(packed)
            size += len(body)
    if run:
        yield Entry(len(run), size, "", _pack(run))


def events_after(
    partition: int, after: str, limit: int, found: Iterable[tuple[bytes, Sequence[bytes]]]
) -> list[StoredEvent]:
    """Read what read.lua found of a partition. Only the first entry may have events that are not after the offset."""
    events = [stored for entry_id, fields in found for stored in _events(partition, entry_id, fields)]
    ms, _, n = after.partition("-")
    seen = 0
    if events and events[0].enqueued_ms == int(ms):
        seen = max(0, int(n or 0) + 1 - int(events[0].offset.partition("-")[2]))
    return events[seen : seen + limit]


def _events(partition: int, entry_id: bytes, fields: Sequence[bytes]) -> list[StoredEvent]:
    _, number, _, _, _, _, _, events = fields
    ms, last = map(int, entry_id.split(b"-"))
    packed = _unpack(events)
    first, number_of_first = last + 1 - len(packed), int(number)
    return [
        StoredEvent(
            partition,
            number_of_first + place,
            f"{ms}-{first + place}",
            ms,
            Event(body, key, content_type, _properties(properties) if properties else {}, publisher),
        )
        for place, (body, key, content_type, properties, publisher) in enumerate(packed)
    ]
