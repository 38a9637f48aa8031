"""Events: as their senders gave them, and as the log stores them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

#: A user property's value, of one of the types that the service has.
Property = str | int | float | bool | None

#: Characters of a partition key, as in Microsoft's SDKs (MAX_PARTITION_KEY_LENGTH), of a publisher's name and of a
#: MessageId.
MAX_KEY = 128

#: Bytes that an event counts beside its own, so that many small ones can't take more memory than their hub may have. In
#: a stream, an event that came alone takes 26 to 37 bytes beside a small body, one of a run 8 to 17; test_sizes.py
#: compares what is counted with what Redis uses.
OVERHEAD = 40

#: The user property by which a hub recognizes an event that a relay sends a second time. Names ignore case. From any
#: other sender it is a property like all others.
RELAY_ID = "wz-event-id"

#: SOURCE/PARTITION/OFFSET. Not the sequence number: a Redis that lost its last second would assign those again.
#: With the suffix of a re-driven dead letter, `/r1`, it is not such an id, so that the letter is taken.
_RELAY_ID = re.compile(r"([^/]{1,64}/[0-9]{1,4})/[0-9]{1,15}(?:-[0-9]{1,15})?")

_to_json = msgspec.json.Encoder().encode


class Event(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One event as its sender gave it. `body` is opaque; an absent key, type, publisher or id is None, never empty.

    A publisher's events have its name as their key. `message_id` is the sender's own id, by which a hub can recognize
    a duplicate.
    """

    body: bytes
    partition_key: str | None = None
    content_type: str | None = None
    properties: Mapping[str, Property] = {}
    publisher: str | None = None
    message_id: str | None = None  # last: logs of older versions have events without it

    @property
    def size(self) -> int:
        """Bytes by which hubs are limited: see `size_of`."""
        return size_of([self])

    @property
    def relay_id(self) -> tuple[str, str] | None:
        """The id that a relay gave it, `SOURCE/PARTITION/OFFSET`, and its part `SOURCE/PARTITION`; or None."""
        for name, value in self.properties.items():
            if (
                len(name) == len(RELAY_ID)
                and name.lower() == RELAY_ID
                and isinstance(value, str)
                and (match := _RELAY_ID.fullmatch(value))
            ):
                return value, match[1]
        return None


def size_of(events: Sequence[Event]) -> int:
    """Return the bytes by which hubs are limited: all that the log stores of events, and `OVERHEAD` for each.

    User properties count as JSON.
    """
    texts = [
        text
        for event in events
        for text in (event.partition_key, event.content_type, event.publisher, event.message_id)
        if text
    ]
    properties = [event.properties for event in events if event.properties]
    in_json = len(_to_json(properties)) - len(properties) - 1 if properties else 0  # brackets and commas do not count
    bodies = sum([len(event.body) for event in events])
    return bodies + len("".join(texts).encode()) + in_json + OVERHEAD * len(events)


class StoredEvent(msgspec.Struct, frozen=True, gc=False):
    """An event in the log.

    `offset` is `ms-n` (see entry.py): opaque to readers, rising within a partition. `sequence_number` is
    0, 1, 2 ... within a partition. `enqueued_ms` is Redis's clock, ms since the Unix epoch.
    """

    partition: int
    sequence_number: int
    offset: str
    enqueued_ms: int
    event: Event
