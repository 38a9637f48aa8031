"""The worker: runs relays and window jobs, in a thread each, until it is told to stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from ..store import UNREACHABLE, RedisError
from ..store.pace import FIRST_WAIT, IDLE, Pace

logger = logging.getLogger(__name__)

FIND = 2.0  # seconds between two calls of `find`
LONGEST_WAIT = 10.0  # seconds between two tries of a task that fails

#: Seconds in which the tasks have to end, once they are told to; below TimeoutStopSec (20 s) of wz-worker.service. A
#: task checks after each step, and a step waits for Redis or for a receiver for some seconds at most.
END_SECONDS = 15.0


class Task(Protocol):
    """Work that a worker repeats until it is stopped; `name` is for the log. See `run`."""

    name: str

    def step(self) -> int:
        """Do a bounded piece of work; return how many events it processed, 0 if there is nothing to do."""

    def stop(self) -> None:
        """Release everything that another worker may take over."""


def run(find: Callable[[], Iterable[Task]], stop: threading.Event) -> None:
    """Run every task that `find` returns, in a thread each, until `stop` is set, and return when all have ended.

    `find` is asked again every two seconds: new tasks are started, and tasks that it does not return any more are
    stopped. A task that has not ended `END_SECONDS` after `stop` is abandoned and named in the log: its thread ends
    with the process, and its lease expires.
    """
    running: dict[Task, _Thread] = {}
    ending: list[_Thread] = []
    while not stop.is_set():
        try:
            wanted = list(find())
        except RedisError as exc:  # running tasks get this error as well; only the first call must not fail
            if not running:
                raise
            logger.warning("can't look for new tasks: %s", exc)
        else:
            for task in running.keys() - wanted:
                running[task].stop.set()
                ending.append(running.pop(task))
            for task in wanted:
                if task not in running:
                    running[task] = _Thread(task)
        stop.wait(FIND)
    for thread in running.values():
        thread.stop.set()
    _wait_for([*ending, *running.values()])


def _wait_for(threads: list[_Thread]) -> None:
    deadline = time.monotonic() + END_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    left = sorted(thread.name for thread in threads if thread.is_alive())
    if left:
        logger.error("not ended after %.0f s, and abandoned: %s", END_SECONDS, ", ".join(left))


class _Thread(threading.Thread):
    """Runs a task until `stop` is set. A process that ends does not wait for it."""

    def __init__(self, task: Task) -> None:
        super().__init__(name=task.name, daemon=True)
        self.task = task
        self.stop = threading.Event()
        self.start()

    def run(self) -> None:
        _loop(self.task, self.stop)


def _loop(task: Task, stop: threading.Event) -> None:
    pace = Pace(max_wait=LONGEST_WAIT)
    while not stop.is_set():
        try:
            done = task.step()
        except Exception as exc:
            # A step commits all or nothing, so it can be tried again, whatever failed.
            wait = pace.failed(FIRST_WAIT)
            is_away = isinstance(exc, UNREACHABLE)
            logger.error("%s failed, next try in %.1f s: %s", task.name, wait, exc, exc_info=not is_away)
            stop.wait(wait)
        else:
            pace.succeeded()
            if not done:
                stop.wait(IDLE)
    try:
        task.stop()
    except RedisError as exc:
        logger.warning("%s: could not be stopped, its lease expires: %s", task.name, exc)
