"""A whole board as lines of JSON, out and in."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice

from pipeline.boards.lines import Line, Settings
from wz import Blueprint, Request, Response
from wz.caching import cache_control
from wz.openapi import Content, operation
from wz.records import LINES

from ..auth import protect
from ..services import services
from .parameters import NO_BOARD, NO_NAME, BoardName

blueprint = Blueprint("board-transfer", url_prefix="/boards/<board>")
protect(blueprint)

#: Lines that are sent together.
_TOGETHER = 500


@blueprint.get("/export")
@cache_control(no_store=True)
@operation(responses={200: Content("the settings, then each member", Settings | Line, LINES[0])} | NO_BOARD | NO_NAME)
def export_board(request: Request, board: BoardName) -> Response:
    """Write a whole board as lines: its settings, then each member with its score, segments and features.

    All is of one moment. The first line has the number of those that follow: what is shorter is not whole.
    """
    found = services(request).boards[board]
    lines = found.export()
    first = list(islice(lines, 1))  # an error can still be answered by the status
    headers = {"Content-Disposition": f'attachment; filename="{found.name}.ndjson"'}
    return Response(_together(chain(first, lines)), mimetype=LINES[0], headers=headers)


def _together(lines: Iterator[bytes]) -> Iterator[bytes]:
    while some := list(islice(lines, _TOGETHER)):
        yield b"\n".join([*some, b""])
