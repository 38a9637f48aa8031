"""Who follows a board is told each change once, also if it was away in between, or to read the board again."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal

import pytest
import redis as redis_py
from click.testing import CliRunner
from msgspec import UNSET

from pipeline.boards import Board, Boards, Changes, Order, StaleBoard, UnknownBoard, UnknownMember
from pipeline.boards.keys import CHANGES, name
from pipeline.errors import InvalidValue
from pipeline.settings import Settings
from tests import stack
from wz.cli import main


@pytest.fixture
def board(board: Board) -> Board:
    board.configure(places=2)
    board.set("ann", Decimal("1.5"))
    return board


def followed(board: Board) -> Changes:
    """Follow a board from now on."""
    changes = board.changes()
    assert [one.op for one in changes.read()] == ["reset"]
    return changes


def told(changes: Changes) -> list[tuple[object, ...]]:
    """Return all that is to be read, without ids, and without what is not there."""
    found = []
    while some := changes.read(3):
        assert len(some) <= 3
        found += [(one.op, one.member, one.before, one.after, one.segment, one.features) for one in some]
    return [tuple(part for part in one if part is not UNSET) for one in found]


def test_each_change_is_told_as_what_there_is_now(board: Board) -> None:
    changes = followed(board)
    assert changes.read() == []

    board.add("ann", Decimal("0.25"), "an event, of which nothing is told")
    board.set("ann", Decimal("1.75"))  # which it has
    board.join("ann", "gold")
    board.set_features("ann", {"age": 31, "weight": Decimal("61.50")})
    board.leave("ann", "gold")
    board.set_features("ann", {}, replace=True)
    board.remove("ann")
    board.set("ann", Decimal(-3))

    assert told(changes) == [
        ("set", "ann", Decimal("1.5"), Decimal("1.75")),
        ("join", "ann", "gold"),
        ("features", "ann", {"age": 31, "weight": Decimal("61.50")}),
        ("leave", "ann", "gold"),
        ("features", "ann", {}),
        ("remove", "ann", Decimal("1.75"), None),
        ("set", "ann", None, Decimal(-3)),
    ]


def test_nothing_is_lost_or_told_twice_by_one_who_comes_again_and_again(board: Board) -> None:
    members = [f"m{number}" for number in range(30)]
    changes = followed(board)
    state = {"ann": Decimal("1.5")}

    def write(seed: int) -> None:
        rnd = random.Random(seed)
        for _ in range(200):
            member = rnd.choice(members)
            if rnd.random() < 0.2:
                with suppress(UnknownMember):
                    board.remove(member)
            else:
                board.add(member, Decimal(rnd.randrange(1, 100)))

    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(3)]
    for writer in writers:
        writer.start()
    rnd = random.Random(9)
    is_writing = True
    while is_writing:
        is_writing = any(writer.is_alive() for writer in writers)  # before it reads: then what they wrote last is there
        some = changes.read(rnd.randrange(1, 40))
        is_writing |= bool(some)
        for one in some[: rnd.randrange(1, 40)]:  # then the connection broke
            assert one.op in ("set", "remove")
            assert one.before == state.pop(str(one.member), None)
            if isinstance(one.after, Decimal):
                state[str(one.member)] = one.after
            changes = board.changes(one.id)

    rows = board.members(0, 99).members
    assert {row.member: row.score for row in rows} == state


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda boards: boards["b"].delete(), id="deleted"),
        pytest.param(lambda boards: boards["b"].configure(order=Order.ASC), id="of another order"),
        pytest.param(lambda boards: boards["b"].rebuild(), id="rebuilt"),
        pytest.param(lambda boards: boards["other"].copy("b", replace=True), id="replaced by a copy"),
        pytest.param(lambda boards: boards["other"].rename("b", replace=True), id="replaced by one that was renamed"),
        pytest.param(lambda boards: boards["b"].rename("c"), id="renamed"),
    ],
)
@pytest.mark.parametrize("comes_again", [False, True])
def test_a_board_that_is_another_one_is_to_be_read_again(
    boards: Boards, board: Board, change: Callable[[Boards], object], comes_again: bool
) -> None:
    boards["other"].set("bob", Decimal(7))
    followed(boards["other"])
    changes = followed(board)
    board.set("ann", Decimal(2))

    change(boards)
    boards["b"].set("cid", Decimal(3))

    if comes_again:
        changes = boards["b"].changes(changes.position)
    assert "reset" in [op for op, *_ in told(changes)]
    boards["b"].set("cid", Decimal(4))
    assert told(changes)[-1] in [("set", "cid", Decimal(3), Decimal(4)), ("reset",)]


@pytest.mark.parametrize("is_kept", [False, True])
def test_a_board_that_ends_and_comes_again_is_followed(boards: Boards, is_kept: bool) -> None:
    board = boards["once"]
    if is_kept:
        board.configure()
    board.set("ann", Decimal(1))
    changes = followed(board)

    board.remove("ann")
    assert told(changes) == [("remove", "ann", Decimal(1), None)]
    board.set("ann", Decimal(2))

    assert told(changes) == [("set", "ann", None, Decimal(2)) if is_kept else ("reset",)]
    board.set("ann", Decimal(3))
    assert told(changes) == [("set", "ann", Decimal(2), Decimal(3))]


def test_a_board_that_has_ended_is_told_to_its_end(boards: Boards) -> None:
    board = boards["once"]
    members = [f"m{number}" for number in range(9)]
    for member in members:
        board.set(member, Decimal(1))
    changes = followed(board)
    for member in members:
        board.remove(member)

    found = []
    while some := changes.read(1):
        found += [(one.op, one.member) for one in some]
    assert sorted(found) == [("remove", member) for member in members]

    board.set("m0", Decimal(2))
    assert "reset" in [one.op for _ in range(3) for one in changes.read()]


def test_a_log_that_is_gone_is_told(board: Board) -> None:
    changes = followed(board)
    board.set("ann", Decimal(2))
    for shard in board.shards:
        shard.client.execute_command("DEL", name(CHANGES, shard.tag))

    assert told(changes) == [("reset",)]
    board.set("ann", Decimal(3))
    assert told(changes) == [("set", "ann", Decimal(2), Decimal(3))]


@pytest.mark.parametrize("position", ["1.5-0", "0.1-1.2-2.3-3", "999999999999.0-0"])
def test_a_position_of_another_board_begins_anew(board: Board, position: str) -> None:
    changes = board.changes(position)

    assert told(changes) == [("reset",)]
    assert told(board.changes(changes.position)) == []


def test_what_can_not_be_followed(boards: Boards, board: Board) -> None:
    for wrong in ("x", "5-0", "1.", "1.5-0\n"):
        with pytest.raises(InvalidValue) as caught:
            board.changes(wrong)
        assert caught.value.field == "after"
    with pytest.raises(UnknownBoard):
        boards["nothing"].changes()
    for shard in board.shards:
        shard.client.execute_command("SETRANGE", shard.keys[1], 0, "wzb1")
    with pytest.raises(StaleBoard, match="wz board rebuild b"):
        board.changes()


def test_it_waits_for_a_change_or_until_it_is_over(board: Board) -> None:
    changes = followed(board)
    assert not changes.wait(stack.PATIENCE, lambda: True)

    writer = threading.Thread(target=board.set, args=("ann", Decimal(2)))
    writer.start()
    assert changes.wait(stack.PATIENCE)
    writer.join()
    assert told(changes) == [("set", "ann", Decimal("1.5"), Decimal(2))]


def test_the_command_prints_changes(redis: redis_py.Redis, server_settings: Settings) -> None:
    board = Boards(redis)["b"]
    board.set("ann", Decimal(1))

    shown = CliRunner().invoke(main, ["board", "follow", "b", "--count", "1"], env=stack.environ(server_settings))

    assert shown.exit_code == 0, shown.output
    assert shown.output == f'{{"id":"{board.changes().position}","op":"reset"}}\n'
