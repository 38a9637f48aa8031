"""The sample of a board: drawn, read, and put together from those of several shards.

update.lua maintains it while members are added and removed; see sample.lua.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from ..errors import PipelineError
from ..store.scripts import ScriptClient
from . import keys
from .lua import BoardScript
from .scores import stored_units

#: The smallest size of a sample: with fewer members, intervals say little.
LEAST = 100

#: The largest size of a sample.
MOST = 5_000

# Tries to draw a member in one call of the script, which then takes Redis some 3 ms.
_TRIES = 250

# The smallest and largest number of members of an end that is read in addition to the sample.
_ENDS = [LEAST, 1000]

_FILL = BoardScript("tree.lua", "sample_fill.lua")
_READ = BoardScript("sample_read.lua", reads_only=True)

# Units, then member: the order of a sorted set.
_Row = tuple[int, bytes]


class NoSample(PipelineError):
    def __init__(self, board: str) -> None:
        super().__init__(f"the board {board!r} keeps no sample to estimate from: configure it with a `sample` size")
        self.board = board


class Part(NamedTuple):
    """The sample of a shard of `size` members; `lowest` and `highest` are its ends.

    All three are ascending. Where the shard is small, each is the whole shard.
    """

    size: int
    sampled: list[_Row]
    lowest: list[_Row]
    highest: list[_Row]


class Sample(NamedTuple):
    """The sample of a board of `size` members, in units.

    `lowest` and `highest` are its ends, known exactly, both ascending; of a small board, `lowest` is all of it.
    `scores`, ascending, is a uniform sample of the scores between them. `sampled` counts all members that were drawn,
    also those that are in the ends.
    """

    size: int
    sampled: int
    scores: list[int]
    lowest: list[int]
    highest: list[int]


def fill(client: ScriptClient, tag: str, rnd: random.Random | None = None) -> None:
    """Draw the sample of a shard anew, of the size that its header says, or of all members if they are fewer.

    Every set of members is equally likely, and so it is while the sample grows, in calls of some 3 ms, and others
    write. A board needs this as soon as its header says that it keeps a sample, when the size changes, and after a
    rebuild. O(size), and up to ten times as much for a board that is hardly larger than its sample.
    """
    draw = (rnd or random).random
    begin = 1
    while _FILL.call(client, keys.scored(tag), [begin, *(draw() for _ in range(_TRIES))]):
        begin = 0


def read(client: ScriptClient, tag: str, board: str) -> Part:
    """Read the sample and the ends of a shard, all of one state. Takes Redis some 2 us a member.

    Raises `NoSample`, whose message names `board`.
    """
    exists, size, sampled, lowest, highest = _READ.call(client, _keys(tag), _ENDS)
    if size and not exists:
        raise NoSample(board)
    if len(lowest) == 2 * size:
        rows = _rows(lowest)
        return Part(size, rows, rows, rows)
    return Part(size, _rows(sampled), _rows(lowest), _rows(highest))


def combine(parts: Sequence[Part], rnd: random.Random | None = None) -> Sample:
    """Make one sample from those of a board's shards.

    How many of its members come from each shard is drawn as if they came from the whole board, and so is which of the
    shard's sample they are (Brown and Haas, Techniques for warehousing of sample data, ICDE 2006). So it is as large as
    the smallest of the shards' samples, and differs each time. If there is one shard, its sample is returned.
    """
    rnd = rnd or random.Random()
    size = sum(part.size for part in parts)
    wanted = min((len(part.sampled) for part in parts if len(part.sampled) < part.size), default=size)
    from_each = Counter(rnd.sample(range(len(parts)), k=wanted, counts=[part.size for part in parts]) if wanted else [])
    sampled = sorted(row for i, count in from_each.items() for row in rnd.sample(parts[i].sampled, count))

    # So many of the lowest of all are certainly among the lowest of the shards.
    ends = min((len(part.lowest) for part in parts if len(part.lowest) < part.size), default=size)
    lowest = sorted(row for part in parts for row in part.lowest)[:ends]
    highest = sorted(row for part in parts for row in part.highest)[-ends:] if ends < size else []
    between = [score for score, member in sampled if highest and lowest[-1] < (score, member) < highest[0]]
    return Sample(size, wanted, between, [score for score, _ in lowest], [score for score, _ in highest])


def _keys(tag: str) -> list[str]:
    return [keys.name(key, tag) for key in (keys.SCORES, keys.SAMPLE)]


def _rows(reply: list[bytes]) -> list[_Row]:
    return [(stored_units(member, score), member) for member, score in zip(reply[::2], reply[1::2], strict=True)]
