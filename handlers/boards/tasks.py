"""Long work on boards: what asks for it (`as_task`), and the tasks that carry it out, as resources of their board."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, TypeVar

import msgspec

from pipeline.boards import BoardExists, UnknownBoard
from pipeline.boards.answers import isoformat
from pipeline.errors import InvalidValue
from pipeline.work.lines import drop_lines_of
from pipeline.work.tasks import Task, TaskState, UnknownTask
from wz import Blueprint, Request, Response
from wz.json import JSON
from wz.openapi import Content, operation

from ..auth import protect
from ..services import services
from .parameters import NO_NAME, BoardName, private

T = TypeVar("T")

blueprint = Blueprint("board-tasks", url_prefix="/boards")
protect(blueprint)

#: Members of all boards that are read, from which on work is a task: below, it takes some tenths of a second.
SMALL = 10_000

#: Seconds after which to look again.
RETRY_AFTER = "1"

#: RFC 7240, section 4.1.
ASYNC = "respond-async"

NO_TASK = {404: "the board has no such task: it never had it, or the task ended long ago"}


class TaskLinks(msgspec.Struct):
    """`board` is the board that the work is to make, or is done on."""

    self: str
    board: str


class BoardTask(msgspec.Struct):
    """`done` of `total` parts of the work are done, both null until that is known; another stage begins at 0 again.

    A task that waits although it was started is tried again at `due`; `error` says why. For one that failed, `error`
    says what was wrong, and nothing was changed, but by a trim, which may have removed some members. `result` is what
    would have been answered at once.
    """

    id: str
    kind: str
    board: str
    state: TaskState
    arguments: Mapping[str, Any]
    done: int | None
    total: int | None
    created: str
    due: str
    started: str | None
    finished: str | None
    error: str | None
    result: msgspec.Raw | None
    links: TaskLinks


class BoardTasks(msgspec.Struct):
    board: str
    tasks: list[BoardTask]


#: What an operation that may become a task also answers, and the header with which that is asked for.
ACCEPTED = {
    202: Content(
        "a worker will do it; look at the task for how far it is",
        BoardTask,
        headers={
            "Location": "The task",
            "Retry-After": "Seconds after which to look at it",
            "Preference-Applied": f"`{ASYNC}`, if that was asked for",
        },
    )
}
PREFER = {
    "Prefer": Annotated[
        str, msgspec.Meta(description=f"`{ASYNC}` to have a task also for what is done at once", examples=[ASYNC])
    ]
}

_json = JSON()


def as_task(
    request: Request,
    kind: str,
    board: str,
    now: Callable[[], T],
    *,
    reads: Sequence[str],
    to: str = "",
    replace: bool = False,
    one_step: bool = False,
    size: int = 0,
    prepare: Callable[[], Mapping[str, Any]] = dict,
    **arguments: Any,
) -> T | Response:
    """Do the work `now`, if it is little; else, or with `Prefer: respond-async`, let a worker do it, and answer 202.

    `kind` is one of board_tasks.py, with its `arguments`. `reads` are the boards that must be there, and whose members
    the work is on, unless it is `one_step` for any number of them; `size` is how many more it is on. `to` is the board
    that it makes, if it makes one. `prepare` is called if there is to be a task, and returns more arguments.
    What would be refused for a board that is not there, or that is there, is refused at once: `UnknownBoard`,
    `BoardExists`; also `TooManyTasks`.
    """
    its = services(request)
    name, to = its.boards[board].name, to and its.boards[to].name
    names = [its.boards[read].name for read in reads]
    counts = {row.name: row.count for row in its.boards.listed([*names, *filter(None, [to])])}
    is_asked = ASYNC in _preferences(request)
    if not is_asked and (one_step or size + sum(counts.get(read, 0) for read in names) < SMALL):
        return now()
    if to in names:
        raise InvalidValue(f"the board {to!r} can't be made from itself", field="to")
    for read in names:
        if read not in counts:
            raise UnknownBoard(read)
    if counts.get(to) and not replace:
        raise BoardExists(to)
    if to:
        arguments = {"to": to, "replace": replace, **arguments}
    task = its.tasks.create(kind, {**arguments, **prepare()}, name)
    headers = {"Location": _address(request, task), "Retry-After": RETRY_AFTER}
    if is_asked:
        headers["Preference-Applied"] = ASYNC
    return Response(_json.encode(_document(request, task)), 202, headers, mimetype="application/json")


def _preferences(request: Request) -> set[str]:
    """Return the names of the preferences of a request; their values and parameters are not looked at."""
    texts = ",".join(request.headers.getlist("Prefer")).split(",")
    return {text.partition(";")[0].partition("=")[0].strip().lower() for text in texts}


@blueprint.get("/<board>/tasks")
@private
@operation(responses=NO_NAME)
def tasks(request: Request, board: BoardName) -> BoardTasks:
    """List the tasks of a board, the newest first: those that wait or run, and those that ended some days ago."""
    name = services(request).boards[board].name
    return BoardTasks(name, [_document(request, task) for task in services(request).tasks.all(name)])


@blueprint.get("/<board>/tasks/<id>")
@private
@operation(responses=NO_TASK | NO_NAME)
def task(request: Request, board: BoardName, id: str) -> BoardTask:
    """Show how far a task is, and how it ended."""
    return _document(request, _find(request, board, id))


@blueprint.delete("/<board>/tasks/<id>")
@operation(
    responses={
        202: Content("it runs, and will be cancelled soon"),
        204: Content("it is cancelled"),
        409: "it has ended already",
        **NO_TASK,
        **NO_NAME,
    }
)
def cancel(request: Request, board: BoardName, id: str) -> Response:
    """Cancel a task. What it was to make is not made; what was there before stays."""
    found = services(request).tasks.cancel(_find(request, board, id).id)
    if found.state.has_ended:
        drop_lines_of(services(request).boards.client, found)
        return Response(status=204)
    return Response(status=202, headers={"Location": _address(request, found), "Retry-After": RETRY_AFTER})


def _find(request: Request, board: str, id: str) -> Task:
    found = services(request).tasks[id]
    if found.subject != services(request).boards[board].name:
        raise UnknownTask(id)
    return found


def _address(request: Request, task: Task) -> str:
    return request.app.url_for("board-tasks.task", board=task.subject, id=task.id)


def _document(request: Request, task: Task) -> BoardTask:
    made = task.arguments.get("to") or task.subject
    return BoardTask(
        id=task.id,
        kind=task.kind,
        board=task.subject,
        state=task.state,
        arguments=task.arguments,
        done=task.done,
        total=task.total,
        created=isoformat(task.created) or "",
        due=isoformat(task.due) or "",
        started=isoformat(task.started or 0),
        finished=isoformat(task.finished or 0),
        error=task.error or None,
        result=msgspec.Raw(task.result) if task.result else None,
        links=TaskLinks(_address(request, task), request.app.url_for("boards.summary", board=made)),
    )
