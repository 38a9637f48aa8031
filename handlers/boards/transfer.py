"""A whole board as lines of JSON, out and in."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from tempfile import SpooledTemporaryFile
from typing import Annotated

import msgspec
from werkzeug.exceptions import UnsupportedMediaType

from pipeline.boards import Summary
from pipeline.boards.lines import Line, Settings, read
from pipeline.hub.rules import Right
from pipeline.work.lines import drop_lines, put_lines
from wz import Blueprint, Request, Response
from wz.caching import cache_control
from wz.openapi import Content, operation
from wz.records import LINES, MEMORY_BYTES, RECORD_BYTES

from ..auth import needs, protect
from ..services import services
from .parameters import NO_BOARD, NO_NAME, BoardName, Exact, written
from .tasks import ACCEPTED, PREFER, as_task
from .whole import EXISTS

blueprint = Blueprint("board-transfer", url_prefix="/boards/<board>")
protect(blueprint)

#: Lines that are sent together.
_TOGETHER = 500


class Importing(Exact):
    replace: Annotated[bool, msgspec.Meta(description="Put it in the place of a board that has the name")] = False


@blueprint.get("/export")
@cache_control(no_store=True)
@operation(responses={200: Content("the settings, then each member", Settings | Line, LINES[0])} | NO_BOARD | NO_NAME)
def export_board(request: Request, board: BoardName) -> Response:
    """Write a whole board as lines: its settings, then each member with its score, segments and features.

    Each shard is of one moment. The first line has the number of those that follow; what is shorter is not whole.
    """
    found = services(request).boards[board]
    lines = found.export()
    first = list(islice(lines, 1))  # an error can still be answered by the status
    headers = {"Content-Disposition": f'attachment; filename="{found.name}.ndjson"'}
    return Response(_together(chain(first, lines)), mimetype=LINES[0], headers=headers)


def _together(lines: Iterator[bytes]) -> Iterator[bytes]:
    while some := list(islice(lines, _TOGETHER)):
        yield b"\n".join([*some, b""])


@blueprint.post("/import")
@needs(Right.MANAGE)
@operation(
    body={LINES[0]: Settings | Line},
    responses={415: f"the lines are not {LINES[0]}", 422: "a line can't be taken; the text names it, and `field`"}
    | ACCEPTED
    | EXISTS,
    headers=PREFER,
)
def import_board(request: Request, board: BoardName, query: Importing) -> Summary | Response:
    """Make a board of the lines that an export wrote. All lines are read first: if one is wrong, nothing is changed.

    Many lines are kept for a worker, which makes the board; then only the first is looked at before the answer.
    """
    if request.mimetype not in LINES:
        raise UnsupportedMediaType(f"send the lines as {LINES[0]}")
    request.max_content_length = request.app.config["MAX_BULK_LENGTH"]
    boards, kept = services(request).boards, list[str]()
    with SpooledTemporaryFile(MEMORY_BYTES) as body:
        while part := request.stream.read(RECORD_BYTES):
            body.write(part)
        body.seek(0)
        settings, _ = read(body)
        body.seek(0)

        def prepare() -> dict[str, str]:
            kept.append(put_lines(boards.client, body))
            return {"lines": kept[0]}

        try:
            return as_task(
                request,
                "board.import",
                board,
                lambda: written(boards[board].import_(body, replace=query.replace), query),
                reads=[],
                to=board,
                replace=query.replace,
                size=settings.members,
                prepare=prepare,
            )
        except BaseException:
            for id in kept:
                drop_lines(boards.client, id)
            raise
