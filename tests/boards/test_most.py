"""A board that keeps a limited number of members: whoever makes it larger pushes out the last in the board's order."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest
from msgspec import UNSET

from pipeline.boards import Board, Boards, BulkChange, Order, UnknownMember
from pipeline.boards.changes import Change, Code, Op
from pipeline.boards.form import Ties
from pipeline.boards.shard import shard_of

from .test_features import entries, follow


def rows(board: Board) -> list[tuple[str, Decimal]]:
    return [(row.member, row.score) for row in board.page(limit=1000).members]


@pytest.mark.parametrize("ties", Ties)
@pytest.mark.parametrize("order", Order)
def test_the_best_of_each_shard_are_kept(board: Board, order: Order, ties: Ties) -> None:
    """Against a list of all members: random changes, one by one and many at once, with ties."""
    most, rnd = 5, random.Random(7)
    board.configure(most=most, order=order, ties=ties)
    shards = len(board.shards)
    model: list[dict[str, int]] = [{} for _ in range(shards)]
    sign = 1 if order is Order.ASC else -1  # the larger sign * score is, the worse
    came: dict[str, tuple[int, int]] = {}  # score, and when it came to it

    def badness(name: str) -> tuple[int, Any]:
        score, moment = came[name]
        by_name = [sign * byte for byte in name.encode()] + [-sign]  # longer is greater
        return sign * score, moment if ties is Ties.FIRST else by_name

    moments: list[Change] = []
    for step in range(60):
        some = {f"m{rnd.randrange(400)}": rnd.randrange(12) for _ in range(rnd.choice([1, 1, 30]))}
        changes: list[list[Change]] = [[] for _ in range(shards)]
        for member, score in some.items():
            changes[shard_of(member, shards)].append(Change(Op.SET, member, score))
        for shard, wanted, its in zip(board.shards, changes, model, strict=True):
            replies = shard.update(board.shards.load_form(), wanted) if wanted else []
            for change in wanted:
                score = int(change.value)
                if its.get(change.member) != score:
                    came[change.member] = score, len(moments)
                    moments.append(change)
                its[change.member] = score
                if len(its) > most:
                    del its[max(its, key=badness)]
            kept = {change.member: change.member in its for change in wanted}
            told = {c.member: r.code is not Code.DROPPED for c, r in zip(wanted, replies, strict=True)}
            assert told == kept, step
    found = {name: int(score * 10**6) for name, score in rows(board)}
    assert found == {name: score for its in model for name, score in its.items()}
    board.check()


def test_what_a_member_had_goes_with_it(board: Board) -> None:
    board.configure(sample=100, most=2)
    names = [name for name in map("m{}".format, range(200)) if shard_of(name, len(board.shards)) == 0][:4]
    follow(board, 2**41, names[0])
    for number, name in enumerate(names[:2]):
        board.join(name, "red")
        board.set(name, Decimal(number))
        board.set_features(name, {"age": number})
    board.set_features(names[3], {"age": 3})
    better = board.set(names[2], Decimal(5))
    last = board.set(names[3], Decimal("0.5"))

    assert better.dropped is UNSET
    assert (better.rank, better.count) == (0, 2)
    assert (last.dropped, last.score, last.rank, last.count) == (True, Decimal("0.5"), 2, 2)
    assert [row.member for row in board.page().members] == [names[2], names[1]]
    assert board.features(names[0]) == {}
    assert board.segments_of(names[0]) == []
    assert board.segment("red").summary().count == 1
    assert board.features(names[3]) == {"age": 3}  # it had no score before, and has none now
    assert board.estimated_sum(1).count == 2
    gone = [entry for entry in entries(board, names[0]) if entry[b"op"] == b"remove"]
    assert gone == [{b"op": b"remove", b"member": names[0].encode(), b"before": b"0", b"after": b""}]
    assert names[3].encode() not in [entry.get(b"member") for entry in entries(board, names[0]) if b"before" in entry]
    with pytest.raises(UnknownMember):
        board.standing(names[0])
    board.check()


def test_a_reward_that_was_dropped_may_be_sent_again(boards: Boards) -> None:
    board = boards["b"]
    board.configure(most=1)
    names = [name for name in map("m{}".format, range(200)) if shard_of(name, len(board.shards)) == 0][:2]
    board.add(names[0], Decimal(5), "order-1")

    first = board.add(names[1], Decimal(2), "order-2")
    again = board.add(names[1], Decimal(2), "order-2")
    better = board.add(names[1], Decimal(6), "order-3")

    assert (first.dropped, first.repeated, again.dropped, again.repeated) == (True, False, True, False)
    assert better.dropped is UNSET
    assert (better.score, better.rank) == (Decimal(6), 0)


def test_outcomes_say_who_is_dropped(board: Board) -> None:
    board.configure(most=3)
    names = [name for name in map("m{}".format, range(200)) if shard_of(name, len(board.shards)) == 0][:9]
    outcomes = list(board.apply(BulkChange(name, score=Decimal(n)) for n, name in enumerate(names)))

    assert [one.member for one in outcomes if not one.dropped] == names[-3:]
    assert all(one.error is None for one in outcomes)


def test_a_score_that_gets_worse_stays(board: Board) -> None:
    board.configure(most=2)
    names = [name for name in map("m{}".format, range(200)) if shard_of(name, len(board.shards)) == 0][:2]
    for name in names:
        board.set(name, Decimal(5))

    assert board.set(names[0], Decimal(-5)).dropped is UNSET
    assert board.summary().count == 2
