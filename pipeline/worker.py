"""The worker: relays and window jobs, a thread each, until it is told to stop."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Iterable
from typing import Protocol

import redis

logger = logging.getLogger(__name__)

IDLE = 0.25  # seconds between two looks at a log that had nothing new
RETRY = (0.5, 10.0)  # seconds: the first and the longest wait after a failure


class Task(Protocol):
    name: str

    def step(self) -> int:
        """Do a bounded piece of work; return how many events it took on, 0 if there is nothing to do."""

    def stop(self) -> None:
        """Let go of what another worker may take over."""


def run(tasks: Iterable[Task], stop: threading.Event) -> None:
    """Run every task in a thread until `stop` is set, and return when all have ended."""
    threads = [threading.Thread(target=_loop, args=(task, stop), name=task.name) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


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
