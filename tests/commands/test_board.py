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
from pipeline.work.tasks import Tasks
from wz.cli import main

from ..stack import ROOT


def fill(board: Board, members: int) -> Board:
    list(board.apply(BulkChange(f"m{n:05}", score=Decimal(n)) for n in range(members)))
    return board


@pytest.fixture
def board(redis: redis_py.Redis) -> Board:
    return fill(Boards(redis)["b"], 2_500)


@pytest.fixture
def large(redis: redis_py.Redis) -> Board:
    """A rebuild reads it in three pages."""
    return fill(Boards(redis)["b"], 25_000)


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

    assert shown["count"] == "2500"
    assert shown["sum"] == str(2_500 * 2_499 // 2)
    assert shown["expires"] == "-"


def test_the_best_are_listed(board: Board, settings: Settings) -> None:
    assert wz_board(settings, "top", "b", "--limit", "2").stdout.splitlines() == [
        "rank  member  score   sum",
        "   0  m02499   2499  2499",
        "   1  m02498   2498  4997",
    ]
    assert "m00000" in wz_board(settings, "top", "b", "--order", "asc").stdout


def test_a_board_is_checked_and_rebuilt(board: Board, settings: Settings) -> None:
    assert wz_board(settings, "check", "b").stdout == "b: every sum is that of the scores\n"
    board.shards.client.execute_command("ZADD", board.shards[0].keys[0], 5, "eve")

    refused = wz_board(settings, "check", "b")
    mended = wz_board(settings, "rebuild", "b")

    assert refused.exit_code == 1
    assert refused.stderr.splitlines()[-1].startswith("Error: the sums of the board 'b' are not those of its scores")
    assert (mended.exit_code, mended.stdout) == (0, "b: 2,501 members\n")
    assert wz_board(settings, "check", "b").exit_code == 0


def test_boards_are_listed(board: Board, settings: Settings, redis: redis_py.Redis) -> None:
    Boards(redis)["other"].set("m00001", Decimal("0.5"))

    assert wz_board(settings, "list").stdout.splitlines() == [
        "board  count      sum  expires",
        "b      2,500  3123750  -",
        "other      1      0.5  -",
    ]
    assert wz_board(settings, "list", "o").stdout.splitlines()[1:] == ["other      1  0.5  -"]
    assert wz_board(settings, "list", "none").stdout.splitlines() == ["board  count  sum  expires"]


def test_what_boards_know_of_a_member_and_its_erasure(board: Board, settings: Settings, redis: redis_py.Redis) -> None:
    Boards(redis)["other"].set_features("m00001", {"vip": True, "age": 31})
    board.join("m00001", "gold")

    known = wz_board(settings, "member", "m00001").stdout.splitlines()
    refused = wz_board(settings, "erase", "m00001")  # nobody says yes
    erased = wz_board(settings, "erase", "m00001", "--yes")

    assert known == [
        "board  score            rank  segments  features",
        "b          1  2,498 of 2,500  gold      -",
        'other      -               -  -         {"age":31,"vip":true}',
    ]
    assert (refused.exit_code, refused.stdout.splitlines()[0]) == (1, "Erase m00001 from b, other? [y/N]: ")
    assert (erased.exit_code, erased.stdout) == (0, "m00001 is erased from b, other\n")
    assert wz_board(settings, "erase", "m00001", "--yes").stdout == "m00001 is erased from no board: none knows it\n"
    assert board.summary().count == 2_499


def test_a_board_that_refuses_an_erasure_is_named(board: Board, settings: Settings) -> None:
    board.shards.client.execute_command("ZADD", board.shards[0].keys[0], 5, "eve")

    refused = wz_board(settings, "erase", "m00001", "--yes")

    assert refused.exit_code == 1
    assert refused.stderr.startswith("Error: b refused it: the sums of the board 'b' are not those of its scores")


def test_a_board_is_trimmed(board: Board, settings: Settings) -> None:
    assert wz_board(settings, "trim", "b", "--keep", "2000").stdout == "b: 500 members removed, 2,000 are left\n"
    assert wz_board(settings, "trim", "b", "--above", "2000").stdout == "b: 499 members removed, 1,501 are left\n"
    assert wz_board(settings, "trim", "b", "--below", "2000").stdout == "b: 1,500 members removed, 1 are left\n"
    assert "exactly one of" in wz_board(settings, "trim", "b").stderr
    assert "'x' is no score" in wz_board(settings, "trim", "b", "--below", "x").stderr


def test_a_board_that_is_not_there_is_one_line(redis: redis_py.Redis, settings: Settings) -> None:
    refused = wz_board(settings, "show", "nothing")

    assert (refused.exit_code, refused.output) == (1, "Error: there is no board 'nothing', or it has no members\n")


@pytest.mark.parametrize("command", ["show", "top", "check", "rebuild"])
def test_another_number_of_shards_is_refused(board: Board, settings: Settings, command: str) -> None:
    boards_client(settings)  # as the service does when it starts

    refused = wz_board(replace(settings, board_shards=4), command, "b")

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "WZ_BOARD_SHARDS: the boards have 1 shards each, not 4" in refused.stderr


def test_a_rebuild_that_was_broken_off_goes_on_where_it_was(large: Board) -> None:
    large.shards.client.execute_command("ZADD", large.shards[0].keys[0], 5, "eve")
    steps: list[int] = []

    def stop_after(page: int, done: int, total: int) -> None:
        steps.append(done)
        if len(steps) == page:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        large.rebuild(lambda done, total: stop_after(2, done, total))
    with pytest.raises(KeyboardInterrupt):
        large.rebuild(lambda done, total: stop_after(3, done, total))
    assert steps == [10_000, 20_000, 25_001]
    large.rebuild()
    large.check()


def test_a_page_that_changed_since_is_read_again(large: Board) -> None:
    key = large.shards[0].keys[0]
    steps: list[int] = []

    def stop(done: int, total: int) -> None:
        steps.append(done)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        large.rebuild(stop)
    large.shards.client.execute_command("ZADD", key, -5, "eve")
    large.rebuild(lambda done, total: steps.append(done))

    assert steps == [10_000, 10_000, 20_000, 25_001]
    large.check()
    assert large.shards.client.execute_command("KEYS", "*rebuild*") == []


def test_boards_are_copied_renamed_added_up_and_deleted(board: Board, settings: Settings) -> None:
    assert wz_board(settings, "copy", "b", "c").stdout == "c: 2,500 members\n"
    assert wz_board(settings, "rename", "c", "d").stdout == "d: 2,500 members\n"
    assert wz_board(settings, "union", "sum", "b", "d=0.5").stdout == "sum: 2,500 members\n"
    assert Boards(board.shards.client)["sum"].standing("m00003").score == Decimal("4.5")

    refused = wz_board(settings, "copy", "b", "d")
    assert (refused.exit_code, refused.stderr.splitlines()[-1][:33]) == (1, "Error: there is a board 'd' alrea")
    assert wz_board(settings, "copy", "b", "d", "--replace").exit_code == 0

    assert wz_board(settings, "delete", "d").exit_code == 1  # nobody says yes
    assert wz_board(settings, "delete", "d", "--yes").stdout == "d is deleted\n"
    assert wz_board(settings, "show", "d").exit_code == 1


@pytest.mark.parametrize(
    ("sources", "says"),
    [(("b", "b=2"), "twice"), (("b=x",), "'x' is no number: write b=0.5"), ((), "Missing argument")],
)
def test_sources_that_can_t_be_are_told(board: Board, settings: Settings, sources: list[str], says: str) -> None:
    refused = wz_board(settings, "union", "sum", *sources)

    assert refused.exit_code == 2
    assert says in refused.stderr


@pytest.mark.parametrize("command", [("copy", "b", "c"), ("union", "c", "b")])
def test_a_command_that_is_broken_off_leaves_nothing(
    large: Board, settings: Settings, redis: redis_py.Redis, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    def stop(bar: object, steps: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("click._termui_impl.ProgressBar.update", stop)

    assert wz_board(settings, *command).exit_code == 1
    assert redis.keys("{board:c}*") == []


def test_tasks_are_listed_shown_and_cancelled(redis: redis_py.Redis, settings: Settings) -> None:
    tasks = Tasks(redis)
    first = tasks.create("board.copy", {"to": "c", "replace": False}, "b").id
    second = tasks.create("board.delete", {}, "d").id
    running = tasks.begin(first)
    assert running
    tasks.report(running, (1_000, 2_500))

    listed = [line.split() for line in wz_board(settings, "tasks").stdout.splitlines()]
    assert sorted(line[:4] for line in listed[1:]) == sorted(
        [[first, "b", "board.copy", "running"], [second, "d", "board.delete", "waiting"]]
    )
    assert len(wz_board(settings, "tasks", "b").stdout.splitlines()) == 2
    shown = wz_board(settings, "task", first).stdout
    assert '{"to":"c","replace":false}' in shown
    assert "1,000 of 2,500" in shown

    assert wz_board(settings, "cancel", second).stdout == f"{second} is cancelled\n"
    assert wz_board(settings, "cancel", first).stdout == f"{first} runs, and will be cancelled soon\n"
    assert wz_board(settings, "task", "none").stderr.startswith("Error: there is no task 'none'")
