"""Settings of a board: on all of its shards or on none, and compared with those that were read."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from pipeline.boards import Board, Boards, Order, SettingsChanged, Ties, WrongPlaces
from pipeline.boards.configure import ANY, NONE
from pipeline.boards.shard import shard_of

from .stored import stored


@pytest.fixture(params=["one shard", "three shards", "cluster"])
def board(request: pytest.FixtureRequest) -> Board:
    if request.param == "cluster":
        return Boards(request.getfixturevalue("cluster"), 8)["b"]
    return Boards(request.getfixturevalue("redis"), 1 if request.param == "one shard" else 3)["b"]


def member_of_the_last_shard(board: Board) -> str:
    count = len(board.shards)
    return next(name for name in map(str, range(1000)) if shard_of(name, count) == count - 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda board: board.configure(places=2),
        lambda board: board.configure(ties=Ties.FIRST, order=Order.ASC, sample=200),
    ],
    ids=["places", "ties"],
)
def test_what_a_board_with_scores_can_t_have_changes_no_shard(board: Board, change: Callable[[Board], object]) -> None:
    board.set(member_of_the_last_shard(board), Decimal("1.5"))
    before = stored(board.shards.client)

    with pytest.raises(WrongPlaces):
        change(board)

    assert stored(board.shards.client) == before
    assert board.summary().count == 1  # and readers and writers go on
    board.set("ann", Decimal("2.25"))


def test_each_shard_gets_all_settings(board: Board) -> None:
    made = board.configure(places=2, order=Order.ASC, ties=Ties.FIRST, sample=100, most=5)

    assert made.created
    assert not board.configure(sample=200).created
    for shard in board.shards:
        alone = Board(type(board.shards)(shard.client, shard.tag.removeprefix("{board:").removesuffix("}")))
        found = alone.summary()
        settings = (found.places, found.order, found.ties, found.sample, found.most)
        assert settings == (2, Order.ASC, Ties.FIRST, 200, 5)


def test_settings_are_compared_in_the_step_that_changes_them(board: Board) -> None:
    with pytest.raises(SettingsChanged):
        board.configure(sample=100, versions=[ANY])
    read = board.configure(sample=100, versions=[NONE]).version.partition("/")[0]
    board.set("ann", Decimal(1))
    board.configure(sample=200, versions=["0.0.0.0", read])
    before = stored(board.shards.client)

    for versions in ([read], [], [NONE]):
        with pytest.raises(SettingsChanged):
            board.configure(sample=300, versions=versions)

    assert stored(board.shards.client) == before
    assert board.configure(sample=300, versions=[ANY]).sample == 300
