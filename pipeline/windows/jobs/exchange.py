"""The exchange between a job's two stages: what the tasks of the partitions give, and the merging task takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from ...store import Pipeline, Redis
from ..engine.engine import Engine, ExchangeRow, Given
from ..language.ticks import BEGINNING
from ..operators.codec import pack, unpack
from ..operators.faults import CLOCK, Faults
from ..row import Row
from . import keys

#: Entries that may wait for the merging task, or for its next snapshot; then the partition's task reads no more.
MOST_ENTRIES = 400

#: Rows in an entry, about, when there is much to do: as many as a task gives in one turn.
_ENTRY = 100

# KEYS[1] the task's checkpoint, KEYS[2] the watermark; ARGV[1] the task's count of commits, ARGV[2] the new watermark.
_PUBLISH = """
if redis.call('HGET', KEYS[1], 'commits') == ARGV[1] then redis.call('SET', KEYS[2], ARGV[2]) end
"""


class Exchange:
    """The rows that the task of one partition gives to the other stage, and how far it has come.

    Redis keys: `keys.exchange` and `keys.watermark`. The second has the time that is in the last entry of the first,
    and moves without rows as well.
    """

    def __init__(self, client: Redis, job: str, partition: int) -> None:
        self.partition = partition
        self.key = keys.exchange(job, partition)
        self.watermark_key = keys.watermark(job, partition)
        self._publish = client.register_script(_PUBLISH)
        self._published = BEGINNING

    def queue(self, pipe: Pipeline, rows: Sequence[ExchangeRow], closed: int) -> None:
        """Put rows into the task's transaction; those of later ones are after `closed`."""
        if rows:
            pipe.xadd(self.key, {"r": pack([(row.node, row.row) for row in rows]), "w": closed})
        pipe.set(self.watermark_key, closed)
        self._published = closed

    def publish(self, checkpoint: str, commits: int, closed: int) -> None:
        """Say that the task has come so far without any row that is not in the exchange.

        Only a task whose checkpoint stands at `commits` may: another that has taken over since begins where this one
        was, and what came in meanwhile is later, but a job that has begun anew may give rows of any time.
        """
        if closed > self._published:
            self._publish(keys=[checkpoint, self.watermark_key], args=[commits, closed])
            self._published = closed

    def queue_trim(self, pipe: Pipeline, done: str) -> None:
        """Drop what the merging task will not read again."""
        milliseconds, _, number = done.partition("-")
        pipe.xtrim(self.key, minid=f"{milliseconds}-{int(number or 0) + 1}", approximate=False)


class _ExchangeEntry(NamedTuple):
    offset: str
    rows: list[tuple[int, Row]]  # by the node that gave each
    closed: int
    sequence_number: int = -1  # which events of a hub have


class ExchangeSource:
    """One partition's exchange, as the merging task reads it.

    Two partitions may give rows of one node with equal time and arrival (a part of the same group each), so the
    partition goes before the arrival.
    """

    def __init__(self, exchange: Exchange, faults: Faults) -> None:
        self.exchange = exchange
        self.name = str(exchange.partition)
        self.watermark = BEGINNING
        self._has_ended = False
        self._asked = 0
        self._published = BEGINNING
        self._faults = faults

    def queue(self, pipe: Pipeline, after: str, batch: int) -> None:
        # The watermark first: the rows that belong to it are then among what is read.
        self._asked = max(1, batch // _ENTRY)
        pipe.get(self.exchange.watermark_key)
        pipe.xrange(self.exchange.key, min=f"({after}", count=self._asked)

    def entries(self, replies: Iterator[Any]) -> list[_ExchangeEntry]:
        self._published = int(next(replies) or BEGINNING)
        page = next(replies)
        self._has_ended = len(page) < self._asked
        return [_ExchangeEntry(offset.decode(), unpack(fields[b"r"]), int(fields[b"w"])) for offset, fields in page]

    def count(self, entries: Sequence[_ExchangeEntry]) -> int:
        return sum(len(entry.rows) for entry in entries)

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
        for _ in late:
            self._faults.report(CLOCK, "a row for a time that is closed: Redis's clock went back")
        return [row for row in rows if row.time > closed] if late else rows
