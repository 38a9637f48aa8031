"""Request and Response: Werkzeug's, and the rules for what a handler may return."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec
from werkzeug.datastructures import Headers
from werkzeug.exceptions import BadRequest, HTTPException
from werkzeug.wrappers import Request as WerkzeugRequest
from werkzeug.wrappers import Response as WerkzeugResponse

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from werkzeug.routing import MapAdapter

    from .app import App
    from .routing import Router, Rule

# Decimals become JSON numbers with all their digits. A client that parses numbers as doubles may lose some; the
# document itself does not.
_json = msgspec.json.Encoder(decimal_format="number")


class _JSON:
    """What Werkzeug calls as `json_module`; msgspec's encoder has no `dumps`."""

    @staticmethod
    def dumps(obj: Any, **_: Any) -> str:
        return _json.encode(obj).decode()

    @staticmethod
    def loads(data: str | bytes, **_: Any) -> Any:
        try:
            return msgspec.json.decode(data)
        except RecursionError as exc:
            raise ValueError("nested too deeply") from exc


class Request(WerkzeugRequest):
    """Werkzeug's request, plus what the app's `match` step found out about it."""

    json_module = _JSON  # type: ignore[assignment]

    app: App
    url_adapter: MapAdapter
    url_rule: Rule | None = None
    view_args: dict[str, Any] | None = None
    routing_exception: HTTPException | None = None
    #: The routers whose hooks and error handlers apply: the app, then each blueprint inwards.
    scopes: tuple[Router, ...] = ()

    @property
    def endpoint(self) -> str | None:
        return None if self.url_rule is None else self.url_rule.endpoint

    @property
    def blueprint(self) -> str | None:
        """The name of the blueprint that the endpoint belongs to, as it was registered."""
        return None if self.endpoint is None else self.endpoint.rpartition(".")[0] or None

    def on_json_loading_failed(self, e: ValueError | None) -> Any:
        if e is None:
            return super().on_json_loading_failed(e)  # another media type: 415
        raise BadRequest(f"the body is not JSON: {e}")


class Response(WerkzeugResponse):
    """Werkzeug's response; text/html unless told otherwise, as Flask's."""

    default_mimetype = "text/html"
    json_module = _JSON  # type: ignore[assignment]

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
        headers = super().get_wsgi_headers(environ)
        if self.status_code == 204:
            headers.remove("Content-Type")  # there is no content: wsgiref.validate refuses one that has a type
        return headers


def jsonify(*args: Any, **kwargs: Any) -> Response:
    """Return a JSON response of one value, of a list of several, or of an object made from keywords."""
    if args and kwargs:
        raise TypeError("jsonify() takes either values or keywords, not both")
    value = kwargs if not args else args[0] if len(args) == 1 else args
    return Response(_json.encode(value), mimetype="application/json")


def make_response(value: Any, origin: str = "the handler", request: Request | None = None) -> WerkzeugResponse:
    """Turn what a handler returned into a response.

    str                         200, text/html, UTF-8
    bytes, bytearray            200, text/html
    dict, list, msgspec.Struct  200, application/json
    iterator of str or bytes    200, text/html, streamed
    Response, or a WSGI app     as it is
    (value, status)             any of the above with a status, `201` or `"201 CREATED"`
    (value, headers)            ... with headers added, a dict or a list of pairs
    (value, status, headers)    ... with both

    Anything else, None above all, is a TypeError that names `origin`.
    """
    status: Any = None
    headers: Any = None
    if isinstance(value, tuple):
        match value:
            case (value, status, headers):
                ...
            case (value, (Headers() | dict() | list() | tuple()) as headers):
                ...
            case (value, status):
                ...
            case _:
                raise TypeError(
                    f"{origin} returned a tuple of {len(value)}: it must be (body, status, headers), (body, status) "
                    "or (body, headers)"
                )

    response = _from_body(value, origin, request)
    if isinstance(status, str):
        response.status = status
    elif status is not None:
        response.status_code = status
    if headers:
        response.headers.update(headers)
    return response


def _from_body(value: Any, origin: str, request: Request | None) -> WerkzeugResponse:
    match value:
        case WerkzeugResponse():
            return value
        case str() | bytes():
            return Response(value)
        case bytearray():
            return Response(bytes(value))
        case dict() | list() | msgspec.Struct():
            return Response(_json.encode(value), mimetype="application/json")
        case Iterator():
            return Response(value)
        case None:
            raise TypeError(f"{origin} returned None: a return statement is missing, or has no value")
    if callable(value) and request is not None:
        return Response.force_type(value, request.environ)
    raise TypeError(
        f"{origin} returned a {type(value).__name__}: it must be a str, bytes, dict, list, Struct, iterator, "
        "Response, WSGI application or tuple of one of these with a status and headers"
    )
