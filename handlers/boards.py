"""Boards over HTTP. Ranks count from 0; `order=desc` ranks from the highest score."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import msgspec

from pipeline.boards import Board, Order, Standing, Sum, Summary
from pipeline.boards.board import Row
from wz import Blueprint, Request, Response
from wz.openapi import operation

from .auth import protect
from .services import services

blueprint = Blueprint("boards", url_prefix="/boards")
protect(blueprint)

Rank = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]

# The domain checks the names; these constraints are for the OpenAPI document.
BoardName = Annotated[
    str, msgspec.Meta(pattern=r"^[A-Za-z0-9_]([A-Za-z0-9_.:\-]{0,126}[A-Za-z0-9_])?$", examples=["season-1"])
]
MemberName = Annotated[str, msgspec.Meta(min_length=1, description="Up to 512 bytes of UTF-8", examples=["ann"])]

NO_BOARD = {404: "there is no such board, or it has no members"}
NO_MEMBER = {404: "the member has no score on this board"}
NO_NAME = {422: "the board's or the member's name, or a value, can't be taken; `field` names it"}


Number = Annotated[
    Decimal,
    msgspec.Meta(description="At most 6 digits after the point, and below 2^53 millionths (9007199254.740992)"),
]


class Score(msgspec.Struct, forbid_unknown_fields=True):
    """A number, or the same as a string for clients that can't write all digits of a number."""

    score: Number


class Reward(msgspec.Struct, forbid_unknown_fields=True):
    reward: Number


class Ranks(msgspec.Struct, forbid_unknown_fields=True, rename={"first": "from", "last": "to"}):
    first: Rank = 0
    last: Rank | None = None
    order: Order = Order.ASC


class UpToRank(msgspec.Struct, forbid_unknown_fields=True):
    rank: Rank
    order: Order = Order.ASC


class Members(msgspec.Struct):
    """A page of a board, in `order`."""

    board: str
    order: Order
    members: list[Row]


@blueprint.get("/<board>")
@operation(responses=NO_BOARD | NO_NAME)
def summary(request: Request, board: BoardName) -> Summary:
    """Count a board and add up its scores."""
    return _board(request, board).summary()


@blueprint.delete("/<board>")
@operation(responses={204: "the board is gone"} | NO_BOARD | NO_NAME)
def delete_board(request: Request, board: BoardName) -> Response:
    """Delete a board with all its scores."""
    _board(request, board).delete()
    return Response(status=204)


@blueprint.get("/<board>/members")
@operation(responses=NO_BOARD | NO_NAME)
def members(request: Request, board: BoardName, query: Ranks) -> Members:
    """List the ranks `from` to `to`, both included; 100 of them if `to` is left out."""
    last = query.first + 99 if query.last is None else query.last
    rows = _board(request, board).members(query.first, last, query.order)
    return Members(board, query.order, rows)


@blueprint.get("/<board>/sum")
@operation(responses=NO_BOARD | NO_NAME)
def cumulative_sum(request: Request, board: BoardName, query: UpToRank) -> Sum:
    """Add up rank 0 to `rank`; `count` is smaller than rank + 1 if the board is."""
    return _board(request, board).sum(query.rank, query.order)


@blueprint.get("/<board>/members/<member>")
@operation(responses=NO_MEMBER | NO_NAME)
def standing(request: Request, board: BoardName, member: MemberName) -> Standing:
    """Read a member's score and ranks."""
    return _board(request, board).standing(member)


@blueprint.put("/<board>/members/<member>")
@operation(responses=NO_NAME)
def set_score(request: Request, board: BoardName, member: MemberName, body: Score) -> Standing:
    """Set a member's score, whatever it was."""
    return _board(request, board).set(member, body.score)


@blueprint.post("/<board>/members/<member>/rewards")
@operation(responses=NO_NAME)
def add_reward(request: Request, board: BoardName, member: MemberName, body: Reward) -> Standing:
    """Add to a member's score, which begins at 0."""
    return _board(request, board).add(member, body.reward)


@blueprint.delete("/<board>/members/<member>")
@operation(responses={204: "the member is gone"} | NO_MEMBER | NO_NAME)
def delete_member(request: Request, board: BoardName, member: MemberName) -> Response:
    """Take a member off a board."""
    _board(request, board).remove(member)
    return Response(status=204)


def _board(request: Request, name: str) -> Board:
    return Board(services(request).redis, name)
