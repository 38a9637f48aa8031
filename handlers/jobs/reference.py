"""Reference data: tables that jobs join. Seen with Listen; put and deleted with Manage, as jobs are."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from werkzeug.exceptions import PreconditionFailed, UnsupportedMediaType
from werkzeug.http import quote_etag

from pipeline.hub.rules import Right
from pipeline.names import NAME
from pipeline.reference import ANY, NONE, References, Table, Version
from pipeline.reference.text import InvalidReference
from pipeline.windows.jobs.tables import read_table
from wz import Blueprint, Problem, Request, Response
from wz.caching import cache_control
from wz.conditional import Preconditions, etag
from wz.openapi import operation
from wz.records import ARRAY, LINES

from ..auth import protect
from ..services import services
from ..times import atom_time

blueprint = Blueprint("reference", url_prefix="/reference")
protect(blueprint)

changing = Blueprint("reference_management", url_prefix="/reference")
protect(changing, right=Right.MANAGE)

CSV = "text/csv"

ReferenceName = Annotated[str, msgspec.Meta(pattern=f"^{NAME}$", examples=["devices"])]

_NONE = {404: "there is no such reference data"}

_CONDITIONS = {
    "If-Match": Annotated[str, msgspec.Meta(description="ETags of the table, or `*`: only if it is one of these")],
    "If-None-Match": Annotated[str, msgspec.Meta(description="`*`: only if there is no such table")],
}


Since = Annotated[
    datetime,
    msgspec.Meta(tz=True, description="From when on it holds: a time that is not over; left out, in 5 seconds"),
]
At = Annotated[datetime, msgspec.Meta(tz=True, description="When the rows hold that are shown; left out, now")]


class PutQuery(msgspec.Struct, forbid_unknown_fields=True, rename={"valid_from": "from"}):
    valid_from: Since | None = None


class ShowQuery(msgspec.Struct, forbid_unknown_fields=True):
    at: At | None = None
    limit: Annotated[int, msgspec.Meta(ge=0, le=1000, description="How many rows are shown")] = 100


class VersionDocument(msgspec.Struct):
    """`valid_from` is null for the first if it holds for all earlier times, too. `bytes` are those of its JSON."""

    valid_from: str | None
    put_time: str
    rows: int
    bytes: int


class TableSummary(msgspec.Struct):
    """`versions` are in the order of their times."""

    name: str
    versions: list[VersionDocument]


class TableList(msgspec.Struct):
    tables: list[TableSummary]


class TableDocument(TableSummary):
    """`rows` are the first of the version that holds; null before the first version."""

    rows: list[dict[str, Any]] | None


@blueprint.get("")
def tables(request: Request) -> TableList:
    """List the tables that were put."""
    return TableList([TableSummary(table.name, _versions(table)) for table in _references(request).all()])


@blueprint.get("/<name>")
@cache_control(no_cache=True)
@etag
@operation(responses=_NONE)
def table(request: Request, name: ReferenceName, query: ShowQuery) -> tuple[TableDocument, dict[str, str]]:
    """Show a table: its versions, and the first rows of the one that holds."""
    references = _references(request)
    found, now = references.get(name)
    version = found.version_at(now if query.at is None else _ms(query.at))
    rows = None if version is None else references.rows(version.id)
    # What is shown depends on more than the table, so the tag for conditions on writes is only a part of it.
    tag = f"{found.revision}/{'' if version is None else version.id}/{query.limit}"
    shown = None if rows is None else rows[: query.limit]
    return TableDocument(found.name, _versions(found), shown), {"ETag": quote_etag(tag)}


@changing.put("/<name>")
@operation(
    body={ARRAY: list[dict[str, Any]], LINES[0]: dict[str, Any], CSV: str},
    headers=_CONDITIONS,
    responses={
        200: "the table has one version more",
        201: "the table is made",
        412: "the table is not the one that was read; nothing was changed",
        413: "it is larger than WZ_MAX_REFERENCE_SIZE",
        415: f"it is not {CSV}, {ARRAY} or {LINES[0]}",
        422: "it can't be read, `line` and `column` say where; or `from` is over",
    },
)
def put_table(request: Request, name: ReferenceName, query: PutQuery) -> tuple[TableSummary, int, dict[str, str]]:
    """Put a table as a whole: CSV with names in its first line, an array of JSON objects, or an object a line.

    Jobs join events from the version's time on with it. The first version holds for all earlier events, too, unless
    `from` is given. The last ten versions are kept.
    """
    if request.mimetype not in (CSV, ARRAY, *LINES):
        raise UnsupportedMediaType(f"send a table as {CSV}, {ARRAY} or {LINES[0]}")
    request.max_content_length = services(request).settings.max_reference_bytes
    rows = read_table(request.get_data(), request.mimetype == CSV)
    since = None if query.valid_from is None else _ms(query.valid_from)
    made, is_new = _references(request).put(name, rows, since, _expected(request))
    return TableSummary(made.name, _versions(made)), 201 if is_new else 200, {"ETag": quote_etag(made.revision)}


@changing.delete("/<name>")
@operation(
    headers=_CONDITIONS, responses={204: "the table is gone", 409: "a job joins it", 412: "it was changed"} | _NONE
)
def delete_table(request: Request, name: ReferenceName) -> Response:
    """Delete a table with all its versions."""
    services(request).jobs.delete_reference(name, _expected(request))
    return Response(status=204)


@changing.errorhandler(InvalidReference)
def invalid_reference(exc: InvalidReference) -> Problem:
    members: dict[str, Any] = {"line": exc.line, "column": exc.column}
    return Problem(422, str(exc), **{name: value for name, value in members.items() if value is not None})


def _references(request: Request) -> References:
    return References(services(request).redis)


def _versions(found: Table) -> list[VersionDocument]:
    return [_version(version) for version in found.versions]


def _version(version: Version) -> VersionDocument:
    since = None if version.valid_from is None else atom_time(version.valid_from)
    return VersionDocument(since, atom_time(version.put), version.rows, version.size)


def _expected(request: Request) -> list[str] | None:
    """Return the revisions that the conditions name, None for any. Raises a 412 for a tag in If-None-Match."""
    asked = Preconditions.of(request)
    if asked.if_none_match is not None:
        if asked.if_match is not None or not asked.if_none_match.star_tag:
            raise PreconditionFailed("a table is changed with If-Match, or made with If-None-Match: *")
        return [NONE]
    if asked.if_match is None:
        return None
    return [ANY] if asked.if_match.star_tag else [tag.partition("/")[0] for tag in asked.if_match.as_set()]


def _ms(time: datetime) -> int:
    return int(time.timestamp() * 1000)
