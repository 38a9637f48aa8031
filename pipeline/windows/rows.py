"""From an event in the log to the rows of an input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from ..hub.log import StoredEvent
from .clock import from_unix_ms
from .values import Datetime

#: Partition, sequence number, place in the body: with the time before it, one order for all events, however read.
Arrival = tuple[int, int, int]

_ADDED = frozenset({"eventprocessedutctime", "partitionid", "eventenqueuedutctime"})


class InputError(Exception):
    """The event's body is not what an input takes."""


@dataclass(frozen=True, slots=True)
class Row:
    """What a step takes. `window_end` is the end of the window that made it; None for a row of an input."""

    columns: Mapping[str, Any]
    time: int
    arrival: Arrival
    window_end: int | None = None


def rows_of(stored: StoredEvent, processed: int) -> list[Row]:
    """Return the rows of an event: one for a JSON object, one for each object of an array.

    The columns that Stream Analytics adds to an Event Hub's events come last, and take the place of any that the
    sender gave those names: an arrival time can't be forged. Raises `InputError`.
    """
    time = from_unix_ms(stored.enqueued_ms)
    added = {
        "EventProcessedUtcTime": Datetime(processed),
        "PartitionId": stored.partition,
        "EventEnqueuedUtcTime": Datetime(time),
    }
    return [
        Row(
            {name: value for name, value in record.items() if name.lower() not in _ADDED} | added,
            time,
            (stored.partition, stored.sequence_number, place),
        )
        for place, record in enumerate(_records(stored.event.body))
    ]


def _records(body: bytes) -> list[dict[str, Any]]:
    try:
        decoded = msgspec.json.decode(body)
    except (ValueError, RecursionError) as exc:  # msgspec's own errors are ValueErrors
        raise InputError(f"the body is not JSON: {exc}") from exc
    records = decoded if isinstance(decoded, list) else [decoded]
    if not all(isinstance(record, dict) for record in records):
        raise InputError("the body is neither a JSON object nor an array of objects")
    return records
