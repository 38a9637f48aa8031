"""Ranks of the kinds that members with the same score share: how many members, or different scores, are better."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence

from ..errors import InvalidValue
from .answers import Order, RankKind
from .listing import Listed
from .queries import ALL, AskInfo, At, Below, Count, Different, Lowest
from .scores import LIMIT
from .shards import Meanwhile, Shards

#: Different scores that are merged from several shards, at most, to count those that are better.
MOST_DIFFERENT = 10_000

# Dense ranks in one call of a script: each decodes a leaf, which takes Redis some 0.27 ms.
_AT_ONCE = 12


def of_rows(shards: Shards, found: Listed, order: Order, kind: RankKind) -> Sequence[int]:
    """Return the rank of each row. Raises `Meanwhile`, and what `of_scores` raises."""
    first, rank = found.before.count, 0
    if kind is RankKind.ORDINAL or not found.rows:
        return range(first, first + len(found.rows))
    if first:  # only the first row may have the score of one before the list
        row = found.rows[0]
        rank = of_scores(shards, [row.score], order, kind)[row.score]
        replies = shards.ask(At(row.score, row.name), AskInfo())
        before = sum(at if order is Order.ASC else info.size - at for at, info in replies)
        if before - (order is Order.DESC) != first:
            raise Meanwhile(shards.name)
    ranks = [rank]
    for number in range(1, len(found.rows)):
        if found.rows[number].score != found.rows[number - 1].score:
            rank = rank + 1 if kind is RankKind.DENSE else first + number
        ranks.append(rank)
    return ranks


def of_scores(shards: Shards, scores: Collection[int], order: Order, kind: RankKind) -> dict[int, int]:
    """Return the competition or the dense rank of members with these scores. O(log n) for each.

    Dense ranks on several shards are O(`MOST_DIFFERENT`) for each shard, and `InvalidValue` beyond.
    """
    wanted = sorted(set(scores))
    if not wanted:
        return {}
    if kind is RankKind.DENSE and len(shards) > 1:
        better = different(shards, wanted[0 if order is Order.DESC else -1], order)
        return {
            s: bisect_left(better, s) if order is Order.ASC else len(better) - bisect_right(better, s) for s in wanted
        }
    ranks: dict[int, int] = {}
    step = len(wanted) if kind is RankKind.COMPETITION else _AT_ONCE
    for first in range(0, len(wanted), step):
        some = wanted[first : first + step]
        limits = [score + (order is Order.DESC) for score in some]
        if kind is RankKind.COMPETITION:
            replies = shards.ask(*map(Count, limits), AskInfo())
            below = [sum(counts) for counts in zip(*(counts for *counts, _ in replies), strict=True)]
            size = sum(info.size for *_, info in replies)
        else:
            *totals, whole = shards.totals(*(Below(limit, True) for limit in limits), Lowest(ALL, True))
            below, size = [some.distinct for some in totals], whole.distinct
        ranks |= {s: n if order is Order.ASC else size - n for s, n in zip(some, below, strict=True)}
    return ranks


def different(shards: Shards, end: int, order: Order) -> list[int]:
    """Return the different scores that are better than `end`, ascending. Raises `InvalidValue` for too many."""
    found: set[int] = set()
    places: list[int | None] = [-LIMIT if order is Order.ASC else LIMIT] * len(shards)
    while any(place is not None for place in places):
        replies = shards.ask_each([[] if place is None else [Different(place, end)] for place in places])
        for number, answers in enumerate(replies):
            for scores, more in answers:
                found.update(scores)
                places[number] = scores[-1] if more else None
        if len(found) > MOST_DIFFERENT:
            raise InvalidValue(
                f"more than {MOST_DIFFERENT:,} different scores are better, too many to count on a board that is split "
                "over shards: ask for competition ranks",
                "ranks",
            )
    return sorted(found)
