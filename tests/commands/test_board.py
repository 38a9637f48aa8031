"""`wz board`."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

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


def test_members_that_no_board_can_have_are_named_and_removed_if_asked_for(board: Board, settings: Settings) -> None:
    execute, key = board.shards.client.execute_command, board.shards[0].keys[0]
    execute("ZADD", key, "1.5", "m00001", 7, b"\xff\xfe", "inf", "eve")

    refused = wz_board(settings, "rebuild", "b")
    mended = wz_board(settings, "rebuild", "b", "--remove-invalid")

    faults = [
        "'m00001' has 1.5, which is not a whole number below 2^53",
        r"'\\xff\\xfe' is no name that a member can have",
        "'eve' has inf, which is not a whole number below 2^53",
    ]
    assert refused.exit_code == 1
    assert all(fault in refused.stderr for fault in faults)
    assert "`wz board rebuild b --remove-invalid` remove them" in refused.stderr
    assert mended.stdout.splitlines() == [*(f"removed: {fault}" for fault in faults), "b: 2,499 members"]
    assert wz_board(settings, "check", "b").exit_code == 0


def test_no_more_than_twenty_are_named(board: Board, settings: Settings) -> None:
    board.shards.client.execute_command(
        "ZADD", board.shards[0].keys[0], *(part for number in range(25) for part in ("0.5", f"x{number}"))
    )

    text = wz_board(settings, "rebuild", "b").stderr

    assert text.count(" has 0.5") == 20
    assert "; and 5 more." in text


@pytest.mark.parametrize("file", ["b.ndjson", "b.ndjson.gz"])
def test_a_board_is_exported_to_a_file_and_imported(
    board: Board, settings: Settings, tmp_path: Path, file: str
) -> None:
    path = str(tmp_path / file)

    exported = wz_board(settings, "export", "b", path)
    imported = wz_board(settings, "import", "copy", path)

    assert (exported.exit_code, exported.stderr.splitlines()[-1]) == (0, "2,500 members")
    assert (imported.exit_code, imported.stdout) == (0, "copy: 2,500 members\n")
    shown = wz_board(settings, "export", "copy").stdout
    assert shown == wz_board(settings, "export", "b").stdout
    assert shown.count("\n") == 2_501
    assert "there is a board 'copy' already" in wz_board(settings, "import", "copy", path).stderr
    assert wz_board(settings, "import", "copy", path, "--replace").exit_code == 0


def test_a_file_that_was_cut_short_is_refused(board: Board, settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "b.ndjson.gz"
    wz_board(settings, "export", "b", str(path))
    path.write_bytes(path.read_bytes()[:-100])

    refused = wz_board(settings, "import", "copy", str(path))

    assert refused.exit_code == 1
    assert "Compressed file ended before" in refused.stderr
    assert wz_board(settings, "show", "copy").exit_code == 1


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
