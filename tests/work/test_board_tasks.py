"""The kinds of tasks on boards: what they do when they are begun again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py

from pipeline.boards import Board, BoardChanged, Boards, BulkChange
from pipeline.settings import Settings
from pipeline.work import lines
from pipeline.work.board_tasks import KINDS, board_work
from pipeline.work.keys import KEPT_DAYS, LINES, TASK_LEASE
from pipeline.work.lines import lines_of, put_lines
from pipeline.work.runner import Cancelled, Stopped, TaskRunner
from pipeline.work.tasks import Task, Tasks, TaskState

from .. import stack

#: Enough that a worker is seldom through with them before it is killed.
MEMBERS = 30_000


@pytest.fixture
def boards(redis: redis_py.Redis) -> Boards:
    found = Boards(redis)
    found["b"].set("ann", Decimal(1))
    return found


ARGUMENTS: dict[str, dict[str, Any]] = {
    "board.copy": {"to": "c", "replace": True, "expires": "2100-01-31T12:00:00Z"},
    "board.rename": {"to": "c", "replace": False},
    "board.union": {"to": "b", "sources": {"src": "2.5"}, "replace": True},
    "board.delete": {},
    "board.trim": {"keep": 1, "bounds": {}},
    "board.rebuild": {},
    "board.import": {"to": "b", "replace": True},
}


def test_each_kind_is_tested() -> None:
    assert ARGUMENTS.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_that_lost_its_last_words_is_no_reason_to_fail(
    boards: Boards, redis: redis_py.Redis, kind: str
) -> None:
    boards["src"].set("ann", Decimal(2))
    tasks = Tasks(redis)
    more = {"lines": put_lines(redis, BytesIO(b"\n".join(boards["b"].export())))} if kind == "board.import" else {}
    task = tasks.create(kind, ARGUMENTS[kind] | more, "b")
    begun = tasks.begin(task.id)
    assert begun
    KINDS[kind](boards, begun, lambda done, total: None)  # and then it is killed

    TaskRunner(tasks, board_work(boards), threading.Event()).step()

    ended = tasks[task.id]
    assert (ended.state, ended.error, ended.run) == (TaskState.DONE, "", 2)


def test_a_copy_that_may_be_its_own_work_says_so(boards: Boards, redis: redis_py.Redis) -> None:
    tasks = Tasks(redis)
    task = tasks.create("board.copy", {"to": "c", "replace": False, "expires": "never"}, "b")
    tasks.begin(task.id)
    boards["b"].copy("c")

    TaskRunner(tasks, board_work(boards), threading.Event()).step()

    assert tasks[task.id].state is TaskState.FAILED
    assert "It may be this task's own work" in tasks[task.id].error


def test_a_board_that_is_written_to_is_tried_again(
    boards: Boards, redis: redis_py.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rebuild(board: Board, progress: object) -> None:
        raise BoardChanged(board.name)

    monkeypatch.setattr(Board, "rebuild", rebuild)
    tasks = Tasks(redis)
    task: Task = tasks.create("board.rebuild", {}, "b")

    TaskRunner(tasks, board_work(boards), threading.Event()).step()

    assert tasks[task.id].state is TaskState.WAITING
    assert "was written to" in tasks[task.id].error


@pytest.mark.parametrize("line", ["ann", "bob"], ids=["as they were sent", "twice the same member"])
def test_lines_are_dropped_when_a_board_is_made_of_them_or_can_t_be(
    boards: Boards, redis: redis_py.Redis, line: str
) -> None:
    head, *members = boards["b"].export()
    text = b"\n".join([head.replace(b'"members":1', b'"members":2'), *members, b'{"member":"bob","score":2}'])
    id = put_lines(redis, BytesIO(text.replace(b'"ann"', f'"{line}"'.encode())))
    assert 0 < redis.ttl(LINES.named(ID=id)) <= KEPT_DAYS * 86_400
    tasks = Tasks(redis)
    task = tasks.create("board.import", {"to": "new", "replace": False, "lines": id}, "new")

    TaskRunner(tasks, board_work(boards), threading.Event()).step()

    assert not redis.exists(LINES.named(ID=id))
    ended = tasks[task.id]
    if line == "ann":
        assert (ended.state, boards["new"].summary().sum) == (TaskState.DONE, Decimal(3))
    else:
        assert (ended.state, "line 3" in ended.error) == (TaskState.FAILED, True)
        assert boards.listed(["new"]) == []


@pytest.mark.parametrize("why", [Stopped, Cancelled])
def test_lines_stay_while_their_task_may_be_carried_out_again(
    boards: Boards, redis: redis_py.Redis, why: type[Exception]
) -> None:
    list(boards["b"].apply(BulkChange(f"m{n}", score=Decimal(n)) for n in range(600)))
    id = put_lines(redis, BytesIO(b"\n".join(boards["b"].export())))
    tasks = Tasks(redis)
    task = tasks.begin(tasks.create("board.import", {"to": "b", "replace": True, "lines": id}, "b").id)
    assert task

    def progress(done: int, total: int) -> None:
        raise why

    with pytest.raises(why):
        KINDS["board.import"](boards, task, progress)

    assert bool(redis.exists(LINES.named(ID=id))) == (why is Stopped)


def test_lines_that_have_expired_are_told(boards: Boards, redis: redis_py.Redis) -> None:
    tasks = Tasks(redis)
    task = tasks.create("board.import", {"to": "b", "replace": True, "lines": "none"}, "b")

    TaskRunner(tasks, board_work(boards), threading.Event()).step()

    assert (tasks[task.id].state, tasks[task.id].error) == (TaskState.FAILED, "the lines are gone: send them again")
    assert boards["b"].summary().count == 1


def test_lines_come_as_they_were_put(redis: redis_py.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "_PART", 7)
    text = b"a line, and\nanother\n\n" + "\u00e4\u20ac".encode() * 9 + b"\nthe last"

    assert b"".join(lines_of(redis, put_lines(redis, BytesIO(text)))) == text
    assert len(list(lines_of(redis, put_lines(redis, BytesIO(text))))) == 5


@contextmanager
def worker(settings: Settings, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "wz", "worker"]
    env = {**stack.environ(settings), "WZ_JOBS": ""}
    with stack.process(command, lambda: True, env, stack.REPOSITORY, log=folder / "worker.log") as started:
        yield started


@pytest.mark.parametrize("kind", ["board.copy", "board.union"])
def test_a_killed_worker_leaves_no_part_and_another_ends_its_work(
    boards: Boards, redis: redis_py.Redis, settings: Settings, tmp_path: Path, kind: str
) -> None:
    list(boards["src"].apply(BulkChange(f"m{n}", score=Decimal(n)) for n in range(MEMBERS)))
    tasks = Tasks(redis)
    subject = {"board.copy": "src", "board.union": "made"}[kind]
    task = tasks.create(kind, {"to": "made", "sources": {"src": "1"}, "replace": False, "expires": "never"}, subject)
    with worker(settings, tmp_path) as killed:
        stack.until(lambda: tasks[task.id].state is not TaskState.WAITING)
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
    redis.pexpire(TASK_LEASE.named(SUBJECT=subject), 1)  # as time would
    assert [row.count for row in boards.listed(["made"])] in ([], [MEMBERS])

    with worker(settings, tmp_path):
        stack.until(lambda: tasks[task.id].state.has_ended)

    ended = tasks[task.id]
    assert ended.state is TaskState.DONE or "this task's own work" in ended.error
    assert boards["made"].summary().sum == boards["src"].summary().sum
    boards["made"].check()
