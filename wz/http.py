"""Request and Response: Werkzeug's, with shorter ways to read and to send; and what a handler may return."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace
from typing import IO, TYPE_CHECKING, Any, cast

import msgspec
from werkzeug.datastructures import EnvironHeaders, Headers, ImmutableMultiDict
from werkzeug.exceptions import BadRequest, HTTPException, MethodNotAllowed, NotFound
from werkzeug.formparser import FormDataParser
from werkzeug.sansio.http import parse_cookie
from werkzeug.utils import cached_property
from werkzeug.wrappers import Request as WerkzeugRequest
from werkzeug.wrappers import Response as WerkzeugResponse

from . import bodies, chunked
from .json import JSON, json
from .reply import STATUS_LINES, Reply, send

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from werkzeug.routing import MapAdapter, Rule

    from .app import App  # upwards: a request knows the app that answers it
    from .routing import Route  # upwards: a request knows the route that answers it


#: What a handler may return to have it sent as JSON.
JSON_TYPES = (dict, list, msgspec.Struct)

#: The media types of forms (HTML Standard, 4.10.21); the second alone carries files.
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")


class Globals(SimpleNamespace):
    """A place for what one request's hooks and handlers, or one script, want to share."""

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute, or `default` if it was not set."""
        return getattr(self, name, default)

    def pop(self, name: str, *default: Any) -> Any:
        """Remove an attribute and return it, or `default`. Raises KeyError if neither exists."""
        return self.__dict__.pop(name, *default)

    def setdefault(self, name: str, default: Any = None) -> Any:
        """Return an attribute, set to `default` first if it was not set."""
        return self.__dict__.setdefault(name, default)

    def __contains__(self, name: str) -> bool:
        return name in self.__dict__

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__)


class Limit:
    """A limit from the app's configuration: bytes or a count, None for no limit. A handler may set another."""

    def __init__(self, setting: str, default: int | None = None) -> None:
        self.setting = setting
        self.default = default  # for a request where no app is current

    def __get__(self, request: Request | None, owner: type[Request]) -> Any:
        if request is None:
            return self
        own = request.__dict__
        if self.setting in own:
            return own[self.setting]
        app = own.get("app")
        if app is None:
            from .context import active_app  # upwards: a request made by hand has the limits of the current app

            app = active_app()
        return self.default if app is None else app.config.get(self.setting, self.default)

    def __set__(self, request: Request, limit: int | None) -> None:
        request.__dict__[self.setting] = limit


class Request(WerkzeugRequest):
    """Werkzeug's request, whose attributes are read from the environ when they are first asked for.

    The request is not put into the environ: they would keep each other alive until the garbage collector comes.
    """

    shallow = False

    max_content_length = Limit("MAX_CONTENT_LENGTH")
    max_form_memory_size = Limit("MAX_FORM_MEMORY_SIZE", 500_000)
    max_form_parts = Limit("MAX_FORM_PARTS", 1_000)

    app: App
    #: What the match found: the rule and its values; or the methods that the path has rules for, of which this
    #: request's is none (without any, it is a 404); or an error of Map's, such as a redirect.
    url_rule: Rule | None = None
    view_args: dict[str, Any] | None = None
    refused: frozenset[str] | None = None
    routing_error: HTTPException | None = None
    #: What answers: the endpoint's route, or the app's own for a request that matched none.
    route: Route
    #: Functions for this one response: see `wz.context.after_this_request`.
    after_hooks: list[Callable[[WerkzeugResponse], WerkzeugResponse]] | None = None
    #: Whether a form was read, which may have files that are to be closed.
    has_form = False
    #: Whether the after hooks have begun: one that fails is not run again for the answer to its failure.
    finalized = False

    def __init__(self, environ: WSGIEnvironment, populate_request: bool = False, shallow: bool = False) -> None:
        self.environ = environ
        if shallow:
            self.shallow = True

    @cached_property
    def method(self) -> str:
        """In capitals, such as `GET`."""
        method: str = self.environ.get("REQUEST_METHOD", "GET")
        return method.upper()

    @cached_property
    def scheme(self) -> str:
        """`http` or `https`, as the server knows it. Behind a proxy, a layer such as `ProxyFix` corrects it."""
        scheme: str = self.environ.get("wsgi.url_scheme", "http")
        return scheme

    @cached_property
    def path(self) -> str:
        """The path below `root_path`, decoded, with one slash at its beginning."""
        return "/" + _text(self.environ.get("PATH_INFO") or "").lstrip("/")

    @cached_property
    def root_path(self) -> str:
        """Where the app is mounted, decoded and without a slash at its end; empty at the root."""
        return _text(self.environ.get("SCRIPT_NAME") or "").rstrip("/")

    @cached_property
    def query_string(self) -> bytes:
        """What follows the question mark, as it was sent; `args` has it decoded."""
        query: str = self.environ.get("QUERY_STRING", "")
        return query.encode("latin-1")

    @cached_property
    def headers(self) -> Headers:
        """The headers, read-only; upper and lower case of their names are the same."""
        return EnvironHeaders(self.environ)

    @cached_property
    def cookies(self) -> ImmutableMultiDict[str, str]:
        cookies = parse_cookie(self.environ.get("HTTP_COOKIE"), cls=ImmutableMultiDict)
        return cast("ImmutableMultiDict[str, str]", cookies)

    @cached_property
    def remote_addr(self) -> str | None:
        """The address of the server's peer, which may be a proxy: see Werkzeug's `ProxyFix`."""
        return self.environ.get("REMOTE_ADDR")

    @cached_property
    def server(self) -> tuple[str, int | None] | None:
        """The server's own name and port, which need not be those in the Host header; no port for a unix socket."""
        name = self.environ.get("SERVER_NAME")
        if name is None:
            return None
        try:
            return name, int(self.environ["SERVER_PORT"])
        except (KeyError, TypeError, ValueError):
            return name, None  # a unix socket

    def get_data(self, cache: bool = True, as_text: bool = False, parse_form_data: bool = False) -> Any:
        own = self.__dict__
        if cache and not ("stream" in own or "_cached_data" in own or self.shallow):
            is_form = parse_form_data and self.mimetype in FORM_TYPES
            body = None if is_form else bodies.read_whole(self.environ, self.max_content_length)
            if body is not None:
                own["_cached_data"], own["stream"] = body, io.BytesIO()  # nothing is left to be read
                if parse_form_data:
                    own["form"], own["files"] = self.parameter_storage_class(), self.parameter_storage_class()
        return super().get_data(cache, as_text, parse_form_data)  # type: ignore[call-overload]

    def make_form_data_parser(self) -> FormDataParser:
        self.has_form = True
        return super().make_form_data_parser()

    @cached_property
    def stream(self) -> IO[bytes]:
        if self.shallow:
            return super().stream
        found = chunked.stream(self.environ, self.max_content_length, self.content_length)
        return super().stream if found is None else found

    @cached_property
    def url_adapter(self) -> MapAdapter:
        """Werkzeug's adapter for this request, made when it is first asked for: the compiled match does without it."""
        return cast("MapAdapter", self.app.create_url_adapter(self))

    @cached_property
    def g(self) -> Any:
        """What `wz.g` stands for during this request."""
        return self.app.app_ctx_globals_class() if "app" in self.__dict__ else Globals()

    @property
    def json_module(self) -> JSON:  # type: ignore[override]
        """What reads a JSON body: the app's JSON."""
        return self.app.json if "app" in self.__dict__ else json

    @property
    def routing_exception(self) -> HTTPException | None:
        """Why there is no rule, made when it is first asked for: most 404s are answered without it."""
        if self.routing_error is None and self.refused is not None:
            self.routing_error = MethodNotAllowed(sorted(self.refused)) if self.refused else NotFound()
        return self.routing_error

    @routing_exception.setter
    def routing_exception(self, error: HTTPException | None) -> None:
        self.refused, self.routing_error = None, error

    @property
    def endpoint(self) -> str | None:
        """The endpoint of the matched rule, with its blueprint's name in front; None if no rule matched."""
        return None if self.url_rule is None else self.url_rule.endpoint

    @property
    def blueprint(self) -> str | None:
        """The dotted name of the endpoint's blueprint, as it was registered."""
        return None if self.endpoint is None else self.endpoint.rpartition(".")[0] or None

    @property
    def blueprints(self) -> list[str]:
        """The names of the endpoint's blueprint and of those around it, innermost first."""
        names = self.blueprint.split(".") if self.blueprint else []
        return [".".join(names[:depth]) for depth in range(len(names), 0, -1)]

    def _load_form_data(self) -> None:
        super()._load_form_data()
        if "app" in self.__dict__ and self.app.debug and self.mimetype == FORM_TYPES[0]:
            from .debughelpers import ExplainedFiles  # in debug mode only

            self.__dict__["files"] = ExplainedFiles(self)

    def on_json_loading_failed(self, e: ValueError | None) -> Any:
        if e is None:
            return super().on_json_loading_failed(e)  # another media type: 415
        raise BadRequest(f"the body is not JSON: {e}")


def _text(value: str) -> str:
    """Decode a text of the environ as UTF-8: a WSGI server has decoded its bytes as latin-1."""
    return value if value.isascii() else value.encode("latin-1").decode(errors="replace")


class Response(WerkzeugResponse):
    """Werkzeug's response; text/html unless told otherwise, as in Flask."""

    default_mimetype = "text/html"
    json_module = json  # type: ignore[assignment]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # A subclass may override a step of Werkzeug's, so only this class goes the short way.
        sent = send(self, environ, start_response) if type(self) is Response else None
        return super().__call__(environ, start_response) if sent is None else sent

    @property
    def max_cookie_size(self) -> int:  # type: ignore[override]
        """MAX_COOKIE_SIZE of the current app: bytes above which `set_cookie` warns, as browsers may ignore a cookie."""
        from .context import active_app  # here, since wz.context imports this file

        app = active_app()
        return super().max_cookie_size if app is None else app.config["MAX_COOKIE_SIZE"]

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
        headers = super().get_wsgi_headers(environ)
        if self.status_code == 204:
            headers.remove("Content-Type")  # there is no content: wsgiref.validate refuses one that has a type
        return headers


def reply_to(value: Any, app: App) -> Reply | None:
    """Return a `Reply` for what most handlers return: JSON or text, with a status or without.

    None for anything else, which `to_response` looks at.
    """
    if type(value) is Reply:
        return value
    if app.response_class is not Response or not app.json.is_plain:
        return None
    status_code = 200
    if type(value) is tuple and len(value) == 2 and type(value[1]) is int and value[1] in STATUS_LINES:
        value, status_code = value
    if isinstance(value, JSON_TYPES):
        return Reply(app.json.encode(value), status_code)
    if type(value) is str:
        return Reply(value.encode(), status_code, "text/html; charset=utf-8")
    return None


def to_response(value: Any, app: App | None, environ: WSGIEnvironment | None, origin: object) -> WerkzeugResponse:
    """Turn what a handler returned into a response.

    str                         200, text/html, UTF-8
    bytes, bytearray            200, text/html
    dict, list, msgspec.Struct  200, application/json
    iterator of str or bytes    200, text/html, streamed
    Response, or a WSGI app     as it is
    (value, status)             any of the above with a status, `201` or `"201 CREATED"`
    (value, headers)            ... with headers added, a dict or a list of pairs
    (value, status, headers)    ... with both

    A name that occurs twice in the pairs is sent twice, as Flask does it, if the value is text, bytes or an iterator.
    Any other value makes a response that has headers already, and each pair replaces the one of its name.

    Anything else, None above all, is a TypeError that names `origin`. A WSGI app is run on `environ`.
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

    is_raw = isinstance(value, (str, bytes, bytearray, Iterator))
    response = _from_body(value, app, environ, origin, Headers(headers) if is_raw and headers else None)
    if isinstance(status, str):
        response.status = status
    elif status is not None:
        response.status_code = status
    if headers and not is_raw:
        response.headers.update(headers)
    return response


def _from_body(
    value: Any, app: App | None, environ: WSGIEnvironment | None, origin: object, headers: Headers | None
) -> WerkzeugResponse:
    response_class = Response if app is None else app.response_class
    match value:
        case WerkzeugResponse():
            if environ is None or isinstance(value, response_class):
                return value
            return response_class.force_type(value, environ)
        case dict() | list() | msgspec.Struct():
            return json_response(value, app)
        case str() | bytes():
            return response_class(value, headers=headers)
        case bytearray():
            return response_class(bytes(value), headers=headers)
        case Iterator():
            return response_class(value, headers=headers)
        case None:
            raise TypeError(f"{origin} returned None: a return statement is missing, or has no value")
    if callable(value) and environ is not None:
        application: WSGIApplication = value
        try:
            return response_class.force_type(application, environ)  # type: ignore[arg-type]
        except TypeError as exc:
            raise TypeError(f"{origin} returned {value!r}, which is called as a WSGI application: {exc}") from exc
    raise TypeError(
        f"{origin} returned a {type(value).__name__}: it must be a str, bytes, dict, list, Struct, iterator, "
        "Response, WSGI application or tuple of one of these with a status and headers"
    )


def json_response(value: Any, app: App | None) -> Response:
    """Return a 200 with `value` as the app's JSON writes it; without an app, as the default JSON does."""
    provider = json if app is None else app.json
    if provider.is_plain and (app is None or app.response_class is Response):
        return Reply(provider.encode(value)).as_response(Response)
    return provider.response(value)
