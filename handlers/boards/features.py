"""A member's features over HTTP: strings, numbers and booleans by name. One that was not set is absent, and not 0."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import msgspec
from werkzeug.exceptions import BadRequest, PreconditionFailed, UnsupportedMediaType
from werkzeug.http import quote_etag

from pipeline.boards.features import version
from wz import Blueprint, Problem, Request, Response
from wz.conditional import Preconditions, etag
from wz.openapi import operation

from ..auth import may_read, protect
from ..services import services
from .parameters import NO_NAME, TOLD, BoardName, Exact, MemberName, private, written

blueprint = Blueprint("features", url_prefix="/boards/<board>/members/<member>/features")
protect(blueprint)

Features = Annotated[
    dict[str, Any],
    msgspec.Meta(
        extra_json_schema={
            "additionalProperties": {"type": ["string", "number", "boolean"]},
            "examples": [{"age": 31, "gender": "f", "weight": 61.5}],
        }
    ),
]
Patch = Annotated[
    dict[str, Any],
    msgspec.Meta(
        extra_json_schema={
            "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
            "examples": [{"weight": 62, "gender": None}],
        }
    ),
]

MERGE_PATCH = "application/merge-patch+json"
BODY = {
    400: "the body is not JSON",
    413: "the body is too large",
    415: "the body is of another media type",
    422: "a name can't be taken, a feature is no string, number or boolean, or there are too many; `field` names it",
}

CONDITION = {"If-Match": Annotated[str, msgspec.Meta(description="The ETag of the features that were read")]}
CHANGED = {
    412: "the features are not those that If-Match names, or others change them all the time; nothing was changed"
}

# Any, because msgspec has no union of str and Decimal; an int is exact at any length.
_decoder = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)


@blueprint.get("")
@private
@etag
@operation(responses=NO_NAME)
def features(
    request: Request, board: BoardName, member: MemberName, query: Exact
) -> tuple[Features | Response, dict[str, str]]:
    """Read a member's features; none is an empty object. The ETag is for the If-Match of a change."""
    found = services(request).boards[board].features(member)
    return _answer(found, query), {"ETag": quote_etag(version(found))}


@blueprint.put("")
@operation(body={"application/json": Features}, headers=CONDITION, responses=TOLD | BODY | CHANGED)
def set_features(request: Request, board: BoardName, member: MemberName, query: Exact) -> Features | Response:
    """Replace all features of a member, with a score or without."""
    given = _read(request)
    for name, value in given.items():
        if value is None:
            raise Problem(422, f"{name} is null: leave out features that the member does not have", field=name)
    changed = services(request).boards[board].set_features(member, given, replace=True, versions=_wanted(request))
    return _told(request, changed, query)


@blueprint.patch("")
@operation(body={MERGE_PATCH: Patch, "application/json": Patch}, headers=CONDITION, responses=TOLD | BODY | CHANGED)
def patch_features(request: Request, board: BoardName, member: MemberName, query: Exact) -> Features | Response:
    """Change some features of a member as JSON Merge Patch (RFC 7396) does: null removes one."""
    changes, versions = _read(request), _wanted(request)
    changed = services(request).boards[board].set_features(member, changes, versions=versions)
    return _told(request, changed, query)


@blueprint.delete("")
@operation(headers=CONDITION, responses={204: "the member has no features"} | NO_NAME | CHANGED)
def delete_features(request: Request, board: BoardName, member: MemberName) -> Response:
    """Remove all features of a member."""
    services(request).boards[board].set_features(member, {}, replace=True, versions=_wanted(request))
    return Response(status=204)


def _wanted(request: Request) -> set[str] | None:
    """Return the versions that If-Match names, None for any. They are compared in the step that changes."""
    asked = Preconditions.of(request)
    if asked.if_none_match is not None:
        raise PreconditionFailed("features are there even if they are none: use If-Match")
    return None if asked.if_match is None or asked.if_match.star_tag else asked.if_match.as_set()


def _read(request: Request) -> dict[str, Any]:
    if request.mimetype not in ("application/json", MERGE_PATCH):
        raise UnsupportedMediaType(f"the body must be JSON: send Content-Type: application/json, or {MERGE_PATCH}")
    try:
        found: dict[str, Any] = _decoder.decode(request.get_data())
    except msgspec.ValidationError as exc:
        raise Problem(422, f"the body must be an object of features by name: {exc}") from exc
    except InvalidOperation as exc:
        raise Problem(422, "a number's exponent is beyond what a decimal can have") from exc
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise BadRequest(f"the body is not JSON: {exc}") from exc
    for name, value in found.items():
        if isinstance(value, (dict, list)):
            raise Problem(422, f"{name} must be a string, a number or a boolean", field=name)
    return found


def _told(request: Request, changed: dict[str, Any], query: Exact) -> dict[str, Any] | Response:
    return _answer(changed, query) if may_read(request) else Response(status=204)


def decimals(found: dict[str, Any]) -> dict[str, Any]:
    """Make whole numbers decimals: they may also have more digits than a double, so that `exact` concerns them."""
    return {name: Decimal(value) if type(value) is int else value for name, value in found.items()}


def _answer(found: dict[str, Any], query: Exact) -> dict[str, Any] | Response:
    return written(decimals(found), query)
