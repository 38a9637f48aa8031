"""Ties by who came first: of members with the same score, the better one is who had it first, in every answer."""

from __future__ import annotations

import random
from collections.abc import Collection
from decimal import Decimal
from typing import cast

import pytest

from pipeline.boards import Board, Boards, BulkChange, Order, UnknownMember, View, WrongPlaces
from pipeline.boards.changes import Op
from pipeline.boards.form import Form, Ties
from pipeline.boards.keys import ARRIVED, name
from pipeline.store import Redis

MEMBERS = [f"m{number}" for number in range(40)]


class Model:
    """Each member's score, and when it came to it."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.found: dict[str, tuple[int, int]] = {}
        self.gold: set[str] = set()
        self.moment = 0

    def set(self, member: str, score: int) -> None:
        self.moment += 1
        if member not in self.found or self.found[member][0] != score:
            self.found[member] = score, self.moment

    def ranked(self, members: Collection[str] | None = None) -> list[str]:
        sign = 1 if self.order is Order.ASC else -1
        found = [(sign * score, moment, member) for member, (score, moment) in self.found.items()]
        return [member for *_, member in sorted(found) if members is None or member in members]


def ranked(view: View, order: Order | None = None) -> list[str]:
    """Read all pages, three members in each, and look at each member by itself."""
    page, seen = view.page(order, 3), []
    while True:
        seen += page.members
        if page.next is None:
            break
        page = view.page(order, 3, page.next)
    for row in seen[::5]:
        assert view.standing(row.member, order).rank == row.rank == view.ranks(row.member, order).ordinal
        around = view.around(row.member, 1, order).members
        assert row in around
    return [row.member for row in seen]


def write(board: Board, model: Model, rnd: random.Random) -> None:
    member, score = rnd.choice(MEMBERS), rnd.randrange(3)
    before = model.found.get(member, (0, 0))[0]
    match rnd.randrange(8):
        case 0:
            board.add(member, Decimal(score))
            model.set(member, before + score)
        case 1:
            board.set(member, Decimal(score), Op.MAX)
            model.set(member, max(before, score) if member in model.found else score)
        case 2 if member in model.found:
            board.remove(member)
            del model.found[member]
            model.gold.discard(member)
        case 3:
            board.join(member, "gold")
            model.gold.add(member)
        case 4 if member in model.gold:
            board.leave(member, "gold")
            model.gold.discard(member)
        case 5 if len(board.shards) == 1:  # shards are written at the same time
            some = [(rnd.choice(MEMBERS[:9]), rnd.randrange(3)) for _ in range(20)]
            outcomes = list(board.apply(BulkChange(other, score=Decimal(units)) for other, units in some))
            assert all(outcome.error is None for outcome in outcomes)
            for other, units in some:
                model.set(other, units)
        case _:
            board.set(member, Decimal(score))
            model.set(member, score)


@pytest.mark.parametrize(("order", "seed"), [(Order.DESC, 1), (Order.ASC, 2)])
def test_any_writes_leave_the_order_of_a_plain_model(boards: Boards, order: Order, seed: int) -> None:
    """Equal scores on several shards are compared by the clocks of their nodes, which are one machine's here."""
    board, model, rnd = boards["b"], Model(order), random.Random(seed)
    board.configure(order=order, ties=Ties.FIRST, sample=100)

    for number in range(200):
        write(board, model, rnd)
        if number % 20 == 0 and model.found:
            assert ranked(board) == model.ranked()
            other = Order.DESC if order is Order.ASC else Order.ASC
            assert ranked(board, other) == model.ranked()[::-1]
            if gold := model.ranked(model.gold):
                assert ranked(board.segment("gold")) == gold
                assert board.segment("gold").summary().count == len(gold)
    assert board.estimated_sum(99).sum == board.summary().sum
    board.check()


def test_moments_never_go_back(boards: Boards) -> None:
    """The clock of a server may: the next member then comes a microsecond after the last."""
    board = boards["b"]
    board.configure(ties=Ties.FIRST)
    for member in MEMBERS:
        board.set(member, Decimal(0))
    for shard in board.shards:
        boards.client.execute_command("HINCRBY", name(ARRIVED, shard.tag), "", 10**12)  # some days later
    board.set("late", Decimal(0))
    board.set("later", Decimal(0))

    last = [row.member for row in board.page(limit=100).members]
    if boards.shards == 1:
        assert last == [*MEMBERS, "late", "later"]
    assert set(last) == {*MEMBERS, "late", "later"}


def test_only_another_score_is_another_arrival(board: Board) -> None:
    board.configure(ties=Ties.FIRST)
    for member in ("ann", "bob"):
        board.set(member, Decimal(5))
    board.set("ann", Decimal(5))
    board.set("ann", Decimal(4), Op.MAX)
    board.add("ann", Decimal(0))
    assert ranked(board) == ["ann", "bob"]

    board.set("ann", Decimal(6))
    board.set("ann", Decimal(5))
    assert ranked(board) == ["bob", "ann"]
    assert board.set("cid", Decimal(5)).rank == 2


def test_the_order_stays_while_there_are_members(board: Board) -> None:
    board.configure(ties=Ties.FIRST)
    board.configure(order=Order.ASC)
    board.set("ann", Decimal(5))

    with pytest.raises(WrongPlaces, match="first in the order asc"):
        board.configure(order=Order.DESC)
    assert board.configure(order=Order.ASC).order is Order.ASC


def test_nothing_is_left_of_members_that_went(boards: Boards) -> None:
    board = boards["b"]
    board.configure(ties=Ties.FIRST)
    board.set("ann", Decimal(5))
    board.join("ann", "gold")
    board.remove("ann")

    with pytest.raises(UnknownMember):
        board.standing("ann")
    keys = [key for key in cast(Redis, boards.client).scan_iter() if not key.endswith(b":tree")]
    assert keys == []


def test_who_came_last_is_the_one_too_many(board: Board) -> None:
    board.configure(ties=Ties.FIRST, most=2)
    if len(board.shards) > 1:
        pytest.skip("each shard keeps its part")
    for member in ("zoë", "ann", "bob"):
        board.set(member, Decimal(5))

    assert ranked(board) == ["zoë", "ann"]
    board.set("cid", Decimal(6))
    assert ranked(board) == ["cid", "zoë"]


def test_a_name_is_found_behind_its_arrival() -> None:
    form = Form(ties=Ties.FIRST)

    assert form.plain(b"1234567ann") == b"ann"
    assert form._replace(ties=Ties.NAME).plain(b"1234567ann") == b"1234567ann"
