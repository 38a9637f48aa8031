"""How scores are given: so many in a call, under a condition, on several boards at once, under the id of an event."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import redis as redis_py

from pipeline.boards import Board, Boards, UnknownMember
from pipeline.boards.changes import ANY, NONE, Change, Code, Op
from pipeline.boards.fanout import update_all
from pipeline.boards.form import Form
from pipeline.boards.keys import EVENTS, MOST_SEGMENTS, MOST_WORK, SCORES, name
from pipeline.boards.shard import Shard
from pipeline.boards.shards import ScoreChanged
from pipeline.errors import InvalidValue
from pipeline.store import Redis

DAY_MS = 86_400_000


@pytest.fixture
def shard(redis: redis_py.Redis) -> Shard:
    return Shard(redis, "{board:b}")


def in_one_call(shard: Shard, changes: list[Change]) -> int:
    [replies] = update_all([shard], Form(), [changes])
    return len(replies)


# -- how much in a call (F17: 400 changes took 18 ms, with 64 segments 436) --------------------------------------------


def test_a_call_changes_so_many_trees(shard: Shard) -> None:
    changes = [Change(Op.SET, f"m{number}", number) for number in range(3 * MOST_WORK)]

    assert in_one_call(shard, changes) == MOST_WORK
    assert len(shard.update(Form(), changes)) == len(changes)


def test_a_call_counts_the_trees_of_segments(shard: Shard) -> None:
    segments = [f"s{number}" for number in range(MOST_SEGMENTS)]
    changes = [Change(Op.JOIN, member, segment) for member in ("ann", "bob") for segment in segments]
    assert in_one_call(shard, changes) == MOST_WORK
    shard.update(Form(), changes)

    assert in_one_call(shard, [Change(Op.SET, member, 5) for member in ("ann", "bob", "cid")]) == 1
    assert in_one_call(shard, [Change(Op.SET, f"m{number}", 5) for number in range(99)]) < MOST_WORK / 2
    assert in_one_call(shard, [Change(Op.REMOVE, "ann"), Change(Op.REMOVE, "m1")]) == 1


def test_what_is_left_out_of_a_call_is_applied_in_the_next_one(boards: Boards) -> None:
    board = boards["b"]
    for segment in range(MOST_SEGMENTS):
        for member in ("ann", "bob"):
            board.join(member, f"s{segment}")
    changes = [Change(Op.ADD, "ann" if number % 3 else "bob", 1) for number in range(30)]
    for member in ("ann", "bob"):
        board.shards.of(member).update(board.shards.form, [change for change in changes if change.member == member])

    assert (board.standing("ann").score, board.standing("bob").score) == (Decimal("0.00002"), Decimal("0.00001"))
    assert {summary.sum for summary in board.list_segments()} == {Decimal("0.00003")}
    board.check()


def test_boards_whose_change_would_take_too_long_are_refused(redis: redis_py.Redis) -> None:
    boards = [Boards(redis)[f"b{number}"] for number in range(3)]
    for board in boards[:2]:
        for segment in range(MOST_SEGMENTS // 2 + 1):
            board.join("ann", f"s{segment}")

    with pytest.raises(InvalidValue, match="too many segments") as raised:
        boards[0].set("ann", Decimal(1), also=boards[1:])
    assert raised.value.field == "also"
    for board in boards:
        with pytest.raises(UnknownMember):
            board.standing("ann")


# -- under a condition -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "holds"),
    [
        ("5000000", True),
        ("1 5000000", True),
        (ANY, True),
        (NONE, False),
        ("-5000000", False),
        ("500000", False),
        ("?", False),
    ],
)
def test_a_score_is_changed_only_if_it_is_expected(board: Board, expected: str, holds: bool) -> None:
    board.set("ann", Decimal(5))
    writes: list[Any] = [
        lambda: board.set("ann", Decimal(5), expected=expected),
        lambda: board.add("ann", Decimal(0), expected=expected),
        lambda: board.remove("ann", expected=expected),
    ]
    for write in writes:
        if holds:
            write()
        else:
            with pytest.raises(ScoreChanged):
                write()
    assert (board.summary().count if not holds else 1) == 1


# -- the id of an event ------------------------------------------------------------------------------------------------


def test_what_was_remembered_before_there_were_digests_is_repeated(boards: Boards) -> None:
    board = boards["b"]
    board.add("ann", Decimal(1), "order-17")
    for shard in board.shards:
        key = name(EVENTS, shard.tag)
        score: Any = boards.client.execute_command("ZSCORE", key, "order-17")
        if score is not None:
            boards.client.execute_command("ZADD", key, int(float(score)), "order-17")

    assert board.add("ann", Decimal(1), "order-17").repeated
    assert board.add("ann", Decimal(2), "order-17").repeated


def test_a_remembered_event_is_exact_in_redis(shard: Shard) -> None:
    """Its score has 53 bits: what is read of it must be what was written, or the change would be another."""
    for number in range(200):
        changes = [Change(Op.ADD, f"m{number}", number, f"e{number}")]
        codes = [shard.update(Form(), changes, remember_ms=DAY_MS)[0].code for _ in range(2)]
        assert codes == [Code.OK, Code.SAME]


def test_a_change_that_keeps_the_score_is_remembered(board: Board) -> None:
    board.set("ann", Decimal(1))
    board.add("ann", Decimal(0), "order-17")

    assert board.add("ann", Decimal(0), "order-17").repeated
    with pytest.raises(InvalidValue, match="another change"):
        board.add("ann", Decimal(1), "order-17")


# -- several boards ----------------------------------------------------------------------------------------------------


def test_boards_of_other_places_get_the_same_score(boards: Boards) -> None:
    boards["cents"].configure(places=2)
    others = [boards["cents"], boards["all"]]

    answer = boards["b"].add("ann", Decimal("2.5"), "order-17", also=others)

    assert answer.score == Decimal("2.5")
    assert isinstance(answer.also, dict)
    assert {board: (one.score, one.repeated) for board, one in answer.also.items()} == {
        "cents": (Decimal("2.5"), False),
        "all": (Decimal("2.5"), False),
    }
    assert [board.standing("ann").score for board in others] == [Decimal("2.5")] * 2


def test_a_stale_board_is_named_and_none_is_changed(redis: redis_py.Redis) -> None:
    boards = Boards(redis)
    boards["b"].set("ann", Decimal(1))
    boards["stale"].set("ann", Decimal(1))
    redis.zadd(name(SCORES, "{board:stale}"), {"raw": 1})

    with pytest.raises(Exception, match="wz board rebuild stale"):
        boards["b"].set("ann", Decimal(2), also=[boards["stale"]])
    assert boards["b"].standing("ann").score == 1


def test_split_boards_of_one_server_are_changed_in_one_step(redis: redis_py.Redis) -> None:
    boards = Boards(redis, shards=8)
    for number in range(20):
        boards["b"].set(f"m{number}", Decimal(number), also=[boards["all"]])
    boards["all"].set("m7", Decimal(9_007_199_254))

    with pytest.raises(InvalidValue, match="range of the board 'all'"):
        boards["b"].add("m7", Decimal(1), also=[boards["all"]])
    assert isinstance(boards.client, Redis)
    assert boards["b"].standing("m7").score == 7
    answer = boards["b"].add("m6", Decimal(1), also=[boards["all"]])
    assert (answer.rank, answer.count) == (boards["b"].standing("m6").rank, 20)


def test_who_makes_room_on_one_board_stays_if_another_refuses(redis: redis_py.Redis) -> None:
    boards = Boards(redis)
    boards["b"].configure(most=1)
    boards["b"].set("old", Decimal(1))
    boards["b"].join("old", "gold")
    boards["b"].set_features("old", {"age": 31})
    boards["top"].set("new", Decimal(9_007_199_254))
    version = boards["b"].summary().version

    with pytest.raises(InvalidValue, match="range of the board 'top'"):
        boards["b"].add("new", Decimal(2), also=[boards["top"]])
    assert boards["b"].summary().version == version  # so that its ETag stays
    assert boards["b"].features("old") == {"age": 31}
    assert boards["b"].segment("gold").summary().count == boards["b"].summary().count == 1

    boards["b"].add("new", Decimal(2), also=[boards["other"]])
    assert [row.member for row in boards["b"].page().members] == ["new"]
    assert (boards["b"].features("old"), boards["b"].segments()) == ({}, [])
    boards["b"].check()
