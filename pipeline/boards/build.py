"""Build a board beside the one whose place it takes, and put it there in one step.

It is built under the same names, with `:new:` and the generation that it will have after the tag, so that two boards
that are built for one place do not mix. All of these keys expire, so that nothing stays of one that was broken off.

On a cluster, the shards of a place are replaced one after the other. The first one decides: from then on, whoever finds
shards of several generations puts the others in place (`Shards.heal`), so that it does not matter if the process ends.
"""

from __future__ import annotations

import secrets
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import count, islice
from typing import Any, TypeVar

from ..errors import PipelineError
from ..store import Redis, ResponseError
from ..store.clock import machine_time
from ..store.writes import uncounted
from . import keys, sample, tree
from .changes import Change, Op
from .form import ARRIVAL_BYTES, Order, Ties
from .hold import held
from .queries import AskInfo
from .scores import LIMIT
from .shard import Shard, put_in_place, staged
from .shards import BoardChanged, Progress, Shards
from .snapshot import Row
from .tree import Header

T = TypeVar("T")

#: What is written at once: members, bytes of their features, and bytes of a tree.
_ROWS, _FEATURES, _BYTES = 500, 1 << 19, 1 << 19

# The settings at the beginning of a header, which are there in every layout.
_SETTINGS_SIZE = 38


class BoardExists(PipelineError):
    def __init__(self, board: str) -> None:
        super().__init__(f"there is a board {board!r} already: delete it, or ask for it to be replaced")
        self.board = board


def new_generation() -> int:
    return secrets.randbelow(2**32 - 1) + 1


class Building:
    """A shard that is built; `header` has the settings that it is to have, with its generation.

    `is_kept` says that it may be put in its place by others: see above. Whatever is written to it changes no board, so
    that `writes` counts none of it.
    """

    is_kept = False

    def __init__(self, place: Shard, header: Header) -> None:
        self.shard = staged(place, header.generation)
        self.tag, self.client = self.shard.tag, place.client
        self.ends_ms = int(machine_time() * 1000) + keys.BUILD_HOURS * 3_600_000
        self.header = header
        now = int(machine_time() * 10**6)
        self._free = count(now - 10**12 if header.form.order is Order.ASC else LIMIT - now)
        self._last = 0
        self._units: dict[str | None, array[int]] = defaultdict(lambda: array("q"))
        # As long as it is built: a script that changes it lets its keys expire at this time, and removes no member.
        self._for_now = replace(header, version=1, flags=header.form.flags | tree.KEPT, most=0, expires=self.ends_ms)

    def write(self, rows: Iterable[Row], progress: Progress | None = None, total: int = 0) -> None:
        """Write members in any order, each once, and the trees over their scores. O(n log n)."""
        done = 0
        for batch in batches(rows, _ROWS):
            self.add(batch)
            done += len(batch)
            if progress is not None:
                progress(done, max(done, total))
        self.write_trees()

    @uncounted()
    def add(self, rows: Iterable[Row]) -> None:
        """Write some members, at most `_ROWS`."""
        for chunk in _chunks(map(self.arrived, rows) if self._for_now.form.ties is Ties.FIRST else rows):
            self._add(chunk)

    def _add(self, rows: Iterable[Row]) -> None:
        commands: dict[tuple[str, str], list[Any]] = defaultdict(list)
        for row in rows:
            if row.units is not None:
                for part in (None, *row.segments):
                    commands["ZADD", keys.scored(self.tag, part)[0]] += [row.units, row.arrival + row.name]
                    self._units[part].append(row.units)
            for segment in row.segments:
                commands["SADD", keys.name(keys.SEGMENTS, self.tag)].append(segment)
                commands["SADD", keys.name(keys.IN_SEGMENT, self.tag, SEGMENT=segment)].append(row.name)
                self._units[segment] += array("q")
            if row.arrival:
                commands["HSET", keys.name(keys.ARRIVED, self.tag)] += [row.name, row.arrival]
            if row.features:
                commands["HSET", keys.name(keys.FEATURES, self.tag)] += [row.name, row.features]
        self.send((*command, *values) for command, values in commands.items())

    @uncounted()
    def write_trees(self) -> None:
        """Write the trees over all scores that were written. After this, `change` may be called."""
        flags = self._for_now.flags | (tree.SEGMENTED if self._units.keys() - {None} else 0)
        self._write_tree(None, self._units.pop(None, array("q")), replace(self._for_now, flags=flags))
        for part, some in self._units.items():
            if some:
                self._write_tree(part, some, Header(version=1, places=self.header.places))
        self._units.clear()
        if self._last:
            self.send([("HSET", keys.name(keys.ARRIVED, self.tag), "", self._last)])
        if self.header.sample:
            sample.fill(self.client, self.tag)

    def arrived(self, row: Row) -> Row:
        """Give a member without an arrival one before now, and after the last one."""
        if row.units is None:
            return row
        number = int.from_bytes(row.arrival) if row.arrival else next(self._free)
        self._last = max(self._last, number if self._for_now.form.order is Order.ASC else LIMIT - number)
        return row._replace(arrival=number.to_bytes(ARRIVAL_BYTES))

    @uncounted()
    def write_events(self, events: Iterable[tuple[bytes, bytes]], ms_left: int) -> None:
        """Write the ids of events, which are all forgotten in `ms_left`."""
        name = keys.name(keys.EVENTS, self.tag)
        for chunk in batches(events, _ROWS):
            self.send([("ZADD", name, *(value for id_, score in chunk for value in (score, id_)))], ms_left)

    @uncounted()
    def change(self, rows: Sequence[Row], events: Mapping[bytes, bytes]) -> None:
        """Let members, also new ones, be what is said now; one without anything is gone."""
        changes: list[Change] = []
        for row in rows:
            name = row.name.decode()
            changes += [Change(Op.SET, name, 0), Change(Op.REMOVE, name)]  # which ends its segments and features, too
            if row.units is not None:
                changes.append(Change(Op.SET, name, row.units))
            changes += [Change(Op.JOIN, name, segment) for segment in row.segments]
        self.shard.update(self._for_now.form, changes)
        self._restore_arrivals([row for row in rows if row.arrival])
        key = keys.name(keys.FEATURES, self.tag)
        self.send(("HSET", key, row.name, row.features) for row in rows if row.features)
        self.send(("ZADD", keys.name(keys.EVENTS, self.tag), score, id_) for id_, score in events.items())

    def _restore_arrivals(self, rows: Sequence[Row]) -> None:
        """Let members that were changed now have come when they did."""
        if not rows:
            return
        arrived, drawn = keys.name(keys.ARRIVED, self.tag), keys.name(keys.SAMPLE, self.tag)
        given = self.client.execute_command("HMGET", arrived, *(row.name for row in rows))
        for row, arrival in zip(rows, given, strict=True):
            stored, right = arrival + row.name, row.arrival + row.name
            sets = [keys.scored(self.tag, part)[0] for part in (None, *row.segments)]
            slot = self.client.execute_command("ZSCORE", drawn, stored) if self.header.sample else None
            places = [(name, row.units) for name in sets] + ([] if slot is None else [(drawn, slot)])
            self.send(command for name, at in places for command in (("ZREM", name, stored), ("ZADD", name, at, right)))
            self.send([("HSET", arrived, row.name, row.arrival)])

    @uncounted()
    def finish(self) -> None:
        """Write the settings that it is to have, of which some were others until now."""
        tree_key = self.shard.keys[1]
        head: bytes = self.client.execute_command("GETRANGE", tree_key, 0, tree.HEAD_SIZE - 1)
        packed = replace(Header.read(head), most=self.header.most, expires=self.header.expires).pack()
        self.client.execute_command("SETRANGE", tree_key, 0, packed[:_SETTINGS_SIZE])

    @uncounted()
    def send(self, commands: Iterable[tuple[Any, ...]], ms_left: int | None = None) -> None:
        """Run commands, whose first argument is a key, and let that expire: in one step, or a kill could part them."""
        with self.client.pipeline(transaction=True) as pipe:
            size = 0
            for command in commands:
                pipe.execute_command(*command)
                if ms_left is None:
                    pipe.pexpireat(command[1], self.ends_ms)
                elif ms_left > 0:
                    pipe.pexpire(command[1], ms_left)
                size += len(command)
                if size >= 2 * _ROWS:  # more would hold Redis for too long
                    pipe.execute()
                    size = 0
            if size:
                pipe.execute()

    def _write_tree(self, segment: str | None, units: array[int], header: Header) -> None:
        tree_key = keys.scored(self.tag, segment)[1]
        packed = tree.pack(array("q", sorted(units)), header)
        for at in reversed(range(0, len(packed), _BYTES)):  # the end first, so that the string never has to grow
            self.send([("SETRANGE", tree_key, at, packed[at : at + _BYTES])])


def replace_board(place: Shards, parts: Sequence[Building], may_replace: bool, *, keeps_scores: bool = False) -> None:
    """Put a board that was built in its place: on one server at once; on a cluster as told above.

    With `keeps_scores`, the sorted set of the place stays as it is, and all else is replaced. Raises `BoardExists`, and
    then nothing was changed.
    """
    for part in parts:
        part.finish()
    generation = parts[0].header.generation
    moves = [(part.shard, shard) for part, shard in zip(parts, place, strict=True)]
    try:
        if isinstance(place.client, Redis):
            if not put_in_place(moves, generation, may_replace, True, keeps_scores) and keeps_scores:
                raise BoardChanged(place.name)
        else:
            with nullcontext() if may_replace else held(place):
                if not may_replace and any(info.size for shard in place for info in shard.read(None, AskInfo())):
                    raise BoardExists(place.name)
                for part in parts:
                    part.is_kept = True
                for move in moves:
                    put_in_place([move], generation, True, True, keeps_scores)
    except ResponseError as exc:
        if str(exc).startswith("EXISTS"):
            raise BoardExists(place.name) from exc
        raise
    place.form = parts[0].header.form


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    chunk: list[Row] = []
    size = 0
    for row in rows:
        chunk.append(row)
        size += len(row.features)
        if len(chunk) == _ROWS or size >= _FEATURES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    items = iter(items)
    while batch := list(islice(items, size)):
        yield batch
