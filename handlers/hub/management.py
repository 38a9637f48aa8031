"""Azure's management dialect, as its clients see it: ATOM entries and feeds of hubs, groups, publishers, partitions.

Microsoft calls this dialect obsolete and has replaced it, but published clients still use it. The routes are in
the modules manage_*.py.
"""

from __future__ import annotations

from typing import cast

from werkzeug.wrappers import Response as WerkzeugResponse

from pipeline.errors import InvalidValue
from pipeline.hub.rules import Right
from wz import Blueprint, Request, Response
from wz.context import current_request
from wz.openapi import Content

from ..auth import protect
from ..services import services
from . import xml_errors

#: What a 415 says.
WRONG_CODING = "the Content-Encoding is not one that is taken"

managing = Blueprint("management")
protect(managing, hub_paths=True, right=Right.MANAGE)
xml_errors.speak(managing)

watching = Blueprint("runtime")
protect(watching, hub_paths=True, right=Right.LISTEN)
xml_errors.speak(watching)


@managing.errorhandler(InvalidValue)
def invalid_value(exc: InvalidValue) -> WerkzeugResponse:
    request = cast("Request", current_request())  # error handlers are called while one is answered
    return xml_errors.respond(request, 400, f"SubCode=40000. {exc}.")


def entry_or_feed(text: str) -> Content:
    """Describe an answer, for the OpenAPI document."""
    return Content(text, bytes, "application/atom+xml")


def url(request: Request, path: str) -> str:
    """Return the URL of a path below the request's host; `path` has no leading slash."""
    return f"{request.host_url}{path}"


def author(request: Request) -> str:
    """Return the name of the namespace, the author of all entries."""
    return services(request).host.partition(".")[0]


def done() -> Response:
    """Return the answer to a DELETE, as Azure gives it: 200 without a body."""
    return Response(status=200, content_type=xml_errors.XML)
