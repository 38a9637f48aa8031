"""Trimming: the last members in the board's order go, or those on one side of a score, with all that is theirs."""

from __future__ import annotations

import random
import threading
from decimal import Decimal
from itertools import count

import pytest

from pipeline.boards import Board, BoardChanged, BulkChange, Order, UnknownBoard, trim
from pipeline.boards.changes import Change, Code, Op
from pipeline.boards.form import Ties
from pipeline.errors import InvalidValue

from .test_keys import furnish

N = 60


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trim, "CHUNK", 7)


def fill(board: Board) -> Board:
    scores = [n // 3 for n in range(N)]  # with ties
    random.Random(1).shuffle(scores)
    list(board.apply(BulkChange(f"m{n:03}", score=Decimal(score)) for n, score in enumerate(scores)))
    return board


@pytest.fixture
def filled(board: Board) -> Board:
    return fill(board)


def members(board: Board) -> list[str]:
    return [row.member for row in board.page(limit=1000).members]


@pytest.mark.parametrize("ties", Ties)
@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("keep", [N + 1, N, N - 1, 20, 1])
def test_the_best_stay(board: Board, order: Order, ties: Ties, keep: int) -> None:
    board.configure(order=order, ties=ties)
    filled = fill(board)
    best = members(filled)[:keep]
    steps: list[tuple[int, int]] = []

    trimmed = filled.trim(keep=keep, progress=lambda *step: steps.append(step))

    left = min(keep, N)
    assert trimmed == trim.Trimmed("b", N - left, left)
    assert members(filled) == best
    assert steps[-1:] == ([(N - left, N - left)] if left < N else [])
    filled.check()
    assert filled.trim(keep=keep).removed == 0


def test_a_board_that_keeps_nobody_is_gone(filled: Board) -> None:
    assert filled.trim(keep=0) == trim.Trimmed("b", N, 0)
    with pytest.raises(UnknownBoard):
        filled.trim(keep=0)


def test_a_side_of_a_score_goes(filled: Board) -> None:
    steps: list[tuple[int, int]] = []

    assert filled.trim(below=Decimal(5), progress=lambda *step: steps.append(step)).removed == 15
    assert filled.trim(above=Decimal(9)).removed == N - 30
    assert sorted({row.score for row in filled.page(limit=100).members}) == [5, 6, 7, 8, 9]
    assert steps[-1] == (15, 15)
    assert filled.trim(below=Decimal("4.5")) == trim.Trimmed("b", 0, 15)
    assert filled.trim(above=Decimal(-1)).count == 0
    with pytest.raises(UnknownBoard):
        filled.trim(below=Decimal(1))


def test_features_segments_and_sample_go_along(board: Board) -> None:
    board.configure(sample=100)
    furnish(board)
    best = members(board)[:20]
    board.trim(keep=20)

    board.check()
    assert board.segment("red").summary().count == 20
    assert [name for name in map("m{:04}".format, range(400)) if board.features(name)] == sorted(best)
    assert board.estimated_sum(0).count == 1


@pytest.mark.parametrize(
    "bounds",
    [{}, {"keep": 1, "below": Decimal(1)}, {"below": Decimal(1), "above": Decimal(0)}, {"keep": -1},
     {"below": Decimal("0.0000001")}, {"above": Decimal("1e30")}],
)  # fmt: skip
def test_what_is_refused_removes_nobody(filled: Board, bounds: dict[str, Decimal]) -> None:
    with pytest.raises(InvalidValue):
        filled.trim(**bounds)  # type: ignore[arg-type]
    assert filled.summary().count == N


def test_a_member_that_has_become_better_meanwhile_stays(filled: Board) -> None:
    last = members(filled)[-1]
    score = filled.standing(last).score
    shard = filled.shards.of(last)

    [refused] = shard.update(filled.shards.form, [Change(Op.REMOVE, last, int(score) * 10**6 + 1)])
    assert refused.code is Code.ABSENT
    [done] = shard.update(filled.shards.form, [Change(Op.REMOVE, last, int(score) * 10**6)])
    assert done.code is Code.OK


def test_writers_meet_a_trimming(filled: Board) -> None:
    stop = threading.Event()

    def write() -> None:
        for n in count():
            if stop.is_set():
                return
            filled.add(f"m{n % N:03}", Decimal(1))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(5):
            filled.trim(keep=30)
    finally:
        stop.set()
        writer.join()

    assert filled.trim(keep=30).count == 30
    filled.check()


def test_a_board_whose_order_is_changed_meanwhile_keeps_its_best(filled: Board) -> None:
    with pytest.raises(BoardChanged):
        filled.trim(keep=10, progress=lambda done, total: filled.configure(order=Order.ASC))
    assert filled.summary().count == N - 7
