"""The worker: relays and window jobs, a thread each, until it is told to stop."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterable
from typing import Protocol

import redis

from ..store.pace import IDLE

logger = logging.getLogger(__name__)

FIND = 2.0  # seconds between two looks for new tasks
RETRY = (0.5, 10.0)  # seconds: the first and the longest wait after a failure


class Task(Protocol):
    name: str

    def step(self) -> int:
        """Do a bounded piece of work; return how many events it took on, 0 if there is nothing to do."""

    def stop(self) -> None:
        """Let go of what another worker may take over."""


def run(find: Callable[[], Iterable[Task]], stop: threading.Event) -> None:
    """Run every task that `find` returns, a thread each, until `stop` is set, and return when all have ended.

    `find` is asked again every two seconds: a task that is new is started, and one that is not there any more stopped.
    """
    running: dict[Task, _Thread] = {}
    while not stop.is_set():
        try:
            wanted = list(find())
        except redis.RedisError as exc:  # the tasks that run meet it, too; the first look is not to fail
            if not running:
                raise
            logger.warning("can't see whether there is more to do: %s", exc)
        else:
            for task in running.keys() - wanted:
                running.pop(task).stop.set()
            for task in wanted:
                if task not in running:
                    running[task] = _Thread(task)
        stop.wait(FIND)
    for thread in running.values():
        thread.stop.set()
    for thread in running.values():
        thread.join()


class _Thread(threading.Thread):
    """Runs a task until `stop` is set."""

    def __init__(self, task: Task) -> None:
        super().__init__(name=task.name)
        self.task = task
        self.stop = threading.Event()
        self.start()

    def run(self) -> None:
        _loop(self.task, self.stop)


def _loop(task: Task, stop: threading.Event) -> None:
    wait = RETRY[0]
    while not stop.is_set():
        try:
            done = task.step()
        except Exception as exc:
            # Nothing is committed by halves, so the same step can be tried again, whatever it was.
            lost = isinstance(exc, (redis.ConnectionError, redis.TimeoutError))
            logger.error("%s failed, next try in %.1f s: %s", task.name, wait, exc, exc_info=not lost)
            stop.wait(wait * random.uniform(0.8, 1.2))
            wait = min(wait * 2, RETRY[1])
        else:
            wait = RETRY[0]
            if not done:
                stop.wait(IDLE)
    try:
        task.stop()
    except redis.RedisError as exc:
        logger.warning("%s: its lease ends by itself: %s", task.name, exc)
