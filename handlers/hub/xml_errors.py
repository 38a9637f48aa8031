"""Errors as Azure answers them, for the routes of its dialect. All other routes answer problem documents.

    <Error><Code>401</Code><Detail>ExpiredToken: The token is expired. TrackingId:..., SystemTracker:ns:events/messages,
    Timestamp:2026-05-01T12:00:00</Detail></Error>

Microsoft documents "error code and message" only. The shape and the texts are those that its clients know: they look
for the name before the colon, for SubCode (40103 a wrong signature, 40100 a missing right), and for 50002 (throttled).
The TrackingId is the request's id in the logs.

A browser, which has come here by a mistyped path, gets a page.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, cast
from urllib.parse import quote
from xml.sax.saxutils import escape

from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge
from werkzeug.wrappers import Response as WerkzeugResponse

from pipeline.hub import sas
from pipeline.hub.description import RESERVED
from pipeline.hub.hops import RelayRing, WrongHops
from pipeline.hub.namespace import UnknownHub
from pipeline.hub.publishers import PublisherRevoked
from pipeline.hub.repetition import KeyOfAnother
from pipeline.hub.throughput import Throttled
from pipeline.hub.writing import BatchTooLarge, HubFull
from wz import App, Blueprint, Problem, Request, Response
from wz.context import current_request
from wz.errors import error_response, help_for, wants_html
from wz.openapi import operation
from wz.request_id import KEY as REQUEST_ID

from ..outage import ANSWERED, MAY_BE_STORED, outage
from ..services import services
from ..times import error_time, now_ms

XML = "application/xml; charset=utf-8"

#: Characters that XML 1.0 can't contain, even escaped.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_UNAUTHORIZED: Mapping[type[Exception], str] = {
    sas.MissingToken: "MissingToken: The authorization header was not found: {exc}.",
    sas.MalformedToken: "MalformedToken: The authorization header can't be read: {exc}.",
    sas.InvalidSignature: "InvalidSignature: The token has an invalid signature. "
    "SubCode=40103: Invalid authorization token signature.",
    sas.ExpiredToken: "ExpiredToken: The token is expired.",
    sas.InvalidAudience: "InvalidAudience: The authorization header contains a token with a wrong audience: {exc}.",
    PublisherRevoked: "PublisherRevoked: {exc}.",
}

_READS = frozenset({"GET", "HEAD"})

Answer = tuple[int, str, dict[str, str]]  # status, detail, headers


def speak(blueprint: Blueprint) -> None:
    """Answer a blueprint's errors as Azure does, and limit its bodies to the largest send."""

    @blueprint.before_request
    @operation(errors="application/xml")
    def limit_body(request: Request) -> None:
        request.max_content_length = services(request).max_send_bytes

    for kind, describe in _KINDS.items():
        blueprint.register_error_handler(kind, _handler(describe))


def answer_unmatched(app: App) -> None:
    """Answer 404 and 405 in the same way where the path could be a hub's but no route took it."""

    def unmatched(exc: HTTPException) -> WerkzeugResponse:
        request = _request()
        if wants_html(request) or not is_dialect(request.path):
            return error_response(exc, request)
        if request.url_rule is None and isinstance(exc, NotFound) and request.path.strip("/").count("/"):
            exc = Problem(400, "The requested HTTP operation is not supported in an EventHub.")
        return respond(request, *_http(exc, request))

    app.register_error_handler(404, unmatched)
    app.register_error_handler(405, unmatched)


def is_dialect(path: str) -> bool:
    """Say whether a path is the namespace's or a hub's, and not one of the service's own."""
    first = path.strip("/").partition("/")[0].lower()
    return first != "" and first not in RESERVED


def respond(
    request: Request,
    status: int,
    detail: str,
    headers: Mapping[str, str] | None = None,
    kind: type[Exception] | None = None,
) -> WerkzeugResponse:
    """Return an error in Azure's shape; as a page for a browser. `kind` is the class of what is answered.

    One that sends no token has not asked for a hub in this dialect, so for it there is nothing here.
    """
    problem = Problem(status, detail, headers)
    problem.stands_for = kind
    if wants_html(request):
        if status == 401 and request.method in _READS and "HTTP_AUTHORIZATION" not in request.environ:
            return error_response(Problem(404), request)
        return error_response(problem, request)
    if see := help_for(problem, request):
        headers = {**(headers or {}), "Link": f'<{see}>; rel="help"'}
    path = quote(request.path.strip("/"))
    tracking = request.environ.get(REQUEST_ID, "-")
    detail = detail if detail.endswith(".") else f"{detail}."
    tracker, when = f"{services(request).host}:{path}", error_time(now_ms())
    detail = f"{detail} TrackingId:{tracking}, SystemTracker:{tracker}, Timestamp:{when}"
    text = escape(_NOT_XML.sub("\ufffd", detail))
    return Response(f"<Error><Code>{status}</Code><Detail>{text}</Detail></Error>", status, headers, content_type=XML)


def _handler(describe: Callable[[Any, Request], Answer]) -> Callable[[Exception], WerkzeugResponse]:
    def handle(exc: Exception) -> WerkzeugResponse:
        request = _request()
        return respond(request, *describe(exc, request), type(exc))

    return handle


def _request() -> Request:
    return cast("Request", current_request())  # error handlers are called only during a request


def _unauthorized(exc: Exception, request: Request) -> Answer:
    if isinstance(exc, sas.MissingRight):
        endpoint = f"sb://{services(request).host}/{quote(request.path.strip('/'))}"
        text = (
            f"SubCode=40100: Unauthorized : Unauthorized access for '{exc.right}' operation on endpoint '{endpoint}'."
        )
    else:
        text = _UNAUTHORIZED[type(exc)].format(exc=exc)
    return 401, text, {"WWW-Authenticate": sas.SCHEME}


def _unknown_hub(exc: UnknownHub, request: Request) -> Answer:
    entity = f"sb://{services(request).host}/{quote(exc.name)}"
    return 404, f"The messaging entity '{entity}' does not exist: {exc}.", {}


def _throttled(exc: Throttled, request: Request) -> Answer:
    seconds = max(1, math.ceil(exc.seconds))
    text = (
        f"The request was terminated because the namespace {services(request).host} is being throttled. "
        f"Error code : 50002. Please wait {seconds} seconds and try again. Reason: {exc.limit}."
    )
    return 503, text, {"Retry-After": str(seconds)}


def _key_of_another(exc: KeyOfAnother, request: Request) -> Answer:
    return 422, f"Idempotency-Key: {exc}.", {}


def _too_large(exc: BatchTooLarge, request: Request) -> Answer:
    return 413, f"{exc}.", {}


def _full(exc: HubFull, request: Request) -> Answer:
    return 503, f"ServerBusy: {exc}.", {"Retry-After": str(exc.seconds)}


def _wrong_hops(exc: WrongHops, request: Request) -> Answer:
    name = "RelayRing: " if isinstance(exc, RelayRing) else ""
    return 400, f"{name}{exc}.", {}


def _away(exc: Exception, request: Request) -> Answer:
    problem = outage(exc, MAY_BE_STORED)
    busy = "ServerBusy: " if problem.code == 503 else ""  # clients take this name for "send it again"
    return problem.code or 500, f"{busy}{problem.description}", problem.headers


def _http(exc: HTTPException, request: Request) -> Answer:
    headers = {name: value for name, value in exc.get_headers(request.environ) if name.lower() != "content-type"}
    if isinstance(exc, Problem):
        headers |= exc.headers
    if isinstance(exc, MethodNotAllowed):
        return 405, f"The specified HTTP verb ({request.method}) is not valid.", headers
    if isinstance(exc, RequestEntityTooLarge):
        largest = services(request).max_send_bytes
        return 413, f"The event or the batch is larger than {largest} bytes.", headers
    status = exc.code or 500
    if status >= 500 and not isinstance(exc, Problem):
        return status, "The service was unable to process the request; please retry the operation.", headers
    return status, exc.description or exc.name, headers


_KINDS: Mapping[type[Exception], Callable[[Any, Request], Answer]] = {
    HTTPException: _http,
    sas.Unauthorized: _unauthorized,
    PublisherRevoked: _unauthorized,
    UnknownHub: _unknown_hub,
    Throttled: _throttled,
    HubFull: _full,
    BatchTooLarge: _too_large,
    KeyOfAnother: _key_of_another,
    WrongHops: _wrong_hops,
    **dict.fromkeys(ANSWERED, _away),
}
