"""The curve and the histogram of a board, compared with sorted scores; one shard and eight."""

from __future__ import annotations

import random
from decimal import Decimal
from itertools import accumulate, pairwise

import pytest

from pipeline.boards import Board, BulkChange, Order, UnknownBoard
from pipeline.boards.scores import LIMIT, from_units, to_units

_random = random.Random(1)
SCORES = {
    "even": [_random.randrange(10**9) for _ in range(3000)],
    "skewed": [int(_random.paretovariate(0.7) * 10**5) for _ in range(3000)],
    "signed": [_random.randrange(-(10**8), 10**6) for _ in range(500)],
    "zero": [0] * 400,
    "zero and one": [10**6 * (number % 3 == 0) for number in range(400)],
    "one member": [12_500_000],
    "one below zero": [-3],
    "two": [-1, 1],
    "extremes": [1 - LIMIT, LIMIT - 1, 0, 1],
    "high": [10**12 + number for number in range(100)],
}


@pytest.mark.parametrize("scores", SCORES.values(), ids=SCORES)
@pytest.mark.parametrize("order", Order)
def test_every_point_and_every_bar_is_exact(board: Board, scores: list[int], order: Order) -> None:
    fill(board, scores)
    shape = board.shape(order, points=60, bars=13)

    sums = [0, *accumulate(sorted(scores, reverse=order is Order.DESC))]
    assert [point.sum for point in shape.points] == [from_units(sums[point.count]) for point in shape.points]
    counts = [point.count for point in shape.points]
    assert counts == sorted(set(counts))
    assert (counts[0], counts[-1]) == (0, len(scores))
    assert len(counts) <= 60 * 2 + 2

    assert 1 <= len(shape.bars) <= 13
    assert sum(bar.count for bar in shape.bars) == len(scores)
    for bar, after in pairwise(shape.bars):
        assert bar.low < bar.high == after.low
    for bar in shape.bars:
        low, high = (to_units_of(border) for border in (bar.low, bar.high))
        assert bar.count == sum(low <= score < high for score in scores)


def test_the_curve_has_many_points_where_it_is_steep(board: Board) -> None:
    list(
        board.apply(BulkChange(f"m{number}", score=from_units(units)) for number, units in enumerate(SCORES["skewed"]))
    )
    counts = [point.count for point in board.shape().points]
    assert sum(count <= 300 for count in counts) > len(counts) / 4
    assert max(more - less for less, more in pairwise(counts)) < 3000 / 20


def test_a_segment_has_a_shape_of_its_own(board: Board) -> None:
    for number in range(10):
        board.set(f"m{number}", Decimal(number))
        if number % 2:
            board.join(f"m{number}", "odd")
    points = board.segment("odd").shape().points
    assert {point.count: int(point.sum) for point in points} == {0: 0, 1: 9, 2: 16, 3: 21, 4: 24, 5: 25}


def test_a_board_of_other_places_has_a_shape(board: Board) -> None:
    board.configure(places=0)
    board.set("ann", Decimal(7))
    assert {point.count: int(point.sum) for point in board.shape().points} == {0: 0, 1: 7}


def test_a_board_without_members_has_no_shape(board: Board) -> None:
    with pytest.raises(UnknownBoard):
        board.shape()


def fill(board: Board, scores: list[int]) -> None:
    list(board.apply(BulkChange(f"m{number}", score=from_units(units)) for number, units in enumerate(scores)))


def to_units_of(border: Decimal) -> int:
    """Borders may lie outside of what a score can be."""
    return int(border * 10**6) if abs(border) >= from_units(LIMIT) else to_units(border, "border")
