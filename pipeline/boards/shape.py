"""The shape of a board in a few numbers: its cumulative sum at some ranks, and how many members have which scores.

Both are asked by score and not by rank, since counts and sums below a score add up over shards. Three rounds for any
number of members: how many there are, scores at some ranks of the largest shards, and the totals below these scores.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from .answers import Bar, CurvePoint, Order, Shape
from .queries import ALL, AskInfo, Below, ByRank, Lowest
from .scores import from_units
from .shards import Shards
from .totals import Totals

#: Bars of a histogram that is not skewed have steps of equal width; a skewed one has steps that grow.
_SKEWED = 20

#: Ranks of a shard at which scores are read, at least; a board of many shards is known well enough from some of them.
_LEAST = 6

#: 1, 2, 5, 10, 20, 50 and so on, beyond the largest difference of two scores.
_STEPS = [digit * 10**exponent for exponent in range(18) for digit in (1, 2, 5)]


def shape(shards: Shards, order: Order, points: int, bars: int) -> Shape:
    """Return about `points` points of the cumulative sum in `order`, and at most `bars` bars of a histogram.

    Every number is exact. Raises what `Shards.unknown` returns if there are no scores.
    """
    extremes = shards.ask(AskInfo(), ByRank(0, 0), ByRank(-1, -1))
    sizes = [info.size for info, *_ in extremes]
    if not any(sizes):
        raise shards.unknown()
    low = min(row.score for _, rows, _ in extremes for row in rows)
    high = max(row.score for *_, rows in extremes for row in rows)
    samples = _samples(shards, sizes, order, points) or [low]
    edges = _edges(low, high, samples, bars)
    at = _borders(samples, order)
    below = shards.totals(*map(Below, [*at, *edges]), Lowest(ALL))
    return Shape(
        order=order,
        points=_points(below[: len(at)], below[-1], order, shards.places),
        bars=_bars(edges, below[len(at) : -1], shards.places),
    )


def _samples(shards: Shards, sizes: Sequence[int], order: Order, points: int) -> list[int]:
    """Return scores at some ranks of the largest shards, ascending. Equal ones say that many have that score."""
    largest = sorted(range(len(sizes)), key=sizes.__getitem__, reverse=True)[: points // _LEAST]
    each = max(_LEAST, points // len(largest))
    ranks = {n: _ranks(sizes[n] - 1, order, each, place / len(largest)) for place, n in enumerate(largest)}
    answers = shards.ask_each([[ByRank(rank, rank) for rank in ranks.get(n, ())] for n in range(len(sizes))])
    return sorted(row.score for found in answers for rows in found for row in rows)


def _ranks(last: int, order: Order, points: int, shift: float) -> list[int]:
    """Ranks from 0 to `last`: two thirds evenly spread, the others the denser the nearer to the begin of `order`.

    `shift`, from 0 to 1, moves the even ones, so that those of several shards are not about the same.
    """
    if last < 0:
        return []
    even, dense = points * 2 // 3, points // 3
    found = {0, last, *(int(last * (n + shift) / even) for n in range(even))}
    found |= {min(last, round(last ** (n / dense))) for n in range(dense + 1)}
    return sorted(found if order is Order.ASC else {last - rank for rank in found})


def _borders(samples: Sequence[int], order: Order) -> list[int]:
    """Return the scores below which to add up: at each sample, and on both sides of one that many members have."""
    step = 1 if order is Order.ASC else 0
    many = {one for one, next_one in pairwise(samples) if one == next_one}
    return sorted({score + step for score in samples} | many | {score + 1 for score in many})


def _points(below: Sequence[Totals], all_: Totals, order: Order, places: int) -> list[CurvePoint]:
    passed = below if order is Order.ASC else [all_ - totals for totals in below]
    points = {totals.count: totals.sum for totals in [Totals(), *passed, all_]}
    return [CurvePoint(count, from_units(points[count], places)) for count in sorted(points)]


def _edges(low: int, high: int, samples: Sequence[int], bars: int) -> list[int]:
    """Return the borders of the bars in units: the first is not above `low`, the last is above `high`."""
    if low == high:
        return [low, low + 1]
    if low < 0 or high < _SKEWED * max(samples[len(samples) // 2], 1):
        step = next(step for step in _STEPS if high // step - low // step < bars)
        return [number * step for number in range(low // step, high // step + 2)]
    grown = [0, *[step for step in _STEPS if step <= high][1 - bars :]]
    top = next(step for step in _STEPS if step > high)
    return [*grown[bisect_right(grown, low) - 1 :], top]


def _bars(edges: Sequence[int], below: Sequence[Totals], places: int) -> list[Bar]:
    counts = [totals.count for totals in below]
    return [
        Bar(from_units(first, places), from_units(end, places), more - less)
        for (first, end), (less, more) in zip(pairwise(edges), pairwise(counts), strict=True)
    ]
