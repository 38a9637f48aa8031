"""The worker: runs relays and window jobs, in a thread each, until it is told to stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from ..store import FAILURES, OUTAGES
from ..store.outage_log import outages
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


def run(find: Callable[[], Iterable[Task]], stop: threading.Event, every: float = FIND) -> None:
    """Run every task that `find` returns, in a thread each, until `stop` is set, and return when all have ended.

    `find` is asked again after `every` seconds: new tasks are started, and tasks that it does not return any more are
    stopped. A task that has not ended `END_SECONDS` after `stop` is abandoned and named in the log: its thread ends
    with the process, and its lease expires. So is a call of `find` that has not returned by then.
    """
    search = _Search(find, stop, every)
    search.start()
    stop.wait()
    deadline = time.monotonic() + END_SECONDS
    if search.error is not None:
        raise search.error
    _wait_for([search, *search.end_tasks()], deadline)


def _wait_for(threads: Sequence[threading.Thread], deadline: float) -> None:
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    left = sorted(thread.name for thread in threads if thread.is_alive())
    if left:
        logger.error("not ended after %.0f s, and abandoned: %s", END_SECONDS, ", ".join(left))


class _Search(threading.Thread):
    """Calls `find`, and starts and stops tasks as it says.

    It is a thread of its own, since `find` may wait for Redis for longer than a worker has to end. An error that is to
    end the worker is in `error`; then `stop` is set.
    """

    def __init__(self, find: Callable[[], Iterable[Task]], stop: threading.Event, every: float) -> None:
        super().__init__(name="the search for tasks", daemon=True)
        self.error: Exception | None = None
        self._find = find
        self._every = every
        self._stop_event = stop
        self._running: dict[Task, _Thread] = {}
        self._ending: list[_Thread] = []
        self._changing = threading.Lock()  # once `stop` is set and this is free, no task is started any more

    def run(self) -> None:
        try:
            while not self._stop_event.is_set():
                self._look()
                self._stop_event.wait(self._every)
        except Exception as exc:
            self.error = exc
            self._stop_event.set()

    def end_tasks(self) -> list[_Thread]:
        """Tell every task to end, once `stop` is set. Returns the threads of all that may not have ended."""
        with self._changing:
            for thread in self._running.values():
                thread.stop.set()
            return [*self._ending, *self._running.values()]

    def _look(self) -> None:
        try:
            wanted = list(self._find())
        except FAILURES as exc:  # running tasks get this error as well; only the first call must not fail
            if not self._running:
                raise
            if isinstance(exc, OUTAGES):
                outages.note(exc)
            else:
                logger.warning("can't look for new tasks: %s", exc)
            return
        with self._changing:
            if not self._stop_event.is_set():
                self._run_only(wanted)

    def _run_only(self, wanted: Sequence[Task]) -> None:
        for task in self._running.keys() - wanted:
            self._running[task].stop.set()
            self._ending.append(self._running.pop(task))
        for task in wanted:
            if task not in self._running:
                self._running[task] = _Thread(task)


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
            if isinstance(exc, OUTAGES):
                outages.note(exc)  # all tasks of the process meet it, again and again
            else:
                logger.exception("%s failed, next try in %.1f s: %s", task.name, wait, exc)
            stop.wait(wait)
        else:
            pace.succeeded()
            if not done:
                stop.wait(IDLE)
    try:
        task.stop()
    except FAILURES as exc:
        logger.warning("%s: could not be stopped, its lease expires: %s", task.name, exc)
