"""Entries: how events are stored in a partition's stream, a run of consecutive events in each entry.

An entry of 25 events costs Redis hardly more than one of a single event, in time and in memory. An entry is one unit:
it is read whole, and retention drops it whole. So a run is short, and an event that may turn out to be a repetition
(`Recognized`), or that is a recorded one, has an entry of its own.

An entry's id is the offset of its last event, and the offsets of the others count down from it: in an entry `5-9` with
three events, the offsets are 5-7, 5-8 and 5-9. So XRANGE after any of them finds the entry that has the next event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from ..store.offsets import order
from .event import Event, StoredEvent, size_of
from .repetition import ALL_ARE_NEW, Recognized

#: The limits of a run: events, and bytes (`Event.size`) unless it is one event.
MAX_EVENTS = 128
MAX_BYTES = 64 * 1024

_to_msgpack, _to_json = msgspec.msgpack.Encoder().encode, msgspec.json.Encoder().encode
_of_msgpack, _of_json = msgspec.msgpack.Decoder(list[Event]).decode, msgspec.json.Decoder(list[Event]).decode


class PackedEntry(NamedTuple):
    """An entry as append.lua takes it: number of events, their bytes, the ids of the only one, the events.

    `relay_id` is RULE/SOURCE/PARTITION/OFFSET. An id is '' if the event is not to be recognized by it.
    """

    events: int
    size: int
    relay_id: str
    message_id: str
    packed: bytes


def entries(
    events: Sequence[Event], max_events: int = MAX_EVENTS, recognized: Recognized = ALL_ARE_NEW
) -> list[PackedEntry]:
    """Cut events, in order, into entries."""
    size = size_of(events)
    if recognized == ALL_ARE_NEW and 0 < len(events) <= max_events and size <= MAX_BYTES:
        return [PackedEntry(len(events), size, "", "", pack(events))]
    return list(_cut(events, max_events, recognized))


def _cut(events: Sequence[Event], max_events: int, recognized: Recognized) -> Iterator[PackedEntry]:
    run: list[Event] = []
    size = 0
    for event in events:
        its_size = event.size
        ids = recognized.ids(event)
        if run and (ids or len(run) >= max_events or size + its_size > MAX_BYTES):
            yield PackedEntry(len(run), size, "", "", pack(run))
            run, size = [], 0
        if ids:
            yield PackedEntry(1, its_size, *ids, pack([event]))
        else:
            run.append(event)
            size += its_size
    if run:
        yield PackedEntry(len(run), size, "", "", pack(run))


def pack(events: Sequence[Event]) -> bytes:
    """Return events as MessagePack, or as JSON if one has an integer that is too large for MessagePack."""
    try:
        return _to_msgpack(events)
    except OverflowError:
        return _to_json(events)


def unpack(packed: bytes) -> list[Event]:
    """Return the events of an entry, which `pack` wrote."""
    # In MessagePack, an array begins with another byte.
    return _of_json(packed) if packed[:1] == b"[" else _of_msgpack(packed)


class Reading:
    """Reads a partition from an offset on, page by page, until it has `limit` events or there are no more.

    Entries differ in how many events they have. So the first page asks for a few entries. Each further page asks for as
    many as would be enough if they had as many events as the entries before, but for at most ten times the last page.
    """

    def __init__(self, partition: int, after: str, limit: int) -> None:
        self.partition = partition
        self.after = after
        self.limit = limit
        self.events: list[StoredEvent] = []
        self.count = min(limit, 10)  # entries of the next page, which is after `after`; 0 at the end
        self._entries = 0

    def add_page(self, page: Sequence[tuple[bytes, Mapping[bytes, bytes]]]) -> None:
        """Add a page, as XRANGE returns it."""
        for entry_id, fields in page:
            if len(self.events) >= self.limit:
                break
            events = _events(self.partition, entry_id, fields)
            self.events += events if self.events else _later(events, self.after)
            self._entries += 1
        del self.events[self.limit :]
        left = self.limit - len(self.events)
        if left and len(page) == self.count:
            self.after = page[-1][0].decode()
            self.count = min(-(-left * self._entries // len(self.events)), 10 * self.count)
        else:
            self.count = 0


def events_of(partition: int, after: str, page: Sequence[tuple[bytes, Mapping[bytes, bytes]]]) -> list[StoredEvent]:
    """Return the events of a page, as XRANGE returns it, whose offsets are greater than `after`."""
    events: list[StoredEvent] = []
    for entry_id, fields in page:
        its_events = _events(partition, entry_id, fields)
        events += its_events if events else _later(its_events, after)
    return events


def _later(events: list[StoredEvent], after: str) -> list[StoredEvent]:
    """Return an entry's events without those up to the offset, which may lie inside of the entry."""
    ms, n = order(after)
    first_ms, first_n = order(events[0].offset)
    return events[max(0, n + 1 - first_n) :] if ms == first_ms else events


def _events(partition: int, entry_id: bytes, fields: Mapping[bytes, bytes]) -> list[StoredEvent]:
    ms, last = order(entry_id.decode())
    events = unpack(fields[b"e"])
    first, number = last + 1 - len(events), int(fields[b"n"])
    return [
        StoredEvent(partition, number + place, f"{ms}-{first + place}", ms, event) for place, event in enumerate(events)
    ]
