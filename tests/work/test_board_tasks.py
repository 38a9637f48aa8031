"""The kinds of tasks on boards: what they do when they are begun again."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import pytest
import redis as redis_py

from pipeline.boards import Board, BoardChanged, Boards
from pipeline.work.board_tasks import KINDS, board_work
from pipeline.work.runner import TaskRunner
from pipeline.work.tasks import Task, Tasks, TaskState


@pytest.fixture
def boards(redis: redis_py.Redis) -> Boards:
    found = Boards(redis)
    found["b"].set("ann", Decimal(1))
    return found


ARGUMENTS: dict[str, dict[str, Any]] = {
    "board.copy": {"to": "c", "replace": True},
    "board.rename": {"to": "c", "replace": False},
    "board.union": {"to": "b", "sources": {"src": "2.5"}, "replace": True},
    "board.delete": {},
    "board.trim": {"keep": 1, "bounds": {}},
    "board.rebuild": {},
}


def test_each_kind_is_tested() -> None:
    assert ARGUMENTS.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_that_lost_its_last_words_is_no_reason_to_fail(
    boards: Boards, redis: redis_py.Redis, kind: str
) -> None:
    boards["src"].set("ann", Decimal(2))
    tasks = Tasks(redis)
    task = tasks.create(kind, ARGUMENTS[kind], "b")
    begun = tasks.begin(task.id)
    assert begun
    KINDS[kind](boards, begun, lambda done, total: None)  # and then it is killed

    TaskRunner(tasks, board_work(boards), threading.Event()).step()

    ended = tasks[task.id]
    assert (ended.state, ended.error, ended.run) == (TaskState.DONE, "", 2)


def test_a_copy_that_may_be_its_own_work_says_so(boards: Boards, redis: redis_py.Redis) -> None:
    tasks = Tasks(redis)
    task = tasks.create("board.copy", {"to": "c", "replace": False}, "b")
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
