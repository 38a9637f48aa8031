"""Tasks: what they say of themselves, and how workers carry them out, share them and take them over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py

from pipeline.errors import InvalidValue
from pipeline.settings import Settings
from pipeline.store import OutOfMemoryError
from pipeline.store.client import redis_client
from pipeline.work import keys, runner
from pipeline.work.runner import TRIES, TaskRunner, TryLater, Work
from pipeline.work.tasks import Progress, Task, TaskEnded, Tasks, TaskState, TooManyTasks, UnknownTask

from ..full import full
from ..stack import REPOSITORY, ROOT, redis_server, until


@pytest.fixture
def tasks(redis: redis_py.Redis) -> Tasks:
    return Tasks(redis)


def carry_out(tasks: Tasks, kinds: Mapping[str, Work], stop: threading.Event | None = None) -> int:
    return TaskRunner(tasks, kinds, stop or threading.Event()).step()


def no_longer_wait(tasks: Tasks) -> None:
    """Let each task that waits for a time be due now."""
    for task in tasks.all():
        tasks.redis.zadd(keys.UNFINISHED.pattern, {task.id: 0}, xx=True)


def test_a_task_is_carried_out_with_its_arguments_and_keeps_the_result(tasks: Tasks) -> None:
    made = tasks.create("add", {"numbers": [1, 2]}, "b")
    assert (made.state, made.started, made.run) == (TaskState.WAITING, None, 0)

    def add(task: Task, progress: Progress) -> Any:
        assert tasks[task.id].state is TaskState.RUNNING
        return {"sum": Decimal("3.10"), "of": task.arguments["numbers"]}

    assert carry_out(tasks, {"add": add}) == 1

    ended = tasks[made.id]
    assert (ended.state, ended.result, ended.error) == (TaskState.DONE, b'{"sum":3.10,"of":[1,2]}', "")
    assert made.created <= (ended.started or 0) <= (ended.finished or 0)
    assert carry_out(tasks, {}) == 0
    assert tasks.redis.keys("wz:task-lease:*") == []


def test_tasks_are_carried_out_in_the_order_in_which_they_came(tasks: Tasks) -> None:
    made = [tasks.create("k", {}, f"b{n % 2}").id for n in range(4)]
    seen: list[str] = []
    for _ in made:
        carry_out(tasks, {"k": lambda task, progress: seen.append(task.id)})

    assert sorted(seen) == sorted(made)
    assert [tasks[id].created for id in seen] == sorted(tasks[id].created for id in made)
    assert [task.id for task in tasks.all("b0")] == [task.id for task in tasks.all() if task.subject == "b0"]
    assert [task.created for task in tasks.all()] == sorted((tasks[id].created for id in made), reverse=True)


def test_an_error_that_is_the_users_ends_a_task_with_its_text(tasks: Tasks) -> None:
    made = tasks.create("k", {}, "b")

    def refuse(task: Task, progress: Progress) -> None:
        raise InvalidValue("sources must name at least one board", field="sources")

    carry_out(tasks, {"k": refuse})

    assert (tasks[made.id].state, tasks[made.id].error) == (TaskState.FAILED, "sources must name at least one board")


def test_another_error_is_tried_again_some_times(tasks: Tasks) -> None:
    made = tasks.create("k", {}, "b")

    def fail(task: Task, progress: Progress) -> None:
        raise ZeroDivisionError("in\ntwo lines")

    for _ in range(TRIES - 1):
        carry_out(tasks, {"k": fail})
        waiting = tasks[made.id]
        assert (waiting.state, waiting.error) == (TaskState.WAITING, "ZeroDivisionError: in two lines")
        assert waiting.due > waiting.created
        assert carry_out(tasks, {"k": fail}) == 0
        no_longer_wait(tasks)
    carry_out(tasks, {"k": fail})

    ended = tasks[made.id]
    assert (ended.state, ended.error, ended.run) == (TaskState.FAILED, "ZeroDivisionError: in two lines", TRIES)


def test_what_may_pass_is_tried_again_without_a_word_in_the_log(tasks: Tasks, caplog: pytest.LogCaptureFixture) -> None:
    made = tasks.create("k", {}, "b")

    def work(task: Task, progress: Progress) -> int:
        if task.run == 1:
            raise TryLater("the board was written to while it was read: try again")
        return task.run

    carry_out(tasks, {"k": work})
    assert tasks[made.id].error == "the board was written to while it was read: try again"
    no_longer_wait(tasks)
    carry_out(tasks, {"k": work})

    assert (tasks[made.id].state, tasks[made.id].result) == (TaskState.DONE, b"2")
    assert caplog.records == []


def test_a_task_whose_worker_always_ends_is_given_up(tasks: Tasks) -> None:
    made = tasks.create("k", {}, "b")
    for _ in range(TRIES):
        assert tasks.begin(made.id)  # and the worker is killed

    carry_out(tasks, {"k": lambda task, progress: None})

    assert tasks[made.id].state is TaskState.FAILED
    assert "never came to an end" in tasks[made.id].error


def test_a_waiting_task_is_cancelled_at_once(tasks: Tasks) -> None:
    made = tasks.create("k", {}, "b")

    assert tasks.cancel(made.id).state is TaskState.CANCELLED
    assert tasks.cancel(made.id).state is TaskState.CANCELLED
    assert carry_out(tasks, {}) == 0


def test_a_task_that_has_ended_can_t_be_cancelled(tasks: Tasks) -> None:
    made = tasks.create("k", {}, "b")
    carry_out(tasks, {"k": lambda task, progress: None})

    with pytest.raises(TaskEnded, match="is done, so that"):
        tasks.cancel(made.id)
    with pytest.raises(UnknownTask):
        tasks.cancel("none")


def test_a_running_task_is_cancelled_when_it_next_tells_how_far_it_is(
    tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "BEAT", 0.01)
    made = tasks.create("k", {}, "b")
    let_go = []

    def work(task: Task, progress: Progress) -> None:
        assert tasks.cancel(task.id).cancel
        try:
            until(lambda: bool(progress(1, 2)))  # returns nothing, so it goes on until it raises
        finally:
            let_go.append(task.id)

    carry_out(tasks, {"k": work})

    assert let_go == [made.id]
    assert (tasks[made.id].state, tasks[made.id].done, tasks[made.id].total) == (TaskState.CANCELLED, 1, 2)


def test_a_worker_that_stops_gives_its_task_to_another(tasks: Tasks) -> None:
    made = tasks.create("k", {}, "b")
    stop = threading.Event()

    def work(task: Task, progress: Progress) -> None:
        stop.set()
        progress(0, 1)

    carry_out(tasks, {"k": work}, stop)
    assert (tasks[made.id].state, tasks[made.id].error) == (TaskState.WAITING, "its worker was stopped")

    carry_out(tasks, {"k": lambda task, progress: task.run})
    assert (tasks[made.id].result, tasks[made.id].tries, tasks[made.id].error) == (b"2", 1, "")


def test_a_worker_that_was_taken_for_dead_changes_nothing_any_more(
    tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "BEAT", 0.01)
    made = tasks.create("k", {}, "b")

    def paused(task: Task, progress: Progress) -> None:
        tasks.redis.delete(keys.TASK_LEASE.named(SUBJECT="b"))  # as it does by itself after a pause
        carry_out(tasks, {"k": lambda task, progress: "of the other"})
        until(lambda: bool(progress(1, 2)))

    carry_out(tasks, {"k": paused})

    assert (tasks[made.id].state, tasks[made.id].result) == (TaskState.DONE, b'"of the other"')
    assert not tasks.report(made, (1, 2)) > 0


def test_a_function_that_hangs_loses_its_task(
    tasks: Tasks, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(runner, "BEAT", 0.01)
    monkeypatch.setattr(runner, "STUCK", 0.1)
    made = tasks.create("k", {}, "b")

    def hangs(task: Task, progress: Progress) -> None:
        until(lambda: "has not said how far it is" in caplog.text)
        tasks.redis.delete(keys.TASK_LEASE.named(SUBJECT="b"))  # as time would, now that nobody renews it
        carry_out(tasks, {"k": lambda task, progress: "of the other"})
        progress(1, 2)

    carry_out(tasks, {"k": hangs})

    assert (tasks[made.id].state, tasks[made.id].result) == (TaskState.DONE, b'"of the other"')


def test_a_kind_that_a_worker_does_not_know_waits_for_one_that_does(tasks: Tasks) -> None:
    made = tasks.create("newer", {}, "b")
    other = tasks.create("k", {}, "b")
    carry_out(tasks, {"k": lambda task, progress: None})
    carry_out(tasks, {"k": lambda task, progress: None})

    assert tasks[other.id].state is TaskState.DONE
    assert (tasks[made.id].state, tasks[made.id].tries) == (TaskState.WAITING, 0)
    assert "'newer'" in tasks[made.id].error


def test_a_full_store_lets_a_task_wait_and_others_go_on(tasks: Tasks) -> None:
    """A deletion, which makes room, can be asked for and is carried out."""
    with full(tasks.redis):
        needs_room, makes_room = tasks.create("fill", {}, "b"), tasks.create("free", {}, "b")

        def fill(task: Task, progress: Progress) -> None:
            tasks.redis.set("more", "x")

        kinds: dict[str, Work] = {"fill": fill, "free": lambda task, progress: None}
        carry_out(tasks, kinds)
        carry_out(tasks, kinds)

        assert tasks[makes_room.id].state is TaskState.DONE
        waiting = tasks[needs_room.id]
        assert (waiting.state, waiting.tries) == (TaskState.WAITING, 0)
        assert waiting.error.startswith(OutOfMemoryError.__name__)
    no_longer_wait(tasks)
    carry_out(tasks, kinds)
    assert tasks[needs_room.id].state is TaskState.DONE


def test_there_are_only_so_many_tasks(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.work.tasks.MOST_UNFINISHED", 2)
    monkeypatch.setattr("pipeline.work.tasks._KEPT", (1_000_000, 3))
    for _ in range(2):
        for _ in range(2):
            tasks.create("k", {}, "b")
        with pytest.raises(TooManyTasks):
            tasks.create("k", {}, "b")
        for _ in range(2):
            carry_out(tasks, {"k": lambda task, progress: None})

    assert len(tasks.all()) == 3
    assert len(tasks.redis.keys("wz:task:*")) == 3
    assert all(tasks.redis.pttl(key) > 0 for key in tasks.redis.keys("wz:task*"))


# -- workers as processes of their own ---------------------------------------------------------------------------------

#: A worker with one kind, which says that it is there, waits until it is let go, and returns which run it is.
WORKER = """
import signal, threading
from pipeline.settings import Settings
from pipeline.store.client import redis_client
from pipeline.work.runner import TaskRunner
from pipeline.work.tasks import Tasks
from pipeline.work.worker import run

tasks = Tasks(redis_client(Settings.from_environ()))
stop = threading.Event()

def wait(task, progress):
    client = tasks.redis
    client.rpush("begun", f"{task.id} {task.run}")
    while not client.lpop("go"):
        progress(1, 2)
    return task.run

signal.signal(signal.SIGTERM, lambda *_: stop.set())
runner = TaskRunner(tasks, {"wait": wait}, stop)
run(lambda: [runner], stop)
"""


@contextmanager
def worker(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    env = {
        **os.environ,
        "WZ_ENVIRONMENT": settings.environment,
        "WZ_REDIS_URL": settings.redis_url,
        "WZ_CONNECTION_STRING": str(ROOT),
    }
    with subprocess.Popen([sys.executable, "-c", WORKER], env=env, cwd=REPOSITORY) as started:
        try:
            yield started
        finally:
            started.kill()


def begun(tasks: Tasks) -> list[str]:
    return [said.decode() for said in tasks.redis.lrange("begun", 0, -1)]


def test_a_killed_worker_is_followed_by_another_that_carries_its_task_out(tasks: Tasks, settings: Settings) -> None:
    made = tasks.create("wait", {}, "b")
    with worker(settings) as killed:
        until(lambda: begun(tasks) == [f"{made.id} 1"])
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
    assert tasks[made.id].state is TaskState.RUNNING
    tasks.redis.pexpire(keys.TASK_LEASE.named(SUBJECT="b"), 1)  # as time would
    tasks.redis.rpush("go", 1)

    with worker(settings):
        until(lambda: tasks[made.id].state is TaskState.DONE)

    assert tasks[made.id].result == b"2"
    assert begun(tasks) == [f"{made.id} 1", f"{made.id} 2"]


def test_a_worker_that_is_told_to_end_hands_its_task_over(tasks: Tasks, settings: Settings) -> None:
    made = tasks.create("wait", {}, "b")
    with worker(settings) as ending:
        until(lambda: begun(tasks) == [f"{made.id} 1"])
        ending.terminate()
        ending.wait()

    assert (tasks[made.id].state, tasks[made.id].error) == (TaskState.WAITING, "its worker was stopped")
    assert tasks.redis.keys(keys.TASK_LEASE.named(SUBJECT="*")) == []


def test_two_workers_share_the_tasks_of_two_subjects_and_not_those_of_one(tasks: Tasks, settings: Settings) -> None:
    made = [tasks.create("wait", {}, subject).id for subject in ("b", "b", "c")]
    with worker(settings), worker(settings):
        until(lambda: len(begun(tasks)) == 2)
        assert sorted(tasks[id].subject for id in made if tasks[id].state is TaskState.RUNNING) == ["b", "c"]
        tasks.redis.rpush("go", 1, 2, 3)
        until(lambda: all(tasks[id].state is TaskState.DONE for id in made))

    assert sorted(begun(tasks)) == sorted(f"{id} 1" for id in made)


def test_an_outage_lets_a_task_wait_and_loses_none(tmp_path: Path, settings: Settings) -> None:
    url = f"unix://{tmp_path / 'redis.sock'}"
    there = Settings(environment="test", redis_url=url, connection_string=ROOT)
    tasks = Tasks(redis_client(there))
    kept = ("--appendonly", "yes", "--appendfsync", "always")
    with worker(there):
        with redis_server(tmp_path, *kept):
            made = tasks.create("wait", {}, "b")
            until(lambda: len(begun(tasks)) == 1)
        with redis_server(tmp_path, *kept):
            until(lambda: len(begun(tasks)) == 2)
            tasks.redis.rpush("go", 1)
            until(lambda: tasks[made.id].state is TaskState.DONE)
            assert tasks[made.id].result == b"2"
