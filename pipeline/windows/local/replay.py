"""Replays a file of events as an input of the query, as if it were the log of a hub."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from ...hub.event import StoredEvent
from ...hub.event_line import METADATA, InvalidLine, exported_event
from ..engine.bodies import InputError, ReadBody, is_text, json_records
from ..engine.engine import Engine, Given
from ..engine.event_times import TimePolicies
from ..engine.input_rows import InputRows, added_columns, pop_added, rows_of_records
from ..expressions.casts import to_datetime
from ..language.ticks import BEGINNING, END, isoformat, to_unix_ms
from ..language.values import RowError
from ..operators.faults import EVENT_TIME, INPUT, Faults
from ..planning.columns import Unseen
from ..planning.nodes import Plan
from ..row import Row
from .files import EventFile, InvalidFile

_ENQUEUED, _PROCESSED, _PARTITION = "eventenqueuedutctime", "eventprocessedutctime", "partitionid"


class Replay:
    """An input's events arrive in the order of its file, and are treated by the same policies as events of a hub.

    An event arrives at its EventEnqueuedUtcTime, in the partition of its PartitionId (0 if it has none); `SELECT *`
    writes both. An event without the first arrives at the latest TIMESTAMP BY time so far. So no event is early, and
    one that is out of order is late by that much. EventProcessedUtcTime is the event's own, or its arrival, so that a
    replay gives the same rows each time. A file of `wz hub export` has `$event` as well: what is beside the body.
    """

    def __init__(
        self,
        plan: Plan,
        input_name: str,
        file: EventFile,
        policies: TimePolicies,
        faults: Faults,
        read: ReadBody = json_records,
    ) -> None:
        """`read` is for bodies that `$event` has."""
        self.input = input_name
        self.file = file
        self.events = 0
        self.has_ended = False
        self._plan = plan
        self._policies = policies
        self._faults = faults
        self._read = read
        self._is_text = file.is_text or is_text(read)
        self.unseen: Unseen | None = None  # looks at the rows
        self._found = iter(file)
        self._done = 0  # the line whose other records are those of a body that was read
        self._timestamps = [
            stream.timestamp for stream in plan.streams if stream.input == input_name and stream.timestamp is not None
        ]
        self._arrived = BEGINNING
        self._partitions: dict[int, InputRows] = {}

    @property
    def watermark(self) -> int:
        """The last time for which no more rows will come."""
        if self.has_ended:
            return END
        return min((rows.watermark for rows in self._partitions.values()), default=BEGINNING)

    def feed(self, engine: Engine, limit: int) -> list[Given]:
        """Read up to `limit` events, feed them to the engine, and return what that gives. Raises `InvalidFile`."""
        found = list(islice(self._found, limit))
        self.has_ended = len(found) < limit
        by_partition: dict[int, list[Row]] = defaultdict(list)
        for row in self._rows(found):
            by_partition[row.arrival[0]].append(row)
        taken: dict[int, list[Row]] = defaultdict(list)
        for partition, rows in by_partition.items():
            for stream, of_stream in self._partition(partition).by_stream(rows, engine.closed):
                taken[stream] += of_stream
        for partition_rows in self._partitions.values():
            partition_rows.idle(self._arrived)
        given: list[Given] = []
        for stream, rows in taken.items():
            given += engine.feed(stream, sorted(rows, key=_number))
        return given

    def _partition(self, partition: int) -> InputRows:
        if partition not in self._partitions:
            self._partitions[partition] = InputRows(
                self._plan.streams, self.input, self._policies, self._faults, is_text=self._is_text
            )
        return self._partitions[partition]

    def _rows(self, found: Sequence[tuple[int, Any]]) -> Iterator[Row]:
        for line, record in found:
            if line == self._done:
                continue
            self.events += 1
            try:
                if isinstance(record, InputError):
                    raise record
                rows = self._rows_of(line, record)
            except (InputError, InvalidLine, RowError) as exc:
                self._faults.report(INPUT, f"{self.file.path}, {line}: {exc}")
            else:
                if self.unseen:
                    self.unseen.look(self.input, rows)
                yield from rows

    def _rows_of(self, line: int, record: dict[str, Any]) -> list[Row]:
        exported = record.pop(METADATA, None)
        own = {name: value for name, value in pop_added(record).items() if value != ""}  # CSV has no NULL
        partition = _partition_id(own.get(_PARTITION))
        enqueued = own.get(_ENQUEUED)
        arrived = self._latest(record, line) if enqueued is None else int(to_datetime(enqueued))
        if arrived == BEGINNING:
            return []
        records, event = self._exported(line, record, exported, partition, arrived)
        if arrived < self._arrived:
            raise InvalidFile(
                self.file.path,
                f"{line}: the event arrived at {isoformat(arrived)}, the one before it at {isoformat(self._arrived)}: "
                "sort the file by EventEnqueuedUtcTime",
            )
        self._arrived = arrived
        processed = own.get(_PROCESSED)
        added = added_columns(partition, arrived, arrived if processed is None else to_datetime(processed))
        return rows_of_records(records, added, self._plan.names, arrived, (partition, self.events), event)

    def _exported(
        self, line: int, record: dict[str, Any], exported: Any, partition: int, arrived: int
    ) -> tuple[list[dict[str, Any]], StoredEvent | None]:
        """Return the records of an event, and what `$event` says of it.

        If `$event` has the body, that is read, since the columns may lack some of it. Raises `InputError` or
        `InvalidLine`.
        """
        has_body = type(exported) is dict and not exported.keys().isdisjoint(("body", "body_base64"))
        if type(exported) is dict and not has_body and self._read is not json_records:
            return [], None  # the body is one line, which has names at most
        if type(exported) is not dict or not (has_body or self._plan.reads_metadata):
            return [record], None
        event = exported_event(exported, partition, to_unix_ms(arrived))
        if has_body:
            self._done = line
        return self._read(event.event.body) if has_body else [record], event

    def _latest(self, record: dict[str, Any], line: int) -> int:
        """Return the time, in ticks, of the latest event up to this one; 0 if none has a time. Raises `InvalidFile`."""
        if not self._timestamps:
            raise InvalidFile(
                self.file.path,
                f"{line}: nothing tells when the event arrived: add EventEnqueuedUtcTime (UTC) to the events, or "
                f"TIMESTAMP BY to FROM {self.input}",
            )
        latest, reason = self._arrived, "TIMESTAMP BY is NULL"
        row = Row(self._plan.names.mapping(record), latest, ())
        for timestamp in self._timestamps:
            try:
                value = timestamp.evaluate(row)
                if value is not None:
                    latest = max(latest, to_datetime(value))
            except RowError as exc:
                reason = str(exc)
        if latest == BEGINNING:  # otherwise `InputRows` reports it
            self._faults.report(EVENT_TIME, f"{self.file.path}, {line}: {reason}; no event so far has a time")
        return latest


def _partition_id(value: Any) -> int:
    if value is None:
        return 0
    if type(value) is str and value.isdecimal() and value.isascii():
        value = int(value[:9])
    if type(value) is not int or value < 0:
        raise InputError(f"PartitionId is a number from 0 on, not {value!r}")
    return value


def _number(row: Row) -> int:
    return int(row.arrival[1])
