"""Trim a board over HTTP: remove the last of its members, or those on one side of a score."""

from __future__ import annotations

from typing import Annotated

import msgspec

from pipeline.boards.trim import Trimmed
from pipeline.hub.rules import Right
from wz import Blueprint, Request, Response
from wz.conditional import refuse_conditions
from wz.openapi import operation

from ..auth import needs, protect
from ..idempotency import once
from ..services import services
from .members import Number
from .parameters import CHANGING, NO_BOARD, NO_NAME, BoardName, Rank, plain
from .tasks import ACCEPTED, PREFER, as_task

blueprint = Blueprint("trim", url_prefix="/boards")
protect(blueprint)
blueprint.before_request(refuse_conditions)


class Trim(msgspec.Struct, forbid_unknown_fields=True):
    """Exactly one of the three: which members stay, or which go."""

    keep: Annotated[Rank | None, msgspec.Meta(description="So many stay, the first in the board's order")] = None
    below: Annotated[Number | None, msgspec.Meta(description="Those with lower scores go")] = None
    above: Annotated[Number | None, msgspec.Meta(description="Those with higher scores go")] = None


@blueprint.post("/<board>/trim")
@once
@needs(Right.MANAGE)
@operation(responses=NO_BOARD | ACCEPTED | NO_NAME | CHANGING, headers=PREFER)
def trim(request: Request, board: BoardName, body: Trim) -> Trimmed | Response:
    """Remove members with all that belongs to them. `removed` says how many; it may be sent again."""
    scores = {"below": body.below, "above": body.above}
    bounds = {name: plain(score, name) for name, score in scores.items() if score is not None}
    found = services(request).boards[board]

    def now() -> Trimmed:
        return found.trim(keep=body.keep, below=bounds.get("below"), above=bounds.get("above"))

    if (body.keep is not None) + len(bounds) != 1:
        return now()  # which says what is wrong
    texts = {name: str(score) for name, score in bounds.items()}
    return as_task(request, "board.trim", board, now, reads=[board], keep=body.keep, bounds=texts)
