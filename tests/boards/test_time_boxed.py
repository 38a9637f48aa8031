"""A time-boxed board goes at its time, whatever made it (F7: one that was set up, or had features first, stayed)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import cast

import pytest

from pipeline.boards import Board, Boards, BulkChange
from pipeline.boards.changes import Op
from pipeline.store import Redis

ONE = Decimal(1)


def bulk(boards: Boards, board: Board) -> None:
    list(board.apply([BulkChange("ann", score=ONE), BulkChange("bob", reward=ONE, event="order-17")]))


def union(boards: Boards, board: Board) -> None:
    boards["source"].set("ann", ONE)
    board.union({"source": ONE})


def import_(boards: Boards, board: Board) -> None:
    boards["source"].set("ann", ONE)
    board.import_(list(boards["source"].export()))


def job(boards: Boards, board: Board) -> None:
    if boards.shards > 1:
        pytest.skip("a job writes to boards of one shard alone")
    with boards.client.pipeline(transaction=True) as pipe:
        board.queue_update(pipe, Op.ADD, "ann", ONE)
        pipe.execute()


MADE: dict[str, Callable[[Boards, Board], object]] = {
    "set": lambda boards, board: board.set("ann", ONE),
    "reward": lambda boards, board: board.add("ann", ONE, "order-17"),
    "also": lambda boards, board: boards["all"].add("ann", ONE, "order-17", also=[board]),
    "bulk": bulk,
    "settings": lambda boards, board: board.configure(places=2, sample=100),
    "union": union,
    "import": import_,
    "features": lambda boards, board: board.set_features("ann", {"age": 31}),
    "segment": lambda boards, board: board.join("ann", "gold"),
    "job": job,
}


@pytest.mark.parametrize("way", MADE)
def test_all_keys_of_a_time_boxed_board_go_at_its_time(boards: Boards, way: str) -> None:
    board = boards["b@day"]

    MADE[way](boards, board)
    for number in range(3):  # and whatever comes later
        board.set_features(f"m{number}", {"age": number})
        board.join(f"m{number}", "gold")
        board.add(f"m{number}", Decimal(number), f"order-{number}")

    tags = [shard.tag.encode() for shard in board.shards]
    client = cast("Redis", boards.client)
    keys: list[bytes] = [key for key in client.scan_iter(count=1000) if key.partition(b"}")[0] + b"}" in tags]
    left = {key: client.pttl(key) for key in keys}
    assert len(keys) > 3
    assert [key for key, ms in left.items() if ms <= 0] == []
    assert board.summary().expires
    later = {key: ms for key, ms in left.items() if not key.endswith((b":events", b":changes"))}
    assert max(later.values()) - min(later.values()) < 60_000
