"""One part of a board, all under one hash tag. Each method is one call of a script, so its answers are of one state."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import redis
from redis.client import Pipeline

from ..errors import PipelineError
from .scripts import Client, Script

READ = Script("tree.lua", "read.lua")
UPDATE = Script("tree.lua", "sample.lua", "reshape.lua", "change.lua", "segments.lua", "update.lua")
_CONFIGURE = Script("tree.lua", "keys.lua", "configure.lua")


class StaleShard(PipelineError):
    """The sums don't belong to the scores."""


class OtherPlaces(PipelineError):
    """The shard's scores have other places than the caller thinks."""

    def __init__(self, places: int) -> None:
        super().__init__(f"the board has {places} places")
        self.places = places


class Op(StrEnum):
    """What a change does with a member's score: `max` raises it, if it is lower or there is none."""

    SET = "set"
    ADD = "add"
    MAX = "max"
    REMOVE = "remove"
    JOIN = "join"
    LEAVE = "leave"


class Code(StrEnum):
    """What became of a change; all but OK changed nothing."""

    OK = "ok"
    SAME = "same"  # the event was applied before; the member was in the segment
    RANGE = "range"  # the score would leave the range
    ABSENT = "absent"  # there is no member to remove, or it is not in the segment
    FULL = "full"  # the board has as many segments as it may have
    STALE = "stale"  # set and tree disagree about this score


class Change(NamedTuple):
    """`value` is units, for `join` and `leave` a segment; `event` an id, '' for none."""

    op: Op
    member: str
    value: int | str = ""
    event: str = ""


class Reply(NamedTuple):
    """What became of a change. `score` is the member's afterwards, for `remove` the one it had.

    `rank` (from the lowest) and `size` are those after all changes of the call, and only there if asked for.
    """

    code: Code
    score: int | None
    rank: int | None = None
    size: int | None = None


class Totals(NamedTuple):
    """Of a number of scores: their sum, the sum of their squares, and how many of them are different."""

    count: int = 0  # type: ignore[assignment]
    sum: int = 0
    squares: int = 0
    distinct: int = 0

    def __add__(self, other: Totals) -> Totals:  # type: ignore[override]
        return Totals(*map(int.__add__, self, other))

    def __sub__(self, other: Totals) -> Totals:
        return Totals(*map(int.__sub__, self, other))


class Info(NamedTuple):
    """`places` is None if the shard was never written to; `expires` is a Unix time in ms, `sample` a size, or 0."""

    size: int
    version: int
    places: int | None
    flags: int
    expires: int
    sample: int


class Found(NamedTuple):
    score: int
    rank: int


class Member(NamedTuple):
    """A member with its units."""

    name: bytes
    score: int

    def position(self) -> tuple[int, bytes]:
        """What Redis sorts by."""
        return self.score, self.name


class Shard:
    """A sorted set that can sum.

    Redis keys, TAG being `{board:NAME}`, or `{board:NAME:s}` for shard s of several:
        TAG:scores           sorted set, member -> units; any client may read it
        TAG:tree             string, counts and sums over the scores; see tree.lua
        TAG:leaves           hash, the scores again, packed; see tree.lua
        TAG:events           sorted set, id of an event that was applied -> Unix time in ms when it is forgotten
        TAG:sample           sorted set, the sample, if the board keeps one; see sample.lua
        TAG:segments         set, the names of the segments
        TAG:in:SEGMENT       set, the members of a segment
        TAG:segment:SEGMENT:scores, :tree, :leaves    the scores of a segment's members

    Raises `StaleShard` or `OtherPlaces`, after which nothing is changed.
    """

    def __init__(self, client: Client, tag: str, segment: str | None = None) -> None:
        self.client = client
        self.tag = tag
        self.prefix = f"{tag}:" if segment is None else f"{tag}:segment:{segment}:"
        self.keys = [f"{self.prefix}scores", f"{self.prefix}tree", f"{self.prefix}leaves"]

    def read(self, places: int | None, *queries: Query) -> list[Any]:
        """Answer questions, each with what its `Query` says."""
        return read_answers(queries, self.call(READ, read_args(places, queries)))

    def update(
        self, places: int, changes: Sequence[Change], *, remember_ms: int = 0, expires: int = 0, ranks: bool = False
    ) -> list[Reply]:
        """Apply changes in their order. Blocks Redis for some 50 us a change: send a few hundred at most."""
        return replies(self.call(UPDATE, update_args(places, changes, remember_ms, expires, ranks)), ranks)

    def queue_update(self, client: redis.Redis, pipe: Pipeline, places: int, change: Change) -> None:
        """Put a change into a transaction of the caller's. Its reply is [code, score]."""
        UPDATE.queue(client, pipe, self.keys, update_args(places, [change], 0, 0, False))

    def configure(self, places: int | None, sample: int | None, expires: int | None) -> tuple[bool, int, int, int]:
        """Set what is not None; see `Board.configure`. Returns whether it is new, places, sample and expires."""
        args = ["" if value is None else value for value in (places, sample, expires)]
        created, places, expires, sample = self.call(_CONFIGURE, [*args, 1])
        return bool(created), places, sample, expires

    def call(self, script: Script, args: list[Any]) -> Any:
        """Run a script on the shard's keys."""
        try:
            return script.call(self.client, self.keys, args)
        except redis.ResponseError as exc:
            raise error_of(exc) from exc


class Query:
    """A question to `Shard.read`: its words for read.lua, and how to read the answer."""

    def __init__(self, *args: Any) -> None:
        self.args = args

    def parse(self, reply: Any) -> Any:
        return reply


class _TotalsQuery(Query):
    def parse(self, reply: Any) -> Totals:
        # In parts, because a Lua number is a double.
        count, high, low, copies, score, *rest = map(int, struct.unpack(f"<{len(reply) // 8}d", reply))
        total = (high << 40) + low + copies * score
        if not rest:
            return Totals(count, total)
        distinct, a, b, c = rest
        return Totals(count, total, a + (b << 45) + (c << 90) + copies * score**2, distinct)


class Lowest(_TotalsQuery):
    """`Totals` of the `count` lowest scores; of all but the -count highest, if it is negative. O(log n).

    Squares and distinct are counted if the answer is to be `full`.
    """

    def __init__(self, count: int, full: bool = False) -> None:
        super().__init__("lowest", count, int(full))


class Below(_TotalsQuery):
    """`Totals` of the scores less than `score`. O(log n)."""

    def __init__(self, score: int, full: bool = False) -> None:
        super().__init__("below", score, int(full))


class Most(_TotalsQuery):
    """`Totals` of the greatest number of lowest non-negative scores whose sum does not exceed `limit`. O(log n)."""

    def __init__(self, limit: int) -> None:
        super().__init__("most", limit >> 40, limit & (1 << 40) - 1, 0)


class Rows(Query):
    """The `Member`s of rank `first` to `last`, both included, from the lowest."""

    def __init__(self, first: int, last: int) -> None:
        super().__init__("rows", first, last)

    def parse(self, reply: Any) -> list[Member]:
        return [Member(member, int(score)) for member, score in zip(reply[::2], reply[1::2], strict=True)]


class Find(Query):
    """A member's score and rank as `Found`, None if it has none."""

    def __init__(self, member: str) -> None:
        super().__init__("find", member)

    def parse(self, reply: Any) -> Found | None:
        return None if reply is None else Found(int(reply[0]), reply[1])


class Above(Rows):
    """Up to `limit` `Member`s whose score is not less than `score`, the lowest first."""

    def __init__(self, score: int, limit: int) -> None:
        Query.__init__(self, "above", score, limit)


class Under(Rows):
    """Up to `limit` `Member`s whose score is less than `score`, the highest first."""

    def __init__(self, score: int, limit: int) -> None:
        Query.__init__(self, "under", score, limit)


class At(Query):
    """The number of members before a score and name, in the order of Redis. O(log n); among equal scores its square."""

    def __init__(self, score: int, member: bytes) -> None:
        super().__init__("at", score, member)


class AskInfo(Query):
    """`Info`."""

    def __init__(self) -> None:
        super().__init__("info")

    def parse(self, reply: Any) -> Info:
        size, version, places, *rest = reply
        return Info(size, version, None if places == b"" else places, *rest)


#: More scores than a shard can have.
ALL = 2**53


def shard_of(member: str, shards: int) -> int:
    """Return the number of the shard that a member is in."""
    return zlib.crc32(member.encode()) % shards if shards > 1 else 0


def error_of(error: redis.ResponseError) -> Exception:
    """Return what a script's error reply means."""
    text = str(error)
    if text.startswith("STALE"):
        return StaleShard(text)
    if text.startswith("PLACES"):
        return OtherPlaces(int(text.split()[1]))
    return error


def read_args(places: int | None, queries: Sequence[Query]) -> list[Any]:
    """Return the arguments of read.lua."""
    args: list[Any] = ["" if places is None else places]
    for query in queries:
        args += query.args
    return args


def read_answers(queries: Sequence[Query], reply: Any) -> list[Any]:
    """Return what read.lua's reply means."""
    answers = [reply] if isinstance(reply, bytes) else reply
    return [query.parse(answer) for query, answer in zip(queries, answers, strict=True)]


def update_args(places: int, changes: Sequence[Change], remember_ms: int, expires: int, ranks: bool) -> list[Any]:
    """Return the arguments of update.lua."""
    args: list[Any] = [places, remember_ms, expires, int(ranks)]
    for change in changes:
        args += change
    return args


def replies(reply: list[Any], ranks: bool) -> list[Reply]:
    """Return what update.lua's reply means."""
    if ranks:
        parts = zip(reply[::4], reply[1::4], reply[2::4], reply[3::4], strict=True)
        return [Reply(Code(c.decode()), _int(score), rank, size) for c, score, rank, size in parts]
    return [Reply(Code(c.decode()), _int(s)) for c, s in zip(reply[::2], reply[1::2], strict=True)]


def _int(text: bytes | None) -> int | None:
    return None if text is None else int(text)
