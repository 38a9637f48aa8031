"""Compare all that is derived with the scores, while others write: what `Board.check` does."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any

from . import features, keys, tree
from .hold import held
from .scores import shown
from .shard import Shard
from .shards import Progress, Shards, StaleBoard
from .snapshot import Snapshot, scan

# A bit of the `flags` in a header: see tree.lua.
HAS_SEGMENTS = 2


def check(shards: Shards, progress: Progress | None = None) -> None:
    """Raises `StaleBoard`, with the first difference of each kind."""
    for shard in shards:
        if found := list(_differences(shards, shard, progress)):
            raise StaleBoard(shards.name, "; ".join(found))


def _differences(shards: Shards, shard: Shard, progress: Progress | None) -> Iterator[str]:
    snapshot = Snapshot(shards.name, shard, progress)
    with held(shards):  # trees and scores of one moment: what has changed since the last page is read, and the trees
        snapshot.advance()
        names = sorted(features.segments(shard))
        parts = {name: Shard(shard.client, shard.tag, name) for name in names}
        with shard.client.pipeline(transaction=False) as pipe:
            for part in (shard, *parts.values()):
                pipe.get(part.keys[1])
            packed: list[Any] = pipe.execute()

    yield from _invalid(snapshot)
    units: dict[str | None, array[int]] = {name: array("q") for name in (None, *names)}
    for row in snapshot.rows():
        for name in (None, *row.segments):
            if name in units:
                units[name].append(row.units or 0)
    for number, (name, scores) in enumerate(units.items()):
        try:
            tree.check(packed[number] or b"", scores)
        except tree.BrokenTree as exc:
            yield f"in the segment {name}, {exc}" if name else str(exc)
            break
    if bool(snapshot.header.flags & HAS_SEGMENTS) != bool(names):
        yield f"there are {len(names)} segments, and the header says otherwise"
    yield from _segments(shard, names)
    yield from _sample(shard)


def _invalid(snapshot: Snapshot) -> Iterator[str]:
    for name, score in snapshot.invalid.items():
        yield f"{shown(name)!r} has {score!r}, which is not a whole number below 2^53"
        return


def _segments(shard: Shard, names: list[str]) -> Iterator[str]:
    """Compare the scores of each segment with those of its members. What differs is of one moment: a transaction's."""
    scores = keys.name(keys.SCORES, shard.tag)
    for segment in names:
        members = keys.name(keys.IN_SEGMENT, shard.tag, SEGMENT=segment)
        own = keys.name(keys.SEGMENT_SCORES, shard.tag, SEGMENT=segment)
        for command, key in (("SSCAN", keys.IN_SEGMENT), ("ZSCAN", keys.SEGMENT_SCORES)):
            for page in scan(shard, command, key, SEGMENT=segment):
                names_of = [one[0] if command == "ZSCAN" else one for one in page]
                with shard.client.pipeline() as pipe:
                    pipe.execute_command("SMISMEMBER", members, *names_of)
                    pipe.execute_command("ZMSCORE", scores, *names_of)
                    pipe.execute_command("ZMSCORE", own, *names_of)
                    rows = zip(names_of, *pipe.execute(), strict=True)
                for name, is_in, score, its in rows:
                    if its != (score if is_in else None):
                        has = "no score" if its is None else f"the score {its:g}"
                        should = f"has {score:g}" if is_in and score is not None else "should have none"
                        yield f"in the segment {segment}, {shown(name)!r} has {has}, and {should}"
                        return


def _sample(shard: Shard) -> Iterator[str]:
    """Look for members of the sample that have no score, and gaps between its slots."""
    sample, scores = keys.name(keys.SAMPLE, shard.tag), keys.name(keys.SCORES, shard.tag)
    names = [name for name in shard.client.execute_command("ZRANGE", sample, 0, -1) if name]
    if not names:
        return
    with shard.client.pipeline() as pipe:
        pipe.execute_command("ZMSCORE", scores, *names)
        pipe.execute_command("ZMSCORE", sample, *names)
        pipe.execute_command("ZRANGEBYSCORE", sample, 1, "+inf", "WITHSCORES")
        found, slots, rows = pipe.execute()
    for name, score, slot in zip(names, found, slots, strict=True):
        if slot is not None and score is None:
            yield f"{shown(name)!r} is in the sample, and has no score"
            return
    if [slot for _, slot in rows] != list(range(1, len(rows) + 1)):
        yield "the slots of the sample have gaps"
