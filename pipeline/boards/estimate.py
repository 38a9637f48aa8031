"""Estimate sums of the lowest or highest scores from a sample, with an interval that is right in 95 of 100 samples.

The sum of the k lowest of n scores is the greatest value, over all q, of

    k q - (the sum of q - y over all scores y < q),

reached where q is the k-th lowest score. Of the whole expression only the sum has to be estimated: n times the mean of
max(q - x, 0) over the sample. This is also, up to its sign and a constant, the influence function, so the sampling
error of the mean is that of the estimate (generalized Lorenz curves: Beach and Davidson, Review of Economic Studies 50,
1983; in finite populations: Langel and Tillé, JRSS A 176, 2013; the form with the maximum: Rockafellar and Uryasev,
Journal of Risk 2, 2000). The whole sum is the case k = n, and the k highest are the lowest of the negative scores.

The interval of the mean is Student's, with the finite population correction 1 - m/n for a sample of m, and with the
skewness taken out (Hall, JRSS B 54, 1992). What it can't cover is handled by other means:

- Long tails and small k. The ends of the board, on each side as many members as the sample has (100 to 1,000), are read
  from the sorted set and not estimated. They also bound every score that the sample has not seen.
- q itself is uncertain. That does not matter where scores are dense, but it does next to a gap, as with scores of 0 and
  1. For any q the expression is at most the sum, so one q is enough for the lower bound. The upper bound is the
  greatest over all q that may be the k-th lowest score.
- Nearly all sampled values are equal: no 1 was drawn, or so few of the k lowest that their mean is far from normal.
  Then the number of the others is bounded by Poisson's law (if none was seen, 3.7 can be expected: the "rule of three",
  at 97.5 %; Byar's approximation in Breslow and Day, Statistical Methods in Cancer Research II, 1987), and each may be
  as far away as the ends allow. Such intervals are wide, and right more often than they claim.

All is computed in integers and fractions, except the root of a variance: floats would lose the differences of scores in
a narrow band far from 0.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate
from statistics import NormalDist
from typing import NamedTuple

import msgspec

from .sample import Sample
from .scores import from_units

CONFIDENCE = 0.95

# Fewer sampled values than this, besides the most frequent one, are counted and not averaged.
_FEW = 15

_Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)

_Number = Fraction | int


class Estimate(msgspec.Struct, frozen=True):
    """A sum, estimated from `sample` members: it is between `low` and `high`, in `confidence` of all samples.

    `sum` is rounded to the board's places, half to even, `low` down and `high` up. If nothing had to be estimated all
    three are the exact sum. Scores with a tail so long that they have no variance (Pareto's law with an exponent below
    2) make this untrue, unless the ends hold most of the tail: with 1,000 of a million sampled they did, with 100 they
    did not.
    """

    sum: Decimal
    low: Decimal
    high: Decimal
    sample: int
    confidence: float = CONFIDENCE


class _Interval(NamedTuple):
    value: _Number
    low: _Number
    high: _Number


def lowest(sample: Sample, count: int, places: int) -> Estimate:
    """Estimate the sum of the `count` lowest scores, or of all if there are fewer. Takes about 1 ms for 1,000 members.

    For the sum of the scores below some score, `count` is their number, which a sorted set knows exactly.
    """
    return _estimate(sample, _sum(sample, count), places)


def highest(sample: Sample, count: int, places: int) -> Estimate:
    """Estimate the sum of the `count` highest scores, or of all if there are fewer."""
    mirrored = Sample(
        sample.size, sample.sampled, *(_mirrored(scores) for scores in (sample.scores, sample.highest, sample.lowest))
    )
    value, low, high = _sum(mirrored, count)
    return _estimate(sample, _Interval(-value, -high, -low), places)


def _mirrored(scores: list[int]) -> list[int]:
    return [-score for score in reversed(scores)]


def _estimate(sample: Sample, found: _Interval, places: int) -> Estimate:
    units = (round(found.value), math.floor(found.low), math.ceil(found.high))
    value, low, high = (from_units(number, places) for number in units)
    return Estimate(value, low, high, sample.sampled)


def _sum(sample: Sample, count: int) -> _Interval:
    """The sum of the `count` lowest in units: exact for the ends, estimated between them."""
    between = sample.size - len(sample.lowest) - len(sample.highest)
    wanted = min(max(count - len(sample.lowest), 0), between)
    known = sum(sample.lowest[:count]) + sum(sample.highest[: max(count - len(sample.lowest) - between, 0)])
    if wanted == 0:
        return _Interval(known, known, known)
    part = _Between(sample.scores, between, sample.lowest[-1], sample.highest[0]).sum(wanted)
    return _Interval(*(known + value for value in part))


class _Between:
    """`scores`, ascending: a sample of `size` scores, none of which is below `least` or above `most`."""

    def __init__(self, scores: list[int], size: int, least: int, most: int) -> None:
        self.scores, self.size, self.least, self.most = scores, size, least, most
        self.drawn = len(scores)
        # Sums over the first i sampled scores, of the powers of (score - least).
        shifted = [score - least for score in scores]
        self.powers = [[0, *accumulate(x**power for x in shifted)] for power in (1, 2, 3)]
        self.common = Counter(scores).most_common(1)

    def sum(self, count: int) -> _Interval:
        """The sum of the `count` lowest; `count` is at least 1."""
        if self.drawn == self.size:
            exact = sum(self.scores[:count])
            return _Interval(exact, exact, exact)
        least, most = count * self.least, count * self.most
        if self.drawn == 0 or least == most:
            return _Interval(Fraction(least + most, 2), least, most)
        at = -(-count * self.drawn // self.size)  # 1 for the lowest sampled score
        q = self.scores[at - 1] if count < self.size else self.most
        value = count * q - self.size * Fraction(self._sums(q)[1], self.drawn)
        low = count * q - self.size * self._interval(q)[1]
        high = max(count * x - self.size * self._interval(x)[0] for x in self._quantiles(count, at))
        return _Interval(value, max(low, least), min(high, most))

    def _quantiles(self, count: int, at: int) -> list[int]:
        """The sampled scores from index `at` on that may have `count` scores below them."""
        if count == self.size:
            return [self.most]
        share = count / self.size
        spread = 2 + math.floor(2 * math.sqrt(self.drawn * share * (1 - share) * (1 - self.drawn / self.size)))
        quantiles = sorted(set(self.scores[at - 1 : at + spread]))
        return quantiles if at + spread <= self.drawn else [*quantiles, self.most]

    def _sums(self, q: int) -> tuple[int, int, int, int]:
        """How many sampled scores are below q, and the sums of q - x, (q - x)^2 and (q - x)^3 over these."""
        n = bisect_left(self.scores, q)
        q -= self.least
        one, two, three = (power[n] for power in self.powers)
        return (
            n,
            n * q - one,
            n * q**2 - 2 * q * one + two,
            n * q**3 - 3 * q**2 * one + 3 * q * two - three,
        )

    def _interval(self, q: int) -> tuple[_Number, _Number]:
        """An interval for the mean of max(q - y, 0) over all scores y."""
        m, most = self.drawn, q - self.least
        below, one, two, three = self._sums(q)
        [(score, times)] = self.common
        if score >= q or times < m - below:
            score, times = q, m - below  # the value that most of the sample has is subtracted, so it is 0 here
        if m - times < _FEW:
            usual = q - score
            less, more = m - bisect_right(self.scores, score), bisect_left(self.scores, score)
            low = usual - usual * Fraction(_poisson(less)) / m
            high = usual + (most - usual) * Fraction(_poisson(more)) / m
        else:
            mean = Fraction(one, m)
            variance = Fraction(m * two - one**2, m * (m - 1))
            third = Fraction(m**2 * three - 3 * m * one * two + 2 * one**3, m**3)
            error = math.sqrt(variance / m * (1 - Fraction(m, self.size)))
            skewness = float(third) / float(variance) ** 1.5 / math.sqrt(m)
            t = _student(m - 1)
            low, high = (mean - Fraction(error * _unskewed(y, skewness)) for y in (t, -t))
        return max(low, Fraction(0)), min(high, Fraction(most))


def _poisson(seen: int) -> float:
    """The largest mean for which so few would be seen: Byar's approximation."""
    n = seen + 1
    return n * (1 - 1 / (9 * n) + _Z / (3 * math.sqrt(n))) ** 3


def _student(degrees: int) -> float:
    """Student's t: Abramowitz and Stegun 26.7.5, right to 4 digits from 14 degrees of freedom on."""
    z, n = _Z, degrees
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
    )


def _unskewed(t: float, skewness: float) -> float:
    """The inverse of Hall's transformation; `skewness` is divided by the root of the sample's size."""
    if abs(skewness) < 1e-6:
        return t
    return 3 / skewness * (math.cbrt(1 + skewness * (t - skewness / 6)) - 1)
