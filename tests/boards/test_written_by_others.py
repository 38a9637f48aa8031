"""What another program wrote to a board's sorted set: told as a stale board, whatever it is, and never mixed in."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import redis as redis_py

from pipeline.boards import Board, Boards, BulkChange, Order, StaleBoard, UnknownBoard, UnknownMember, bulk
from pipeline.boards.keys import SCORES as SCORES_KEY
from pipeline.boards.keys import SEGMENTS, TREE
from pipeline.boards.keys import name as key_name
from pipeline.boards.shard import shard_of
from pipeline.store.keys import Key

#: What ZADD takes, and how an error shows it.
SCORES = {"1.5": "1.5", "inf": "inf", "-inf": "-inf", "1e17": "1e+17", "9007199254740993": "9007199254740992.0"}


def write(board: Board, member: str | bytes, score: Any, *flags: str) -> None:
    name = member if isinstance(member, str) else "eve"
    shard = board.shards[shard_of(name, len(board.shards))]
    shard.client.execute_command("ZADD", shard.keys[0], *flags, score, member)


@pytest.fixture
def filled(board: Board) -> Board:
    for member, score in {"ann": 10, "bob": 20, "cid": 30, "dan": 30}.items():
        board.set(member, Decimal(score))
    return board


@pytest.mark.parametrize(("score", "shown"), SCORES.items())
@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda b: b.standing("bob"), id="standing"),
        pytest.param(lambda b: b.ranks("bob"), id="ranks"),
        pytest.param(lambda b: b.members(0, 9), id="members"),
        pytest.param(lambda b: b.page(Order.DESC), id="top"),
        pytest.param(lambda b: b.around("bob"), id="around"),
        pytest.param(lambda b: b.set("bob", Decimal(1)), id="set"),
        pytest.param(lambda b: b.add("bob", Decimal(1)), id="add"),
        pytest.param(lambda b: b.remove("bob"), id="remove"),
        pytest.param(lambda b: b.join("bob", "gold"), id="join"),
    ],
)
def test_a_score_that_no_board_can_have_is_told_with_its_member(
    filled: Board, score: str, shown: str, ask: Callable[[Board], object]
) -> None:
    write(filled, "bob", score)

    with pytest.raises(StaleBoard, match="'bob'") as caught:
        ask(filled)
    assert "wz board rebuild b" in str(caught.value)


@pytest.mark.parametrize(("score", "shown"), SCORES.items())
def test_an_error_shows_the_score(filled: Board, score: str, shown: str) -> None:
    write(filled, "bob", score)

    with pytest.raises(StaleBoard) as caught:
        filled.standing("bob")
    assert f"'bob' has {shown}, which is not a whole number below 2^53" in str(caught.value)


@pytest.mark.parametrize("score", SCORES)
def test_questions_that_do_not_need_the_score_go_on(filled: Board, score: str) -> None:
    write(filled, "bob", score)

    assert filled.standing("ann").score == 10
    assert filled.summary().sum == 90  # that of the last scores which a board can have
    assert filled.set("ann", Decimal(11)).score == 11
    assert filled.summary().sum == 91


def test_an_event_that_was_applied_does_not_show_a_score_that_was_cut_off(filled: Board) -> None:
    filled.add("bob", Decimal(1), "e1")
    write(filled, "bob", "1.5")

    with pytest.raises(StaleBoard, match="'bob'"):
        filled.add("bob", Decimal(1), "e1")


def test_a_standing_on_several_boards_names_the_one_that_is_stale(boards: Boards) -> None:
    boards["a"].set("bob", Decimal(1))
    boards["b"].set("bob", Decimal(1))
    write(boards["b"], "bob", "1.5")

    with pytest.raises(StaleBoard, match="the board 'b'"):
        boards.standings("bob", ["a", "b"])


@pytest.mark.parametrize("order", Order)
def test_ranks_are_ones_that_a_member_can_have(filled: Board, order: Order) -> None:
    write(filled, "bob", 100_000_000, "XX")

    try:  # where set and sums are seen not to agree, there is no answer
        ranks = filled.ranks("bob", order)
    except StaleBoard:
        return
    assert ranks.ordinal == ranks.competition == (0 if order is Order.DESC else 3)
    assert ranks.dense is None or ranks.dense <= ranks.competition < ranks.count


def test_a_list_is_not_mixed_from_set_and_sums(filled: Board) -> None:
    write(filled, "bob", 100_000_000, "XX")

    for order in Order:
        with pytest.raises(StaleBoard):
            filled.members(0, 3, order)
    with pytest.raises(StaleBoard):
        filled.around("cid")


def test_a_share_is_not_searched_for_ever(filled: Board) -> None:
    for member in ("ann", "bob", "cid", "dan"):
        write(filled, member, 7, "XX")

    with pytest.raises(StaleBoard):
        filled.reach(Decimal("0.9"))


def test_statistics_are_of_the_sums_alone(filled: Board) -> None:
    write(filled, "bob", 10**9, "XX")

    found = filled.summary()
    assert (found.count, str(found.sum), str(found.min), str(found.max)) == (4, "90", "10", "30")
    try:  # bounds are found in the set: where the sums do not agree, there is no answer
        between = filled.statistics_between(Decimal(15), Decimal(50))
    except StaleBoard:
        return
    assert (between.count, str(between.min), str(between.max)) == (2, "30", "30")


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize(
    ("first", "last"), [(0, 0), (0, None), (1, 2), (3, 9), (4, 9), (0, 3), (2, 100), (2, 1), (1, None)]
)
def test_statistics_of_ranks_have_the_ends_of_these_ranks(
    filled: Board, order: Order, first: int, last: int | None
) -> None:
    scores = sorted([10, 20, 30, 30], reverse=order is Order.DESC)[first : None if last is None else last + 1]

    found = filled.statistics(first, last, order)
    assert found.count == len(scores)
    assert found.sum == sum(scores)
    assert (found.min, found.max) == ((min(scores), max(scores)) if scores else (None, None))


def test_a_name_that_is_no_text_is_shown_with_its_bytes_escaped(filled: Board) -> None:
    filled.remove("bob")
    filled.set("eve", Decimal(20))
    shard = filled.shards.of("eve")
    shard.client.execute_command("ZREM", shard.keys[0], "eve")
    write(filled, b"\xff\xfe", 20_000_000)

    assert [row.member for row in filled.members(0, 9, Order.ASC).members] == ["ann", r"\xff\xfe", "cid", "dan"]
    assert filled.around("ann", order=Order.ASC).members[1].member == r"\xff\xfe"


def test_a_bulk_refuses_the_members_that_are_stale_and_goes_on(filled: Board) -> None:
    write(filled, "bob", "1.5")

    names = ["ann", "bob", "cid"]
    outcomes = list(filled.apply([BulkChange(name, score=Decimal(90)) for name in names]))

    assert ["rebuild" in (outcome.error or "") for outcome in outcomes] == [False, True, False]
    assert [outcome.score for outcome in outcomes] == [90, None, 90]
    assert [filled.standing(name).score for name in ("ann", "cid")] == [90, 90]


def test_a_bulk_tells_what_it_did_when_a_shard_is_stale(filled: Board) -> None:
    write(filled, "by hand", 5)
    stale = shard_of("by hand", len(filled.shards))
    names = [f"m{n}" for n in range(200)]
    records = [BulkChange(name, reward=Decimal(1)) for name in names]

    if len(filled.shards) == 1:
        with pytest.raises(StaleBoard):  # nothing was done
            list(filled.apply(records))
        return
    outcomes = list(filled.apply(records))

    is_stale = [shard_of(name, len(filled.shards)) == stale for name in names]
    assert ["rebuild" in (outcome.error or "") for outcome in outcomes] == is_stale
    assert [outcome.score for outcome in outcomes] == [None if its else 1 for its in is_stale]


def test_a_bulk_of_which_nothing_was_done_is_an_error(filled: Board) -> None:
    for n in range(200):
        write(filled, f"by hand {n}", 5)  # on each shard

    with pytest.raises(StaleBoard):
        list(filled.apply([BulkChange(f"m{n}", reward=Decimal(1)) for n in range(200)]))


@pytest.mark.parametrize("layout", [b"wzb1", b"old!"])
def test_a_board_of_an_old_layout_says_what_to_do(boards: Boards, filled: Board, layout: bytes) -> None:
    for shard in filled.shards:
        shard.client.execute_command("SETRANGE", shard.keys[1], 0, layout)
    boards["well"].set("ann", Decimal(1))

    for ask in (
        lambda: filled.summary(),
        lambda: filled.set("ann", Decimal("0.12345678")),  # which may be right for its places
        lambda: filled.trim(keep=1),
        lambda: list(filled.export()),
        lambda: filled.copy("other"),
        lambda: filled.union({"well": Decimal(1)}, replace=True),
        lambda: boards["well"].union({"b": Decimal(1)}, replace=True),
    ):
        with pytest.raises(StaleBoard, match="wz board rebuild b"):
            ask()
    assert [(row.name, row.count, row.stale) for row in boards.page().boards] == [("b", 4, True), ("well", 1, False)]
    filled.delete()
    assert boards.names().names == ["well"]


@pytest.mark.parametrize("key", [SCORES_KEY, TREE, SEGMENTS], ids=lambda key: key.pattern)
def test_a_key_of_another_type_is_told_and_goes_with_the_board(boards: Boards, key: Key) -> None:
    board, other = boards["b"], boards["other"]
    other.set("ann", Decimal(1))
    board.set("ann", Decimal(1))
    board.join("ann", "gold")
    shard = board.shards.of("ann")
    shard.client.execute_command("DEL", key_name(key, shard.tag))
    shard.client.execute_command("LPUSH", key_name(key, shard.tag), "x")

    with pytest.raises(StaleBoard, match="something else under one of its keys"):
        board.set("ann", Decimal(2))
    assert [(row.name, row.stale) for row in boards.listed(["b", "other"])][-1] == ("other", False)
    board.delete()
    with pytest.raises(UnknownBoard):
        board.summary()


@pytest.mark.parametrize("size", [4, 40, 100])
def test_a_tree_that_is_cut_short_is_made_anew(board: Board, size: int) -> None:
    board.set("ann", Decimal(1))
    shard = board.shards.of("ann")
    tree: bytes = shard.client.execute_command("GET", shard.keys[1])
    shard.client.execute_command("SET", shard.keys[1], tree[:size])

    with pytest.raises(StaleBoard):
        board.set("ann", Decimal(2))
    with pytest.raises(StaleBoard):
        board.sum(0)
    board.rebuild()
    assert board.set("ann", Decimal(2)).rank == 0


def test_what_a_bulk_has_read_ahead_is_not_written_after_a_refusal(
    redis: redis_py.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "WINDOW", 1)
    board = Boards(redis, 2)["b"]
    stale = next(name for name in "abcdefgh" if shard_of(name, 2) == 0)
    well = next(name for name in "abcdefgh" if shard_of(name, 2) == 1)
    board.set(stale, Decimal(1))
    redis.zadd(board.shards[0].keys[0], {"stranger": 7})

    with pytest.raises(StaleBoard):
        list(board.apply([BulkChange(stale, score=Decimal(2)), BulkChange(well, score=Decimal(2))]))
    with pytest.raises((UnknownMember, UnknownBoard)):
        board.standing(well)
