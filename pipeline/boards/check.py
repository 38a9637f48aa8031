"""Compare all that is derived with the scores, while others write: what `Board.check` does."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice

from . import features, keys, tree
from .form import Form
from .scores import shown
from .shard import Shard
from .shards import Progress, Shards, StaleBoard
from .snapshot import Snapshot, one_moment, scan, stored_names


def check(shards: Shards, progress: Progress | None = None) -> None:
    with ExitStack() as opened:
        with one_moment(shards, opened, progress) as snapshots:
            trees = [_Trees(shard) for shard in shards]
        for snapshot, its in zip(snapshots, trees, strict=True):
            if found := list(_differences(snapshot, its)):
                raise StaleBoard(shards.name, "; ".join(found))


class _Trees:
    """The trees of a shard, whose name is None, and of each of its segments."""

    def __init__(self, shard: Shard) -> None:
        self.names: list[str | None] = [None, *sorted(features.segments(shard))]
        with shard.client.pipeline(transaction=False) as pipe:
            for part in (Shard(shard.client, shard.tag, name) for name in self.names):
                pipe.get(part.keys[1])
            self.packed: list[bytes] = [one or b"" for one in pipe.execute()]


def _differences(snapshot: Snapshot, trees: _Trees) -> Iterator[str]:
    units = {name: array("q") for name in trees.names}
    for row in snapshot.rows():
        for name in units.keys() & {None, *row.segments}:
            units[name].append(row.units or 0)
    yield from islice(snapshot.invalid.values(), 1)
    for (name, scores), packed in zip(units.items(), trees.packed, strict=True):
        try:
            tree.check(packed, scores)
        except tree.BrokenTree as exc:
            yield f"in the segment {name}, {exc}" if name else str(exc)
            break
    shard, names = snapshot.shard, [name for name in trees.names if name is not None]
    if bool(tree.Header.read(trees.packed[0]).flags & tree.SEGMENTED) != bool(names):
        yield f"there are {len(names) or 'no'} segments, and the header says otherwise"
    yield from _segments(shard, names, snapshot.header.form)
    yield from _sample(shard)


def _segments(shard: Shard, names: list[str], form: Form) -> Iterator[str]:
    """Compare the scores of each segment with those of its members. What differs is of one moment: a transaction's."""
    scores = keys.name(keys.SCORES, shard.tag)
    differ: list[str] = []
    empty: list[str] = []
    for segment in names:
        members = keys.name(keys.IN_SEGMENT, shard.tag, SEGMENT=segment)
        own = keys.name(keys.SEGMENT_SCORES, shard.tag, SEGMENT=segment)
        for command, key in (("SSCAN", keys.IN_SEGMENT), ("ZSCAN", keys.SEGMENT_SCORES)):
            for page in scan(shard, command, key, SEGMENT=segment):
                if command == "ZSCAN":
                    stored = [name for name, _ in page]
                    names_of = list(map(form.plain, stored))
                else:
                    names_of, stored = page, stored_names(shard, form, page)
                with shard.client.pipeline(transaction=True) as pipe:
                    pipe.execute_command("SMISMEMBER", members, *names_of)
                    pipe.execute_command("ZMSCORE", scores, *stored)
                    pipe.execute_command("ZMSCORE", own, *stored)
                    rows = zip(names_of, *pipe.execute(), strict=True)
                for name, is_in, score, its in rows:
                    score, its = (None if one is None else float(one) for one in (score if is_in else None, its))
                    if its != score:
                        has = "no score" if its is None else f"the score {its:.17g}"
                        should = "should have none" if score is None else f"should have {score:.17g}"
                        differ.append(f"in the segment {segment}, {shown(name)!r} has {has}, and {should}")
        with shard.client.pipeline(transaction=True) as pipe:
            pipe.execute_command("SISMEMBER", keys.name(keys.SEGMENTS, shard.tag), segment)
            pipe.execute_command("EXISTS", members)
            if pipe.execute() == [1, 0]:
                empty.append(f"the segment {segment} has no members")
    yield from (*differ[:1], *empty[:1])


def _sample(shard: Shard) -> Iterator[str]:
    """Look for members of the sample that have no score."""
    sample, scores = keys.name(keys.SAMPLE, shard.tag), keys.name(keys.SCORES, shard.tag)
    names = [name for name in shard.client.execute_command("ZRANGE", sample, 0, -1) if name]
    if not names:
        return
    with shard.client.pipeline(transaction=True) as pipe:
        pipe.execute_command("ZMSCORE", scores, *names)
        pipe.execute_command("ZMSCORE", sample, *names)
        found, slots = pipe.execute()
    for name, score, slot in zip(names, found, slots, strict=True):
        if slot is not None and score is None:
            yield f"{shown(name)!r} is in the sample, and has no score"
            return
