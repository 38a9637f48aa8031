"""Work on whole boards: set up, delete, rename, copy, add up several; in chunks where it is O(n).

Each function is what the method of that name does, and is described there, at `Board`. `new_expires` is when a new
board is deleted that is given no other time: Unix time in ms, 0 for never.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import islice
from typing import Any, TypeVar

from ..errors import InvalidValue, PipelineError
from ..store import Redis
from ..store.keys import Key
from . import features, keys
from .bulk import CHUNK
from .changes import Change, Op
from .configure import Setup, configure, set_up
from .form import Order, Ties
from .lua import BoardScript
from .queries import AskInfo, Info
from .scores import LIMIT, is_plain
from .shard import Shard
from .shards import Progress, Shards, UnknownBoard

T = TypeVar("T")

_DELETE = BoardScript("tree.lua", "keys.lua", "delete.lua")
_RENAME = BoardScript("tree.lua", "keys.lua", "rename.lua")


class BoardExists(PipelineError):
    def __init__(self, board: str) -> None:
        super().__init__(f"there is a board {board!r} already: delete it, or ask for it to be replaced")
        self.board = board


def delete(shards: Shards, progress: Progress | None = None) -> None:
    if progress is not None:
        progress(0, len(shards))  # and not again: a deletion that has begun goes on to its end
    if not sum(_DELETE.call(shard.client, shard.keys, keys.shard_keys()) for shard in shards):
        raise UnknownBoard(shards.name)


def copy(shards: Shards, to: Shards, replace: bool, progress: Progress | None = None) -> None:
    infos = _prepare(shards, to, replace)
    done, total = 0, sum(info.size for info in infos)
    try:
        for shard, its_copy, info in zip(shards, to, infos, strict=True):
            form = info.form or to.form
            set_up(
                [its_copy],
                [
                    form.places,
                    int(form.order is Order.ASC),
                    int(form.ties is Ties.FIRST),
                    info.sample,
                    info.expires,
                    info.most,
                    0,
                ],
            )
            to.form = form._replace(generation=0)
            for segment in features.segments(shard):
                for names in _chunks(_scan(shard, "SSCAN", keys.IN_SEGMENT, SEGMENT=segment)):
                    its_copy.update(to.form, [Change(Op.JOIN, name.decode(), segment) for name in names])
            for names in _chunks(_scan(shard, "ZSCAN", keys.SCORES)):
                scores = zip(names, _scores(shard, names), strict=True)
                changes = [Change(Op.SET, name.decode(), score) for name, score in scores if score is not None]
                its_copy.update(to.form, changes)
                done += len(names)
                if progress is not None:
                    progress(done, total)
            for name in _scan(shard, "HSCAN", keys.FEATURES):
                features.write(its_copy, name.decode(), features.read(shard, name.decode()), True)
    except BaseException:
        delete(to)
        raise


def rename(shards: Shards, to: Shards, replace: bool, progress: Progress | None = None) -> None:
    if not isinstance(shards.client, Redis):  # the two names are in different slots of a cluster
        copy(shards, to, replace, progress)
        delete(shards)
        return
    _prepare(shards, to, replace)
    for shard, other in zip(shards, to, strict=True):
        _RENAME.call(shards.client, [*shard.keys, *other.keys], keys.shard_keys())


def union(
    shards: Shards,
    sources: Mapping[Shards, Decimal],
    replace: bool,
    new_expires: int,
    progress: Progress | None = None,
) -> None:
    if not sources:
        raise InvalidValue("sources must name at least one board", field="sources")
    for source, weight in sources.items():
        if not is_plain(weight):
            raise InvalidValue(f"the weight of {source.name!r} must be a number of at most 30 digits", field="sources")
        _prepare(source, shards, replace)
        source.load_form()
    was_there = _infos(shards)[0].places is not None
    if was_there:
        shards.load_form()
    else:
        configure(shards, Setup(places=max(source.places for source in sources)), new_expires)
    # One unit of the source, in units of the board.
    factors = [Fraction(weight) * 10**shards.places / 10**source.places for source, weight in sources.items()]
    if was_there:  # with settings that must outlive a sum that does not fit, so such a sum is looked for first
        for _ in _sums(shards, list(sources), factors):
            pass
    done, total = 0, sum(info.size for source in sources for info in _infos(source))
    try:
        for shard, changes in _sums(shards, list(sources), factors):
            shard.update(shards.form, changes)
            done += len(changes)
            if progress is not None:
                progress(done, total)
    except BaseException:
        delete(shards)
        raise


def _sums(
    shards: Shards, sources: Sequence[Shards], factors: Sequence[Fraction]
) -> Iterator[tuple[Shard, list[Change]]]:
    """Yield the changes that make the union, in chunks. Raises `InvalidValue` for a sum that does not fit."""
    for number, shard in enumerate(shards):
        parts = [source[number] for source in sources]
        for part in parts:
            for names in _chunks(_scan(part, "ZSCAN", keys.SCORES)):
                columns = [_scores(other, names) for other in parts]
                changes = [
                    Change(Op.SET, name.decode(), _weighted(name, scores, factors))
                    for name, *scores in zip(names, *columns, strict=True)
                ]
                yield shard, changes


def _weighted(name: bytes, scores: Sequence[int | None], factors: Sequence[Fraction]) -> int:
    total = sum(
        (score * factor for score, factor in zip(scores, factors, strict=True) if score is not None), Fraction()
    )
    if total.denominator != 1:
        raise InvalidValue(f"the weighted score of {name.decode()!r} has more places than the board", field="sources")
    if abs(total) >= LIMIT:
        raise InvalidValue(f"the weighted score of {name.decode()!r} is out of the range of a board", field="sources")
    return int(total)


def _prepare(shards: Shards, to: Shards, replace: bool) -> list[Info]:
    """Make sure that the source exists and that the target may be made. Returns the `Info` of its shards."""
    if shards.name == to.name:
        raise InvalidValue(f"the board {to.name!r} can't be made from itself", field="to")
    infos = _infos(shards)
    if not _is_there(infos):
        raise UnknownBoard(shards.name)
    there = _infos(to)
    if _is_there(there):
        if not replace and (any(info.size for info in there)):
            raise BoardExists(to.name)
        if replace:
            delete(to)
    return infos


def _infos(shards: Shards) -> list[Info]:
    return [shard.read(None, AskInfo())[0] for shard in shards]


def _is_there(infos: Sequence[Info]) -> bool:
    return any(info.places is not None or info.size for info in infos)


def _scan(shard: Shard, command: str, key: Key, **parts: str) -> Iterator[bytes]:
    """Yield each member of a set, sorted set or hash at least once; one that comes or goes meanwhile perhaps not."""
    name = keys.name(key, shard.tag, **parts)
    cursor: Any = 0
    while True:
        cursor, found = shard.client.execute_command(command, name, cursor, "COUNT", 500)
        yield from (member[0] if command == "ZSCAN" else member for member in found)
        if int(cursor) == 0:
            return


def _scores(shard: Shard, names: Sequence[bytes]) -> list[int | None]:
    scores = shard.client.execute_command("ZMSCORE", keys.name(keys.SCORES, shard.tag), *names)
    return [None if score is None else int(score) for score in scores]


def _chunks(names: Iterable[T]) -> Iterator[list[T]]:
    names = iter(names)
    while chunk := list(islice(names, CHUNK)):
        yield chunk
