"""When the relay has sent an event, and where to: it notes what the upstream hub took or refused (commit.lua).

Requests that follow each other within a second share a note, and only the newest notes of a partition are kept (`SENT`
in keys.py). Of an event that went before them, only the relay's offset is known, which tells that it is done.
"""

from __future__ import annotations

from typing import NamedTuple, cast

from ..store.offsets import order
from .stored_hub import StoredHub


class Sent(NamedTuple):
    """`at_ms` is by when the upstream hub had answered, ms since the Unix epoch: it was at most a second earlier.

    `to` is where it was sent, HOST/HUB; "" if it was refused.
    """

    at_ms: int
    to: str


def sent(hub: StoredHub, partition: int, offset: str) -> Sent | None:
    """Return when the event of this offset was sent last; None if that is not known. One round trip.

    A dead letter that is sent again has a note of its own, after those of later events.

    Redis key: `sent`; see keys.py.
    """
    notes = cast("list[bytes]", hub.redis.lrange(hub.keys[hub.checked_partition(partition)].sent, 0, -1))
    wanted = order(offset)
    for note in reversed(notes):
        _, at, first, last, to = note.decode().split(" ", 4)
        if order(first) <= wanted <= order(last):
            return Sent(int(at), to)
    return None
