"""All boards over HTTP: a list of them, and what they know of one member."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from pipeline.boards.answers import Standing
from pipeline.boards.directory import Listing
from pipeline.boards.everywhere import Erased, OfMember
from wz import Blueprint, Problem, Request, Response
from wz.conditional import refuse_conditions
from wz.openapi import operation

from ..auth import of_named_boards, protect
from ..services import services
from .features import decimals
from .parameters import CHANGING, NO_NAME, BoardName, Exact, Limit, MemberName, private, refuse_mixed, written

blueprint = Blueprint("all-boards", url_prefix="/boards")
protect(blueprint)
blueprint.before_request(refuse_conditions)


class Asked(Exact):
    """A list of boards; or with `member`, what all boards know of it, or with `board`, too, its standing on these."""

    prefix: Annotated[str, msgspec.Meta(description="How the names of the boards begin")] = ""
    after: Annotated[str, msgspec.Meta(description="`next` of the page before")] = ""
    limit: Annotated[Limit, msgspec.Meta(description="Most boards in a page")] = 100
    member: MemberName | None = None
    boards: Annotated[list[BoardName], msgspec.Meta(max_length=50)] = msgspec.field(name="board", default_factory=list)


class Erasure(msgspec.Struct, forbid_unknown_fields=True):
    member: MemberName


class OnBoard(msgspec.Struct):
    """`standing` is null on a board where the member has no score, which differs from a score of 0."""

    board: str
    standing: Standing | None


class Standings(msgspec.Struct):
    member: str
    boards: list[OnBoard]


@blueprint.get("")
@of_named_boards
@private
@operation(responses=NO_NAME | CHANGING)
def boards(request: Request, query: Asked) -> tuple[Listing | OfMember | Standings | Response, dict[str, str]]:
    """List boards by name, those that begin with `prefix`; or show a `member` on all boards, or on those named.

    Boards are found by looking at the keys of Redis, at most a million: `complete` is false if there were more. `next`
    is null after the last page; the Link header has the next one's address. A board whose sums are not those of its
    scores is `stale`, and its sum null.
    """
    refuse_mixed(query, ("prefix", "after", "limit"), ("member",))
    found = services(request).boards
    if query.member is None:
        if query.boards:
            raise Problem(422, "member is missing: whose standing on the boards?", field="member")
        page = found.page(query.prefix, query.after, query.limit)
        return written(page, query), _link(request, page)
    if not query.boards:
        return written(_decimal(found.of_member(query.member)), query), {}
    standings = [OnBoard(board.name, its) for board, its in found.standings(query.member, query.boards)]
    return written(Standings(query.member, standings), query), {}


@blueprint.delete("")
@operation(responses=NO_NAME)
def erase(request: Request, query: Erasure) -> Erased:
    """Erase a member from all boards: its scores, features and places in segments and samples.

    `complete` is false if a board refused it, which `failed` names, or if Redis has more than a million keys: then
    `wz board erase` looks at all of them. It may be sent again.
    """
    return services(request).boards.erase(query.member)


def _link(request: Request, page: Listing) -> dict[str, str]:
    if page.next is None:
        return {}
    values: dict[str, Any] = request.args.to_dict() | {"after": page.next}
    return {"Link": f'<{request.app.url_for("all-boards.boards", **values)}>; rel="next"'}


def _decimal(found: OfMember) -> OfMember:
    boards = [msgspec.structs.replace(board, features=decimals(board.features)) for board in found.boards]
    return msgspec.structs.replace(found, boards=boards)
