"""Work on whole boards: set up, delete, rename, copy, add up several; in chunks where it is O(n).

Each function is what the method of that name does, and is described there, at `Board`. `new_expires` is when a new
board is deleted that is given no other time: Unix time in ms, 0 for never.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import islice
from typing import Any, Literal, TypeVar

from ..errors import InvalidValue, PipelineError
from ..store import Redis
from ..store.clock import machine_now
from ..store.keys import Key
from . import features, keys
from . import sample as samples
from .answers import BoardSettings, isoformat
from .bulk import CHUNK
from .changes import Change, Op
from .lua import BoardScript
from .queries import AskInfo, Info
from .scores import LIMIT, MAX_PLACES, is_plain
from .shard import OtherForm, Shard
from .shards import Progress, Shards, UnknownBoard

T = TypeVar("T")

_DELETE = BoardScript("tree.lua", "keys.lua", "delete.lua")
_RENAME = BoardScript("tree.lua", "keys.lua", "rename.lua")


class BoardExists(PipelineError):
    def __init__(self, board: str) -> None:
        super().__init__(f"there is a board {board!r} already: delete it, or ask for it to be replaced")
        self.board = board


class WrongPlaces(PipelineError):
    def __init__(self, board: str, places: int) -> None:
        super().__init__(
            f"the board {board!r} has members whose scores have {places} places, and can't have others: "
            "make another board"
        )
        self.board, self.places = board, places


def configure(
    shards: Shards,
    places: int | None,
    sample: int | None,
    expires: datetime | Literal["never"] | None,
    new_expires: int = 0,
) -> BoardSettings:
    if places is not None and not 0 <= places <= MAX_PLACES:
        raise InvalidValue(f"places must be from 0 to {MAX_PLACES}", field="places")
    if sample is not None and sample != 0 and not samples.LEAST <= sample <= samples.MOST:
        raise InvalidValue(f"sample must be from {samples.LEAST} to {samples.MOST}, or 0 for none", field="sample")
    ms = None if expires is None else _milliseconds(expires)
    try:
        configured = [shard.configure(places, sample, ms, new_expires) for shard in shards]
    except OtherForm as exc:
        raise WrongPlaces(shards.name, exc.form.places) from exc
    created, shards.form, sample_now, expires_now = configured[-1]
    if sample is not None:
        for shard in shards:
            samples.fill(shard.client, shard.tag)
    return BoardSettings(shards.name, created, shards.places, sample_now, isoformat(expires_now))


def _milliseconds(expires: datetime | Literal["never"]) -> int:
    """Return Unix time in ms, 0 for never. Raises `InvalidValue` for a time that has passed."""
    if expires == "never":
        return 0
    if expires.tzinfo is None:
        expires = expires.replace(tzinfo=UTC)
    if expires <= machine_now():
        raise InvalidValue("expires must be in the future: to remove the board now, delete it", field="expires")
    return math.ceil(expires.timestamp() * 1000)


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
            _, to.form, _, _ = its_copy.configure(info.places, info.sample, info.expires)
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
        configure(shards, max(source.places for source in sources), None, None, new_expires)
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
