"""Makes the rows of a stream from events of the log: their records, and the times that count for them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import msgspec

from ...hub.event import StoredEvent
from ..expressions.casts import to_datetime
from ..language.ticks import BEGINNING, from_unix_ms
from ..language.values import Datetime, Names, RowError, fits, group_key
from ..operators.codec import pack, unpack
from ..operators.faults import CLOCK, EVENT_TIME, Faults
from ..planning.nodes import Compiled, Stream
from ..row import Row
from .column_types import typed
from .event_times import ARRIVAL, EventTimes, TimePolicies

_ADDED = frozenset({"eventprocessedutctime", "partitionid", "eventenqueuedutctime"})
_LENGTHS = frozenset(map(len, _ADDED))  # names of other lengths need no closer look

_decode = msgspec.json.Decoder().decode


class InputError(Exception):
    """The event's body is not one JSON object, or an array of them, that the engine can work with."""


def rows_of(stored: StoredEvent, processed: int, names: Names) -> list[Row]:
    """Return the rows of an event, with its arrival as their time: one for each JSON object that its body has.

    The columns that Stream Analytics adds to an Event Hub's events come last. They replace columns of the same names
    that the sender gave, so that an arrival time can't be forged. `processed` is the time now, in ticks; it is the only
    value that differs when the event is read again after a crash. Raises `InputError`.
    """
    time = from_unix_ms(stored.enqueued_ms)
    added = {
        "EventProcessedUtcTime": Datetime(processed),
        "PartitionId": stored.partition,
        "EventEnqueuedUtcTime": Datetime(time),
    }
    rows = []
    for place, record in enumerate(records_of(stored.event.body)):
        pop_added(record)
        record |= added
        rows.append(Row(names.mapping(record), time, (stored.partition, stored.sequence_number, place)))
    return rows


def records_of(body: bytes) -> list[dict[str, Any]]:
    """Return the records of a body: a JSON object, or an array of them. Raises `InputError`."""
    try:
        decoded = _decode(body)
    except (ValueError, RecursionError) as exc:  # msgspec's own errors are ValueErrors
        raise InputError(f"the body is not JSON: {exc}") from exc
    records = decoded if type(decoded) is list else [decoded]
    for record in records:
        if type(record) is not dict:
            raise InputError("the body is neither a JSON object nor an array of objects")
    if not fits(decoded, body):
        raise InputError("the body is nested too deeply, or has an integer of more than 64 bits")
    return records


def pop_added(record: dict[str, Any]) -> dict[str, Any]:
    """Remove the columns that the hub adds from a record, in any case; return them by their names in lower case."""
    names = [name for name in record if len(name) in _LENGTHS and name.lower() in _ADDED]
    return {name.lower(): record.pop(name) for name in names} if names else {}


class InputRows:
    """The rows of one partition of an input, for each stream that the query makes of it.

    Rows must come in the order of their arrival. In a stream with TIMESTAMP BY, the time of a row is the value of that
    expression, within the policies. If it is NULL, or not a time, the row is a fault, and left out of this stream. A
    row may be before the time that is closed if Redis's clock went back: then its time is adjusted.

    All sources of events use this class, whether they read a hub or a file.
    """

    def __init__(
        self,
        streams: Sequence[Stream],
        input_name: str,
        policies: TimePolicies,
        faults: Faults,
        *,
        is_text: bool = False,
    ) -> None:
        """`streams` are all streams of the plan. `is_text` is as in column_types.py."""
        self._faults = faults
        self._is_text = is_text
        self._types = next((stream.types for stream in streams if stream.input == input_name), ())
        self._streams = {place: stream for place, stream in enumerate(streams) if stream.input == input_name}
        self._times = {
            place: EventTimes(policies if stream.timestamp else ARRIVAL, faults, substreams=bool(stream.over))
            for place, stream in self._streams.items()
        }

    def by_stream(self, rows: Sequence[Row], closed: int = BEGINNING) -> list[tuple[int, list[Row]]]:
        """Return the rows of each stream with their event times, all of which are after `closed`.

        A stream is given by its place in the plan; a stream without rows is left out.
        """
        given = []
        if self._types:
            rows = typed(rows, self._types, self._faults, is_text=self._is_text)
        for place, stream in self._streams.items():
            taken = self._taken(stream, self._times[place], rows)
            if any(row.time <= closed for row in taken):
                taken = [row if row.time > closed else self._adjusted(row, closed + 1) for row in taken]
            if taken:
                given.append((place, taken))
        return given

    def idle(self, now: int) -> None:
        """Record that every event that arrived before `now`, in ticks, has been taken."""
        for times in self._times.values():
            times.idle(now)

    @property
    def watermark(self) -> int:
        """The last time for which no more rows will come in any stream."""
        return min([times.watermark for times in self._times.values()])

    def snapshot(self) -> bytes:
        return pack({str(place): times.state() for place, times in self._times.items()})

    def restore(self, packed: bytes) -> None:
        for place, state in unpack(packed).items():
            self._times[int(place)].restore(state)

    def _taken(self, stream: Stream, times: EventTimes, rows: Sequence[Row]) -> list[Row]:
        if stream.timestamp is not None:
            return [timed for row in rows if (timed := self._timed(stream, stream.timestamp, times, row)) is not None]
        if rows:
            times.arrived(rows[-1].time)
        return list(rows)

    def _timed(self, stream: Stream, timestamp: Compiled, times: EventTimes, row: Row) -> Row | None:
        try:
            value = timestamp.evaluate(row)
            if value is None:
                raise RowError("TIMESTAMP BY is NULL")
            key: Hashable = tuple(group_key(part.evaluate(row)) for part in stream.over)
            time = times.time_of(int(to_datetime(value)), row.time, key, row)
        except RowError as exc:
            self._faults.report(EVENT_TIME, exc, row)
            return None
        return None if time is None else Row(row.columns, time, row.arrival)

    def _adjusted(self, row: Row, time: int) -> Row:
        self._faults.report(CLOCK, "an event came for a time that is already closed: Redis's clock went back", row)
        return Row(row.columns, time, row.arrival)
