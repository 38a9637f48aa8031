"""Looking at a partition: forwards and backwards from a place, and for the events that somebody searches for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from ..store.offsets import order
from .entry import events_of
from .event import Event, StoredEvent
from .log import Hub
from .paging import page
from .partition import partition_of
from .runtime import PartitionRuntime

#: How many events, and about how many bytes of them, one search looks at; then it says how far it came.
LOOK_EVENTS, LOOK_BYTES = 10_000, 16 * 1024 * 1024

#: Events of which a search that reads forwards asks at once; entries of the log that one that reads backwards begins
#: with, and most it asks for; about how many bytes it asks for.
_EVENTS, _FEW, _MANY, _BYTES = 500, 4, 200, 1024 * 1024

#: More than any event's number: with it, a time in ms is an offset after all events of that time.
_LAST = 2**63 - 1


@dataclass(frozen=True)
class Wanted:
    """Which events are wanted: those with this key, and this text in the body. None is any."""

    key: str | None = None
    text: str | None = None

    def __bool__(self) -> bool:
        return self.key is not None or self.text is not None

    def __call__(self, event: Event) -> bool:
        return (self.key is None or event.partition_key == self.key) and (
            self.text is None or self.text.encode(errors="replace") in event.body
        )


ANY = Wanted()


class Look(NamedTuple):
    """What was found, in the order of reading, and how many events were looked at for it.

    `end` is the offset of the last of these; None at the end of the log, so that there is nothing more to look at.
    """

    events: list[StoredEvent]
    looked: int
    end: str | None


def before_time(ms: int) -> str:
    """Return the offset after which the events of a time begin, ms since the Unix epoch."""
    return f"{ms - 1}-{_LAST}" if ms > 0 else "0"


def event_at(hub: Hub, partition: int, offset: str) -> StoredEvent | None:
    """Return the event with this offset, None if it is not there (any more). Raises `UnknownPartition`."""
    key = hub.keys[hub.checked_partition(partition)].events
    found = events_of(partition, "0", cast("list[Any]", hub.redis.xrange(key, min=offset, count=1)))
    return next((stored for stored in found if order(stored.offset) == order(offset)), None)


def forwards(hub: Hub, partition: int, after: str, limit: int, wanted: Wanted = ANY) -> Look:
    """Look at the events after an offset, oldest first, until `limit` are found. Raises `UnknownPartition`."""
    pages = _ahead(hub, partition, after, _EVENTS if wanted else limit)
    return _look(pages, limit, wanted, LOOK_EVENTS, LOOK_BYTES)


def backwards(hub: Hub, partition: int, before: str | None, limit: int, wanted: Wanted = ANY) -> Look:
    """Look at the events before an offset, or at all, newest first. Raises `UnknownPartition`."""
    pages = _back(hub, hub.checked_partition(partition), before, LOOK_EVENTS if wanted else limit)
    return _look(pages, limit, wanted, LOOK_EVENTS, LOOK_BYTES)


def newest(hub: Hub, partitions: Sequence[PartitionRuntime], limit: int) -> list[StoredEvent]:
    """Return the newest events of all partitions, newest first, in one round trip.

    Each of them is in one of the `limit` partitions that have had an event last.
    """
    some = sorted(partitions, key=lambda one: order(one.last_offset or "0"), reverse=True)[:limit]
    with hub.redis.pipeline(transaction=False) as pipe:
        for one in some:
            pipe.xrevrange(hub.keys[one.partition].events, count=limit)
        pages = pipe.execute()
    events = [stored for one, found in zip(some, pages, strict=True) for stored in _newest_first(one.partition, found)]
    return sorted(events, key=lambda stored: order(stored.offset), reverse=True)[:limit]


def search_all(hub: Hub, limit: int, wanted: Wanted) -> Look:
    """Look at the newest events of all partitions, an equal share of each; `end` is always None.

    With a key that is its partition alone, which goes back further.
    """
    if wanted.key is not None:
        return backwards(hub, partition_of(wanted.key, hub.partitions), None, limit, wanted)
    share = max(1, LOOK_EVENTS // hub.partitions)
    found: list[StoredEvent] = []
    looked = 0
    for partition in range(hub.partitions):
        its = _look(_back(hub, partition, None, share), limit, wanted, share, LOOK_BYTES // hub.partitions)
        found += its.events
        looked += its.looked
    return Look(sorted(found, key=lambda stored: order(stored.offset), reverse=True)[:limit], looked, None)


def _look(pages: Iterable[Sequence[StoredEvent]], limit: int, wanted: Wanted, most: int, most_bytes: int) -> Look:
    found: list[StoredEvent] = []
    looked = size = 0
    for events in pages:
        for stored in events:
            looked += 1
            size += len(stored.event.body)
            if wanted(stored.event):
                found.append(stored)
            if len(found) >= limit or looked >= most or size >= most_bytes:
                return Look(found, looked, stored.offset)
    return Look(found, looked, None)


def _ahead(hub: Hub, partition: int, after: str, count: int) -> Iterator[list[StoredEvent]]:
    while events := page(hub, partition, after, count):
        yield events
        after = events[-1].offset


def _back(hub: Hub, partition: int, before: str | None, most: int) -> Iterator[list[StoredEvent]]:
    """Yield pages of the events before an offset, newest first, until about `most` are read, as many as are left."""
    key, count = hub.keys[partition].events, _FEW
    if before is not None:
        if order(before) == (0, 0):  # Redis refuses to look before it
            return
        # An entry's id is the offset of its last event: the place may lie inside of the first entry after it.
        inside = events_of(partition, "0", cast("list[Any]", hub.redis.xrange(key, min=before, count=1)))
        yield [stored for stored in reversed(inside) if order(stored.offset) < order(before)]
    end = "+" if before is None else f"({before}"
    while found := cast("list[tuple[bytes, dict[bytes, bytes]]]", hub.redis.xrevrange(key, max=end, count=count)):
        events = _newest_first(partition, found)
        yield events
        most -= len(events)
        end = f"({found[-1][0].decode()}"
        size = sum(len(fields[b"e"]) for _, fields in found)
        count = min(_MANY, _BYTES * len(found) // max(1, size), -(-most * len(found) // max(1, len(events))))
        count = max(1, count)


def _newest_first(partition: int, found: Sequence[tuple[bytes, dict[bytes, bytes]]]) -> list[StoredEvent]:
    return events_of(partition, "0", found[::-1])[::-1]
