"""What has changed on a board in the last minutes, as far as somebody has looked at it.

A board keeps no record of its changes, which would make each change dearer. So while a page shows a board, its first
ranks are kept once a minute, and what is on them now is compared with the oldest that are kept.

Redis key: `keys.BOARD_RANKS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from typing import NamedTuple, cast

import msgspec

from ..boards.answers import Row
from ..store import OUTAGES, Redis
from .keys import BOARD_RANKS

#: The ranks that are kept, from 0.
RANKS = 50

_PERIOD_MS = 60_000
_ENTRIES = 10
_TTL = 12 * 60  # seconds


class Change(NamedTuple):
    """A member whose score or rank is another one than before. `was` is its rank then; None if it was not among the
    first `RANKS`, in which case `by` is not known.
    """

    member: str
    rank: int
    was: int | None
    by: Decimal | None


class Kept(msgspec.Struct, array_like=True):
    """The first ranks at a time: members, and their scores as text, by rank."""

    at_ms: int
    members: list[str]
    scores: list[str]


class Changes(NamedTuple):
    """What has changed since a time in ms: None if nobody has looked before."""

    since_ms: int | None
    changes: list[Change]


def changes(redis: Redis, board: str, now_ms: int, rows: Sequence[Row]) -> Changes:
    """Compare the first ranks of a board, which are `rows`, with the oldest that are kept, and keep them if it is time.

    Two round trips at most.
    """
    key = BOARD_RANKS.named(NAME=board)
    with redis.pipeline(transaction=False) as pipe:
        pipe.lindex(key, 0)
        pipe.lindex(key, -1)
        oldest, newest = cast("list[bytes | None]", pipe.execute())
    if newest is None or now_ms - msgspec.msgpack.decode(newest, type=Kept).at_ms >= _PERIOD_MS:
        kept = Kept(now_ms, [row.member for row in rows[:RANKS]], [str(row.score) for row in rows[:RANKS]])
        # A store that is full or read-only answers all else, so that the board can be looked at.
        with suppress(*OUTAGES), redis.pipeline(transaction=False) as pipe:
            pipe.rpush(key, msgspec.msgpack.encode(kept))
            pipe.ltrim(key, -_ENTRIES, -1)
            pipe.expire(key, _TTL)
            pipe.execute()
    if oldest is None:
        return Changes(None, [])
    before = msgspec.msgpack.decode(oldest, type=Kept)
    return Changes(before.at_ms, list(_compared(before, rows[:RANKS])))


def _compared(before: Kept, rows: Sequence[Row]) -> list[Change]:
    ranks = {member: rank for rank, member in enumerate(before.members)}
    found = []
    for rank, row in enumerate(rows):
        was = ranks.get(row.member)
        by = None if was is None else row.score - Decimal(before.scores[was])
        if was != rank or by:
            found.append(Change(row.member, rank, was, by))
    return found
