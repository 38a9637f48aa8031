"""Which boards there are. Nothing keeps a list of them: Redis is asked for its keys, a bounded number of them.

So a change of a board costs no command more, and boards that expired, or that another program wrote, are told right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any, cast

from msgspec import Struct

from ..store import Redis, RedisCluster, ResponseError
from ..store.scripts import ScriptClient
from . import keys
from .answers import isoformat
from .fanout import try_all
from .queries import ALL, AskInfo, Info, Lowest
from .scores import from_units
from .shard import StaleShard
from .shards import Shards
from .totals import Totals

#: Keys of Redis that are looked at, at most, to find boards; and in one call of SCAN, which takes it about 1 ms.
MOST_KEYS, _AT_ONCE = 1_000_000, 10_000

_PREFIX = re.compile(r"[A-Za-z0-9_.:\-]*")


class Names(Struct, frozen=True):
    """Boards by name, sorted. `complete` says that all keys of Redis were looked at, and not about `looked` of them."""

    names: list[str]
    looked: int
    complete: bool


class Listing(Struct, frozen=True):
    """Boards by name. `next` is the last name here, if there are more; `complete` is that of `Names`."""

    boards: list[Listed]
    next: str | None
    complete: bool


class Listed(Struct, frozen=True):
    """A board in a list, or a segment of one. If it is `stale`, its sums are not those of its scores, and are None."""

    name: str
    count: int
    sum: Decimal | None
    places: int | None
    expires: str | None
    stale: bool


def names(client: ScriptClient, shards: int, prefix: str = "", most_keys: int = MOST_KEYS) -> Names:
    """Return the boards whose names begin with `prefix`. O(keys in Redis), in steps of a few ms of its time."""
    if not _PREFIX.fullmatch(prefix):
        return Names([], 0, True)
    found: set[str] = set()
    looked, complete = 0, True
    for node in _nodes(client):
        cursor: Any = None
        while cursor != 0:
            if looked >= most_keys:
                complete = False
                break
            cursor, page = cast("tuple[int, list[bytes]]", node.scan(cursor or 0, keys.glob(prefix), _AT_ONCE))
            looked += _AT_ONCE
            found.update(keys.board_of(key.decode(errors="replace"), shards) for key in page)
    found.discard("")
    return Names(sorted(found), looked, complete)


def _nodes(client: ScriptClient) -> Iterator[Redis]:
    if isinstance(client, RedisCluster):
        for node in client.get_primaries():  # type: ignore[no-untyped-call]
            yield client.get_redis_connection(node)
    else:
        yield cast("Redis", client)


def listed(boards: Sequence[Shards]) -> list[Listed]:
    """Return what a list shows of these boards, in one round; those that are gone are left out."""
    answers = iter(try_all([shard for board in boards for shard in board], [AskInfo(), Lowest(ALL)]))
    rows = [_row(board, [next(answers) for _ in board]) for board in boards]
    return [row for row in rows if row is not None]


def _row(board: Shards, answers: Sequence[list[Any] | Exception]) -> Listed | None:
    name = board.segment_name or board.name
    if any(isinstance(answer, StaleShard) for answer in answers):
        count = 0
        with suppress(ResponseError):  # what is there is no sorted set
            count = sum(shard.client.execute_command("ZCARD", shard.keys[0]) for shard in board)
        return Listed(name, count, None, None, None, True)
    found: list[list[Any]] = []
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
        found.append(answer)
    infos: list[Info] = [info for info, *_ in found]
    count = sum(info.size for info in infos)
    written = [info for info in infos if info.places is not None]
    if not written and not count:
        return None
    places = written[0].places if written else None
    if places is None:
        return Listed(name, count, None, None, None, True)
    total = sum((totals for _, totals in found), Totals()).sum
    return Listed(name, count, from_units(total, places), places, isoformat(written[0].expires), False)
