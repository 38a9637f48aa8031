"""Makes the rows of a stream from events of the log: their records, and the times that count for them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

from ...hub.event import StoredEvent
from ..expressions.casts import to_datetime
from ..language.ticks import BEGINNING, from_unix_ms
from ..language.values import Datetime, Names, RowError, fits, group_key, surely_fit
from ..operators.codec import pack, unpack
from ..operators.faults import CLOCK, EVENT_TIME, INPUT, Faults
from ..planning.nodes import Compiled, Stream
from ..row import Row
from .bodies import InputError, ReadBody, Record, decode, json_records
from .column_types import typed
from .event_times import ARRIVAL, EventTimes, TimePolicies

_ADDED = frozenset({"eventprocessedutctime", "partitionid", "eventenqueuedutctime"})
_LENGTHS = frozenset(map(len, _ADDED))  # names of other lengths need no closer look

#: Events that are decoded together. If one of them is not JSON, all of them are read one by one.
_TOGETHER = 100

#: The most shapes of records that are remembered, since they are the senders' to choose.
_SHAPES = 1_000

_time_of = attrgetter("time")


def rows_of(
    stored: StoredEvent, processed: int, names: Names, read: ReadBody = json_records, *, keeps_event: bool = False
) -> list[Row]:
    """Return the rows of an event, with its arrival as their time: one for each record that its body has.

    The columns that Stream Analytics adds to an Event Hub's events come last. They replace columns of the same names
    that the sender gave, so that an arrival time can't be forged. `processed` is the time now, in ticks; it is the only
    value that differs when the event is read again after a crash. Raises `InputError`.
    """
    time = from_unix_ms(stored.enqueued_ms)
    added = added_columns(stored.partition, time, processed)
    arrival = stored.partition, stored.sequence_number
    return rows_of_records(read(stored.event.body), added, names, time, arrival, stored if keeps_event else None)


def rows_of_records(
    records: Iterable[Record],
    added: Mapping[str, Any],
    names: Names,
    time: int,
    arrival: tuple[int, int],
    event: StoredEvent | None,
) -> list[Row]:
    """Return the rows of an event's records, with `added` in place of columns of these names."""
    rows = []
    for place, record in enumerate(records):
        pop_added(record)
        record |= added
        rows.append(Row(names.mapping(record), time, (*arrival, place), event))
    return rows


def added_columns(partition: int, time: int, processed: int) -> dict[str, Any]:
    """Return the columns that a hub adds; `time` is the arrival, and both times are in ticks."""
    return {
        "EventProcessedUtcTime": Datetime(processed),
        "PartitionId": partition,
        "EventEnqueuedUtcTime": Datetime(time),
    }


def pop_added(record: dict[str, Any]) -> dict[str, Any]:
    """Remove the columns that the hub adds from a record, in any case; return them by their names in lower case."""
    names = [name for name in record if len(name) in _LENGTHS and name.lower() in _ADDED]
    return {name.lower(): record.pop(name) for name in names} if names else {}


class EventReader:
    """Makes the rows of many events, as `rows_of` does of one.

    Nearly all bodies are one JSON object, whose names were seen before. Those are read together; any other event is
    left to `rows_of`.
    """

    def __init__(self, names: Names, read: ReadBody = json_records, *, keeps_events: bool = False) -> None:
        """`names` are those that the query looks up; `read` reads a body; see `Row.event` for `keeps_events`."""
        self._names = names
        self._read = read
        self._keeps_events = keeps_events
        self._usual: set[tuple[str, ...]] = set()  # the names of records that have none of those that are added

    def rows(self, events: Sequence[StoredEvent], processed: int, faults: Faults) -> list[Row]:
        """Return the rows of events, in their order. An event without records is a fault."""
        mapping, keeps_events = self._names.mapping, self._keeps_events
        rows: list[Row] = []
        when: tuple[int, int] | None = None
        for stored, record in zip(events, self._usual_records(events), strict=True):
            if record is None:
                try:
                    rows += rows_of(stored, processed, self._names, self._read, keeps_event=keeps_events)
                except InputError as exc:
                    where = f"partition {stored.partition}, offset {stored.offset}"
                    faults.report(INPUT, f"{exc} ({where})", event=stored)
                continue
            if when != (stored.enqueued_ms, stored.partition):
                when = stored.enqueued_ms, stored.partition
                time = from_unix_ms(stored.enqueued_ms)
                added = added_columns(stored.partition, time, processed)
            record |= added
            arrival = (stored.partition, stored.sequence_number, 0)
            rows.append(Row(mapping(record), time, arrival, stored if keeps_events else None))
        return rows

    def _usual_records(self, events: Sequence[StoredEvent]) -> Iterator[Record | None]:
        """Yield the record of each event whose body is one JSON object without odd names; None for the others."""
        usual = self._usual
        for first in range(0, len(events), _TOGETHER):
            bodies = [stored.event.body for stored in events[first : first + _TOGETHER]]
            try:
                decoded = list(map(decode, bodies)) if self._read is json_records else [None] * len(bodies)
            except (ValueError, RecursionError):
                decoded = [None] * len(bodies)
            all_fit = set(map(type, decoded)) == {dict} and surely_fit(bodies)
            for record, body in zip(decoded, bodies, strict=True):
                is_usual = type(record) is dict and (tuple(record) in usual or self._is_usual(record))
                yield record if is_usual and (all_fit or fits(record, body)) else None

    def _is_usual(self, record: Record) -> bool:
        is_usual = not any(len(name) in _LENGTHS and name.lower() in _ADDED for name in record)
        if is_usual and len(self._usual) < _SHAPES:
            self._usual.add(tuple(record))
        return is_usual


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
            if taken and min(map(_time_of, taken)) <= closed:
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
            return self._timed(stream, stream.timestamp, times, rows)
        if rows:
            times.arrived(rows[-1].time)
        return list(rows)

    def _timed(self, stream: Stream, timestamp: Compiled, times: EventTimes, rows: Sequence[Row]) -> list[Row]:
        time_of_row, keys = timestamp.evaluate, [part.evaluate for part in stream.over]
        timed = []
        for row in rows:
            try:
                value = time_of_row(row)
                if value is None:
                    raise RowError("TIMESTAMP BY is NULL")
                key: Hashable = tuple([group_key(key_of_row(row)) for key_of_row in keys]) if keys else None
                time = times.time_of(int(to_datetime(value)), row.time, key, row)
            except RowError as exc:
                self._faults.report(EVENT_TIME, exc, row)
                continue
            if time is not None:
                timed.append(Row(row.columns, time, row.arrival, row.event))
        return timed

    def _adjusted(self, row: Row, time: int) -> Row:
        self._faults.report(CLOCK, "an event came for a time that is already closed: Redis's clock went back", row)
        return Row(row.columns, time, row.arrival, row.event)
