"""Compare a board's sums with its scores, and make the sums anew: what `check` and `rebuild` of `Board` do."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from ..errors import InvalidValue
from ..store import Pipeline, Redis, RedisCluster, WatchError
from . import features, keys, sample, tree
from .changes import Change, Op
from .form import Form
from .queries import AskInfo
from .scores import LIMIT
from .shard import Shard
from .shards import BoardChanged, Progress, Shards, StaleBoard

#: Scores read at once, which takes Redis some 5 ms.
PAGE = 10_000

_KEPT_MS = keys.REBUILD_HOURS * 3_600_000


def check(shards: Shards, progress: Progress | None = None) -> None:
    for shard in shards:
        parts = [shard, *(Shard(shard.client, shard.tag, name) for name in features.segments(shard))]
        for part in parts:
            with _unchanged(shards.name, part) as pipe:
                packed: Any = pipe.get(part.keys[1])
                units = array("q")
                for page in _pages(pipe, part, 0, progress):
                    units += page
                pipe.multi()
            try:
                tree.check(packed or b"", units)
            except tree.BrokenTree as exc:
                raise StaleBoard(shards.name, str(exc)) from exc


def rebuild(shards: Shards, progress: Progress | None = None) -> None:
    for shard in shards:
        _rebuild(shards, shard, progress)


def _rebuild(shards: Shards, shard: Shard, progress: Progress | None) -> None:
    scores_key, tree_key = shard.keys[:2]
    with _unchanged(shards.name, shard) as pipe:
        units = array("q")
        for page in _resumed(pipe, shard):
            units += page
        done = keys.name(keys.REBUILD, shard.tag)
        for number, page in enumerate(_pages(pipe, shard, len(units), progress), len(units) // PAGE):
            units += page
            if len(page) == PAGE:
                pipe.hset(done, str(number), page.tobytes())
                pipe.pexpire(done, _KEPT_MS)

        head: Any = pipe.getrange(tree_key, 0, tree.HEADER_SIZE - 1)
        header = tree.Header.read(head) if head.startswith(tree.MAGIC) else tree.Header(places=shards.places)
        packed = tree.pack(units, header)

        ms_left: Any = pipe.pttl(scores_key)
        pipe.multi()
        # The sample may lack members that were added meanwhile.
        pipe.unlink(tree_key, done, keys.name(keys.SAMPLE, shard.tag))
        if units or head:
            pipe.set(tree_key, packed)
        if ms_left > 0:
            pipe.pexpire(tree_key, ms_left)
        elif header.expires:  # there are no scores from which to take it
            pipe.pexpireat(tree_key, header.expires)
    _rebuild_segments(shards.form, shard)
    [info] = shard.read(None, AskInfo())
    if info.sample:
        sample.fill(shard.client, shard.tag)


def _rebuild_segments(form: Form, shard: Shard) -> None:
    """Let every member leave and join each of its segments."""
    for name in features.segments(shard):
        part = Shard(shard.client, shard.tag, name)
        shard.client.execute_command("UNLINK", *part.keys[:2])
        in_segment = keys.name(keys.IN_SEGMENT, shard.tag, SEGMENT=name)
        members = iter(shard.client.execute_command("SMEMBERS", in_segment))
        while some := [member.decode() for member in islice(members, 100)]:
            shard.update(form, [Change(op, member, name) for member in some for op in (Op.LEAVE, Op.JOIN)])


@contextmanager
def _unchanged(board: str, shard: Shard) -> Iterator[Pipeline]:
    """A pipeline that reads at once, until `multi`. If others wrote, it raises `BoardChanged` and does nothing."""
    client = shard.client
    if isinstance(client, RedisCluster):
        client = client.get_redis_connection(client.get_node_from_key(shard.keys[0]))  # type: ignore[no-untyped-call]
    assert isinstance(client, Redis)
    with client.pipeline() as pipe:
        pipe.watch(*shard.keys)  # type: ignore[no-untyped-call]
        yield pipe
        try:
            pipe.execute()
        except WatchError as exc:
            raise BoardChanged(board) from exc


def _pages(pipe: Any, shard: Shard, first: int, progress: Progress | None) -> Iterator[array[int]]:
    """Read the scores from rank `first` on, ascending, with a pipeline that watches. Raises `InvalidValue`."""
    size = pipe.zcard(shard.keys[0])
    while first < size:
        rows = pipe.zrange(shard.keys[0], first, first + PAGE - 1, withscores=True)
        page = array("q")
        for member, score in rows:
            if not (abs(score) < LIMIT and score.is_integer()):
                raise InvalidValue(f"{member!r} has {score!r}, which is not a whole number below 2^53", field="score")
            page.append(int(score))
        if not page:  # the set became shorter
            return
        first += len(page)
        yield page
        if progress is not None:
            progress(first, size)


def _resumed(pipe: Any, shard: Shard) -> Iterator[array[int]]:
    """The pages that an earlier rebuild has read, up to the first that has changed."""
    number = 0
    while packed := pipe.hget(keys.name(keys.REBUILD, shard.tag), str(number)):
        page = array("q", packed)
        ends = [pipe.zrange(shard.keys[0], rank, rank, withscores=True) for rank in _ends(number)]
        if [int(score) for rows in ends for _, score in rows] != [page[0], page[-1]]:
            return
        yield page
        number += 1


def _ends(number: int) -> tuple[int, int]:
    return number * PAGE, (number + 1) * PAGE - 1
