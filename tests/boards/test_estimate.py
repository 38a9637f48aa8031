from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from itertools import accumulate

import pytest

from pipeline.boards import estimate
from pipeline.boards.estimate import Estimate
from pipeline.boards.sample import Sample

Draw = Callable[[random.Random], int]
Side = Callable[[Sample, int, int], Estimate]


def sample_of(scores: list[int], drawn: int, rnd: random.Random, ends: int | None = None) -> Sample:
    """Draw from a board's ascending scores."""
    size = len(scores)
    ends = drawn if ends is None else ends
    ranks = sorted(rnd.sample(range(size), drawn))
    between = [scores[rank] for rank in ranks if ends <= rank < size - ends]
    return Sample(size, drawn, between, scores[:ends], scores[-ends:])


def scattered(size: int) -> list[int]:
    rnd = random.Random(1)
    return sorted(rnd.randrange(-(10**6), 10**6) for _ in range(size))


def exactly(total: int, sample: int) -> Estimate:
    return Estimate(Decimal(total), Decimal(total), Decimal(total), sample)


DISTRIBUTIONS: dict[str, Draw] = {
    "uniform": lambda rnd: rnd.randrange(10**9),
    "0/1": lambda rnd: 10**6 * (rnd.random() < 0.3),
    "exponential": lambda rnd: int(rnd.expovariate(1) * 10**6),
    "signed": lambda rnd: int(rnd.gauss(0, 10**7)),
    "narrow band": lambda rnd: 2**52 + rnd.randrange(10**6),
    "lognormal": lambda rnd: int(rnd.lognormvariate(0, 1) * 10**6),
}
RUNS = 400


def coverage(scores: list[int], drawn: int, ranks: list[tuple[Side, float]], ends: int | None = None) -> list[float]:
    """Percentage of RUNS samples whose interval contains the true sum, for each rank, given as a share of the board."""
    rnd = random.Random(7)
    before = [0, *accumulate(scores)]
    counts = [(side, round(share * len(scores))) for side, share in ranks]
    truths = [before[n] if side is estimate.lowest else before[-1] - before[-1 - n] for side, n in counts]
    hits = [0] * len(ranks)
    for _ in range(RUNS):
        sample = sample_of(scores, drawn, rnd, ends)
        for i, (side, count) in enumerate(counts):
            found = side(sample, count, 0)
            assert found.low <= found.sum <= found.high
            hits[i] += found.low <= truths[i] <= found.high
    return [100 * n / RUNS for n in hits]


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_95_of_100_intervals_have_the_truth(name: str) -> None:
    rnd = random.Random(11)
    scores = sorted(DISTRIBUTIONS[name](rnd) for _ in range(20_000))
    regular: list[tuple[Side, float]] = [(estimate.lowest, 0.9), (estimate.lowest, 1), (estimate.highest, 0.5)]
    if name != "0/1":  # where these sums are 0, or consist of 1s only
        regular += [(estimate.lowest, 0.5), (estimate.highest, 0.25)]

    found = coverage(scores, 200, regular)

    assert all(93 <= percent <= 97.5 for percent in found), found


def test_a_sample_of_half_the_board_knows_that_it_is() -> None:
    rnd = random.Random(11)
    scores = sorted(rnd.randrange(10**9) for _ in range(600))

    found = coverage(scores, 300, [(estimate.lowest, 0.9), (estimate.lowest, 1), (estimate.highest, 0.5)], ends=1)

    assert all(93 <= percent <= 97.5 for percent in found), found


def test_skewed_scores_are_covered_by_a_small_sample_without_the_help_of_ends() -> None:
    rnd = random.Random(11)
    scores = sorted(DISTRIBUTIONS["lognormal"](rnd) for _ in range(20_000))

    found = coverage(scores, 100, [(estimate.lowest, 1), (estimate.highest, 0.5)], ends=1)

    assert all(93 <= percent <= 97.5 for percent in found), found


@pytest.mark.parametrize(
    ("name", "ranks"),
    [
        pytest.param(
            "uniform", [(estimate.lowest, 0.02), (estimate.highest, 0.04)], id="few sampled scores in the sum"
        ),
        pytest.param("lognormal", [(estimate.lowest, 0.02), (estimate.highest, 0.04)], id="few in a long tail"),
        pytest.param("0/1", [(estimate.lowest, share) for share in (0.69, 0.7, 0.71)], id="next to a gap"),
        pytest.param(
            "0/1", [(estimate.highest, share) for share in (0.29, 0.3, 0.31)], id="next to a gap, from the top"
        ),
    ],
)
def test_where_the_sample_says_little_the_interval_is_wide_enough(name: str, ranks: list[tuple[Side, float]]) -> None:
    rnd = random.Random(13)
    scores = sorted(DISTRIBUTIONS[name](rnd) for _ in range(20_000))

    found = coverage(scores, 200, ranks)

    assert min(found) >= 93, found


def test_rare_ones_are_reckoned_with_though_none_was_drawn() -> None:
    scores = [0] * 99_000 + [1] * 1000
    sample = Sample(100_000, 100, [0] * 100, scores[:100], scores[-100:])

    found = estimate.lowest(sample, 100_000, places=0)

    assert found.sum == found.low == 100  # those that are there at the end
    assert 3600 < found.high < 3900


@pytest.mark.parametrize("side", [estimate.lowest, estimate.highest])
def test_equal_scores_are_known_from_the_ends(side: Side) -> None:
    sample = Sample(1_000_000, 1000, [7] * 998, [7] * 1000, [7] * 1000)

    assert side(sample, 10**6, 3) == exactly(7000, 1000)


def test_equal_sampled_scores_are_not_taken_for_all() -> None:
    sample = Sample(1_000_000, 1000, [7] * 998, [0] * 1000, [9] * 1000)

    found = estimate.lowest(sample, 10**6, places=0)

    assert found.low < found.sum < found.high


@pytest.mark.parametrize("count", [1, 100, 101, 250, 299, 300])
def test_nothing_is_estimated_of_a_sample_that_is_the_whole_board(count: int) -> None:
    scores = scattered(300)
    sample = Sample(300, 300, scores[100:200], scores[:100], scores[200:])

    low, high = estimate.lowest(sample, count, 0), estimate.highest(sample, count, 0)

    assert low == exactly(sum(scores[:count]), 300)
    assert high == exactly(sum(scores[-count:]), 300)


def test_the_ends_are_exact_and_more_than_all_is_all() -> None:
    scores = scattered(5000)
    sample = sample_of(scores, 100, random.Random(2))

    assert estimate.lowest(sample, 100, 0) == exactly(sum(scores[:100]), 100)
    assert estimate.highest(sample, 99, 0) == exactly(sum(scores[-99:]), 100)
    assert estimate.highest(sample, 0, 0).sum == 0
    assert estimate.lowest(sample, 9999, 0) == estimate.lowest(sample, 5000, 0)


def test_an_empty_board_sums_to_nothing() -> None:
    assert estimate.lowest(Sample(0, 0, [], [], []), 10, 2) == exactly(0, 0)


def test_a_small_board_that_is_known_completely_is_summed_exactly() -> None:
    scores = scattered(150)
    sample = Sample(150, 150, [], scores, [])

    assert estimate.lowest(sample, 40, 0) == exactly(sum(scores[:40]), 150)
    assert estimate.highest(sample, 40, 0) == exactly(sum(scores[-40:]), 150)


def test_highest_and_lowest_make_up_the_whole() -> None:
    scores = scattered(5000)
    sample = sample_of(scores, 100, random.Random(2))

    parts = estimate.lowest(sample, 2000, 0).sum + estimate.highest(sample, 3000, 0).sum

    assert abs(parts - estimate.lowest(sample, 5000, 0).sum) <= 1  # each is rounded


def test_a_board_whose_members_have_nearly_all_gone_is_bounded_by_its_ends() -> None:
    found = estimate.lowest(Sample(1000, 0, [], [1] * 100, [5] * 100), 600, places=1)

    assert found == Estimate(Decimal("160"), Decimal("60"), Decimal("260"), 0)


def test_an_estimate_has_the_boards_places() -> None:
    scores = list(range(5000))
    sample = sample_of(scores, 100, random.Random(2))

    whole, cents = estimate.lowest(sample, 2501, 0), estimate.lowest(sample, 2501, 2)

    hundredth = Decimal("0.01")
    assert cents == Estimate(whole.sum * hundredth, whole.low * hundredth, whole.high * hundredth, 100)


def test_a_narrow_band_at_a_large_offset_is_as_precise_as_at_0() -> None:
    scores = scattered(20_000)
    offset = 2**53 - 2 * 10**6
    found = [
        estimate.lowest(sample_of([score + by for score in scores], 200, random.Random(3)), 9000, 0)
        for by in (0, offset)
    ]

    assert found[1].sum == found[0].sum + 9000 * offset
    assert found[1].high - found[1].low == found[0].high - found[0].low
