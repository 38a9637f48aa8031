"""Work on whole boards: delete, rename, copy, add up several.

Each function is what the method of that name does, and is described there, at `Board`. What a board is made of is
looked at first, and it is built beside: a call that fails changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import chain

from ..errors import InvalidValue
from ..store import Redis, ResponseError
from ..store.writes import uncounted
from . import keys
from .build import BoardExists, Building, batches, new_generation, replace_board
from .form import Order, Ties
from .hold import held
from .lua import BoardScript
from .queries import AskInfo, Info
from .scores import LIMIT, is_plain, shown
from .shard import Shard, StaleShard, put_in_place
from .shards import BoardChanged, Progress, Shards, StaleBoard, UnknownBoard, attempts
from .snapshot import Row, Snapshot, kept_up, one_moment
from .tree import Header

_DELETE = BoardScript("tree.lua", "keys.lua", "delete.lua")

#: Scores that are added up at once, and changes that may be left when a board is held for the last of them.
_PAGE, _FEW = 1000, 100


def delete(shards: Shards, progress: Progress | None = None) -> None:
    if progress is not None:
        progress(0, len(shards))  # and not again: a deletion that has begun goes on to its end
    at_once = [shards.all] if isinstance(shards.client, Redis) else [[shard] for shard in shards]
    if not sum(map(_delete, at_once)):
        raise UnknownBoard(shards.name)


def copy(shards: Shards, to: Shards, may_replace: bool, expires: int = 0, progress: Progress | None = None) -> None:
    with _copied(shards, to, may_replace, progress, expires) as (parts, _):
        replace_board(to, parts, may_replace)


def rename(shards: Shards, to: Shards, may_replace: bool, progress: Progress | None = None) -> None:
    if not isinstance(shards.client, Redis):  # the two names are in different slots of a cluster
        _move(shards, to, may_replace, progress)
        return
    _look_at(shards, to, may_replace)
    try:
        if not put_in_place(list(zip(shards, to, strict=True)), new_generation(), may_replace, False):
            raise UnknownBoard(shards.name)
    except ResponseError as exc:
        raise BoardExists(to.name) if str(exc).startswith("EXISTS") else exc from exc


def _move(shards: Shards, to: Shards, may_replace: bool, progress: Progress | None) -> None:
    """Copy a board, make the changes that were made meanwhile, and hold it for the last of them."""
    for _ in attempts():
        with _copied(shards, to, may_replace, progress) as (parts, snapshots), ExitStack() as hold:
            try:
                hold.enter_context(caught_up(shards, parts, snapshots))
            except BoardChanged:
                continue
            replace_board(to, parts, may_replace)
            for shard in shards:
                _delete([shard])
            return
    raise BoardChanged(shards.name)


@contextmanager
def caught_up(shards: Shards, parts: Sequence[Building], snapshots: Sequence[Snapshot]) -> Iterator[None]:
    """Make the changes that were made meanwhile, and hold the board for the last of them."""
    pairs = list(zip(parts, snapshots, strict=True))
    before = math.inf
    while _FEW < (left := sum(_follow(*pair) for pair in pairs)) < before:  # writers may be faster than this
        before = left
    with held(shards):
        for part, snapshot in pairs:
            _follow(part, snapshot)
            snapshot.catch_up()  # so that settings that were changed are not lost
        yield


def _follow(part: Building, snapshot: Snapshot) -> int:
    """Make the changes that were made since the last call. Returns how many members they are of."""
    rows, events = snapshot.changes()
    part.change(rows, events)
    return len(rows)


def union(
    shards: Shards,
    sources: Mapping[Shards, Decimal],
    may_replace: bool,
    new_expires: int,
    progress: Progress | None = None,
) -> None:
    if not sources:
        raise InvalidValue("sources must name at least one board", field="sources")
    for source, weight in sources.items():
        if not is_plain(weight):
            raise InvalidValue(f"the weight of {source.name!r} must be a number of at most 30 digits", field="sources")
    for source in sources:
        there = _look_at(source, shards, may_replace)
    with ExitStack() as stack:
        own = [] if may_replace else snapshots_of(shards, stack, None)  # there may be features, and no board
        taken = [snapshots_of(source, stack, progress) for source in sources]
        headers = [header_of(some) for some in taken]
        header = header_of(own) if own and _is_there(there) else _of_sources(headers, new_expires)
        # One unit of the source, in units of the board.
        factors = [
            Fraction(weight) * 10**header.places / 10**its.places
            for weight, its in zip(sources.values(), headers, strict=True)
        ]
        header = replace(header, generation=new_generation())
        parts = [stack.enter_context(building(shard, header)) for shard in shards]
        for number, part in enumerate(parts):
            stay = {row.name: row for row in own[number].scoreless()} if own else {}
            part.write(_sums(part, [snapshots[number] for snapshots in taken], factors, stay))
            if own:
                _write_events(part, own[number])
        replace_board(shards, parts, may_replace)


def _sums(
    part: Building, snapshots: Sequence[Snapshot], factors: Sequence[Fraction], stay: dict[bytes, Row]
) -> Iterator[Row]:
    """Yield each member of the sources once, then those that stay and are in none; scores wait in Redis meanwhile.

    Raises `InvalidValue` for a sum that does not fit.
    """
    names = [f"{part.tag}:source:{number}" for number in range(len(snapshots))]
    try:
        for name, snapshot in zip(names, snapshots, strict=True):
            for rows in batches(snapshot.rows(), _PAGE):
                part.send([("ZADD", name, *(value for row in rows for value in (row.units, row.name)))])
        for place, name in enumerate(names):
            first = 0
            while members := part.client.execute_command("ZRANGE", name, first, first + _PAGE - 1):
                first += len(members)
                columns = [part.client.execute_command("ZMSCORE", other, *members) for other in names]
                for member, *scores in zip(members, *columns, strict=True):
                    if scores[place] is not None and all(score is None for score in scores[:place]):
                        total = _weighted(member, scores, factors)
                        row = stay.pop(member, Row(member, None, frozenset(), b""))
                        yield row._replace(units=total)
        yield from stay.values()
    finally:
        with uncounted():
            part.client.execute_command("UNLINK", *names)


def _weighted(name: bytes, scores: Sequence[float | None], factors: Sequence[Fraction]) -> int:
    total = sum((int(s) * factor for s, factor in zip(scores, factors, strict=True) if s is not None), Fraction())
    if total.denominator != 1:
        raise InvalidValue(f"the weighted score of {shown(name)!r} has more places than the board", field="sources")
    if abs(total) >= LIMIT:
        raise InvalidValue(f"the weighted score of {shown(name)!r} is out of the range of a board", field="sources")
    return int(total)


@contextmanager
def _copied(
    shards: Shards, to: Shards, may_replace: bool, progress: Progress | None, expires: int | None = None
) -> Iterator[tuple[list[Building], list[Snapshot]]]:
    """Build a copy, and delete it again unless it is put in its place. `expires` is its end, None for the board's."""
    _look_at(shards, to, may_replace)
    with ExitStack() as stack:
        snapshots = snapshots_of(shards, stack, progress)
        header = header_of(snapshots)
        header = replace(header, generation=new_generation(), expires=header.expires if expires is None else expires)
        yield build(to, header, snapshots, stack, progress), snapshots


def build(
    to: Shards, header: Header, snapshots: Sequence[Snapshot], stack: ExitStack, progress: Progress | None
) -> list[Building]:
    """Build what the snapshots say; what was not put in its place is deleted with the stack."""
    parts = [stack.enter_context(building(shard, header)) for shard in to]
    with kept_up(snapshots):
        for part, snapshot in zip(parts, snapshots, strict=True):
            part.write(chain(snapshot.rows(), snapshot.scoreless()), progress, snapshot.count)
            _write_events(part, snapshot)
    return parts


@contextmanager
def building(place: Shard, header: Header) -> Iterator[Building]:
    part = Building(place, header)
    try:
        yield part
    finally:
        if not part.is_kept:
            with uncounted():
                _delete([part.shard])  # what is left of it, if it was not put in its place


def snapshots_of(shards: Shards, stack: ExitStack, progress: Progress | None) -> list[Snapshot]:
    """Read all shards, of one moment. Raises `StaleBoard` if there are members that no board can have."""
    with one_moment(shards, stack, progress) as found:
        pass
    for snapshot in found:
        for fault in snapshot.invalid.values():
            raise StaleBoard(shards.name, fault)
        if not snapshot.header.version and snapshot.count:
            raise StaleBoard(shards.name, "it has no sums yet")
    return found


def _write_events(part: Building, snapshot: Snapshot) -> None:
    name = keys.name(keys.EVENTS, snapshot.shard.tag)
    part.write_events(snapshot.events(), snapshot.shard.client.execute_command("PTTL", name))


def header_of(snapshots: Sequence[Snapshot]) -> Header:
    """The header of a board; one that was not configured may have shards without any."""
    return next((one.header for one in snapshots if one.header.version), snapshots[0].header)


def _of_sources(headers: Sequence[Header], expires: int) -> Header:
    """The settings of a union: all places, and the lowest first if that is so in all sources."""
    order = Order.ASC if all(header.form.order is Order.ASC for header in headers) else Order.DESC
    form = headers[0].form._replace(places=max(header.places for header in headers), order=order, ties=Ties.NAME)
    return Header(places=form.places, flags=form.flags, expires=expires)


def _look_at(shards: Shards, to: Shards, may_replace: bool) -> list[Info]:
    """Make sure that a board exists, and that another may be made from it. Returns the `Info` of the other's shards."""
    if shards.name == to.name:
        raise InvalidValue(f"the board {to.name!r} can't be made from itself", field="to")
    if not _is_there(infos_of(shards)):
        raise UnknownBoard(shards.name)
    there = infos_of(to)
    if not may_replace and any(info.size for info in there):
        raise BoardExists(to.name)
    return there


def infos_of(shards: Shards) -> list[Info]:
    try:
        return [shard.read(None, AskInfo())[0] for shard in shards]
    except StaleShard as exc:
        raise StaleBoard(shards.name, str(exc)) from exc


def _is_there(infos: Sequence[Info]) -> bool:
    return any(info.places is not None or info.size for info in infos)


def _delete(shards: Sequence[Shard]) -> int:
    names = [key for shard in shards for key in shard.keys]
    deleted: int = _DELETE.call(shards[0].client, names, keys.shard_keys())
    return deleted
