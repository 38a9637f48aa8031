"""What does not add up over the shards of a board: which scores are the lowest of all, and how many fit into a sum.

Both are found in rounds. A round is one call of `ask`, which sends each shard its list of questions, all at once, and
returns the answers; a shard with an empty list is left out. docs/scaling-boards.md counts the rounds.

What others write between two rounds may be counted or not. The search ends nevertheless, with an answer that was right
for each shard at some moment during the search.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from math import isqrt
from typing import Any

from .queries import ALL, Above, Below, ByRank, Lowest, Query
from .totals import Totals

Ask = Callable[[Sequence[Sequence[Query]]], list[list[Any]]]

#: Ranks, or scores, that a shard is asked about in a round; the first round has some more. Twice as many would save few
#: rounds, and reading them would cost more than that.
SAMPLES = 16

#: When no more scores than these are undecided, they are fetched.
FETCH = 1000


def cuts(ask: Ask, sizes: Sequence[int], count: int) -> list[int]:
    """Return how many of each shard's lowest scores are among the `count` lowest of all shards, which have `sizes`.

    The order is Redis's, by score and then by the member's bytes. Members are spread by a hash, so each shard's part
    can be guessed to within the square root of its size, which takes two rounds for 10^6 members and four for 10^9.
    Where the guess is wrong, each further round reduces the rest to about a fifth.
    """
    total = sum(sizes)
    count = min(max(count, 0), total)
    # A shard's part is at least `low`, and at most `high`.
    low = [max(0, count - (total - size)) for size in sizes]
    high = [min(size, count) for size in sizes]
    ranks = [_likely(first, end, count, size, total) for first, end, size in zip(low, high, sizes, strict=True)]
    while sum(high) - sum(low) > FETCH:
        _narrow(ask, low, high, count, ranks)
        ranks = [_even(first, end) for first, end in zip(low, high, strict=True)]

    answers = ask(_slices(low, high)) if low != high else []
    candidates = sorted((row.position(), i) for i, lists in enumerate(answers) for rows in lists for row in rows)
    for _, i in candidates[: count - sum(low)]:
        low[i] += 1
    return low


def _narrow(ask: Ask, low: list[int], high: list[int], count: int, ranks: Sequence[Sequence[int]]) -> None:
    """Move `low` and `high` closer together, by the members at some ranks of each shard."""
    answers = ask([[ByRank(rank, rank) for rank in some] for some in ranks])
    pivots = []
    passed, ahead = low.copy(), high.copy()  # the least and the most that each shard has before a pivot
    for i, some in enumerate(ranks):
        found = [rank for rank, rows in zip(some, answers[i], strict=True) if rows]
        if len(found) < len(some):  # the shard has become shorter
            high[i] = some[len(found)]
        stops = [*found, high[i]]
        ahead[i] = stops[0]
        pivots += [(answers[i][n][0].position(), i, rank, stops[n + 1]) for n, rank in enumerate(found)]

    before, at_most = sum(passed), sum(ahead)
    for _, i, rank, next_rank in sorted(pivots):
        # Its own shard has exactly `rank` members before it, which is ahead[i].
        if before - passed[i] + rank >= count:  # so it is not among the lowest
            high[:] = ahead
            break
        before += rank + 1 - passed[i]
        passed[i] = rank + 1
        if at_most < count:  # so it is
            low[:] = passed
        at_most += next_rank - ahead[i]
        ahead[i] = next_rank


def _even(first: int, end: int) -> list[int]:
    """Numbers spread evenly over those from `first` up to, not including, `end`."""
    return sorted({first + (end - first) * n // (SAMPLES + 1) for n in range(1, SAMPLES + 1)} - {end})


def _likely(first: int, end: int, count: int, size: int, total: int) -> list[int]:
    """Ranks around the expected part of a shard: most within 2 standard deviations, and some far away."""
    if first == end:
        return []
    expected = count * size // total
    # Of a hypergeometric distribution: `count` are drawn from `total`, of which `size` are in the shard.
    deviation = isqrt(count * size * (total - size) * (total - count) // total**3) + 1
    ranks = {expected + 4 * deviation * n // SAMPLES for n in range(-SAMPLES // 2, SAMPLES // 2 + 1)}
    distance = 4 * deviation
    while distance < end - first:
        ranks |= {expected - distance, expected + distance}
        distance *= 4
    return sorted(rank for rank in ranks if first <= rank < end)


def most(ask: Ask, shards: int, limit: int) -> Totals:
    """Return count and sum of the most scores, taken from 0 up, whose sum does not exceed `limit`.

    A round divides the range of scores by 17, until few scores are left, or one value. That is one round for
    scores of 0 and 1, seven for 10^9 scores spread over 10^9 units, twelve for as many of a Pareto distribution, and
    never more than fifteen.
    """
    if limit < 0:
        return Totals()
    answers = ask([[Below(0), Below(1), Lowest(ALL), Above(1, 1), ByRank(-1, -1)]] * shards)
    below_zero, below, above, lowest, highest = zip(*answers, strict=True)
    negative = _total(below_zero)
    if _total(above).sum - negative.sum <= limit:
        return _total(above) - negative
    # The scores from 0 up to, not including, `low` fit in, those up to `high` do not; `below` and `above` are their
    # totals.
    low = min(row.score for rows in lowest for row in rows)
    high = 1 + max(row.score for rows in highest for row in rows)
    while high - low > 1 and _total(above).count - _total(below).count > FETCH:
        scores = _even(low + 1, high)
        answers = ask([[Below(score) for score in scores]] * shards)
        for score, totals in zip(scores, zip(*answers, strict=True), strict=True):
            if _total(totals).sum - negative.sum > limit:
                high, above = score, totals
                break
            low, below = score, totals

    taken = _total(below) - negative
    rest = limit - taken.sum
    if high - low == 1:
        copies = min(rest // low, _total(above).count - _total(below).count)
        return taken + Totals(copies, copies * low)
    answers = ask(_slices([totals.count for totals in below], [totals.count for totals in above]))
    sums = list(accumulate(sorted(row.score for lists in answers for rows in lists for row in rows), initial=0))
    fitting = bisect_right(sums, rest) - 1
    return taken + Totals(fitting, sums[fitting])


def _slices(first: Sequence[int], end: Sequence[int]) -> list[list[Query]]:
    """Ask each shard for its rows from rank `first` up to, not including, `end`."""
    return [[ByRank(a, b - 1)] if a < b else [] for a, b in zip(first, end, strict=True)]


def _total(totals: Iterable[Totals]) -> Totals:
    return sum(totals, Totals())
