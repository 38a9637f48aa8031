"""Whole boards over HTTP: how they are set up, copied, added up and deleted."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from werkzeug.exceptions import PreconditionFailed
from werkzeug.http import quote_etag

from pipeline.boards import Order, Ties
from pipeline.boards.answers import BoardSettings, Summary
from pipeline.boards.configure import ANY, MOST_MEMBERS, NONE, milliseconds
from pipeline.boards.sample import LEAST, MOST
from pipeline.boards.scores import MAX_PLACES, PLACES
from pipeline.boards.shards import NAME
from pipeline.hub.rules import Right
from pipeline.store import RedisCluster
from wz import Blueprint, Problem, Request, Response
from wz.conditional import Preconditions, etag, refuse_conditions
from wz.openapi import operation

from ..auth import authorize_board, needs, protect
from ..idempotency import once
from ..services import services
from .parameters import (
    CHANGING,
    NO_BOARD,
    NO_NAME,
    BoardName,
    Exact,
    InSegment,
    plain,
    private,
    revalidated,
    view_of,
    written,
)
from .tasks import ACCEPTED, PREFER, as_task

blueprint = Blueprint("boards", url_prefix="/boards")
protect(blueprint)


@blueprint.before_request
def refuse(request: Request) -> None:
    """Only a change of settings compares their version in the same step."""
    if request.method != "PUT":
        refuse_conditions(request)


#: That of settings in an ETag; no `*` in quotes, and no two of them.
_VERSION = re.compile(r"[0-9.]+")

EXISTS = {409: "there is a board of that name, and `replace` is false"}


Places = Annotated[
    int,
    msgspec.Meta(
        ge=0,
        le=MAX_PLACES,
        description=f"Digits after the point, {PLACES} on a new board; fixed once there are scores",
    ),
]
SampleSize = Annotated[
    int, msgspec.Meta(ge=0, le=MOST, description=f"Members in the sample for estimates, at least {LEAST}; 0 for none")
]
Most = Annotated[
    int, msgspec.Meta(ge=0, lt=MOST_MEMBERS, description="How many members each shard keeps, the best ones; 0 for all")
]


class Setup(msgspec.Struct, forbid_unknown_fields=True):
    """What is left out stays as it is; a new board has no sample, keeps all members, and never expires."""

    places: Places | None = None
    order: Annotated[
        Order | None,
        msgspec.Meta(description="Whether the highest score is the best, as on a new board, or the lowest"),
    ] = None
    ties: Annotated[
        Ties | None,
        msgspec.Meta(
            description="Which of equal scores is the better, `name` on a new board; fixed once there are scores"
        ),
    ] = None
    sample: SampleSize | None = None
    most: Most | None = None
    expires: Annotated[
        str | None,
        msgspec.Meta(
            description="The time at which the board is deleted, as in RFC 3339, or `never`", examples=["never"]
        ),
    ] = None


class Target(msgspec.Struct, forbid_unknown_fields=True):
    to: Annotated[
        str, msgspec.Meta(pattern=f"^{NAME}$", description="A board's name, without `@`", examples=["season-2"])
    ]
    replace: bool = False


class CopyTarget(Target, forbid_unknown_fields=True):
    expires: Annotated[
        str,
        msgspec.Meta(description="The time at which the copy is deleted, as in RFC 3339, or `never`"),
    ] = "never"


class Sources(msgspec.Struct, forbid_unknown_fields=True):
    sources: Annotated[
        dict[BoardName, Decimal], msgspec.Meta(min_length=1, max_length=100, description="Weights, by board")
    ]
    replace: bool = False


class Named(msgspec.Struct):
    board: str


class Segments(msgspec.Struct):
    board: str
    segments: list[str]


@blueprint.put("/<board>")
@needs(Right.MANAGE)
@operation(
    headers={
        name: Annotated[str, msgspec.Meta(description=text)]
        for name, text in {
            "If-Match": "ETags of the board's settings: they are changed only if they are still of one of these. Its "
            "scores, which an ETag names after the slash, may have changed",
            "If-None-Match": "`*`: only if there is no such board",
        }.items()
    },
    responses={
        200: "the board was there",
        201: "the board is made",
        409: "the board has members, whose scores have other places or ties",
        412: "the settings are not those that were read; nothing was changed",
    }
    | NO_NAME,
)
def configure(request: Request, board: BoardName, body: Setup) -> tuple[BoardSettings, int, dict[str, str]]:
    """Set up a board. A board that was set up stays when its last member is removed."""
    expires = None if body.expires is None else _time(body.expires)
    settings = (
        services(request)
        .boards[board]
        .configure(
            body.places,
            body.sample,
            expires,
            order=body.order,
            ties=body.ties,
            most=body.most,
            versions=_wanted(request),
        )
    )
    return settings, 201 if settings.created else 200, {"ETag": quote_etag(settings.version)}


def _wanted(request: Request) -> list[str] | None:
    """Return the versions of settings that the request's conditions name, None for any."""
    asked = Preconditions.of(request)
    if asked.if_none_match is not None:
        if asked.if_match is not None or not asked.if_none_match.star_tag:
            raise PreconditionFailed("a board's settings are changed with If-Match, or made with If-None-Match: *")
        return [NONE]
    if asked.if_match is None:
        return None
    if asked.if_match.star_tag:
        return [ANY]
    return [version for tag in asked.if_match.as_set() if _VERSION.fullmatch(version := tag.partition("/")[0])]


@blueprint.get("/<board>")
@private
@etag
@operation(responses=NO_BOARD | NO_NAME | CHANGING)
def summary(request: Request, board: BoardName, query: InSegment) -> tuple[Summary | Response, dict[str, str]]:
    """Show a board's count, sum and settings, or those of a segment. The ETag is for the If-Match of the settings."""
    found = view_of(request, board, query).summary()
    return written(found, query), {"ETag": quote_etag(found.version)}


@blueprint.delete("/<board>")
@operation(responses={204: "the board is gone"} | ACCEPTED | NO_BOARD | NO_NAME, headers=PREFER)
def delete_board(request: Request, board: BoardName) -> Response:
    """Delete a board with all its scores, features and segments."""

    def now() -> Response:
        services(request).boards[board].delete()
        return Response(status=204)

    return as_task(request, "board.delete", board, now, reads=[board])


@blueprint.post("/<board>/copy")
@once
@needs(Right.MANAGE)
@operation(responses=NO_BOARD | ACCEPTED | EXISTS | NO_NAME, headers=PREFER)
def copy(request: Request, board: BoardName, body: CopyTarget) -> Named | Response:
    """Copy a board as it is at one moment: scores, settings, features, segments, remembered events; not its end."""
    authorize_board(request, body.to, Right.MANAGE)
    found, expires = services(request).boards[board], _time(body.expires)
    milliseconds(expires)  # refuses one that has passed
    return as_task(
        request,
        "board.copy",
        board,
        lambda: Named(found.copy(body.to, replace=body.replace, expires=expires).name),
        reads=[board],
        to=body.to,
        replace=body.replace,
        expires=expires if isinstance(expires, str) else expires.isoformat(),
    )


@blueprint.post("/<board>/rename")
@once
@needs(Right.MANAGE)
@operation(responses=NO_BOARD | ACCEPTED | EXISTS | NO_NAME, headers=PREFER)
def rename(request: Request, board: BoardName, body: Target) -> Named | Response:
    """Give a board another name, with all that belongs to it."""
    authorize_board(request, body.to, Right.MANAGE)
    found = services(request).boards[board]
    return as_task(
        request,
        "board.rename",
        board,
        lambda: Named(found.rename(body.to, replace=body.replace).name),
        reads=[board],
        to=body.to,
        replace=body.replace,
        one_step=not isinstance(services(request).boards.client, RedisCluster),
    )


@blueprint.post("/<board>/union")
@once
@needs(Right.MANAGE)
@operation(
    responses={404: "one of the sources is not a board, or has no members"} | ACCEPTED | EXISTS | NO_NAME,
    headers=PREFER,
)
def union(request: Request, board: BoardName, body: Sources, query: Exact) -> Summary | Response:
    """Make a board from others: a member's score is the sum of its scores there, each times that board's weight."""
    for name in body.sources:
        authorize_board(request, name, Right.LISTEN)
    weights = {services(request).boards[name].name: plain(w, f"sources.{name}") for name, w in body.sources.items()}
    if len(weights) < len(body.sources):
        raise Problem(422, "sources names one board twice", field="sources")
    found = services(request).boards[board]
    return as_task(
        request,
        "board.union",
        board,
        lambda: written(found.union(weights, replace=body.replace), query),
        reads=list(weights),
        to=board,
        replace=body.replace,
        sources={name: str(weight) for name, weight in weights.items()},
    )


@blueprint.post("/<board>/rebuild")
@needs(Right.MANAGE)
@operation(responses=NO_BOARD | ACCEPTED | NO_NAME | {409: "it was written to all the time"}, headers=PREFER)
def rebuild(request: Request, board: BoardName, query: Exact) -> Summary | Response:
    """Make a board's sums anew from its scores, after another program has written to these."""
    found = services(request).boards[board]

    def now() -> Summary | Response:
        found.rebuild()
        return written(found.summary(), query)

    return as_task(request, "board.rebuild", board, now, reads=[board])


@blueprint.get("/<board>/segments")
@revalidated
@operation(responses=NO_BOARD | NO_NAME)
def segments(request: Request, board: BoardName) -> Segments:
    """List the segments that have members."""
    found = services(request).boards[board]
    if not (names := found.segments()):
        found.require()
    return Segments(found.name, names)


def _time(text: str) -> datetime | Literal["never"]:
    """Read RFC 3339. Raises `Problem`, also for a time without a zone."""
    if text == "never":
        return "never"
    try:
        time: datetime = msgspec.convert(text, Annotated[datetime, msgspec.Meta(tz=True)])
    except msgspec.ValidationError:
        raise Problem(422, "expires must be a time such as 2030-01-31T12:00:00Z, or 'never'", field="expires") from None
    return time
