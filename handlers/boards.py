"""Boards over HTTP. Ranks count from 0; `order=desc` ranks from the highest score."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

import msgspec

from pipeline.boards import Board, Order, Standing, Sum, Summary
from wz import Blueprint, Request, Response

from .auth import protect
from .services import services

blueprint = Blueprint("boards", url_prefix="/boards")
protect(blueprint)

Rank = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]


class Score(msgspec.Struct, forbid_unknown_fields=True):
    """A number, or the same as a string for clients that can't write all digits of a number."""

    score: Decimal


class Reward(msgspec.Struct, forbid_unknown_fields=True):
    reward: Decimal


class Ranks(msgspec.Struct, forbid_unknown_fields=True, rename={"first": "from", "last": "to"}):
    first: Rank = 0
    last: Rank | None = None
    order: Order = Order.ASC


class UpToRank(msgspec.Struct, forbid_unknown_fields=True):
    rank: Rank
    order: Order = Order.ASC


@blueprint.get("/<board>")
def summary(request: Request, board: str) -> Summary:
    return _board(request, board).summary()


@blueprint.delete("/<board>")
def delete_board(request: Request, board: str) -> Response:
    _board(request, board).delete()
    return Response(status=204)


@blueprint.get("/<board>/members")
def members(request: Request, board: str, query: Ranks) -> dict[str, Any]:
    """List the ranks `from` to `to`, both included; 100 of them if `to` is left out."""
    last = query.first + 99 if query.last is None else query.last
    rows = _board(request, board).members(query.first, last, query.order)
    return {"board": board, "order": query.order, "members": rows}


@blueprint.get("/<board>/sum")
def cumulative_sum(request: Request, board: str, query: UpToRank) -> Sum:
    """Add up rank 0 to `rank`; `count` is smaller than rank + 1 if the board is."""
    return _board(request, board).sum(query.rank, query.order)


@blueprint.get("/<board>/members/<member>")
def standing(request: Request, board: str, member: str) -> Standing:
    return _board(request, board).standing(member)


@blueprint.put("/<board>/members/<member>")
def set_score(request: Request, board: str, member: str, body: Score) -> Standing:
    return _board(request, board).set(member, body.score)


@blueprint.post("/<board>/members/<member>/rewards")
def add_reward(request: Request, board: str, member: str, body: Reward) -> Standing:
    return _board(request, board).add(member, body.reward)


@blueprint.delete("/<board>/members/<member>")
def delete_member(request: Request, board: str, member: str) -> Response:
    _board(request, board).remove(member)
    return Response(status=204)


def _board(request: Request, name: str) -> Board:
    return Board(services(request).redis, name)
