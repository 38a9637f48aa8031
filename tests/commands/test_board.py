"""`wz board`."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
import redis as redis_py
from click.testing import CliRunner, Result

from pipeline.boards import Board, Boards, BulkChange
from pipeline.settings import Settings
from pipeline.store.client import boards_client
from wz.cli import main

from ..stack import ROOT


@pytest.fixture
def board(redis: redis_py.Redis) -> Board:
    board = Boards(redis)["b"]
    list(board.apply(BulkChange(f"m{n:05}", score=Decimal(n)) for n in range(25_000)))
    return board


def wz_board(settings: Settings, *args: str) -> Result:
    env = {
        "WZ_ENVIRONMENT": settings.environment,
        "WZ_REDIS_URL": settings.redis_url,
        "WZ_CONNECTION_STRING": str(ROOT),
        "WZ_BOARD_SHARDS": str(settings.board_shards),
    }
    return CliRunner().invoke(main, ["board", *args], env=env)


def test_a_board_is_shown(board: Board, settings: Settings) -> None:
    shown = dict(line.split() for line in wz_board(settings, "show", "b").stdout.splitlines())

    assert shown["count"] == "25000"
    assert shown["sum"] == str(25_000 * 24_999 // 2)
    assert shown["expires"] == "-"


def test_the_best_are_listed(board: Board, settings: Settings) -> None:
    assert wz_board(settings, "top", "b", "--limit", "2").stdout.splitlines() == [
        "rank  member  score    sum",
        "   0  m24999  24999  24999",
        "   1  m24998  24998  49997",
    ]
    assert "m00000" in wz_board(settings, "top", "b", "--asc").stdout


def test_a_board_is_checked_and_rebuilt(board: Board, settings: Settings) -> None:
    assert wz_board(settings, "check", "b").stdout == "b: every sum is that of the scores\n"
    board.shards.client.execute_command("ZADD", board.shards[0].keys[0], 5, "eve")

    refused = wz_board(settings, "check", "b")
    mended = wz_board(settings, "rebuild", "b")

    assert refused.exit_code == 1
    assert refused.stderr.splitlines()[-1].startswith("Error: the sums of the board 'b' are not those of its scores")
    assert (mended.exit_code, mended.stdout) == (0, "b: 25,001 members\n")
    assert wz_board(settings, "check", "b").exit_code == 0


def test_a_board_that_is_not_there_is_one_line(redis: redis_py.Redis, settings: Settings) -> None:
    refused = wz_board(settings, "show", "nothing")

    assert (refused.exit_code, refused.output) == (1, "Error: there is no board 'nothing', or it has no members\n")


@pytest.mark.parametrize("command", ["show", "top", "check", "rebuild"])
def test_another_number_of_shards_is_refused(board: Board, settings: Settings, command: str) -> None:
    boards_client(settings)  # as the service does when it starts

    refused = wz_board(replace(settings, board_shards=4), command, "b")

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "WZ_BOARD_SHARDS: the boards have 1 shards each, not 4" in refused.stderr


def test_a_rebuild_that_was_broken_off_goes_on_where_it_was(board: Board) -> None:
    board.shards.client.execute_command("ZADD", board.shards[0].keys[0], 5, "eve")
    steps: list[int] = []

    def stop_after(page: int, done: int, total: int) -> None:
        steps.append(done)
        if len(steps) == page:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        board.rebuild(lambda done, total: stop_after(2, done, total))
    with pytest.raises(KeyboardInterrupt):
        board.rebuild(lambda done, total: stop_after(3, done, total))
    assert steps == [10_000, 20_000, 25_001]
    board.rebuild()
    board.check()


def test_a_page_that_changed_since_is_read_again(board: Board) -> None:
    key = board.shards[0].keys[0]
    steps: list[int] = []

    def stop(done: int, total: int) -> None:
        steps.append(done)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        board.rebuild(stop)
    board.shards.client.execute_command("ZADD", key, -5, "eve")
    board.rebuild(lambda done, total: steps.append(done))

    assert steps == [10_000, 10_000, 20_000, 25_001]
    board.check()
    assert board.shards.client.execute_command("KEYS", "*rebuild*") == []
