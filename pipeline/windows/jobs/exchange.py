"""The exchange between a job's two stages: the partitions' tasks put rows into it, and the merging task takes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from ...store import Pipeline, Redis
from ...store.offsets import following
from ...store.scripts import OPENING
from ..engine.engine import Engine, ExchangeRow, Given
from ..language.ticks import BEGINNING
from ..operators.codec import pack, unpack
from ..operators.faults import CLOCK, Faults
from ..row import Row
from . import keys
from .state import COMMITS

#: The number of entries at which the partition's task stops reading, until the merging task has saved a snapshot.
MOST_ENTRIES = 400

#: About how many rows an entry has when there is much to do: as many as a task gives in one turn.
_ENTRY = 100

# KEYS[1] the task's checkpoint, KEYS[2] the watermark; ARGV[1] the task's count of commits, ARGV[2] the new watermark.
_PUBLISH = f"""{OPENING}
if redis.call('HGET', KEYS[1], '{COMMITS}') == ARGV[1] then redis.call('SET', KEYS[2], ARGV[2]) end
"""


class Exchange:
    """The rows that the task of one partition gives to the other stage, and how far the task has come.

    Redis keys: `keys.exchange` and `keys.watermark`. The second has the time of the first one's last entry, or a later
    one, since it also moves when there are no rows.
    """

    def __init__(self, client: Redis, job: str, partition: int) -> None:
        self.partition = partition
        self.key = keys.exchange(job, partition)
        self.watermark_key = keys.watermark(job, partition)
        self._publish = client.register_script(_PUBLISH)
        self._published = BEGINNING

    def queue(self, pipe: Pipeline, rows: Sequence[ExchangeRow], closed: int) -> None:
        """Put rows into the task's transaction. All rows of later transactions must be after `closed`."""
        if rows:
            packed = pack([(row.node, row.row) for row in rows])
            pipe.xadd(self.key, {"r": packed, "n": sum([row.weight for row in rows]), "w": closed})
        pipe.set(self.watermark_key, closed)
        self._published = closed

    def publish(self, checkpoint: str, commits: int, closed: int) -> None:
        """Record that the task has come as far as `closed`, and that all of its rows are in the exchange.

        Does nothing unless the checkpoint has `commits`. This is for a job that has begun anew meanwhile, which may
        give rows of any time. Another task that has only taken over goes on from here, with later rows.
        """
        if closed > self._published:
            self._publish(keys=[checkpoint, self.watermark_key], args=[commits, closed])
            self._published = closed

    def queue_trim(self, pipe: Pipeline, done: str) -> None:
        """Drop the entries up to the offset `done`, which the merging task will not read again."""
        pipe.xtrim(self.key, minid=following(done), approximate=False)


class _ExchangeEntry(NamedTuple):
    offset: str
    rows: list[tuple[int, Row]]  # each with the node that gave it
    closed: int
    weight: int  # of all its rows
    sequence_number: int = -1  # only events of a hub have one


class ExchangeSource:
    """One partition's exchange, as the merging task reads it.

    The partition is put before each row's arrival, because two partitions may give rows of one node with equal times
    and arrivals: each has a part of the same group.
    """

    def __init__(self, exchange: Exchange, faults: Faults) -> None:
        self.exchange = exchange
        self.key = exchange.key
        self.name = str(exchange.partition)
        self.watermark = BEGINNING
        self._has_ended = False
        self._asked = 0
        self._published = BEGINNING
        self._faults = faults

    def queue(self, pipe: Pipeline, after: str, batch: int) -> None:
        # The watermark is read first, so that the rows that belong to it are among those that are read.
        self._asked = max(1, batch // _ENTRY)
        pipe.get(self.exchange.watermark_key)
        pipe.xrange(self.exchange.key, min=f"({after}", count=self._asked)

    def entries(self, replies: Iterator[Any]) -> list[_ExchangeEntry]:
        self._published = int(next(replies) or BEGINNING)
        page = next(replies)
        self._has_ended = len(page) < self._asked
        return [
            _ExchangeEntry(offset.decode(), unpack(fields[b"r"]), int(fields[b"w"]), int(fields[b"n"]))
            for offset, fields in page
        ]

    def count(self, entries: Sequence[_ExchangeEntry]) -> int:
        return sum(entry.weight for entry in entries)

    def feed(self, engine: Engine, entries: Sequence[_ExchangeEntry], now: int) -> list[Given]:
        given: list[Given] = []
        for entry in entries:
            for node, group in groupby(entry.rows, key=itemgetter(0)):
                rows = [Row(row.columns, row.time, (self.exchange.partition, *row.arrival)) for _, row in group]
                given += engine.feed_node(node, self._open(rows, engine.closed))
            self.watermark = max(self.watermark, entry.closed)
        return given

    def settle(self, now: int) -> None:
        if self._has_ended:
            self.watermark = max(self.watermark, self._published)

    def snapshot(self) -> bytes:
        return pack(self.watermark)

    def restore(self, packed: bytes) -> None:
        self.watermark = unpack(packed)

    def _open(self, rows: list[Row], closed: int) -> list[Row]:
        late = [row for row in rows if row.time <= closed]
        for row in late:
            self._faults.report(CLOCK, "a row came for a time that is already closed: Redis's clock went back", row)
        return [row for row in rows if row.time > closed] if late else rows
