"""Follow the changes of a shard, which are logged for as long as somebody asks for it: see `CHANGES` in keys.py."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..store.writes import uncounted
from . import keys
from .lua import BoardScript
from .shard import Shard
from .tree import Header

_FOLLOW = BoardScript("tree.lua", "follow.lua")

#: For how long changes are logged after they were last asked for, and entries that are read at once.
LOG_SECONDS, _AT_ONCE = 60, 1000


class LogLost(Exception):
    """Entries are gone that were not read: the board was deleted, or written to faster than the log was read."""


class Entry(NamedTuple):
    """What became of a member: an absolute effect, so that applying it twice is the same as once.

    With the op `set`, `after` is its score in units, and `arrival` as in `Row` (snapshot.py); with `remove` it is gone,
    also from segments; with `join` and `leave`, `segment` is which; with `features`, `after` is its features in JSON,
    empty for none; with `event`, the "member" is the id of an event, and `after` what `EVENTS` has for it.
    """

    id: str
    op: str
    member: bytes
    before: bytes = b""
    after: bytes = b""
    segment: str = ""
    arrival: bytes = b""


class Follower:
    """Reads the changes of a shard that are made from now on, or after an earlier `position`.

    `header` is that of the board when the log was last asked for; `position` is '' if the shard has no board, or one
    without sums, which nobody can change before it is rebuilt.
    """

    def __init__(self, shard: Shard, position: str = "") -> None:
        self.shard = shard
        last, self.header = self._ask()
        self.position = position or last

    @uncounted()  # the board is logged from now on, and nobody has asked for that
    def _ask(self) -> tuple[str, Header]:
        self._asked = time.monotonic()
        reply = _FOLLOW.call(self.shard.client, self.shard.keys, [LOG_SECONDS * 1000])
        return (reply[0].decode(), Header.read(reply[1])) if reply else ("", Header())

    def entries(self) -> Iterator[Entry]:
        """Yield the changes since the last call, until there are no more. Raises `LogLost`."""
        if time.monotonic() > self._asked + LOG_SECONDS / 4:
            self.header = self._ask()[1]
        log = keys.name(keys.CHANGES, self.shard.tag)
        while self.position:
            found: Any = self.shard.client.execute_command("XRANGE", log, self.position, "+", "COUNT", _AT_ONCE)
            if not found or found[0][0].decode() != self.position:
                raise LogLost
            for id_, fields in found[1:]:
                self.position = id_.decode()
                yield _entry(self.position, fields)
            if len(found) < _AT_ONCE:
                return

    def renew(self) -> Header:
        """Ask for the log again, and return the header as it is now."""
        self.header = self._ask()[1]
        return self.header


def _entry(id_: str, fields: dict[bytes, bytes]) -> Entry:
    op = fields[b"op"].decode()
    if op == "begin":
        raise LogLost
    segment = fields.get(b"in_segment", b"").decode()
    before, after, arrival = (fields.get(name, b"") for name in (b"before", b"after", b"arrival"))
    return Entry(id_, op, fields[b"member"], before, after, segment, arrival)
