"""What the endpoints of boards have in common: names, query parameters, and how decimals are written."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, TypeVar

import msgspec

from pipeline.boards import Order, RankKind, View
from pipeline.boards.changes import MEMBER_BYTES
from pipeline.boards.periods import KEEP, PERIOD
from pipeline.boards.scores import is_plain
from pipeline.boards.shards import NAME
from pipeline.boards.view import PAGE
from wz import Problem, Request, Response
from wz.caching import cache_control
from wz.conditional import etag
from wz.json import JSON
from wz.openapi import Content

from ..auth import may_read
from ..outage import RESPONSES
from ..services import services

T = TypeVar("T")

_PERIODS = [f"`@{period}`" for period in KEEP]

# For names in a path, these constraints are for the OpenAPI document only: the domain checks such names.
BoardName = Annotated[
    str,
    msgspec.Meta(
        pattern=f"^{NAME}({PERIOD})?$",
        description=f"A name that ends in {', '.join(_PERIODS[:-1])} or {_PERIODS[-1]} is the board of the current "
        "one, in UTC, and one that ends in `@week-1` that of the week before",
        examples=["season-1"],
    ),
]
MemberName = Annotated[
    str, msgspec.Meta(min_length=1, description=f"Up to {MEMBER_BYTES} bytes of UTF-8", examples=["ann"])
]
SegmentName = Annotated[str, msgspec.Meta(pattern=f"^{NAME}$", examples=["gold"])]
Rank = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
Limit = Annotated[int, msgspec.Meta(ge=1, le=PAGE, description="Most members in the answer")]

NO_BOARD = {404: "there is no such board, or it has no members; or no member of the segment has a score"}
NO_MEMBER = {404: "the member has no score on this board, or in the segment"}
NO_NAME = {422: "the board's or the member's name, or a value, can't be taken; `field` names it"}
CHANGING = {503: f"{RESPONSES[503]}. Or the board changed all the time, so that no consistent answer could be read"}
#: For what answers with `told`.
TOLD: dict[int, str | Content] = {
    200: "",
    204: Content("it is done, and the token, which has no Listen, is told no more"),
}

#: What a decimal is in an answer, for the OpenAPI document: see `Exact`.
DECIMAL = {"type": ["number", "string"], "description": "A number, or with `exact=string` a string of the same digits"}


class Numbers(StrEnum):
    NUMBER = "number"
    STRING = "string"


class Exact(msgspec.Struct, forbid_unknown_fields=True):
    """`exact=string` writes decimals as strings, for a client that would read numbers as doubles."""

    exact: Annotated[
        Numbers, msgspec.Meta(description="Decimals as numbers with all their digits, or as strings of them")
    ] = Numbers.NUMBER


class InSegment(Exact):
    segment: Annotated[SegmentName | None, msgspec.Meta(description="Only the members of this segment count")] = None


InOrder = Annotated[
    Order | None,
    msgspec.Meta(description="Whether rank 0 is the lowest score or the highest; the board's own order if left out"),
]


Kind = Annotated[
    RankKind,
    msgspec.Meta(
        description="Whether members with the same score have ranks of their own (`ordinal`), share one and leave a "
        "gap after them (`competition`), or share one without a gap (`dense`)"
    ),
]


class Ranked(Exact):
    order: InOrder = None


class Ordered(InSegment):
    order: InOrder = None


F = TypeVar("F", bound=Callable[..., Any])

#: For the answers of views that read. A shared cache keeps none, since the token decides who may read (RFC 9111, 3.5);
#: any other asks whether it is still the same before it uses one.
private = cache_control(private=True, no_cache=True)


def revalidated(view: F) -> F:
    """Decorate a view that reads: what it answers is `private`, with an ETag made of its bytes."""
    return private(etag(weak=True)(view))


_numbers, _strings = JSON(), JSON(decimal_format="string")


def written(answer: T, query: Exact) -> T | Response:
    """Write the decimals as the query asks."""
    if query.exact is Numbers.NUMBER:
        return answer
    return Response(_strings.encode(answer), mimetype="application/json")


def text(answer: Any, query: Exact) -> str:
    """Return an answer as JSON, with the decimals as the query asks."""
    return (_strings if query.exact is Numbers.STRING else _numbers).dumps(answer)


def told(request: Request, answer: T, query: Exact) -> T | Response:
    """What `written` returns, or an empty 204 for a token without Listen: who may only write is told no score."""
    return written(answer, query) if may_read(request) else Response(status=204)


def view_of(request: Request, name: str, query: InSegment) -> View:
    """Return the board, or the segment of it that the query asks for."""
    board = services(request).boards[name]
    return board if query.segment is None else board.segment(query.segment)


def refuse_mixed(query: msgspec.Struct, *ways: tuple[str, ...]) -> None:
    """Refuse parameters of more than one of the `ways` to ask; the error names one of another way than the first."""
    fields = msgspec.structs.fields(query)
    given = [field.encode_name for field in fields if getattr(query, field.name) not in (field.default, [])]
    chosen = [(name, way) for name in given for way in ways if name in way]
    for name, way in chosen:
        first, its_way = chosen[0]
        if way != its_way:
            raise Problem(422, f"{name} can't be asked for together with {first}: leave one of them out", field=name)


def plain(number: Decimal, field: str) -> Decimal:
    """Refuse NaN, infinities and extreme exponents: exact arithmetic with 1e-999999999 would not end."""
    if not is_plain(number):
        raise Problem(422, f"{field} must be a number of at most 30 digits", field=field)
    return number


def refuse_odd_numbers(query: msgspec.Struct) -> None:
    """Refuse a query with a decimal that `plain` refuses."""
    for field in msgspec.structs.fields(query):
        value = getattr(query, field.name)
        if isinstance(value, Decimal):
            plain(value, field.encode_name)
