"""What carries out tasks in a worker: one at a time, under the lease of its subject. See tasks.py."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import PipelineError
from ..store import OUTAGES, RedisError
from ..store.client import RedisUnavailable
from ..store.lease import Lease, LeaseLost
from ..store.outage_log import outages
from ..store.pace import FIRST_WAIT, MAX_WAIT, Pace
from .keys import TASK_LEASE
from .tasks import Progress, Task, Tasks, TaskState

logger = logging.getLogger(__name__)

#: Does the work of a task and returns its result, which JSON can have. It may be called again after it was broken off
#: at any place, then with a `run` above 1; so it is to leave nothing that readers see before all is done.
Work = Callable[[Task, Progress], Any]

#: Seconds between two renewals of the lease, at which it is also looked whether the task is to be cancelled.
BEAT = 1.0

#: Seconds after which a function that has not said how far it is is taken to hang, and another worker gets the task.
STUCK = 600.0

#: How often a task is begun, at most, if it fails by a fault of the program, or if its worker ends without a word.
TRIES = 5

_AWAY: tuple[type[Exception], ...] = (*OUTAGES, RedisUnavailable)

#: Seconds after which a worker looks again for a task whose kind it does not know, but others may.
_UNKNOWN_KIND = 10.0


class Stopped(Exception):
    """The worker is to end."""


class Cancelled(Exception):
    """Somebody wants the task to end."""


class TryLater(Exception):
    """What a function raises if it may succeed after a while. The text is what is said of the task until then."""


class TaskRunner:
    """The worker's task that carries out the tasks of these kinds. `stop` is set when the worker is to end."""

    name = "tasks"

    def __init__(self, tasks: Tasks, kinds: Mapping[str, Work], stop: threading.Event) -> None:
        self.tasks = tasks
        self.kinds = kinds
        self._stop = stop

    def step(self) -> int:
        """Carry out a task to its end. Returns 1, or 0 if there is none that no other worker has."""
        looked: set[str] = set()
        for id, subject in self.tasks.due():
            if subject in looked:
                continue
            looked.add(subject)
            lease = Lease(self.tasks.redis, TASK_LEASE.named(SUBJECT=subject))
            if lease.hold():
                try:
                    task = self.tasks.begin(id)
                    if task is not None:
                        with _Keeper(self.tasks, task, lease, self._stop) as keeper:
                            self._carry_out(task, keeper)
                finally:
                    lease.release()
                return 1
        return 0

    def stop(self) -> None:
        """A task is stopped by `stop`: its function is told when it next says how far it is."""

    def _carry_out(self, task: Task, keeper: _Keeper) -> None:
        work = self.kinds.get(task.kind)
        if work is None:
            why = f"the worker does not know what {task.kind!r} is: it may be of an older version"
            keeper.settle(lambda: self.tasks.postpone(task, _UNKNOWN_KIND, why, counts=False))
            return
        if task.tries > TRIES:
            error = f"it was begun {TRIES} times, and never came to an end: its worker was killed, hung or failed"
            keeper.settle(lambda: self.tasks.finish(task, TaskState.FAILED, error=error))
            return
        try:
            result = work(task, keeper.progress)
        except Cancelled:
            keeper.settle(lambda: self.tasks.finish(task, TaskState.CANCELLED))
        except Stopped:
            self.tasks.postpone(task, 0, "its worker was stopped", counts=False)
        except LeaseLost:
            logger.warning("the task %s (%s) was taken over by another worker", task.id, task.kind)
        except _AWAY as exc:
            if isinstance(exc, OUTAGES):
                outages.note(exc)
            why = _in_one_line(exc)
            keeper.settle(lambda: self.tasks.postpone(task, FIRST_WAIT * 4, why, counts=False))
        except PipelineError as exc:
            error = str(exc)
            keeper.settle(lambda: self.tasks.finish(task, TaskState.FAILED, error=error))
        except TryLater as exc:
            self._try_later(task, str(exc), keeper)
        except Exception as exc:
            error = _in_one_line(exc)
            logger.exception("the task %s (%s) failed: %s", task.id, task.kind, error)
            self._try_later(task, error, keeper)
        else:
            keeper.settle(lambda: self.tasks.finish(task, TaskState.DONE, result=result))

    def _try_later(self, task: Task, error: str, keeper: _Keeper) -> None:
        if task.tries < TRIES:
            wait = min(MAX_WAIT, FIRST_WAIT * 2**task.tries)
            keeper.settle(lambda: self.tasks.postpone(task, wait, error, counts=True))
        else:
            keeper.settle(lambda: self.tasks.finish(task, TaskState.FAILED, error=error))


def _in_one_line(exc: Exception) -> str:
    return f"{type(exc).__name__}: {' '.join(str(exc).split())}"


class _Keeper(threading.Thread):
    """Keeps the lease of a task while its function runs, and reports how far that is."""

    def __init__(self, tasks: Tasks, task: Task, lease: Lease, stop: threading.Event) -> None:
        super().__init__(name=f"keeper of the task {task.id}", daemon=True)
        self._tasks = tasks
        self._task = task
        self._lease = lease
        self._stop_event = stop
        self._at: tuple[int, int] | None = None
        self._said = time.monotonic()
        self._why: type[Exception] | None = None
        self._over = threading.Event()

    def progress(self, done: int, total: int) -> None:
        """What the function calls. Raises `Cancelled`, `Stopped` or `LeaseLost`."""
        self._at, self._said = (done, total), time.monotonic()
        if self._why is not None:
            raise self._why
        if self._stop_event.is_set():
            raise Stopped

    def settle(self, change: Callable[[], object]) -> None:
        """Write what became of the task, also if Redis is away meanwhile: done work is not to be done again."""
        pace = Pace()
        while True:
            try:
                change()
                return
            except OUTAGES as exc:
                outages.note(exc)
                if self._stop_event.wait(pace.failed(FIRST_WAIT)):
                    raise

    def run(self) -> None:
        while not self._over.wait(BEAT):
            if time.monotonic() - self._said > STUCK:
                logger.error(
                    "the task %s has not said how far it is for %.0f s: another worker may take it",
                    self._task.id,
                    STUCK,
                )
                self._why = LeaseLost
                return
            try:
                is_held = self._lease.hold()
                answer = self._tasks.report(self._task, self._at) if is_held else -1
            except RedisError:
                continue  # the function meets it as well, and the lease is held again if nobody took it
            if answer < 1:
                self._why = Cancelled if answer == 0 else LeaseLost
            if answer < 0:
                return

    def __enter__(self) -> _Keeper:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._over.set()
        self.join()
