"""A whole board as lines and back: the same bytes, on any number of shards, and all or nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import redis as redis_py

from pipeline.boards import Board, BoardExists, Boards, StaleBoard, UnknownBoard
from pipeline.boards.form import Order, Ties
from pipeline.errors import InvalidValue


def fill(board: Board) -> Board:
    board.configure(places=2, sample=100, order=Order.ASC, most=10_000)
    board.configure(expires=datetime.now(UTC) + timedelta(days=1, microseconds=123_457))
    for number in range(300):
        board.set(f"m{number}", Decimal(number % 70 - 30) / 4)
        if number % 3 == 0:
            board.join(f"m{number}", ["gold", "red"][number % 2])
        if number % 5 == 0:
            board.set_features(f"m{number}", {"age": number, "of": '\u00e9"', "x": Decimal("1.50"), "is": True})
    board.join("nobody", "gold")
    board.set_features("ghost", {"big": 10**30})
    return board


def all_keys(boards: Boards) -> dict[bytes, Any]:
    execute: Any = boards.client.execute_command
    where = {} if isinstance(boards.client, redis_py.Redis) else {"target_nodes": "primaries"}
    return {name: execute("DUMP", name) for name in sorted(execute("KEYS", "{board:*", **where))}


@pytest.mark.parametrize("ties", Ties)
def test_a_board_comes_back_as_it_was(boards: Boards, redis: redis_py.Redis, ties: Ties) -> None:
    boards["b"].configure(ties=ties)
    found = list(fill(boards["b"]).export())

    back = boards["back"].import_(line + b"\n" for line in found)
    elsewhere = Boards(redis, 3)["b3"]
    elsewhere.import_(found)

    assert back.count == 300
    assert found[0].startswith(
        b'{"places":2,"order":"asc","ties":"%s","sample":100,"most":10000,"expires":"' % ties.encode()
    )
    assert found[0].endswith(b'"members":302}')
    for board in (boards["back"], elsewhere):
        assert list(board.export()) == found
        board.check()
        assert board.summary().expires == boards["b"].summary().expires
    assert boards["back"].segments_of("nobody") == ["gold"]
    assert boards["back"].features("ghost") == {"big": 10**30}
    assert boards["back"].ranks("m7") == boards["b"].ranks("m7")
    assert boards["back"].add("m1", Decimal(1)).score == boards["b"].add("m1", Decimal(1)).score


def test_a_board_without_members_is_its_settings(boards: Boards) -> None:
    boards["b"].configure(places=3)
    found = list(boards["b"].export())

    assert found == [b'{"places":3,"order":"desc","ties":"name","sample":0,"most":0,"expires":null,"members":0}']
    boards["back"].import_(found)
    assert list(boards["back"].export()) == found
    with pytest.raises(UnknownBoard):
        list(boards["nothing"].export())


def test_an_export_beside_writers_is_of_one_moment(boards: Boards) -> None:
    board, stop = boards["b"], threading.Event()
    for number in range(200):
        board.set(f"m{number}", Decimal(0))

    def write() -> None:  # one after the other, so that at each moment the first ones are one ahead
        own, turn = Boards(boards.client, boards.shards)["b"], 0
        while not stop.is_set():
            own.set(f"m{turn % 200}", Decimal(turn // 200 + 1))
            turn += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(5):
            _, *lines = board.export()
            scores = {int(line.split(b'"')[3][1:]): int(line.rpartition(b":")[2][:-1]) for line in lines}
            in_order = [scores[number] for number in range(200)]
            assert in_order == sorted(in_order, reverse=True)
            assert in_order[0] - in_order[-1] <= 1
    finally:
        stop.set()
        writer.join()


def test_a_board_is_replaced_if_that_is_asked_for(boards: Boards) -> None:
    found = list(fill(boards["b"]).export())
    boards["to"].set("eve", Decimal(1))
    before = all_keys(boards)

    with pytest.raises(BoardExists):
        boards["to"].import_(found)
    assert all_keys(boards) == before
    boards["to"].import_(found, replace=True)
    assert list(boards["to"].export()) == found


@pytest.mark.parametrize("replace", [False, True])
def test_a_wrong_line_changes_nothing(boards: Boards, replace: bool) -> None:
    found = list(fill(boards["b"]).export())
    boards["to"].configure(places=4)
    if replace:
        boards["to"].set("eve", Decimal(1))
    before = all_keys(boards)

    for wrong in ([*found[:-1], b"{}"], found[:-1], [*found[:40], b'{"member":"m","score":0.001}', *found[41:]]):
        with pytest.raises(InvalidValue):
            boards["to"].import_(wrong, replace=replace)
        assert all_keys(boards) == before


def test_an_import_that_is_broken_off_changes_nothing(boards: Boards) -> None:
    found = list(fill(boards["b"]).export())
    boards["to"].set("eve", Decimal(1))
    before = all_keys(boards)

    def lines() -> Iterator[bytes]:
        yield from found[:200]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        boards["to"].import_(lines(), replace=True)
    assert all_keys(boards) == before


def test_a_time_that_has_passed_is_refused(boards: Boards) -> None:
    first, *rest = fill(boards["b"]).export()
    year = first.index(b'"expires":"') + 11
    with pytest.raises(InvalidValue) as caught:
        boards["to"].import_([first[:year] + b"2020" + first[year + 4 :], *rest])
    assert caught.value.field == "expires"


@pytest.mark.parametrize(("member", "score"), [("ann", "1.5"), (b"\xff", "1")])
def test_what_another_program_wrote_is_not_exported(boards: Boards, member: str | bytes, score: str) -> None:
    board = fill(boards["b"])
    shard = board.shards.of("ann")
    shard.client.execute_command("ZADD", shard.keys[0], score, member)

    with pytest.raises(StaleBoard):
        list(board.export())
