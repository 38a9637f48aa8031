"""Every Redis key of a board: its name, what it holds, how long it stays, and who deletes it.

SHARD is the board's name; on a board that is split it is followed by `:` and the number of the shard. The part in
braces is the hash tag: all keys of a shard are in one slot of a cluster, so that one script may change them together.

While a board is built beside another one, its keys have `:new:` and its generation after the tag: see build.py.

The scripts take all names from here: see lua.py. A new key belongs in `KEYS`: the scripts that delete, rename and
expire a board then know it, since `shard_keys` hands them the names.
"""

from __future__ import annotations

from ..store.keys import WORD, Key

_TAG = "{board:SHARD}"
_AT_ITS_TIME = "the board's `expires`, if it has one"

#: Segments that a board can have.
MOST_SEGMENTS = 64

#: Trees of a board and its segments that one call of update.lua changes, which takes Redis some 3 ms with 10^6 scores.
MOST_WORK = 48

#: Entries that a log of changes has, about: one that reads slower than this is written has to begin anew.
MOST_CHANGES = 10_000

#: How long a board is held at most, if the process that holds it ends.
HOLD_SECONDS = 5

#: How long what is built beside a board is kept, if the process that builds it ends.
BUILD_HOURS = 24

SCORES = Key(
    f"{_TAG}:scores",
    "zset",
    "member -> units, the score times 10^places; any client may read it",
    _AT_ITS_TIME,
    "`Board.delete`; removing the last member",
)
TREE = Key(
    f"{_TAG}:tree",
    "string",
    "settings, and the counts and sums over the scores: see tree.lua",
    _AT_ITS_TIME,
    "`Board.delete`; removing the last member of a board that was never configured",
)
EVENTS = Key(
    f"{_TAG}:events",
    "zset",
    "id of an event that was applied -> Unix time in ms when it is forgotten, with a digest of the change in its last "
    "bits: see update.lua",
    "when the last event is forgotten (`WZ_REMEMBER_EVENTS`), or the board's `expires` if that is earlier",
    "`Board.delete`",
)
ARRIVED = Key(
    f"{_TAG}:arrived",
    "hash",
    "member -> the bytes before its name in `scores` that say when it came to its score; '' -> the last one's time in "
    "us. Only if ties go to who came first",
    _AT_ITS_TIME,
    "`Board.delete`; removing the last member",
)
CHANGES = Key(
    f"{_TAG}:changes",
    "stream",
    "changes, while somebody follows them: op, member, before, after, in_segment, arrival; see `Entry` in follow.py",
    "the board's `logged`, until which changes are followed, or its `expires` if that is earlier",
    "`Board.delete`",
)
HELD = Key(
    f"{_TAG}:held",
    "string",
    "who holds the board, which nobody else may then change: see hold.lua",
    f"{HOLD_SECONDS} seconds after it was set",
    "who set it",
)
SAMPLE = Key(
    f"{_TAG}:sample",
    "zset",
    "member of the sample -> its slot: see sample.lua",
    _AT_ITS_TIME,
    "`Board.delete`; configuring the board without a sample",
)
FEATURES = Key(
    f"{_TAG}:features",
    "hash",
    "member -> its features, a JSON object of strings, numbers, true and false",
    _AT_ITS_TIME,
    "`Board.delete`; removing the last features",
)
SEGMENTS = Key(
    f"{_TAG}:segments",
    "set",
    "the names of the segments",
    _AT_ITS_TIME,
    "`Board.delete`; the last member to leave the last segment",
)
IN_SEGMENT = Key(
    f"{_TAG}:in:SEGMENT",
    "set",
    "the members of the segment, with a score or without",
    _AT_ITS_TIME,
    "`Board.delete`; the last member to leave it",
)
SEGMENT_SCORES = Key(
    f"{_TAG}:segment:SEGMENT:scores",
    "zset",
    "the scores of the segment's members",
    _AT_ITS_TIME,
    "`Board.delete`; the last member with a score to leave it",
)
SEGMENT_TREE = Key(
    f"{_TAG}:segment:SEGMENT:tree",
    "string",
    "the counts and sums over the segment's scores",
    _AT_ITS_TIME,
    "`Board.delete`; the last member with a score to leave it",
)

KEYS: tuple[Key, ...] = (
    SCORES,
    TREE,
    EVENTS,
    ARRIVED,
    CHANGES,
    HELD,
    SAMPLE,
    FEATURES,
    SEGMENTS,
    IN_SEGMENT,
    SEGMENT_SCORES,
    SEGMENT_TREE,
)


def tags(board: str, shards: int) -> list[str]:
    """Return the prefix of the keys of each shard."""
    names = [board] if shards == 1 else [f"{board}:{number}" for number in range(shards)]
    return [_TAG.replace("SHARD", name) for name in names]


def glob(board: str) -> str:
    """Return what SCAN matches the trees, scores and features of boards whose names begin so, and little else."""
    return f"{_TAG.replace('SHARD', f'{board}*')}:[stf]?[eoa]*"


def board_of(key: str, shards: int) -> str:
    """Return the board whose tree, scores or features have this name; '' if it is another key."""
    tag, _, rest = key.partition("}:")
    if rest not in map(after_prefix, (TREE, SCORES, FEATURES)):
        return ""
    shard = tag.removeprefix(_TAG.partition("SHARD")[0])
    return shard if shards == 1 else shard.rpartition(":")[0]


def name(key: Key, tag: str, **parts: str) -> str:
    """Return the name that a key has in the shard of this `tag`, with the parts that are in capitals filled in."""
    rest = key.pattern.removeprefix(_TAG)
    return tag + (WORD.sub(lambda part: parts[part[0]], rest) if parts else rest)


def after_prefix(key: Key) -> str:
    """Return the part of a key's pattern that comes after the tag and a colon, the prefix of all keys of a shard."""
    return key.pattern.removeprefix(f"{_TAG}:")


def scored(tag: str, segment: str | None = None) -> list[str]:
    """Return the KEYS of tree.lua: scores and tree of a shard; of a segment, these, and the tree of its shard."""
    if segment is None:
        return [name(key, tag) for key in (SCORES, TREE)]
    own = [name(key, tag, SEGMENT=segment) for key in (SEGMENT_SCORES, SEGMENT_TREE)]
    return [*own, name(TREE, tag)]


def shard_keys() -> list[str]:
    """Return the arguments of keys.lua: all names, without the tag."""
    return [after_prefix(key) for key in KEYS]
