"""When the relay has sent an event, and where to: it notes each request that the upstream hub took (commit.lua).

About the last 200 requests of a partition are kept. Of an event that went before them, only the relay's offset is
known, which tells that it is done.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from ..store.offsets import ms_of, order
from .stored_hub import StoredHub

_PAGE = 100  # notes that are read at once


class Sent(NamedTuple):
    """`at_ms` is when the upstream hub had taken the event, ms since the Unix epoch; `to` is HOST/HUB."""

    at_ms: int
    to: str


def sent(hub: StoredHub, partition: int, offset: str) -> Sent | None:
    """Return when the event of this offset was sent last; None if that is not known. Three or four round trips.

    A dead letter that is sent again has a request of its own, after those of later events.

    Redis key: `sent`; see keys.py.
    """
    key, found, wanted = hub.keys[hub.checked_partition(partition)].sent, None, order(offset)
    after = f"{ms_of(offset)}-0"  # no event is sent before it came
    while page := cast("list[Any]", hub.redis.xrange(key, min=after, count=_PAGE)):
        for note, fields in page:
            first, last = order(fields[b"f"].decode()), order(fields[b"o"].decode())
            if first <= wanted <= last:
                found = Sent(ms_of(note.decode()), fields[b"t"].decode())
        after = f"({page[-1][0].decode()}"
    return found
