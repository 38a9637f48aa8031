"""A board has an order: rank 0 is the best member, in every answer that names no other order."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from pipeline.boards import Board, Order, View
from pipeline.boards.answers import Page
from pipeline.errors import InvalidValue

#: Questions whose answer has a rank, the order in which that counts, and the winner, or only the winner.
QUESTIONS: dict[str, Callable[[View, str], list[Any]]] = {
    "standing": lambda view, winner: [view.standing(winner)],
    "members": lambda view, _: listed(view.members(0, 0)),
    "page": lambda view, _: listed(view.page(limit=1)),
    "between": lambda view, _: listed(view.between(Decimal(1), Decimal(3), limit=1)),
    "around": lambda view, winner: listed(view.around(winner)),
    "sum": lambda view, _: [view.sum(0)],
    "estimated sum": lambda view, _: [view.estimated_sum(0)],
    "reach": lambda view, _: [view.reach(Decimal("0.01"))],
    "percentile": lambda view, winner: [view.at_percentile(Decimal(0 if winner == "low" else 100))],
}


def listed(page: Page) -> list[Any]:
    return [page, page.members[0]]


@pytest.fixture(params=["desc", "asc"])
def winner(request: pytest.FixtureRequest, board: Board) -> str:
    for number, member in enumerate(["low", "middle", "high"], 1):
        board.set(member, Decimal(number))
    if request.param == "asc":
        board.configure(order=Order.ASC)
        return "low"
    return "high"


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_winner_has_rank_0_whatever_is_asked(board: Board, winner: str, name: str) -> None:
    board.configure(sample=100)
    order = Order.ASC if winner == "low" else Order.DESC

    said = [msgspec.structs.asdict(answer) for answer in QUESTIONS[name](board, winner)]

    assert {answer["rank"] for answer in said if "rank" in answer} == {0}
    assert {answer["order"] for answer in said if "order" in answer} == {order}
    assert {answer["member"] for answer in said if "member" in answer} <= {winner}
    assert {answer["sum"] for answer in said if "sum" in answer} <= {1 if winner == "low" else 3}


def test_all_kinds_of_ranks_begin_with_the_winner(board: Board, winner: str) -> None:
    ranks = board.ranks(winner)

    assert (ranks.ordinal, ranks.competition, ranks.dense or 0) == (0, 0, 0)


def test_who_is_written_gets_the_same_rank_as_who_asks(board: Board, winner: str) -> None:
    score = board.standing(winner).score

    written, read = board.set(winner, score), board.standing(winner)
    assert (written.rank, written.order, written.count) == (read.rank, read.order, read.count)
    assert board.add(winner, Decimal(0)).rank == 0
    assert board.add("middle", Decimal(0), order=Order.ASC) == board.add("middle", Decimal(0), order=Order.ASC)
    assert board.set("low", Decimal(1), order=Order.DESC).rank == 2


def test_the_other_order_is_there_if_asked_for(board: Board, winner: str) -> None:
    best, other = board.page().order, board.page().order.opposite

    assert board.standing(winner, other).rank == 2
    assert [row.member for row in board.page(other).members] == [row.member for row in board.page(best).members][::-1]
    assert board.last_page(1).members[0].member != winner
    assert board.last_page(1).order is other


def test_statistics_and_the_curve_begin_with_the_best(board: Board, winner: str) -> None:
    assert board.statistics(0, 0).sum == board.standing(winner).score
    assert board.shape().points[1].sum == board.standing(winner).score


def test_a_cursor_is_for_the_order_of_the_board_that_is_there_now(board: Board, winner: str) -> None:
    first = board.page(limit=1)
    assert first.next is not None

    assert board.page(limit=1, cursor=first.next).members[0].member == "middle"
    with pytest.raises(InvalidValue, match="belongs to a list in the order"):
        board.page(first.order.opposite, 1, first.next)
