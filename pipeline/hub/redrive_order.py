"""Which dead letters come too late: behind later events of their key, which have gone upstream before them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from ..store.offsets import order
from .consumer_group import ConsumerGroup
from .deadletters import DeadLetter, DeadLetters
from .log import Hub
from .relay import GROUP

#: Events, and bytes of their bodies, that are looked through at most for each partition, and as many dead letters.
MAX_EVENTS, MAX_BYTES = 20_000, 64 * 1024 * 1024
_PAGE = 100


class Late(NamedTuple):
    """A letter that comes late. `behind` is the offset of the last event of its key that has gone already.

    None says that there may be one: the log was too long to look through, or the events are not kept any more.
    """

    id: str
    key: str
    behind: str | None


class _Letter(NamedTuple):
    id: str
    key: str
    offset: str


def late_letters(hub: Hub, letters: Iterable[DeadLetter]) -> list[Late]:
    """Return those of these letters that come late if they are sent again, by partition.

    Events without a key have no order to keep, and an event that is a dead letter itself has not gone. A round trip for
    each hundred events behind the oldest of these letters.
    """
    by_partition: dict[int, list[_Letter]] = defaultdict(list)
    for letter in letters:
        if (key := letter.stored.event.partition_key) is not None:
            by_partition[letter.partition].append(_Letter(letter.id, key, letter.stored.offset))
    return [late for partition, its in by_partition.items() for late in _late(hub, partition, its)]


def _late(hub: Hub, partition: int, letters: list[_Letter]) -> list[Late]:
    first = min((letter.offset for letter in letters), key=order)
    gone, is_complete = _last_of_each_key(hub, partition, first, {letter.key for letter in letters})
    found = []
    for letter in letters:
        last = gone.get(letter.key)
        if last is not None and order(last) > order(letter.offset):
            found.append(Late(letter.id, letter.key, last))
        elif not is_complete:
            found.append(Late(letter.id, letter.key, None))
    return found


def _last_of_each_key(hub: Hub, partition: int, first: str, keys: set[str]) -> tuple[dict[str, str], bool]:
    """Return the offset of the last event of each key that has gone since `first`, and whether all were looked at."""
    end = order(ConsumerGroup(hub, GROUP).offset(partition))
    gone: dict[str, str] = {}
    if end <= order(first):
        return gone, True
    refused, is_complete = _refused(hub, partition)
    oldest = hub.read(partition, limit=1)
    is_complete &= bool(oldest) and order(oldest[0].offset) <= order(first)
    after, seen, size = first, 0, 0
    while order(after) < end and (page := hub.read(partition, after, _PAGE)):
        for stored in page:
            key = stored.event.partition_key
            if key in keys and order(stored.offset) <= end and stored.offset not in refused:
                gone[key] = stored.offset
        after, seen, size = page[-1].offset, seen + len(page), size + sum(len(one.event.body) for one in page)
        if seen >= MAX_EVENTS or size >= MAX_BYTES:
            return gone, False
    return gone, is_complete


def _refused(hub: Hub, partition: int) -> tuple[set[str], bool]:
    """Return the offsets of the events that are dead letters, and whether all were seen."""
    letters, found, size, after = DeadLetters(hub), set[str](), 0, None
    while page := letters.read(partition, after, _PAGE):
        found |= {letter.stored.offset for letter in page}
        size += sum(len(letter.stored.event.body) for letter in page)
        if len(found) >= MAX_EVENTS or size >= MAX_BYTES:
            return found, False
        after = page[-1].id
    return found, True
