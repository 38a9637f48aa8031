"""Traces for programs: `/layers/ID.json` is one, `/layers.json` the list. The pages are in layers.py.

Both need Manage on the whole namespace: a trace has paths, names of keys and headers of whoever sent the request.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from pipeline.hub.rules import Right
from wz import Problem, Request, Response

from ...traces import Summary, find, latest
from ..access import access
from ..frame import Pages

blueprint = Pages("trace_json")

_MS = 1_000_000


class Filters(msgspec.Struct):
    """`status` may be a class, such as 4; `ms` is how long it took at least."""

    route: str = ""
    status: Annotated[int, msgspec.Meta(ge=0, le=999)] = 0
    ms: Annotated[int, msgspec.Meta(ge=0, le=3_600_000)] = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100


@blueprint.get("/layers.json")
def many(request: Request, query: Filters) -> list[Summary]:
    """The newest traces, newest first, without their steps."""
    access(request).need(Right.MANAGE)
    return latest(request, query.limit, route=query.route, status=query.status, at_least=query.ms * _MS)


@blueprint.get("/layers/<id>.json")
def one(request: Request, id: str) -> Response:
    """One trace, to be kept as a file."""
    access(request).need(Right.MANAGE)
    trace = find(request, id)
    if trace is None:
        raise Problem(404, f"there is no trace of {id!r}: the newest are kept, and none for longer than an hour")
    return Response(msgspec.json.encode(trace), mimetype="application/json")
