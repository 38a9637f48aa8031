"""Dead letters: events that the upstream hub will never take, kept with its answer until re-driven or dropped."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from ..errors import InvalidValue, PipelineError
from ..store import Pipeline, full
from ..store.offsets import ENTRY_ID, ms_of, order
from .event import StoredEvent
from .stored_hub import StoredHub

#: The id of a dead letter as a regular expression.
LETTER_ID = f"[0-9]{{1,4}}:{ENTRY_ID}"

#: Dead letters that are read with one command; each may have an event of 1 MiB.
_PAGE = 50

_of_msgpack, _of_json = msgspec.msgpack.Decoder(StoredEvent).decode, msgspec.json.Decoder(StoredEvent).decode


class DeadLettersFull(PipelineError):
    """A partition has as many as it may, so the next refused event stays in the log, and those after it wait."""

    def __init__(self, hub: str, partition: int, most: int, reason: str) -> None:
        super().__init__(
            f"partition {partition} of hub {hub!r} has {most:,} dead letters or more: re-drive or drop some "
            f"(`wz hub deadletters`); the next would be refused since {reason}"
        )


class NoMemoryForDeadLetter(PipelineError):
    """Redis has no memory left for the next refused event, so it stays in the log, and those after it wait."""

    def __init__(self, hub: str, partition: int, reason: str) -> None:
        super().__init__(
            f"partition {partition} of hub {hub!r} waits until the store has memory for a dead letter; its next event "
            f"would be refused since {reason}"
        )


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """`id` is PARTITION:MS-N and rises within a partition; MS is when the event was refused, ms since the Unix epoch.

    `redrives` is how often it was sent again and refused.
    """

    id: str
    reason: str
    redrives: int
    stored: StoredEvent

    @property
    def partition(self) -> int:
        return self.stored.partition

    @property
    def offset(self) -> str:
        """Its place among the dead letters; its event's place in the log is `stored.offset`."""
        return self.id.partition(":")[2]

    @property
    def refused_ms(self) -> int:
        return ms_of(self.offset)

    def fields(self) -> tuple[bytes, str, int]:
        """Return the fields of a dead letter that commit.lua takes."""
        return _pack(self.stored), self.reason, self.redrives


class DeadLetters:
    """The dead letters of a hub.

    A letter that is to be re-driven stays until the relay has sent it again; if that is refused as well, it moves to
    the end with the new reason. So a letter is never lost, and a re-drive can be asked for before any relay runs. Which
    letters come behind later events of their key, redrive_order.py tells.

    Redis keys: `deadletters`, `redrive`; see keys.py.
    """

    def __init__(self, hub: StoredHub) -> None:
        self.hub = hub

    def read(self, partition: int | None = None, after: str | None = None, limit: int = 100) -> list[DeadLetter]:
        """Return up to `limit` letters after the id `after`, by partition and then by age. Two round trips,
        on a cluster two per node.

        Raises `UnknownPartition`, or `InvalidValue` for an id of another form.
        """
        if partition is not None:
            self.hub.checked_partition(partition)
        start, offset = (partition or 0, "0") if after is None else self._id(after, "after")
        if partition is not None and start != partition:
            raise InvalidValue(f"{after!r} is not in partition {partition}", "after")
        places = range(start, self.hub.partitions if partition is None else start + 1)
        wanted = self._with_letters(places, limit, after is not None)
        with self.hub.redis.pipeline(transaction=False) as pipe:
            for p in wanted:
                pipe.xrange(self.hub.keys[p].deadletters, min=f"({offset if p == start else '0'}", count=limit)
            pages = zip(wanted, pipe.execute(), strict=True)
        return [letter for p, entries in pages for letter in self._letters(p, entries)][:limit]

    def _with_letters(self, partitions: Sequence[int], limit: int, is_within: bool) -> list[int]:
        """Return the first of these partitions that have `limit` letters together; those of the very first don't count
        if the page begins within it. One round trip.
        """
        with self.hub.redis.pipeline(transaction=False) as pipe:
            for p in partitions:
                pipe.xlen(self.hub.keys[p].deadletters)
            lengths = zip(partitions, pipe.execute(), strict=True)
        found, left = [], limit
        for p, length in lengths:
            if length and left > 0:
                found.append(p)
                left -= 0 if is_within and p == partitions[0] else length
        return found

    def of_event(self, partition: int, offset: str, most: int = 200) -> DeadLetter | None:
        """Return the letter of the event with this offset, if it is among the first `most` that were refused since."""
        after, wanted = f"{ms_of(offset)}-0", order(offset)
        for _ in range(0, most, _PAGE):
            page = self._page(partition, after, _PAGE)
            for letter in page:
                if order(letter.stored.offset) == wanted:
                    return letter
            if len(page) < _PAGE:
                break
            after = page[-1].id.partition(":")[2]
        return None

    def redrive(self, ids: Sequence[str]) -> int:
        """Have letters sent again, those of a partition in the order of their events; returns how many of them exist.

        Raises `InvalidValue` for an id of another form.
        """
        return self._ask_for(self.choice(ids))

    def redrive_all(self, partition: int | None = None) -> int:
        """Have all letters that are there now sent again, in the order of their events, of one partition or of all.

        Raises `UnknownPartition`.
        """
        return sum(self._ask_for(self.all(p)) for p in self._partitions(partition))

    def drop(self, ids: Sequence[str]) -> int:
        """Delete letters; returns how many existed. Raises `InvalidValue` for an id of another form."""
        return sum(self._delete(p, offsets) for p, offsets in self._by_partition(ids).items())

    def drop_all(self, partition: int | None = None) -> int:
        """Delete all letters that are there now, of one partition or of all. Raises `UnknownPartition`."""
        pages = ((p, page) for p in self._partitions(partition) for page in self._pages(p))
        return sum(self._delete(p, [letter.offset for letter in page]) for p, page in pages)

    def all(self, partition: int | None = None) -> Iterator[DeadLetter]:
        """Yield all letters that are there now, of one partition or of all, without holding them."""
        pages = (page for p in self._partitions(partition) for page in self._pages(p))
        return itertools.chain.from_iterable(pages)

    def choice(self, ids: Sequence[str]) -> list[DeadLetter]:
        """Return those of these letters that exist. Raises `InvalidValue` for an id of another form."""
        found = [self.get(p, offset) for p, offsets in self._by_partition(ids).items() for offset in offsets]
        return [letter for letter in found if letter is not None]

    # Used by the relay.

    def queue_asked_for(self, pipe: Pipeline, partition: int, limit: int = 10) -> None:
        """Queue, in a pipeline, the query for letters that are to be sent again; `were_asked_for` reads its reply."""
        pipe.lrange(self.hub.keys[partition].redrive, 0, limit - 1)

    @staticmethod
    def were_asked_for(answer: Iterable[bytes]) -> list[str]:
        """Return the offsets of these letters, each once."""
        return list(dict.fromkeys(entry.decode() for entry in answer))

    def get(self, partition: int, offset: str) -> DeadLetter | None:
        entries = self.hub.redis.xrange(self.hub.keys[partition].deadletters, min=offset, max=offset)
        return next(iter(self._letters(partition, entries)), None)

    def forget(self, partition: int, offset: str) -> None:
        """Remove an offset, whose letter was deleted, from the list."""
        self.hub.redis.lrem(self.hub.keys[partition].redrive, 0, offset)

    def _page(self, partition: int, after: str, limit: int) -> list[DeadLetter]:
        key = self.hub.keys[partition].deadletters
        return list(self._letters(partition, self.hub.redis.xrange(key, min=f"({after}", count=limit)))

    def _letters(self, partition: int, entries: Any) -> Iterator[DeadLetter]:
        for entry, fields in entries:
            yield DeadLetter(
                id=f"{partition}:{entry.decode()}",
                reason=fields[b"r"].decode(),
                redrives=int(fields[b"a"]),
                stored=_unpack(fields[b"e"]),
            )

    def _pages(self, partition: int) -> Iterator[list[DeadLetter]]:
        """Yield, in pages, all letters that exist when it begins."""
        key = self.hub.keys[partition].deadletters
        newest: Any = self.hub.redis.xrevrange(key, count=1)
        if not newest:
            return
        after, last = "0", newest[0][0].decode()
        while entries := cast("list[Any]", self.hub.redis.xrange(key, min=f"({after}", max=last, count=_PAGE)):
            after = entries[-1][0].decode()
            yield list(self._letters(partition, entries))

    def _ask_for(self, letters: Iterable[DeadLetter]) -> int:
        """Put letters on the lists of their partitions, by the places of their events in the log."""
        places: dict[int, list[tuple[tuple[int, int], str]]] = defaultdict(list)
        for letter in letters:
            places[letter.partition].append((order(letter.stored.offset), letter.offset))
        for partition, its in places.items():
            key = self.hub.keys[partition].redrive
            full.queue(self.hub.redis, "RPUSH", key, *(offset for _, offset in sorted(its)))
        return sum(map(len, places.values()))

    def _delete(self, partition: int, offsets: Sequence[str]) -> int:
        return self.hub.redis.xdel(self.hub.keys[partition].deadletters, *offsets)

    def _partitions(self, partition: int | None) -> Iterable[int]:
        return range(self.hub.partitions) if partition is None else [self.hub.checked_partition(partition)]

    def _by_partition(self, ids: Sequence[str]) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for id_ in ids:
            partition, offset = self._id(id_, "id")
            found.setdefault(partition, []).append(offset)
        return found

    def _id(self, id_: str, field: str) -> tuple[int, str]:
        partition, _, offset = id_.partition(":")
        if not re.fullmatch(LETTER_ID, id_) or max(order(offset)) >= 2**63:
            raise InvalidValue(f"{id_!r} is not the id of a dead letter, PARTITION:MS-N", field)
        return self.hub.checked_partition(int(partition)), offset


def _pack(stored: StoredEvent) -> bytes:
    """Return an event as MessagePack, or as JSON if it has an integer that is too large for MessagePack."""
    try:
        return msgspec.msgpack.encode(stored)
    except OverflowError:
        return msgspec.json.encode(stored)


def _unpack(packed: bytes) -> StoredEvent:
    # In MessagePack, an object begins with another byte.
    return _of_json(packed) if packed[:1] == b"{" else _of_msgpack(packed)
