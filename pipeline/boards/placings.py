"""Some members that are asked for by name, ranked on the board: the standings of friends."""

from __future__ import annotations

from collections.abc import Collection

from .queries import AskInfo, At, Find, Member
from .shards import Shards

# Members in one call of a script that looks for their places on another shard than their own: each may be a search
# among many equal scores.
_AT_ONCE = 25


def ranked(shards: Shards, members: Collection[str]) -> tuple[list[tuple[Member, int]], int]:
    """Return those that have a score, ascending, each with its rank from the lowest; and how many members there are.

    One round, of one state, on one shard; otherwise two. Raises what `Shards.unknown` returns if nobody has a score.
    """
    if len(shards) == 1:
        [[*places, info]] = shards.ask(*map(Find, members), AskInfo())
        size = info.size
        found = {Member(place.name, place.score): place.rank for place in places if place is not None}
    else:
        answers = shards.ask_each([[Find(name) for name in members if shards.of(name) is shard] for shard in shards])
        rows = [Member(place.name, place.score) for places in answers for place in places if place is not None]
        found, size = dict.fromkeys(rows, 0), 0
        for first in range(0, max(len(rows), 1), _AT_ONCE):
            some = rows[first : first + _AT_ONCE]
            replies = shards.ask(*(At(row.score, row.name) for row in some), AskInfo())
            size = sum(info.size for *_, info in replies)
            for *ats, _ in replies:
                for row, at in zip(some, ats, strict=True):
                    found[row] += at
    if not size:
        raise shards.unknown()
    return sorted(found.items(), key=lambda item: item[0].position()), size
