"""Ranks of three kinds in lists and standings, on one shard and on several, compared with a sorted list."""

from __future__ import annotations

from decimal import Decimal
from itertools import groupby

import pytest

from pipeline.boards import Board, BulkChange, Order, RankKind, UnknownBoard, UnknownSegment, View, kinds
from pipeline.boards.form import Ties
from pipeline.boards.scores import LIMIT, from_units
from pipeline.errors import InvalidValue

#: Ties of 1, 2, 3 ... members, with scores on both sides of 0.
SCORES = {f"m{n:02}-{copy}": Decimal(n - 6) for n in range(12) for copy in range(n % 4 + 1)}


@pytest.fixture
def filled(board: Board) -> Board:
    assert not [o for o in board.apply(BulkChange(m, score=s) for m, s in SCORES.items()) if o.error]
    return board


def ranks(order: Order, kind: RankKind) -> dict[str, int]:
    """The rank of each member, by the definition."""
    names = sorted(SCORES, key=lambda name: (SCORES[name], name), reverse=order is Order.DESC)
    found, better = {}, 0
    for place, (_, group) in enumerate(groupby(names, SCORES.__getitem__)):
        some = list(group)
        for number, name in enumerate(some):
            found[name] = {"ordinal": better + number, "competition": better, "dense": place}[kind]
        better += len(some)
    return found


@pytest.mark.parametrize("kind", RankKind)
@pytest.mark.parametrize("order", Order)
def test_each_list_has_ranks_of_the_kind_that_is_asked_for(filled: Board, order: Order, kind: RankKind) -> None:
    expected = ranks(order, kind)
    names = list(expected)
    pages = [
        *(filled.members(first, first + 4, order, kind) for first in range(len(names) + 1)),
        *(filled.around(name, 3, order, kind) for name in names),
        filled.between(Decimal(-3), Decimal(4), order, kind=kind),
        filled.page(order, 7, filled.page(order, 9).next, kind),
        filled.last_page(6, kind),
    ]

    for page in pages:
        right = expected if page.order is order else ranks(page.order, kind)
        assert (page.ranks, [row.rank for row in page.members]) == (kind, [right[row.member] for row in page.members])


@pytest.mark.parametrize("kind", RankKind)
@pytest.mark.parametrize("order", Order)
def test_members_that_are_asked_for_have_ranks_and_places(filled: Board, order: Order, kind: RankKind) -> None:
    expected, asked = ranks(order, kind), ["m11-0", "nobody", "m03-2", "m03-1", "m00-0", "m03-2", ""]

    with pytest.raises(InvalidValue, match="a member's name"):
        filled.standings(asked, order, kind)
    found = filled.standings([*asked[:-1], "no one"], order, kind)

    names = [name for name in expected if name in asked]
    assert [(row.member, row.score, row.rank, row.place) for row in found.members] == [
        (name, SCORES[name], expected[name], place) for place, name in enumerate(names)
    ]
    assert (found.board, found.order, found.ranks, found.count) == ("b", order, kind, len(SCORES))
    assert found.missing == ["nobody", "no one"]


def test_all_members_can_be_asked_for_in_parts_of_500(filled: Board) -> None:
    names = list(ranks(Order.DESC, RankKind.ORDINAL))

    assert [row.member for row in filled.standings(sorted(names)).members] == names
    assert [row.rank for row in filled.standings(names[10:]).members] == list(range(10, len(names)))
    with pytest.raises(InvalidValue, match="ask for 1 to 500"):
        filled.standings([])
    with pytest.raises(InvalidValue, match="ask for 1 to 500"):
        filled.standings([str(n) for n in range(501)])


@pytest.mark.parametrize("order", Order)
def test_those_who_came_first_are_before_others_with_the_same_score(board: Board, order: Order) -> None:
    board.configure(ties=Ties.FIRST, order=order)
    names = ["zoe", "bob", "ann", "dee"] if len(board.shards) == 1 else ["zoe"]
    for name in names:
        board.set(name, Decimal(7))

    found = board.standings([*names, "nobody"])
    by_competition = board.standings(names, kind=RankKind.COMPETITION)

    assert [(row.member, row.rank) for row in found.members] == [(name, rank) for rank, name in enumerate(names)]
    assert [(row.member, row.rank) for row in by_competition.members] == [(name, 0) for name in names]
    assert found.missing == ["nobody"]


def test_members_of_a_segment_are_ranked_there(filled: Board) -> None:
    for name in ("m03-0", "m03-1", "m05-0", "m07-0"):
        filled.join(name, "gold")

    found = filled.segment("gold").standings(["m03-1", "m11-0", "m05-0"], kind=RankKind.COMPETITION)

    assert [(row.member, row.rank, row.place) for row in found.members] == [("m05-0", 1, 0), ("m03-1", 2, 1)]
    assert (found.missing, found.count) == (["m11-0"], 4)
    assert [row.rank for row in filled.segment("gold").page(kind=RankKind.DENSE).members] == [0, 1, 2, 2]


@pytest.mark.parametrize("kind", RankKind)
def test_without_a_board_nobody_is_missing_from_it(board: Board, kind: RankKind) -> None:
    with pytest.raises(UnknownBoard):
        board.standings(["ann"], kind=kind)
    board.join("ann", "gold")
    with pytest.raises(UnknownSegment):
        board.segment("gold").standings(["ann"], kind=kind)


@pytest.mark.parametrize("order", Order)
def test_the_extremes_of_a_board_are_ranked(board: Board, order: Order) -> None:
    for name, units in (("low", 1 - LIMIT), ("zero", 0), ("high", LIMIT - 1), ("high too", LIMIT - 1)):
        board.set(name, from_units(units))

    found = board.standings(["low", "zero", "high", "high too"], order, RankKind.DENSE)

    assert [row.rank for row in found.members] == ([0, 0, 1, 2] if order is Order.DESC else [0, 1, 2, 2])
    assert board.ranks("low", Order.DESC).dense == 2
    assert board.ranks("high", Order.ASC).dense == 2


def test_too_many_different_scores_on_several_shards_are_refused(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "MOST_DIFFERENT", 300)
    list(board.apply(BulkChange(f"m{n}", score=Decimal(n)) for n in range(320)))

    assert [row.rank for row in board.members(300, 302, Order.DESC, RankKind.COMPETITION).members] == [300, 301, 302]
    assert [row.rank for row in board.members(299, 300, Order.DESC, RankKind.DENSE).members] == [299, 300]
    assert board.ranks("m19", Order.DESC).dense == 300
    if len(board.shards) == 1:
        assert board.ranks("m0", Order.DESC).dense == 319
        return
    assert board.ranks("m18", Order.DESC).dense is None
    for ask in (board.members, lambda *args: View.standings(board, ["m18"], *args[2:])):
        with pytest.raises(InvalidValue, match="more than 300 different scores are better") as info:
            ask(301, 302, Order.DESC, RankKind.DENSE)
        assert info.value.field == "ranks"


def test_scores_that_many_members_have_are_passed_in_steps(board: Board) -> None:
    """A script reads some 2,000 members, so that 3 scores of 3,000 each take several."""
    list(board.apply(BulkChange(f"m{n}", score=Decimal(n % 3)) for n in range(9000)))
    board.set("last", Decimal(-1))

    assert board.ranks("last").dense == 3
    assert board.standings(["last", "m0"], kind=RankKind.DENSE).members[1].rank == 3
    assert kinds.different(board.shards, -(2**40), Order.DESC) == [-1_000_000, 0, 1_000_000, 2_000_000]


def test_many_different_scores_take_several_steps(board: Board) -> None:
    list(board.apply(BulkChange(f"m{n}", score=Decimal(n)) for n in range(5000)))

    assert kinds.different(board.shards, 0, Order.DESC) == [n * 10**6 for n in range(1, 5000)]
    assert kinds.different(board.shards, 2500 * 10**6, Order.ASC) == [n * 10**6 for n in range(2500)]
