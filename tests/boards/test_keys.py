"""Every key of a board is listed in boards/keys.py, with its type and expiry, and is deleted with the board."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py

from pipeline.boards import (
    Board,
    Boards,
    BulkChange,
    Ties,
    UnknownBoard,
    configure,
    lifecycle,
    lua,
    shard,
)
from pipeline.boards import keys as boards_keys
from pipeline.boards.follow import LOG_SECONDS, Follower
from pipeline.boards.hold import held
from pipeline.boards.keys import CHANGES, EVENTS, HELD, HOLD_SECONDS, KEYS, after_prefix
from pipeline.errors import InvalidValue
from pipeline.store.keys import Key

LUA = Path(boards_keys.__file__).parent

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def keys_of(boards: Boards) -> list[str]:
    """All keys of boards; on a cluster, on all nodes."""
    client = boards.client
    nodes: list[Any] = [client]
    if isinstance(client, redis_py.RedisCluster):
        nodes = [node.redis_connection for node in client.get_primaries()]  # type: ignore[no-untyped-call]
    return sorted(key.decode() for node in nodes for key in node.keys("{board:*"))


def kind_of(name: str) -> Key:
    [kind] = [key for key in KEYS if _form(key).fullmatch(name)]
    return kind


def _form(key: Key) -> re.Pattern[str]:
    """Names of boards, members and segments in these tests have no `:` except before the number of a shard."""
    parts = {"SHARD": r"[^:{}]+(:\d+)?", "SEGMENT": "[^:]+"}
    return re.compile("".join(parts.get(part, re.escape(part)) for part in re.split("([A-Z]+)", key.pattern)))


def furnish(board: Board, member: str = "m") -> None:
    """Give each shard of a board every key that it can have."""
    names = [f"{member}{n:04}" for n in range(400)]
    board.set(names[0], Decimal(7))
    board.configure()  # so that there is a board on each shard
    for part in board.shards:
        Follower(part)
    assert not [one for one in board.apply(BulkChange(name, score=Decimal(7)) for name in names) if one.error]
    for n, name in enumerate(names[:60]):
        board.set(name, Decimal(n))
        board.add(name, Decimal(1), f"{member}{n}")
        board.join(name, "red")
        board.set_features(name, {"age": n})


class BrokenOff(Exception):
    pass


def time_left(boards: Boards, name: str) -> int:
    left: int = boards.client.execute_command("PTTL", name)
    return left


def test_every_key_is_listed_and_goes_with_the_board(boards: Boards) -> None:
    board = boards["b"]
    board.configure(places=3, sample=100, ties=Ties.FIRST)
    furnish(board)

    with held(board.shards):
        found = keys_of(boards)
        time_of = {name: time_left(boards, name) for name in found}
    assert {kind_of(name) for name in found} == set(KEYS)
    for name in found:
        kind = kind_of(name)
        assert kind is HELD or boards.client.execute_command("TYPE", name).decode() == kind.type, name
        if kind is EVENTS:
            assert DAY_MS - HOUR_MS < time_of[name] <= DAY_MS + 2048, name
        elif kind in (CHANGES, HELD):
            assert 0 < time_of[name] <= (LOG_SECONDS if kind is CHANGES else HOLD_SECONDS) * 1000, name
        else:  # the board has no `expires`
            assert time_of[name] == -1, name

    copy, renamed = board.copy("copy"), board.copy("other").rename("renamed")
    for one in (board, copy, renamed):
        one.delete()
    assert keys_of(boards) == []


@pytest.mark.parametrize("name", ["b", "b@day"])
def test_every_key_has_the_time_of_its_board(boards: Boards, name: str) -> None:
    board = boards[name]
    board.set_features("early", {"age": 1})  # before there is a board
    board.join("early", "blue")
    board.configure(sample=100)
    furnish(board)
    if name == "b":
        board.configure(expires=datetime.now(UTC) + timedelta(hours=1))
    furnish(board, "late")
    for n in range(400):
        board.remove(f"m{n:04}")
        board.remove(f"late{n:04}")
    board.rebuild()
    furnish(board, "last")

    for key in keys_of(boards):
        most = HOUR_MS if name == "b" else 37 * DAY_MS
        assert 0 < time_left(boards, key) <= most, key


def test_a_board_of_a_day_goes_though_it_was_configured_or_made_of_others_first(boards: Boards) -> None:
    boards["a"].set("ann", Decimal(1))
    makes: list[Callable[[Board], object]] = [
        lambda board: board.configure(sample=100),
        lambda board: board.union({"a": Decimal(1)}),
    ]
    for make in makes:
        board = boards["b@day"]
        make(board)
        assert board.summary().expires is not None
        assert [key for key in keys_of(boards) if "{board:b." in key and time_left(boards, key) < 0] == []
        board.delete()


def test_features_of_a_board_of_a_day_expire_with_it_even_without_scores(boards: Boards) -> None:
    boards["b@day"].set_features("ann", {"age": 1})

    assert [key for key in keys_of(boards) if time_left(boards, key) < 0] == []
    boards["b@day"].delete()
    assert keys_of(boards) == []


def test_a_sample_that_lost_its_last_member_keeps_its_time(boards: Boards) -> None:
    board = boards["b"]
    board.configure(sample=100, expires=datetime.now(UTC) + timedelta(hours=1))
    board.set("ann", Decimal(1))
    board.remove("ann")

    assert [key for key in keys_of(boards) if not 0 < time_left(boards, key) <= HOUR_MS] == []


def test_a_board_without_members_keeps_its_time_when_it_is_rebuilt(boards: Boards) -> None:
    board = boards["b"]
    board.configure(expires=datetime.now(UTC) + timedelta(hours=1))
    board.rebuild()

    assert [key for key in keys_of(boards) if not 0 < time_left(boards, key) <= HOUR_MS] == []


def test_the_events_of_a_board_that_became_empty_go_when_they_are_forgotten(boards: Boards) -> None:
    board = Boards(boards.client, boards.shards, remember=60)["b"]
    board.add("ann", Decimal(1), "e1")
    board.remove("ann")

    [events] = keys_of(boards)
    assert 0 < time_left(boards, events) <= 60_000 + 2048


def test_a_deletion_that_was_broken_off_can_be_repeated(boards: Boards, monkeypatch: pytest.MonkeyPatch) -> None:
    board = boards["b"]
    furnish(board)
    call = lifecycle._DELETE.call

    def stop_at_the_last_shard(client: Any, keys: Any, args: Any) -> Any:
        if keys == board.shards.all[-1].keys:
            raise BrokenOff
        return call(client, keys, args)

    with monkeypatch.context() as patch:
        patch.setattr(lifecycle._DELETE, "call", stop_at_the_last_shard)
        with pytest.raises(BrokenOff):
            board.delete()
    board.delete()

    assert keys_of(boards) == []


@pytest.mark.parametrize("file", sorted(LUA.glob("*.lua")), ids=lambda file: file.name)
def test_no_script_spells_the_name_of_a_key(file: Path) -> None:
    code = re.sub("--.*", "", file.read_text())
    spelt = {part for text in re.findall("'([^']*)'", code) for part in text.split(":") if part}

    names = {part for key in KEYS for part in re.split("[A-Z]+|:", after_prefix(key)) if part}
    assert {"scores", "in", "features", "segment"} <= names
    assert spelt.isdisjoint(names)
    assert re.findall(r"string\.sub\(KEYS[^)]*-\d", code) == []


def test_scripts_have_the_names_that_are_in_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    before = lua.constants()
    for name, key in vars(boards_keys).copy().items():
        if isinstance(key, Key):
            monkeypatch.setattr(boards_keys, name, key._replace(pattern=key.pattern + ":too"))
    after = lua.constants()

    assert "local KEY_SEGMENT_TREE = 'segment:' .. segment .. ':tree'\n" in before
    assert "local KEY_SEGMENT_TREE = 'segment:' .. segment .. ':tree:too'\n" in after
    assert "local PREFIX_END = -7\n" in before
    assert "local PREFIX_END = -11\n" in after
    assert after.count("too'") == len(KEYS)


def test_scripts_have_the_limits_that_python_has(redis: redis_py.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boards_keys, "MOST_SEGMENTS", 2)
    monkeypatch.setattr(lua, "PLACES", 3)
    update = ("tree.lua", "sample.lua", "reshape.lua", "change.lua", "segments.lua", "last.lua", "update.lua")
    monkeypatch.setattr(shard, "UPDATE", lua.BoardScript(*update))
    monkeypatch.setattr(configure, "_CONFIGURE", lua.BoardScript("tree.lua", "keys.lua", "configure.lua"))
    board = Boards(redis)["b"]
    board.set("ann", Decimal(1))
    board.join("ann", "red")
    board.join("ann", "blue")

    assert board.shards.places == 3
    assert Boards(redis)["other"].configure(sample=100).places == 3
    with pytest.raises(InvalidValue):
        board.join("ann", "green")


def test_a_name_with_the_words_of_a_pattern_is_only_a_name(boards: Boards) -> None:
    board = boards["SEGMENT"]
    board.set("MEMBER", Decimal(1))
    board.join("MEMBER", "SEGMENT")
    board.set_features("MEMBER", {"a": 1})
    board.rename("SHARD").delete()

    assert keys_of(boards) == []
    with pytest.raises(UnknownBoard):
        board.delete()
