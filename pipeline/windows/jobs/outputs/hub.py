"""Publishes rows as events of a hub of this namespace."""

from __future__ import annotations

from ....hub.event import MAX_KEY, RELAY_ID, Event
from ....hub.namespace import Hubs, UnknownHub
from ....hub.repetition import JOBS
from ....hub.throughput import Throttled
from ....hub.writing import BatchTooLarge, HubFull
from ....store import OutOfMemoryError
from ....store.refusals import refusal_of
from ...engine.engine import OutputRow
from ...expressions.casts import to_text
from ...language.values import RowError, lookup
from .outbox import Batch, Receiver, Unavailable, WaitingRow

#: The user property of an event that has the `row_id`.
ROW_ID = "wz-row-id"

#: Lanes for each partition. For an event without a key, the hub derives the partition from SOURCE/LANE.
_LANES = 16


class HubReceiver(Receiver):
    """Publishes each row as an event. Its body is the row as JSON, its key the value of `partition_key`, if given.

    The hub drops events that it has taken before, as it does for a relay: it remembers the last offset of this outbox
    in each partition. So each row is in the log once. From there the hub's own relay sends it to Azure.
    """

    most_rows = 500

    def __init__(self, hubs: Hubs, hub: str, partition_key: str | None = None) -> None:
        """Raises `UnknownHub`."""
        self.hubs = hubs
        self.hub = hubs[hub].name
        self.partition_key = partition_key

    def key(self, row: OutputRow) -> str | None:
        """Return the event's partition key as text, None if it is NULL or ''."""
        if self.partition_key is None:
            return None
        value = lookup(row.columns, self.partition_key)
        if value is None:
            return None
        key = to_text(value)
        if len(key) > MAX_KEY:
            raise RowError(f"{self.partition_key} is longer than a partition key's {MAX_KEY} characters")
        return key or None

    def send(self, batch: Batch) -> str:
        try:
            hub = self.hubs[self.hub]  # looked up each time: it may have been changed, or deleted and made again
            events = [self._event(batch.source, row, hub.partitions) for row in batch.rows]
            try:
                hub.append(events, relay=JOBS)
            except BatchTooLarge:  # a single one finds room
                for event in events:
                    hub.append([event], relay=JOBS)
        except UnknownHub as exc:
            raise Unavailable(str(exc)) from exc
        except (HubFull, Throttled) as exc:
            raise Unavailable(str(exc), exc.seconds) from exc
        except OutOfMemoryError as exc:
            refusal = refusal_of(exc)
            raise Unavailable(refusal.why, refusal.seconds) from exc
        return batch.mark

    def _event(self, source: str, row: WaitingRow, partitions: int) -> Event:
        lane = int(row.id, 16) % min(partitions * _LANES, 10_000)
        ids = {RELAY_ID: f"{source}/{lane}/{row.offset}", ROW_ID: row.id}
        return Event(row.json, row.key, "application/json", ids)
