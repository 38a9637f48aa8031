"""A member's features: limits that hold for what it has, and writers who meet."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from pipeline.boards import Board, features, keys
from pipeline.errors import InvalidValue


def test_the_limit_is_that_of_what_a_member_has_afterwards(board: Board) -> None:
    given = {f"a{n}": n for n in range(features.MOST)}
    board.set_features("ann", given, replace=True)

    with pytest.raises(InvalidValue):
        board.set_features("ann", {f"b{n}": n for n in range(200)})
    assert board.features("ann") == given
    assert len(board.set_features("ann", {"a0": None, "b": True})) == features.MOST


def test_patches_of_several_writers_are_all_kept(board: Board) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: board.set_features("ann", {f"f{n}": n}), range(40)))

    assert board.features("ann") == {f"f{n}": n for n in range(40)}


def test_a_patch_that_never_meets_what_it_has_read_changes_nothing(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "_stored", lambda *_: b'{"of":"another moment"}')

    with pytest.raises(features.FeaturesChanged):
        board.set_features("ann", {"a": 1})
    monkeypatch.undo()
    assert board.features("ann") == {}


def test_features_of_a_member_that_was_removed_are_gone(board: Board) -> None:
    board.set("ann", Decimal(1))
    board.set("bob", Decimal(2))
    board.set_features("ann", {"age": 31})
    board.set_features("bob", {"age": 32})
    board.remove("ann")

    assert board.features("ann") == {}
    assert board.features("bob") == {"age": 32}


def test_changes_of_features_are_logged_while_they_are_followed(board: Board) -> None:
    board.set("ann", Decimal(1))
    board.set_features("ann", {"before": 1})
    follow(board, int(time.time() * 1000) + 60_000)
    board.set_features("ann", {"age": 31})
    board.set_features("ann", {"age": 31})
    board.set_features("ann", {}, replace=True)

    assert list(entries(board)) == [
        {b"op": b"features", b"member": b"ann", b"after": b'{"age":31,"before":1}'},
        {b"op": b"features", b"member": b"ann", b"after": b""},
    ]


def follow(board: Board, until: int, member: str = "ann") -> None:
    """Write `logged` into the header of a member's shard."""
    shard = board.shards.of(member)
    shard.client.execute_command("SETRANGE", shard.keys[1], 32, until.to_bytes(6, "little"))


def entries(board: Board, member: str = "ann") -> Iterator[dict[bytes, bytes]]:
    shard = board.shards.of(member)
    for _, fields in shard.client.execute_command("XRANGE", keys.name(keys.CHANGES, shard.tag), "-", "+"):
        yield fields
