"""From an event in the log to the rows of a stream: its records, and when they count."""

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
from .event_times import ARRIVAL, EventTimes, TimePolicies

_ADDED = frozenset({"eventprocessedutctime", "partitionid", "eventenqueuedutctime"})
_LENGTHS = frozenset(map(len, _ADDED))  # of the few names that are worth a closer look

_decode = msgspec.json.Decoder().decode


class InputError(Exception):
    """The event's body is not what an input takes."""


def rows_of(stored: StoredEvent, processed: int, names: Names) -> list[Row]:
    """Return the rows of an event, at its arrival: one for a JSON object, one for each object of an array.

    The columns that Stream Analytics adds to an Event Hub's events come last, and take the place of any that the
    sender gave those names: an arrival time can't be forged. `processed` is the time now, in ticks, and so the one
    value that is another when the event is read again after a crash. Raises `InputError`.
    """
    time = from_unix_ms(stored.enqueued_ms)
    added = {
        "EventProcessedUtcTime": Datetime(processed),
        "PartitionId": stored.partition,
        "EventEnqueuedUtcTime": Datetime(time),
    }
    rows = []
    for place, record in enumerate(records_of(stored.event.body)):
        take_added(record)
        record |= added
        rows.append(Row(names.of(record), time, (stored.partition, stored.sequence_number, place)))
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
        raise InputError("the body is nested too deep, or has an integer beyond 64 bits")
    return records


def take_added(record: dict[str, Any]) -> dict[str, Any]:
    """Take the columns that the hub adds out of a record, whatever their case; return them by lower-case name."""
    names = [name for name in record if len(name) in _LENGTHS and name.lower() in _ADDED]
    return {name.lower(): record.pop(name) for name in names} if names else {}


class InputRows:
    """The rows of one partition of an input, for each stream that the query makes of it.

    Rows are taken at their arrival, in order. In a stream with TIMESTAMP BY their time is that of the expression, as
    far as the policies let it be; a row for which it is NULL, or not a time, is a fault and left out of this stream. A
    time that is closed may still come if Redis's clock went back: it is adjusted.

    What a source of events needs, wherever they come from: a hub, or a file.
    """

    def __init__(self, streams: Sequence[Stream], input_name: str, policies: TimePolicies, faults: Faults) -> None:
        """`streams` are the plan's."""
        self._faults = faults
        self._streams = {place: stream for place, stream in enumerate(streams) if stream.input == input_name}
        self._times = {
            place: EventTimes(policies if stream.timestamp else ARRIVAL, faults, substreams=bool(stream.over))
            for place, stream in self._streams.items()
        }

    def take(self, rows: Sequence[Row], closed: int = BEGINNING) -> list[tuple[int, list[Row]]]:
        """Return the rows of each stream, by its place in the plan, with their event times, all of them after `closed`.

        A stream of which there is no row is left out.
        """
        given = []
        for place, stream in self._streams.items():
            taken = self._taken(stream, self._times[place], rows)
            if any(row.time <= closed for row in taken):
                taken = [row if row.time > closed else self._adjusted(row, closed + 1) for row in taken]
            if taken:
                given.append((place, taken))
        return given

    def idle(self, now: int) -> None:
        """Know that every event which arrived before `now` has been taken."""
        for times in self._times.values():
            times.idle(now)

    @property
    def watermark(self) -> int:
        """The last time of which no row will come in any stream."""
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
            value = timestamp.of(row)
            if value is None:
                raise RowError("TIMESTAMP BY is NULL")
            key: Hashable = tuple(group_key(of.of(row)) for of in stream.over)
            time = times.time_of(int(to_datetime(value)), row.time, key)
        except RowError as exc:
            self._faults.report(EVENT_TIME, exc)
            return None
        return None if time is None else Row(row.columns, time, row.arrival)

    def _adjusted(self, row: Row, time: int) -> Row:
        self._faults.report(CLOCK, "an event arrived before a time that is closed: Redis's clock went back")
        return Row(row.columns, time, row.arrival)
