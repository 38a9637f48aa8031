"""A range of time of a hub's events, of all partitions, in the order of their arrival."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..store.offsets import order
from .browse import backwards, before_time, forwards
from .event import StoredEvent
from .log import Hub

#: About how many bytes of bodies are in memory at a time, those of all partitions together.
_MEMORY = 32 * 1024 * 1024

#: The most events that are read at once from a partition.
_EVENTS = 1000


@dataclass(frozen=True)
class Span:
    """Events of a partition, from the one after the offset `after` to that of the offset `last`, `count` in all."""

    partition: int
    after: str
    last: str
    count: int


def spans(hub: Hub, partitions: Sequence[int], begin_ms: int | None, end_ms: int | None) -> list[Span]:
    """Return what these partitions have now of the events from a time to before another, ms since the Unix epoch.

    None is no limit. A partition without such events is left out. A few round trips each.
    """
    found = []
    for partition in partitions:
        after = "0" if begin_ms is None else before_time(begin_ms)
        first = forwards(hub, partition, after, 1).events
        last = backwards(hub, partition, None if end_ms is None else f"{end_ms}-0", 1).events
        if first and last and order(first[0].offset) <= order(last[0].offset):
            count = last[0].sequence_number - first[0].sequence_number + 1
            found.append(Span(partition, after, last[0].offset, count))
    return found


def read_spans(hub: Hub, found: Sequence[Span]) -> Iterator[StoredEvent]:
    """Read the events of spans, by time; those of one partition in its order.

    Those that retention drops before they are read are not among them: then there are fewer than the spans count.
    """
    share = _MEMORY // max(1, len(found))
    parts = [_events(hub, span, share) for span in found]
    return heapq.merge(*parts, key=lambda stored: (stored.enqueued_ms, stored.partition))


def _events(hub: Hub, span: Span, share: int) -> Iterator[StoredEvent]:
    after, last, count = span.after, order(span.last), 1
    while page := hub.read(span.partition, after, count):
        for stored in page:
            if order(stored.offset) > last:
                return
            yield stored
        after = page[-1].offset
        each = sum(len(stored.event.body) for stored in page) // len(page)
        count = max(1, min(_EVENTS, 4 * count, share // max(1, each)))
