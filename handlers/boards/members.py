"""One member of a board over HTTP: its score, its ranks, its segments."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Literal

import msgspec

from pipeline.boards import Board
from pipeline.boards.answers import Added, Ranks, Standing, Written
from pipeline.boards.changes import EVENT_BYTES, Op
from pipeline.boards.scores import LIMIT, PLACES, from_units
from pipeline.hub.rules import Right
from wz import Blueprint, Problem, Request, Response
from wz.conditional import etag
from wz.idempotency import key_of
from wz.openapi import operation

from ..auth import authorize_board, may_read, protect
from ..services import services
from .parameters import (
    CHANGING,
    NO_MEMBER,
    NO_NAME,
    TOLD,
    BoardName,
    MemberName,
    Ordered,
    Ranked,
    SegmentName,
    private,
    revalidated,
    told,
    view_of,
    written,
)
from .validators import CONDITIONS, expected_of, refuse_other_conditions, tag_of

blueprint = Blueprint("members", url_prefix="/boards/<board>/members/<member>")
protect(blueprint)
blueprint.before_request(refuse_other_conditions)

#: Boards that a change can name beside that of its path.
MOST_ALSO = 16

NOT_EXPECTED = {412: "the member's score is not as the request's condition wants it; nothing was changed"}

Number = Annotated[
    Decimal,
    msgspec.Meta(
        description=f"At most the board's digits after the point, {PLACES} unless it was set up otherwise, and below "
        f"2^53 of its smallest unit (with {PLACES}: {from_units(LIMIT)})"
    ),
]
EventId = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=EVENT_BYTES,
        description="Unique within the board, whoever the member is: with another change it is refused",
        examples=["order-17"],
    ),
]
Operator = Annotated[
    Literal["set", "max", "min"],
    msgspec.Meta(description="`max` keeps a score that is higher already, `min` one that is lower"),
]
Also = Annotated[
    list[BoardName],
    msgspec.Meta(
        max_length=MOST_ALSO,
        description="Other boards that get the same. On one server all of them are changed in one step, or none if one "
        "refuses; on a cluster one after the other, so that what is sent again needs an event",
        examples=[["points@day", "points@week"]],
    ),
]


class Score(msgspec.Struct, forbid_unknown_fields=True):
    """A number, or the same as a string for clients that can't write all digits of a number."""

    score: Number
    operator: Operator = "set"
    also: Also = []


class Reward(msgspec.Struct, forbid_unknown_fields=True):
    """`event` names what the reward is for: a second reward of the same event on this board changes nothing."""

    reward: Number
    event: EventId | None = None
    also: Also = []


class MemberSegments(msgspec.Struct):
    board: str
    member: str
    segments: list[str]


@blueprint.get("")
@private
@etag
@operation(responses=NO_MEMBER | NO_NAME | CHANGING)
def standing(
    request: Request, board: BoardName, member: MemberName, query: Ordered
) -> tuple[Standing | Response, dict[str, str]]:
    """Read a member's score and rank. The ETag is for the If-Match of a change, which compares its score alone."""
    view = view_of(request, board, query)
    found = view.standing(member, query.order)
    return written(found, query), tag_of(found, view.shards.places)


@blueprint.get("/ranks")
@revalidated
@operation(responses=NO_MEMBER | NO_NAME | CHANGING)
def ranks(request: Request, board: BoardName, member: MemberName, query: Ordered) -> Ranks | Response:
    """Rank a member in every usual way: ordinal, competition ("1224"), dense, percentile."""
    return written(view_of(request, board, query).ranks(member, query.order), query)


@blueprint.put("")
@operation(headers=CONDITIONS, responses=TOLD | NO_NAME | CHANGING | NOT_EXPECTED)
def set_score(request: Request, board: BoardName, member: MemberName, body: Score, query: Ranked) -> Written | Response:
    """Set a member's score, whatever it was, or only if it is better: `changed` says whether it is another now."""
    also = _also(request, body.also)
    expected = expected_of(request)
    done = (
        services(request)
        .boards[board]
        .set(member, body.score, Op(body.operator), order=query.order, also=also, expected=expected)
    )
    return told(request, done, query)


@blueprint.post("/rewards")
@operation(
    headers={"Idempotency-Key": Annotated[str, msgspec.Meta(description="The same as `event` in the body")]}
    | CONDITIONS,
    responses=TOLD | NO_NAME | CHANGING | NOT_EXPECTED,
)
def add_reward(
    request: Request, board: BoardName, member: MemberName, body: Reward, query: Ranked
) -> tuple[Added | Response, dict[str, str]]:
    """Add to a member's score, which begins at 0.

    With an event that was applied before, nothing is changed: `repeated` is true then, and there is a header
    `Idempotent-Replayed: true`. With one that was another reward, or another member's, the answer is a 422.
    """
    also = _also(request, body.also)
    event, expected = _event(request, body), expected_of(request)
    added = (
        services(request).boards[board].add(member, body.reward, event, order=query.order, also=also, expected=expected)
    )
    return told(request, added, query), {"Idempotent-Replayed": "true"} if added.repeated else {}


@blueprint.delete("")
@operation(headers=CONDITIONS, responses={204: "the member is gone"} | NO_MEMBER | NO_NAME | CHANGING | NOT_EXPECTED)
def delete_member(request: Request, board: BoardName, member: MemberName) -> Response:
    """Remove a member from a board, with its features, and from its segments."""
    services(request).boards[board].remove(member, expected=expected_of(request))
    return Response(status=204)


@blueprint.get("/segments")
@revalidated
@operation(responses=NO_MEMBER | NO_NAME)
def segments(request: Request, board: BoardName, member: MemberName) -> MemberSegments:
    """List the segments that a member is in, with a score or without."""
    found = services(request).boards[board]
    if not (names := found.segments_of(member)):
        found.standing(member)
    return MemberSegments(found.name, member, names)


@blueprint.put("/segments/<segment>")
@operation(responses={204: "the member is in the segment"} | NO_NAME | CHANGING)
def join_segment(request: Request, board: BoardName, member: MemberName, segment: SegmentName) -> Response:
    """Put a member, with a score or without, into a segment."""
    services(request).boards[board].join(member, segment)
    return Response(status=204)


@blueprint.delete("/segments/<segment>")
@operation(
    responses={204: "the member is not in the segment any more", 404: "it was not in the segment"} | NO_NAME | CHANGING
)
def leave_segment(request: Request, board: BoardName, member: MemberName, segment: SegmentName) -> Response:
    """Remove a member from a segment."""
    services(request).boards[board].leave(member, segment)
    return Response(status=204)


def _also(request: Request, names: Sequence[str]) -> list[Board]:
    """Return the boards of these names. The token must be good for each of them, as it is for that of the path."""
    for name in names:
        authorize_board(request, name, Right.SEND)
        if may_read(request):  # the answer has the scores of all
            authorize_board(request, name, Right.LISTEN)
    return [services(request).boards[name] for name in names]


def _event(request: Request, body: Reward) -> str:
    """Return the event's id, "" for none, from the body or from Idempotency-Key."""
    key = key_of(request, longest=EVENT_BYTES)
    if key is None:
        return body.event or ""
    if body.event not in (None, key):
        raise Problem(422, "event differs from the Idempotency-Key: send one of them", field="event")
    return key
