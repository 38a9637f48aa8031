"""What happens to a whole board: deleted, renamed, copied, joined with others; in chunks where it is O(n)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import redis

from ..errors import InvalidValue
from ..store.clock import machine_now
from . import features
from .answers import Summary
from .bulk import CHUNK
from .errors import BoardExists, UnknownBoard
from .scripts import Script
from .shard import AskInfo, Change, Info, Op, Shard
from .units import LIMIT, is_plain

if TYPE_CHECKING:
    from .board import Board

T = TypeVar("T")

_DELETE = Script("tree.lua", "keys.lua", "delete.lua")
_RENAME = Script("tree.lua", "keys.lua", "rename.lua")


def milliseconds(expires: datetime | Literal["never"]) -> int:
    """Return Unix time in ms, 0 for never. Raises `InvalidValue` for a time that has passed."""
    if expires == "never":
        return 0
    if expires.tzinfo is None:
        expires = expires.replace(tzinfo=UTC)
    if expires <= machine_now():
        raise InvalidValue("expires must be in the future: to have the board go now, delete it", field="expires")
    return math.ceil(expires.timestamp() * 1000)


def expire_features(shards: Sequence[Shard], ms: int) -> None:
    """Let the hashes of features go with their board; the board's own keys were seen to by configure.lua."""
    for shard in shards:
        for members in _chunks(_scan(shard, "SSCAN", "featured")):
            with shard.client.pipeline(transaction=False) as pipe:
                for member in members:
                    key = f"{shard.tag}:features:{member.decode()}"
                    pipe.execute_command(*(("PEXPIREAT", key, ms) if ms else ("PERSIST", key)))
                pipe.execute()


def delete(board: Board) -> None:
    is_there = False
    for shard in board.shards:
        command = shard.client.execute_command
        while members := command("SPOP", f"{shard.tag}:featured", 500):
            is_there = True
            command("UNLINK", *[f"{shard.tag}:features:{name.decode()}" for name in members])
        is_there |= bool(_DELETE.call(shard.client, shard.keys, []))
    if not is_there:
        raise UnknownBoard(board.name)


def copy(board: Board, to: Board, replace: bool) -> Board:
    infos = _prepare(board, to, replace)
    try:
        for shard, its_copy, info in zip(board.shards, to.shards, infos, strict=True):
            _, to.places, _, _ = its_copy.configure(info.places, info.sample, info.expires)
            for segment in features.segments(shard):
                for names in _chunks(_scan(shard, "SSCAN", f"in:{segment}")):
                    its_copy.update(to.places, [Change(Op.JOIN, name.decode(), segment) for name in names])
            for names in _chunks(_scan(shard, "ZSCAN", "scores")):
                scores = zip(names, _scores(shard, names), strict=True)
                changes = [Change(Op.SET, name.decode(), score) for name, score in scores if score is not None]
                its_copy.update(to.places, changes)
            for name in _scan(shard, "SSCAN", "featured"):
                features.write(its_copy, name.decode(), features.read(shard, name.decode()), True)
    except BaseException:
        delete(to)
        raise
    return to


def rename(board: Board, to: Board, replace: bool) -> Board:
    if not isinstance(board.client, redis.Redis):  # the two names are in different slots of a cluster
        copy(board, to, replace)
        delete(board)
        return to
    _prepare(board, to, replace)
    for shard, other in zip(board.shards, to.shards, strict=True):
        _RENAME.call(board.client, [*shard.keys, *other.keys], [])
    return to


def union(board: Board, sources: Mapping[Board, Decimal], replace: bool) -> Summary:
    if not sources:
        raise InvalidValue("sources must name at least one board", field="sources")
    for source, weight in sources.items():
        if not is_plain(weight):
            raise InvalidValue(f"the weight of {source.name!r} must be a number of at most 30 digits", field="sources")
        _prepare(source, board, replace)
        source.load_places()
    infos = _infos(board)
    if infos[0].places is None:
        board.configure(places=max(source.places for source in sources))
    else:
        board.load_places()
    # One unit of a source's, in units of the board.
    factors = [Fraction(weight) * 10**board.places / 10**source.places for source, weight in sources.items()]
    try:
        for number, shard in enumerate(board.shards):
            parts = [source.shards[number] for source in sources]
            for part in parts:
                for names in _chunks(_scan(part, "ZSCAN", "scores")):
                    columns = [_scores(other, names) for other in parts]
                    changes = [
                        Change(Op.SET, name.decode(), _weighted(name, scores, factors))
                        for name, *scores in zip(names, *columns, strict=True)
                    ]
                    shard.update(board.places, changes)
    except BaseException:
        delete(board)
        raise
    return board.summary()


def _weighted(name: bytes, scores: Sequence[int | None], factors: Sequence[Fraction]) -> int:
    total = sum(
        (score * factor for score, factor in zip(scores, factors, strict=True) if score is not None), Fraction()
    )
    if total.denominator != 1:
        raise InvalidValue(f"the weighted score of {name.decode()!r} has more places than the board", field="sources")
    if abs(total) >= LIMIT:
        raise InvalidValue(f"the weighted score of {name.decode()!r} is out of the range of a board", field="sources")
    return int(total)


def _prepare(board: Board, to: Board, replace: bool) -> list[Info]:
    """Make sure that there is a board, and room for another. Returns the settings of the first."""
    if board.name == to.name:
        raise InvalidValue(f"the board {to.name!r} can't be made of itself", field="to")
    infos = _infos(board)
    if not _is_there(infos):
        raise UnknownBoard(board.name)
    there = _infos(to)
    if _is_there(there):
        if not replace and (any(info.size for info in there)):
            raise BoardExists(to.name)
        if replace:
            delete(to)
    return infos


def _infos(board: Board) -> list[Info]:
    return [shard.read(None, AskInfo())[0] for shard in board.shards]


def _is_there(infos: Sequence[Info]) -> bool:
    return any(info.places is not None or info.size for info in infos)


def _scan(shard: Shard, command: str, name: str) -> Iterator[bytes]:
    """The members of a set or sorted set that are there all the time, each at least once."""
    cursor: Any = 0
    while True:
        cursor, found = shard.client.execute_command(command, f"{shard.tag}:{name}", cursor, "COUNT", 500)
        yield from (member[0] if command == "ZSCAN" else member for member in found)
        if int(cursor) == 0:
            return


def _scores(shard: Shard, names: Sequence[bytes]) -> list[int | None]:
    scores = shard.client.execute_command("ZMSCORE", f"{shard.tag}:scores", *names)
    return [None if score is None else int(score) for score in scores]


def _chunks(names: Iterable[T]) -> Iterator[list[T]]:
    names = iter(names)
    while chunk := list(islice(names, CHUNK)):
        yield chunk
