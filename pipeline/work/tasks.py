"""Tasks: long work that was asked for, and that a worker carries out while whoever asked goes on.

    waiting ---> running ---> done        `result` is what it gave
       ^            |  '----> failed      `error` says why, as the command line would
       |            |
       '------------'------> cancelled

A running task waits again when its worker is stopped, when Redis is away, or after an error that may pass; then `error`
says why, and `due` until when. One whose worker was killed stays `running` until another worker takes it over, some
seconds later. It is run again from its beginning, or from where its function finds that it was.

Tasks are in the service's Redis, whatever else boards and hubs are on. See task.lua, runner.py and keys.py.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from ..errors import PipelineError
from ..store import Redis
from ..store.clock import reply_ms
from ..store.scripts import Script, lua
from .keys import ENDED, KEPT_DAYS, MOST_ENDED, MOST_UNFINISHED, TASK, UNFINISHED

#: What a function calls with how much is done, and of how much; it may raise, and then the function lets go.
Progress = Callable[[int, int], object]

_CHANGE = Script(*lua(__package__, "task"), while_full=True)
_KEPT = (KEPT_DAYS * 86_400_000, MOST_ENDED)

#: As the answers of HTTP have them: decimals with all their digits.
_json = msgspec.json.Encoder(decimal_format="number")


class TaskState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def has_ended(self) -> bool:
        return self not in (TaskState.WAITING, TaskState.RUNNING)


class UnknownTask(PipelineError, LookupError):
    def __init__(self, id: str) -> None:
        super().__init__(f"there is no task {id!r}: it never was, or ended more than {KEPT_DAYS} days ago")


class TaskEnded(PipelineError):
    def __init__(self, task: Task) -> None:
        super().__init__(f"the task {task.id!r} is {task.state}, so that there is nothing left to cancel")


class TooManyTasks(PipelineError):
    def __init__(self) -> None:
        super().__init__(
            f"{MOST_UNFINISHED} tasks wait or run already: wait for some to end, or cancel some; if none ends, "
            "see whether a worker runs"
        )


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a task. Times are Unix time in ms, None before they were; so are `done` and `total`.

    `due` is when a worker takes it at the earliest. `cancel` is True once somebody wants a running task to end. `run`
    counts how often it was begun, `tries` how often without a cause outside of it. `result` is JSON.
    """

    id: str
    kind: str
    subject: str
    state: TaskState
    arguments: Mapping[str, Any]
    created: int
    due: int
    started: int | None = None
    finished: int | None = None
    done: int | None = None
    total: int | None = None
    error: str = ""
    result: bytes = b""
    cancel: bool = False
    run: int = 0
    tries: int = 0


class Tasks:
    """All tasks of a service. Each method is one round trip unless it says otherwise."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis

    def create(self, kind: str, arguments: Mapping[str, Any], subject: str) -> Task:
        """Put a task that waits for a worker, also while memory is full. Two round trips. Raises `TooManyTasks`.

        `kind` names a function that the workers know; `arguments` are what JSON can have. Tasks of the same subject are
        never carried out at the same time.
        """
        id = secrets.token_hex(8)
        fields = ("kind", kind, "subject", subject, "arguments", _json.encode(arguments))
        if not self._change(id, "create", MOST_UNFINISHED, *fields):
            raise TooManyTasks
        return self[id]

    def __getitem__(self, id: str) -> Task:
        """Raises `UnknownTask`."""
        found = _read(id, self.redis.hgetall(TASK.named(ID=id)))
        if found is None:
            raise UnknownTask(id)
        return found

    def all(self, subject: str | None = None, *, ended: bool = True) -> list[Task]:
        """Return all tasks, or those of one subject, the newest first; without `ended` those that wait or run.

        Two round trips. O(all tasks), which are at most a thousand.
        """
        with self.redis.pipeline(transaction=False) as pipe:
            for key in (UNFINISHED, ENDED) if ended else (UNFINISHED,):
                pipe.zrange(key.pattern, 0, -1)
            ids = {id.decode() for some in pipe.execute() for id in some}
            for id in ids:
                pipe.hgetall(TASK.named(ID=id))
            found = [_read(id, fields) for id, fields in zip(ids, pipe.execute(), strict=True)]
        tasks = [task for task in found if task is not None and subject in (None, task.subject)]
        return sorted(tasks, key=lambda task: (task.created, task.id), reverse=True)

    def cancel(self, id: str) -> Task:
        """Cancel a task: at once if it waits; one that runs ends when its function next tells how far it is.

        Two round trips. One that was cancelled before is left as it is. Raises `UnknownTask` or `TaskEnded`.
        """
        state = self._change(id, "cancel", *_KEPT)
        task = self[id]
        if state in (b"done", b"failed"):
            raise TaskEnded(task)
        return task

    # -- for the workers ----------------------------------------------------------------------------------------------

    def due(self) -> list[tuple[str, str]]:
        """Return id and subject of each task that waits for no time, or that a worker has; the first due comes first.

        One round trip if there are none, else two.
        """
        with self.redis.pipeline() as pipe:
            pipe.time()
            pipe.zrange(UNFINISHED.pattern, 0, -1, withscores=True)
            time, waiting = pipe.execute()
            ids = [id.decode() for id, due in waiting if due <= reply_ms(time)]
            for id in ids:
                pipe.hget(TASK.named(ID=id), "subject")
            subjects = pipe.execute()
        return [(id, (subject or b"").decode()) for id, subject in zip(ids, subjects, strict=True)]

    def begin(self, id: str) -> Task | None:
        """Say that a task, whose subject's lease the caller has, is carried out; None if it has ended meanwhile."""
        fields = self._change(id, "begin", *_KEPT)
        return _read(id, dict(zip(fields[::2], fields[1::2], strict=True)))

    def report(self, task: Task, at: tuple[int, int] | None) -> int:
        """Say how far it is, if that is known.

        Returns 1, 0 if the task is to be cancelled, or -1 if another worker has taken it over.
        """
        return int(self._change(task.id, "report", task.run, *(at or ())))

    def postpone(self, task: Task, seconds: float, why: str, *, counts: bool) -> None:
        """Let the task wait before it is carried out again; without `counts` it was not the task's own fault."""
        self._change(task.id, "postpone", task.run, int(seconds * 1000), why, "0" if counts else "1")

    def finish(self, task: Task, state: TaskState, *, error: str = "", result: Any = None) -> None:
        """Say how the task has ended."""
        fields = ("error", error, "result", _json.encode(result) if state is TaskState.DONE else b"")
        self._change(task.id, "end", task.run, state.value, *_KEPT, *fields)

    def _change(self, id: str, *args: Any) -> Any:
        keys = [TASK.named(ID=id), UNFINISHED.pattern, ENDED.pattern]
        return _CHANGE.call(self.redis, keys, [id, *args])


def _read(id: str, fields: Mapping[Any, Any]) -> Task | None:
    texts: dict[str, bytes] = {name.decode(): value for name, value in fields.items()}
    if "kind" not in texts:
        return None
    found: dict[str, Any] = {name: texts[name].decode() for name in _TEXTS if name in texts}
    found |= {name: int(texts[name]) for name in _NUMBERS if name in texts}
    arguments = msgspec.json.decode(texts["arguments"])
    state = TaskState(found.pop("state"))
    return Task(
        id=id, state=state, arguments=arguments, result=texts.get("result", b""), cancel="cancel" in texts, **found
    )


_TEXTS = ("kind", "subject", "state", "error")
_NUMBERS = ("created", "due", "started", "finished", "done", "total", "run", "tries")
