"""Following a board over HTTP: what becomes of its members, as pages, long polls, or server-sent events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import msgspec

from pipeline.boards import Changed
from pipeline.boards.watch import POSITION
from wz import Blueprint, Request, Response
from wz.caching import cache_control
from wz.openapi import Content, operation

from ..auth import protect
from ..following import (
    SHARE_TAKEN,
    TOO_MANY,
    Followed,
    Wait,
    begin_after,
    follow,
    take_place,
    too_many_readers,
)
from ..readers import TooManyReaders
from ..services import services
from .features import decimals
from .parameters import NO_BOARD, NO_NAME, BoardName, Exact, Limit, text, written

blueprint = Blueprint("board-changes", url_prefix="/boards/<board>")
protect(blueprint)

_LATEST, _STREAM = "@latest", "text/event-stream"

Position = Annotated[
    str,
    msgspec.Meta(
        pattern=f"^({_LATEST}|{POSITION})$",
        description=f"An id, of which only later changes are answered. `{_LATEST}` is after all that were made",
    ),
]


class Following(Exact):
    after: Position = _LATEST
    limit: Annotated[Limit, msgspec.Meta(description="Most changes in a page")] = 100
    wait: Wait = 0


class ChangesPage(msgspec.Struct):
    """`next` is the `after` of the next page."""

    board: str
    changes: list[Changed]
    next: str


@blueprint.get("/changes")
@cache_control(no_store=True)
@operation(
    headers={"Last-Event-ID": str},
    responses={
        200: Content("a page; or changes as they come, each an event with its `id`", str, _STREAM),
        **NO_BOARD,
        **NO_NAME,
        429: SHARE_TAKEN,
        503: TOO_MANY,
    },
)
def changes(request: Request, board: BoardName, query: Following) -> ChangesPage | Response:
    """Follow what becomes of the members: by pages, or with `Accept: text/event-stream` by server-sent events.

    First comes the op `reset`: read the board, then apply the changes, each of which says what there is now. It comes
    again if changes are no longer known, or the board was replaced, deleted or set up in another way. Changes are kept
    for a minute after somebody has asked for some, about 10,000 of a shard. On several shards, only those of one member
    are in their order. With `wait`, a page is answered as soon as there is a change.

    A stream ends after five minutes, or when its token does or the process stops. A client that connects again sends
    Last-Event-ID, which takes precedence over `after`, and then misses nothing.
    """
    is_stream = request.accept_mimetypes.best_match(["application/json", _STREAM]) == _STREAM
    after = begin_after(request, query.after, Position) if is_stream else query.after
    followed = services(request).boards[board]
    found = followed.changes("" if after == _LATEST else after)

    if is_stream:

        def page(_: str) -> list[tuple[str, str]]:
            return [(one.id, text(_told(one), query)) for one in found.read()]

        def wait(_: str, seconds: float, is_over: Callable[[], bool]) -> bool:
            return found.wait(seconds, is_over)

        return follow(request, Followed(page, wait), after)

    some = found.read(query.limit)
    seconds = min(query.wait, request.app.config["MAX_WAIT"])
    if not some and seconds:
        with take_place(request) as place:
            found.wait(seconds, place.is_over)
        some = found.read(query.limit)
    return written(ChangesPage(followed.name, [_told(one) for one in some], found.position), query)


def _told(change: Changed) -> Changed:
    if change.features is msgspec.UNSET:
        return change
    return msgspec.structs.replace(change, features=decimals(change.features))


blueprint.errorhandler(TooManyReaders)(too_many_readers)
