"""Long work on boards: the tasks that there are, and what carries each out. `Board` says what each does.

The subject of a task is the board that it is about, and `arguments` are those of the method. A task that is begun again
may have done all its work before, and have lost only its last words: then it does not fail for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from functools import partial
from itertools import chain
from typing import Any, Literal

from ..boards import BoardChanged, BoardExists, Boards, UnknownBoard
from ..errors import PipelineError
from ..store.client import RedisUnavailable
from .lines import drop_lines_of, lines_of
from .runner import Cancelled, TryLater, Work
from .tasks import Progress, Task

BoardWork = Callable[[Boards, Task, Progress], Any]

#: What is over after a while: a client would be told to ask again, and a task is.
PASSING = (BoardChanged,)


def copy(boards: Boards, task: Task, progress: Progress) -> Any:
    given = task.arguments
    end: datetime | Literal["never"] = "never"
    if given["expires"] != "never":
        end = datetime.fromisoformat(given["expires"])
    with _own_board(task):
        made = boards[task.subject].copy(given["to"], replace=given["replace"], expires=end, progress=progress)
    return {"board": made.name}


def rename(boards: Boards, task: Task, progress: Progress) -> Any:
    to = task.arguments["to"]
    with _own_board(task):
        try:
            boards[task.subject].rename(to, replace=task.arguments["replace"], progress=progress)
        except UnknownBoard:
            if task.run == 1 or not boards.listed([to]):
                raise
    return {"board": to}


def union(boards: Boards, task: Task, progress: Progress) -> Any:
    sources = {name: Decimal(weight) for name, weight in task.arguments["sources"].items()}
    with _own_board(task):
        return boards[task.subject].union(sources, replace=task.arguments["replace"], progress=progress)


def delete(boards: Boards, task: Task, progress: Progress) -> Any:
    try:
        boards[task.subject].delete(progress)
    except UnknownBoard:
        if task.run == 1:
            raise


def trim(boards: Boards, task: Task, progress: Progress) -> Any:
    bounds = {name: Decimal(score) for name, score in task.arguments["bounds"].items()}
    return boards[task.subject].trim(keep=task.arguments["keep"], **bounds, progress=progress)


def rebuild(boards: Boards, task: Task, progress: Progress) -> Any:
    found = boards[task.subject]
    found.rebuild(progress)
    return found.summary()


def import_(boards: Boards, task: Task, progress: Progress) -> Any:
    found = boards[task.subject]
    lines = lines_of(boards.client, task.arguments["lines"])
    first = next(lines, None)
    if first is None:  # dropped when all was done; or they have waited for too long
        if task.run == 1:
            raise PipelineError("the lines are gone: send them again")
        return found.summary()
    try:
        with _own_board(task):
            made = found.import_(chain([first], lines), replace=task.arguments["replace"], progress=progress)
    except (PipelineError, Cancelled) as exc:
        if not isinstance(exc, (*PASSING, RedisUnavailable)):  # then it is tried again
            drop_lines_of(boards.client, task)
        raise
    drop_lines_of(boards.client, task)
    return made


#: By the name of its kind.
KINDS: Mapping[str, BoardWork] = {
    "board.copy": copy,
    "board.rename": rename,
    "board.union": union,
    "board.delete": delete,
    "board.trim": trim,
    "board.rebuild": rebuild,
    "board.import": import_,
}


def board_work(boards: Boards) -> dict[str, Work]:
    """Return all kinds of tasks on these boards, for `TaskRunner`."""
    return {kind: partial(_carry_out, work, boards) for kind, work in KINDS.items()}


def _carry_out(work: BoardWork, boards: Boards, task: Task, progress: Progress) -> Any:
    try:
        return work(boards, task, progress)
    except PASSING as exc:
        raise TryLater(str(exc)) from exc


@contextmanager
def _own_board(task: Task) -> Iterator[None]:
    """Say of a board that is in the way that it may be what an earlier run of this task has made."""
    try:
        yield
    except BoardExists as exc:
        if task.run == 1:
            raise
        raise PipelineError(
            f"{exc}. It may be this task's own work: it was begun before, and its worker ended without a word"
        ) from exc
