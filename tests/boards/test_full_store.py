"""While Redis has no memory left, what is removed from boards goes, and what is added is refused whole."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pipeline.boards import Board, Boards, UnknownBoard
from pipeline.store import OutOfMemoryError

from ..full import full
from .test_keys import furnish


def test_members_segments_and_boards_go(board: Board, boards: Boards) -> None:
    board.configure(sample=100)
    furnish(board)
    total = board.summary().count
    with full(boards.client):
        board.remove("m0003")
        board.leave("m0004", "red")
        board.set_features("m0005", {}, replace=True)
        assert board.summary().count == total - 1
        assert board.features("m0005") == {}
        assert board.segments_of("m0004") == []
    board.check()
    with full(boards.client):
        board.delete()
        with pytest.raises(UnknownBoard):
            board.summary()


def test_what_is_added_is_refused_whole(board: Board, boards: Boards) -> None:
    board.add("m", Decimal(1), "e1")
    with full(boards.client):
        for change in (
            lambda: board.set("n", Decimal(1)),
            lambda: board.set("m", Decimal(3)),
            lambda: board.add("m", Decimal(1), "e2"),
            lambda: board.join("m", "red"),
            lambda: board.set_features("m", {"age": 1}),
        ):
            with pytest.raises(OutOfMemoryError):
                change()
    board.check()
    (member,) = board.members(0, 10).members
    assert member.score == Decimal(1)
