"""Lists, sums and statistics of boards over HTTP. Rank 0 is the first in `order`, and the best if that is left out."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from pipeline.boards import View
from pipeline.boards.answers import (
    AtPercentile,
    EstimatedSum,
    Page,
    Placings,
    RankKind,
    Reach,
    Statistics,
    Sum,
    SumBelow,
)
from pipeline.boards.view import DEFAULT_PAGE, DEFAULT_RADIUS, MOST_ASKED, PAGE, RADIUS_LIMIT
from pipeline.errors import InvalidValue
from pipeline.hub.rules import Right
from wz import Blueprint, Problem, Request, Response
from wz.openapi import operation

from ..auth import needs, protect
from ..services import services
from .parameters import (
    CHANGING,
    NO_BOARD,
    NO_NAME,
    BoardName,
    InSegment,
    Kind,
    Limit,
    MemberName,
    Ordered,
    Rank,
    refuse_mixed,
    refuse_odd_numbers,
    revalidated,
    view_of,
    written,
)

blueprint = Blueprint("ranks", url_prefix="/boards")
protect(blueprint)

Radius = Annotated[int, msgspec.Meta(ge=0, lt=RADIUS_LIMIT)]
Bound = Annotated[Decimal | None, msgspec.Meta(description="A score, itself included")]

#: Members that a query may name.
MOST_IN_QUERY = 100

_PERCENTILE = re.compile(r"(100(\.0{1,12})?|[0-9]{1,2}(\.[0-9]{1,12})?)")


class Listing(Ordered, rename={"first": "from", "last": "to", "low": "min", "high": "max"}):
    """By rank, around a member, or in pages, of all members or of those in a range of scores."""

    first: Annotated[Rank | None, msgspec.Meta(description="The first rank; 0 if only `to` is given")] = None
    last: Annotated[
        Rank | None,
        msgspec.Meta(
            description=f"The last rank, at most {PAGE - 1} after `from`; if left out, {DEFAULT_PAGE - 1} after it"
        ),
    ] = None
    around: Annotated[MemberName | None, msgspec.Meta(description="The member in the middle of the list")] = None
    radius: Annotated[
        Radius | None,
        msgspec.Meta(
            description=f"Members on each side of `around`, {DEFAULT_RADIUS} if left out; at an end, more on the other"
        ),
    ] = None
    low: Bound = None
    high: Bound = None
    limit: Annotated[Limit | None, msgspec.Meta(description=f"Most members in a page; {DEFAULT_PAGE} if left out")] = (
        None
    )
    cursor: Annotated[str | None, msgspec.Meta(description="`next` of the page before")] = None

    ranks: Kind = RankKind.ORDINAL
    members: Annotated[list[MemberName], msgspec.Meta(description="Only these members", max_length=MOST_IN_QUERY)] = (
        msgspec.field(name="member", default_factory=list)
    )


class End(InSegment):
    limit: Limit = 10
    ranks: Kind = RankKind.ORDINAL


class Removal(msgspec.Struct, forbid_unknown_fields=True):
    members: Annotated[list[MemberName], msgspec.Meta(min_length=1, max_length=MOST_IN_QUERY)] = msgspec.field(
        name="member"
    )


class Removed(msgspec.Struct):
    """`missing` are the members that had no score."""

    board: str
    removed: int
    missing: list[str]


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    members: Annotated[list[MemberName], msgspec.Meta(min_length=1, max_length=MOST_ASKED)]
    ranks: Kind = RankKind.ORDINAL


class Summing(Ordered):
    rank: Annotated[Rank | None, msgspec.Meta(description="The last rank to count")] = None
    below: Annotated[Decimal | None, msgspec.Meta(description="A score; only lower ones are counted")] = None
    estimate: Annotated[bool, msgspec.Meta(description="Also estimate the sum from the board's sample")] = False


class Range(Ordered, rename={"first": "from", "last": "to", "low": "min", "high": "max"}):
    first: Annotated[Rank | None, msgspec.Meta(description="The first rank")] = None
    last: Annotated[Rank | None, msgspec.Meta(description="The last rank, itself included")] = None
    low: Bound = None
    high: Bound = None


class ReachQuery(Ordered, kw_only=True):
    share: Annotated[Decimal, msgspec.Meta(description="Of the sum of all scores; from 0 to 1", examples=[0.8])]


@blueprint.get("/<board>/members")
@revalidated
@operation(responses=NO_BOARD | NO_NAME | CHANGING)
def members(request: Request, board: BoardName, query: Listing) -> tuple[Page | Placings | Response, dict[str, str]]:
    """List members: ranks `from` to `to`, those `around` one, or pages, perhaps of the scores `min` to `max` only.

    Or those that `member` names, which may be given several times, with their places among each other. These ways
    exclude each other: `from` and `to`; `around` and `radius`; `min`, `max`, `limit` and `cursor`; `member`.

    `next` is the cursor of the next page, null after the last; the Link header has its address. A member that keeps its
    score is in exactly one page, also if other members are added or removed meanwhile.
    """
    refuse_mixed(query, ("from", "to"), ("around", "radius"), ("min", "max", "limit", "cursor"), ("member",))
    _refuse_reversed(query)
    view, order, kind = view_of(request, board, query), query.order, query.ranks
    if query.members:
        return written(view.standings(query.members, order, kind), query), {}
    if query.around is not None:
        page = view.around(query.around, DEFAULT_RADIUS if query.radius is None else query.radius, order, kind)
    elif query.radius is not None:
        raise Problem(422, "radius needs `around`: the member in the middle of the list", field="radius")
    elif query.first is not None or query.last is not None:
        first = query.first or 0
        page = view.members(first, first + DEFAULT_PAGE - 1 if query.last is None else query.last, order, kind)
    else:
        page = view.between(query.low, query.high, order, query.limit or DEFAULT_PAGE, query.cursor, kind)
    return written(page, query), _link(request, page, query.limit or DEFAULT_PAGE)


@blueprint.delete("/<board>/members")
@operation(responses=NO_NAME | CHANGING)
def remove_members(request: Request, board: BoardName, query: Removal) -> Removed:
    """Remove the members that `member` names, which may be given several times: also those that no path can name.

    Each is removed in a step of its own, with its features, and from its segments.
    """
    found, members = services(request).boards[board], set(query.members)
    missing = found.remove_all(query.members)
    return Removed(found.name, len(members) - len(missing), missing)


@blueprint.post("/<board>/standings")
@needs(Right.LISTEN)
@operation(responses=NO_BOARD | NO_NAME | CHANGING)
def standings(request: Request, board: BoardName, body: Asked, query: Ordered) -> Placings | Response:
    """List the members that the body names, as `members?member=` does. It changes nothing."""
    return written(view_of(request, board, query).standings(body.members, query.order, body.ranks), query)


@blueprint.get("/<board>/top")
@revalidated
@operation(responses=NO_BOARD | NO_NAME | CHANGING)
def top(request: Request, board: BoardName, query: End) -> tuple[Page | Response, dict[str, str]]:
    """List the best members, the best first: the highest scores, or the lowest if such is the board's order."""
    page = view_of(request, board, query).page(None, query.limit, kind=query.ranks)
    return written(page, query), _link(request, page, query.limit)


@blueprint.get("/<board>/bottom")
@revalidated
@operation(responses=NO_BOARD | NO_NAME | CHANGING)
def bottom(request: Request, board: BoardName, query: End) -> tuple[Page | Response, dict[str, str]]:
    """List the last members, the last first: its ranks are in the order opposite to the board's."""
    page = view_of(request, board, query).last_page(query.limit, query.ranks)
    return written(page, query), _link(request, page, query.limit)


@blueprint.get("/<board>/sum")
@revalidated
@operation(responses=NO_BOARD | NO_NAME | {409: "the board keeps no sample to estimate from"})
def cumulative_sum(request: Request, board: BoardName, query: Summing) -> Sum | SumBelow | EstimatedSum | Response:
    """Add up rank 0 to `rank`, or the scores below one; `count` says how many they are.

    `rank`, `order` and `estimate` exclude `below`.
    """
    refuse_mixed(query, ("rank", "estimate", "order"), ("below",))
    view = view_of(request, board, query)
    if query.below is not None:
        return written(_sum_below(view, query.below), query)
    if query.rank is None:
        raise Problem(422, "rank is missing: give the last rank to count, or a score as `below`", field="rank")
    if query.estimate:
        return written(view.estimated_sum(query.rank, query.order), query)
    return written(view.sum(query.rank, query.order), query)


@blueprint.get("/<board>/statistics")
@revalidated
@operation(responses=NO_BOARD | NO_NAME | CHANGING)
def statistics(request: Request, board: BoardName, query: Range) -> Statistics | Response:
    """Show count, sum, mean, lowest, highest and variance of all scores, of ranks, or of a range of scores.

    `from` and `to` exclude `min` and `max`.
    """
    refuse_mixed(query, ("from", "to"), ("min", "max"))
    _refuse_reversed(query)
    view = view_of(request, board, query)
    if query.low is not None or query.high is not None:
        return written(view.statistics_between(query.low, query.high), query)
    return written(view.statistics(query.first or 0, query.last, query.order), query)


@blueprint.get("/<board>/reach")
@revalidated
@operation(responses=NO_BOARD | NO_NAME | CHANGING)
def reach(request: Request, board: BoardName, query: ReachQuery) -> Reach | Response:
    """Find the first rank up to which the scores add up to a share of the total: the Pareto question."""
    refuse_odd_numbers(query)
    return written(view_of(request, board, query).reach(query.share, query.order), query)


@blueprint.get("/<board>/percentiles/<percentile>")
@revalidated
@operation(responses=NO_BOARD | NO_NAME | CHANGING)
def at_percentile(
    request: Request,
    board: BoardName,
    percentile: Annotated[
        str,
        msgspec.Meta(
            pattern=f"^{_PERCENTILE.pattern}$", description="From 0 to 100, with at most 12 places", examples=["50"]
        ),
    ],
    query: Ordered,
) -> AtPercentile | Response:
    """Find the member at a percentile, from 0 to 100: the lowest that so many percent are not above."""
    if not _PERCENTILE.fullmatch(percentile):
        raise Problem(422, "percentile must be a number from 0 to 100, of at most 12 places", field="percentile")
    return written(view_of(request, board, query).at_percentile(Decimal(percentile), query.order), query)


def _sum_below(view: View, score: Decimal) -> SumBelow:
    try:
        return view.sum_below(score)
    except InvalidValue as exc:
        if exc.field != "score":
            raise
        raise Problem(422, f"below is not a score of this board: {exc}", field="below") from exc


def _refuse_reversed(query: Listing | Range) -> None:
    refuse_odd_numbers(query)
    if query.first is not None and query.last is not None and query.first > query.last:
        raise Problem(422, "to is less than from", field="to")
    if query.low is not None and query.high is not None and query.low > query.high:
        raise Problem(422, "max is less than min", field="max")


def _link(request: Request, page: Page, limit: int) -> dict[str, str]:
    """The address of the next page (RFC 8288). It names this page's board, since `@day` means another one tomorrow."""
    if page.next is None:
        return {}
    values: dict[str, Any] = request.args.to_dict()
    values |= {"order": page.order.value, "limit": limit, "cursor": page.next}
    url = request.app.url_for("ranks.members", board=page.board, **values)
    return {"Link": f'<{url}>; rel="next"'}
