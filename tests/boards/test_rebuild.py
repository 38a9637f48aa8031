"""`Board.rebuild`: beside writers, and broken off at any moment, no member is lost or put back."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from pipeline.boards import Board, BoardChanged, Boards
from pipeline.boards.keys import HELD, IN_SEGMENT, SCORES, name
from pipeline.store.scripts import Script


def fill(board: Board) -> Board:
    board.configure(sample=100)
    for number in range(120):
        board.set(f"m{number}", Decimal(number))
        if number % 2:
            board.join(f"m{number}", "gold")
    board.join("nobody", "gold")
    board.set_features("m1", {"age": 1})
    for shard in board.shards:  # so that its sums are wrong, and no count is
        for member in board.shards.client.execute_command("ZRANGE", name(SCORES, shard.tag), 0, 0):
            board.shards.client.execute_command("ZADD", name(SCORES, shard.tag), 7, member)
    return board


def truth(board: Board) -> dict[str, Any]:
    """What no rebuild may change: scores, members of segments, features."""
    execute = board.shards.client.execute_command
    found: dict[str, Any] = {}
    for shard in board.shards:
        found |= dict(shard.client.zrange(name(SCORES, shard.tag), 0, -1, withscores=True))  # type: ignore[attr-defined]
        own = name(IN_SEGMENT, shard.tag, SEGMENT="gold")
        found[own] = set(execute("SMEMBERS", own))
    found["features"] = board.features("m1")
    return found


class BrokenOff(Exception):
    pass


def test_one_that_is_broken_off_at_any_command_changes_nothing(boards: Boards, monkeypatch: pytest.MonkeyPatch) -> None:
    board = fill(boards["b"])
    before = truth(board)
    execute, call = type(boards.client).execute_command, Script.call
    left = 0

    def is_the_end() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise BrokenOff

    def execute_and_end(self: Any, *args: Any, **options: Any) -> Any:
        is_the_end()
        return execute(self, *args, **options)

    def call_and_end(self: Any, *args: Any, **options: Any) -> Any:
        is_the_end()
        return call(self, *args, **options)

    for step in range(1, 400, 7):
        left = step
        with monkeypatch.context() as patch:
            patch.setattr(type(boards.client), "execute_command", execute_and_end)
            patch.setattr(Script, "call", call_and_end)
            try:
                board.rebuild()
            except BrokenOff:
                pass
            else:
                break
        for shard in board.shards:  # a process that ended may still hold it, for some seconds
            execute(board.shards.client, "DEL", name(HELD, shard.tag))
        assert truth(board) == before, step
        assert board.standing("m5").score == Decimal(int(before[b"m5"])) / 10**6
    board.rebuild()
    board.check()
    assert truth(board) == before


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_members_that_come_and_go_meanwhile_are_as_their_writers_left_them(
    boards: Boards, stop: threading.Event
) -> None:
    board = fill(boards["b"])
    board.rebuild()
    scores: dict[str, int] = {f"m{number}": number for number in range(120)}
    members = {f"m{number}" for number in range(1, 120, 2)}

    def write() -> None:
        own, rnd = Boards(boards.client, boards.shards)["b"], random.Random(3)
        for turn in count():
            if stop.is_set():
                return
            member = f"m{rnd.randrange(160)}"
            match rnd.randrange(4):
                case 0 | 1:
                    own.set(member, Decimal(turn))
                    scores[member] = turn
                case 2:
                    own.join(member, "gold")
                    members.add(member)
                case _:
                    own.forget(member)
                    scores.pop(member, None)
                    members.discard(member)

    for shard in board.shards:
        for member in board.shards.client.execute_command("ZRANGE", name(SCORES, shard.tag), 0, 0):
            scores[member.decode()] = 0
            board.set(member.decode(), Decimal(0))
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(4):
            board.rebuild()
    finally:
        stop.set()
        writer.join()
    board.check()
    assert {row.member: int(row.score) for row in board.page(limit=1000).members} == scores
    gold = board.segment("gold").page(limit=1000).members
    assert {row.member for row in gold} == members & scores.keys()
    assert {member for member in members if "gold" in board.segments_of(member)} == members


def test_another_program_that_adds_members_all_the_time_is_told(boards: Boards) -> None:
    board, numbers = fill(boards["b"]), count()
    before = board.standing("m9")

    def add(*_: int) -> None:
        shard = board.shards[0]
        shard.client.execute_command("ZADD", shard.keys[0], 5, f"x{next(numbers)}")

    with pytest.raises(BoardChanged):
        board.rebuild(add)
    assert board.standing("m9").score == before.score
    board.rebuild()
    board.check()


def test_a_set_that_another_program_made_becomes_a_board_with_its_time(boards: Boards) -> None:
    board = boards["b"]
    for number in range(50):
        shard = board.shards.of(f"m{number}")
        shard.client.execute_command("ZADD", shard.keys[0], number, f"m{number}")
    for shard in board.shards:
        shard.client.execute_command("PEXPIRE", shard.keys[0], 60_000)

    board.rebuild()

    board.check()
    assert board.summary().count == 50
    assert board.summary().expires is not None
    for shard in board.shards:
        assert all(0 < shard.client.execute_command("PTTL", key) <= 60_000 for key in shard.keys[:2])


def test_a_board_of_the_layout_of_before_keeps_its_settings(board: Board) -> None:
    board.configure(places=2)
    board.set("ann", Decimal("1.25"))
    header = bytes(8) + (5).to_bytes(6, "little") + bytes([2, 1]) + bytes(6) + (100).to_bytes(4, "little")
    for shard in board.shards:
        shard.client.execute_command("SET", shard.keys[1], header.ljust(166, b"\0"))

    board.rebuild()

    board.check()
    summary = board.summary()
    assert (summary.places, summary.sample, summary.count) == (2, 100, 1)
    assert board.standing("ann").score == Decimal("1.25")
