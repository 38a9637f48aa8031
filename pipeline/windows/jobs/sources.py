"""What a task reads: logs whose entries have offsets, and that say how far they are complete."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from ...hub.entry import events_of
from ...hub.event import StoredEvent
from ...hub.log import Hub
from ...store import Pipeline
from ..engine.engine import Engine, Given
from ..engine.input_rows import InputError, InputRows, rows_of
from ..language.values import Names
from ..operators.faults import INPUT, Faults

#: Events in an entry of a hub's log, as long as none has been read.
_TOGETHER = 10.0


class TaskSource(Protocol):
    """One log that a task reads, from an offset on. `name` names its position in the checkpoint.

    A source's rows depend on the entries alone, so that reading them again gives the same rows. Entries have an
    `offset`, `ms-n`, that rises within the source, and a `sequence_number`, -1 if there is none.
    """

    name: str
    watermark: int
    """The last time of which no row will come any more. `settle` and `restore` move it."""

    def queue(self, pipe: Pipeline, after: str, batch: int) -> None:
        """Ask for the entries after an offset that have about `batch` rows."""

    def entries(self, replies: Iterator[Any]) -> Sequence[Any]:
        """Return the entries, from the replies to what `queue` asked."""

    def count(self, entries: Sequence[Any]) -> int:
        """Return how many events, or rows, entries hold, about."""

    def feed(self, engine: Engine, entries: Sequence[Any], now: int) -> list[Given]:
        """Feed the rows of entries to the engine; return what it gives at once."""

    def settle(self, now: int) -> None:
        """Move the watermark: the last `entries` are fed. `now` is a time before they were read.

        If they were all that there were, every row that arrived before `now` has been fed.
        """

    def snapshot(self) -> bytes: ...

    def restore(self, packed: bytes) -> None: ...


class HubSource:
    """A partition of a hub, as an input of the query."""

    def __init__(self, name: str, hub: Hub, partition: int, rows: InputRows, names: Names, faults: Faults) -> None:
        self.name = name
        self.watermark = rows.watermark
        self._has_ended = False
        self._key = hub.keys[partition].events
        self._partition = partition
        self._rows = rows
        self._names = names
        self._faults = faults
        self._asked = ("0", 0)
        self._together = _TOGETHER

    def queue(self, pipe: Pipeline, after: str, batch: int) -> None:
        self._asked = (after, max(1, round(batch / self._together)))
        pipe.xrange(self._key, min=f"({after}", count=self._asked[1])

    def entries(self, replies: Iterator[Any]) -> list[StoredEvent]:
        page = next(replies)
        after, asked = self._asked
        events = events_of(self._partition, after, page)
        if page:
            self._together = len(events) / len(page)
        self._has_ended = len(page) < asked
        return events

    def count(self, entries: Sequence[StoredEvent]) -> int:
        return len(entries)

    def feed(self, engine: Engine, entries: Sequence[StoredEvent], now: int) -> list[Given]:
        rows = [row for stored in entries for row in self._rows_of(stored, now)]
        given: list[Given] = []
        for stream, taken in self._rows.take(rows, engine.closed):
            given += engine.feed(stream, taken)
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

    def _rows_of(self, stored: StoredEvent, now: int) -> list[Any]:
        try:
            return rows_of(stored, now, self._names)
        except InputError as exc:
            self._faults.report(INPUT, f"{exc} (partition {stored.partition}, offset {stored.offset})")
            return []
