"""What a task reads: logs whose entries have offsets, and which tell up to which time they are complete."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, Protocol

from ...hub.entry import events_of
from ...hub.event import StoredEvent
from ...hub.log import Hub
from ...store import Pipeline
from ..engine.engine import Engine, Given
from ..engine.input_rows import EventReader, InputRows
from ..operators.faults import Faults

#: The number of events that is expected in an entry of a hub's log before one has been read.
_TOGETHER = 10.0

#: About as many bytes of bodies are taken in a turn, and one event at least: APPLY can make a row of every two bytes.
MOST_BYTES = 4 * 2**20


class TaskSource(Protocol):
    """One log that a task reads, from an offset on: the stream `key`. `name` is that of its position in the checkpoint.

    A source's rows must depend on the entries alone, so that reading them again gives the same rows. Entries have an
    `offset`, `ms-n`, which rises within the source, and a `sequence_number`, -1 if they have none.
    """

    name: str
    key: str
    watermark: int
    """The last time for which no more rows will come, in ticks. `settle` and `restore` move it."""

    def queue(self, pipe: Pipeline, after: str, batch: int) -> None:
        """Queue the commands that read entries after an offset, of about `batch` rows together."""

    def entries(self, replies: Iterator[Any]) -> Sequence[Any]:
        """Return the entries from the replies to the commands of `queue`; takes one reply for each of them."""

    def count(self, entries: Sequence[Any]) -> int:
        """Return about how many events, or rows, the entries have."""

    def feed(self, engine: Engine, entries: Sequence[Any], now: int) -> list[Given]:
        """Feed the rows of entries to the engine; return the rows that it gives at once. `now` is in ticks."""

    def settle(self, now: int) -> None:
        """Move the watermark, after the entries of the last `entries` have been fed. `now` is a time before the read.

        If there were no more entries, then every row that arrived before `now` has been fed.
        """

    def snapshot(self) -> bytes: ...

    def restore(self, packed: bytes) -> None: ...


class HubSource:
    """A partition of a hub, as an input of the query."""

    def __init__(
        self, name: str, hub: Hub, partition: int, rows: InputRows, reader: EventReader, faults: Faults
    ) -> None:
        self.name = name
        self.watermark = rows.watermark
        self._has_ended = False
        self._hub = hub.name
        self.key = hub.keys[partition].events
        self._partition = partition
        self._rows = rows
        self._reader = reader
        self._faults = faults
        self._asked = ("0", 0)
        self._together = _TOGETHER

    def queue(self, pipe: Pipeline, after: str, batch: int) -> None:
        self._asked = (after, max(1, round(batch / self._together)))
        pipe.xrange(self.key, min=f"({after}", count=self._asked[1])

    def entries(self, replies: Iterator[Any]) -> list[StoredEvent]:
        page = next(replies)
        after, asked = self._asked
        found = events_of(self._partition, after, page)
        sizes = list(accumulate(len(stored.event.body) for stored in found))
        events = found[: bisect_left(sizes, MOST_BYTES) + 1]
        if page:
            self._together = len(found) / len(page)
        self._has_ended = len(page) < asked and len(events) == len(found)
        return events

    def count(self, entries: Sequence[StoredEvent]) -> int:
        return len(entries)

    def feed(self, engine: Engine, entries: Sequence[StoredEvent], now: int) -> list[Given]:
        self._faults.reading(self._hub, entries)
        rows = self._reader.rows(entries, now, self._faults)
        given: list[Given] = []
        for stream, taken in self._rows.by_stream(rows, engine.closed):
            given += engine.feed(stream, taken)
        self._faults.reading("", ())
        return given

    def settle(self, now: int) -> None:
        if self._has_ended:
            self._rows.idle(now)
        self.watermark = self._rows.watermark

    def snapshot(self) -> bytes:
        return self._rows.snapshot()

    def restore(self, packed: bytes) -> None:
        self._rows.restore(packed)
        self.watermark = self._rows.watermark
