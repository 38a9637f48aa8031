"""App: environ -> Request -> match -> handler -> Response -> start_response, each step a method with a name."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from werkzeug.exceptions import HTTPException, InternalServerError
from werkzeug.routing import Map, RequestRedirect
from werkzeug.test import EnvironBuilder

from .context import RequestContext, current_request
from .errors import Problem, error_response, find_handler
from .http import Request, Response, make_response
from .routing import Blueprint, Route, Router, Rule
from .typed import View, bind

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from werkzeug.wrappers import Response as WerkzeugResponse

    from .testing import Client

_FRAGMENT = "%!#$&'()*+,/:;=?@"  # what may stand in a fragment as it is: RFC 3986, section 3.5

DEFAULT_CONFIG: Mapping[str, Any] = {
    "APPLICATION_ROOT": "/",
    "DEBUG": False,
    "MAX_CONTENT_LENGTH": None,  # bytes
    "PREFERRED_URL_SCHEME": "http",
    "PROPAGATE_EXCEPTIONS": None,  # None: in debug and testing only
    "SERVER_NAME": None,
    "TESTING": False,
}


class App(Router):
    """A WSGI application.

    `problems` says which status stands for an exception of the domain: `{UnknownMember: 404}`. The exception's text
    is the problem's detail and its attribute `field`, if it has one, the problem's member; subclasses follow.
    """

    request_class = Request
    response_class = Response

    def __init__(self, import_name: str, *, config: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.import_name = import_name
        self.config: dict[str, Any] = {**DEFAULT_CONFIG, **(config or {})}
        self.logger = logging.getLogger(import_name)
        self.url_map = Map()
        self.view_functions: dict[str, View] = {}
        self.blueprints: dict[str, Blueprint] = {}
        self.extensions: dict[str, Any] = {}
        self.problems: dict[type[Exception], int] = {}
        self._handlers: dict[str, Callable[[Request, Mapping[str, Any]], Any]] = {}
        self._scopes: dict[str, tuple[Router, ...]] = {}

    # The request's way through.

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self.wsgi_app(environ, start_response)

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request. Middleware wraps this method, so that `app` stays the app."""
        request = self.request_class(environ)
        error: BaseException | None = None
        with RequestContext(self, request):
            try:
                try:
                    response = self.respond(request)
                except Exception as exc:
                    error = exc
                    response = self.handle_exception(request, exc)
                return response(environ, start_response)
            except BaseException as exc:
                error = exc
                raise
            finally:
                self.teardown(request, error)

    def respond(self, request: Request) -> WerkzeugResponse:
        """Return the answer of the hooks, the handler and the error handlers; raise what none of them takes."""
        try:
            self.match(request)
            value = self.preprocess(request)
            if value is None:
                value = self.dispatch(request)
        except Exception as exc:
            value = self.handle_user_exception(request, exc)
        return self.finalize(request, value)

    def match(self, request: Request) -> None:
        """Find the endpoint. A failure is kept for `dispatch`, so that hooks see unmatched requests, too."""
        request.app = self
        request.scopes = (self,)
        request.max_content_length = self.config["MAX_CONTENT_LENGTH"]
        request.url_adapter = self.url_map.bind_to_environ(request.environ, self.config["SERVER_NAME"])
        try:
            rule, values = request.url_adapter.match(return_rule=True)
        except HTTPException as exc:
            request.routing_exception = exc
        else:
            assert isinstance(rule, Rule)
            request.url_rule = rule
            request.view_args = dict(values)
            request.scopes = self._scopes[rule.endpoint]

    def preprocess(self, request: Request) -> Any:
        """Run the before hooks, the app's first, until one of them answers."""
        for scope in request.scopes:
            for hook in scope.before_hooks:
                value = hook(request)
                if value is not None:
                    return value
        return None

    def dispatch(self, request: Request) -> Any:
        """Call the handler, or raise what `match` found."""
        if request.routing_exception is not None:
            raise request.routing_exception
        rule = request.url_rule
        assert rule is not None
        if request.method == "OPTIONS" and rule.automatic_options:
            return self.options_response(request)
        return self._handlers[rule.endpoint](request, request.view_args or {})

    def finalize(self, request: Request, value: Any) -> WerkzeugResponse:
        """Make a response of what was returned, and run the after hooks, the innermost and latest first."""
        if isinstance(value, HTTPException):  # returned instead of raised
            value = error_response(value, request)
        response = make_response(value, f"the view of {request.endpoint!r}", request)
        for scope in reversed(request.scopes):
            for hook in reversed(scope.after_hooks):
                response = hook(request, response)
        return response

    def teardown(self, request: Request, error: BaseException | None) -> None:
        """Run every teardown hook, whatever went before; one that fails is logged and does not stop the others."""
        for scope in reversed(request.scopes):
            for hook in reversed(scope.teardown_hooks):
                try:
                    hook(error)
                except Exception:
                    self.logger.exception("teardown of %s %s failed", request.method, request.path)

    # Errors.

    def handle_user_exception(self, request: Request, exc: Exception) -> Any:
        """Return a registered handler's answer, the default answer to an HTTP error, or raise `exc` again."""
        if isinstance(exc, RequestRedirect):
            return exc.get_response(request.environ)
        handler = self._find_handler(request, exc)
        if handler is None and not isinstance(exc, HTTPException):
            status = next((self.problems[cls] for cls in type(exc).__mro__ if cls in self.problems), None)
            if status is not None:
                field = getattr(exc, "field", None)
                exc = Problem(status, str(exc), **({"field": field} if field else {}))
                handler = self._find_handler(request, exc)
        if handler is not None:
            return handler(exc)
        if isinstance(exc, HTTPException):
            return error_response(exc, request)
        raise exc

    def handle_exception(self, request: Request, exc: Exception) -> WerkzeugResponse:
        """Answer 500 to what nothing else took, and log it; raise it while testing or debugging.

        Handlers of 500 and of InternalServerError are given the exception as `original_exception`.
        """
        propagate = self.config["PROPAGATE_EXCEPTIONS"]
        if propagate is None:
            propagate = self.config["TESTING"] or self.config["DEBUG"]
        if propagate:
            raise exc
        self.logger.error("%s %s failed", request.method, request.path, exc_info=exc)
        error = InternalServerError(original_exception=exc)
        handler = self._find_handler(request, error)
        try:
            return self.finalize(request, error_response(error, request) if handler is None else handler(error))
        except Exception:
            self.logger.exception("the answer to an error of %s %s failed", request.method, request.path)
            return error_response(error, request)

    def _find_handler(self, request: Request, exc: Exception) -> Callable[[Any], Any] | None:
        scopes = request.scopes or (self,)
        return find_handler((scope.error_handlers for scope in reversed(scopes)), exc)

    def options_response(self, request: Request) -> WerkzeugResponse:
        return Response(headers={"Allow": ", ".join(sorted(request.url_adapter.allowed_methods()))})

    # Routes.

    def add_route(self, route: Route) -> None:
        self._add(route, route.endpoint, route.rule, (self,))

    def register(self, blueprint: Blueprint, *, url_prefix: str | None = None, name: str | None = None) -> None:
        """Take a blueprint's routes in, below `url_prefix` or its own; `name` lets one be registered twice."""
        name = name or blueprint.name
        if name in self.blueprints:
            raise ValueError(f"there is a blueprint {name!r} already: register this one under another name=")
        self.blueprints[name] = blueprint
        prefix = blueprint.url_prefix if url_prefix is None else url_prefix
        for route in blueprint.routes:
            rule = f"{prefix.rstrip('/')}/{route.rule.lstrip('/')}" if route.rule else prefix
            self._add(route, f"{name}.{route.endpoint}", rule, (self, blueprint))

    register_blueprint = register

    def _add(self, route: Route, endpoint: str, text: str, scopes: tuple[Router, ...]) -> None:
        rule = Rule(text, endpoint=endpoint, methods=route.methods, **route.options)
        rule.automatic_options = route.automatic_options
        if self.view_functions.get(endpoint, route.view) is not route.view:
            raise ValueError(f"the endpoint {endpoint!r} has another view already: give one of them endpoint=...")
        self.url_map.add(rule)
        self.view_functions[endpoint] = route.view
        self._handlers[endpoint] = bind(route.view, frozenset(rule.arguments))
        self._scopes[endpoint] = scopes

    def url_for(
        self,
        endpoint: str,
        *,
        _anchor: str | None = None,
        _method: str | None = None,
        _scheme: str | None = None,
        _external: bool = False,
        **values: Any,
    ) -> str:
        """Build the URL of an endpoint; `.name` is one of the current request's blueprint.

        Values that the rule has no place for become the query string. An external URL outside of a request needs
        `SERVER_NAME`. Raises `werkzeug.routing.BuildError`, which suggests the nearest endpoint.
        """
        request = current_request()
        if request is not None and request.app is self:
            adapter = request.url_adapter
            if endpoint.startswith("."):
                endpoint = f"{request.blueprint}{endpoint}" if request.blueprint else endpoint[1:]
        else:
            server_name = self.config["SERVER_NAME"]
            if _external and not server_name:
                raise RuntimeError("an external URL outside of a request needs config['SERVER_NAME']")
            adapter = self.url_map.bind(
                server_name or "localhost",
                script_name=self.config["APPLICATION_ROOT"],
                url_scheme=self.config["PREFERRED_URL_SCHEME"],
            )
        url = adapter.build(
            endpoint, values, method=_method, url_scheme=_scheme, force_external=_external or _scheme is not None
        )
        return url if _anchor is None else f"{url}#{quote(_anchor, safe=_FRAGMENT)}"

    # Testing.

    @property
    def testing(self) -> bool:
        return bool(self.config["TESTING"])

    @testing.setter
    def testing(self, value: bool) -> None:
        self.config["TESTING"] = value

    @property
    def debug(self) -> bool:
        return bool(self.config["DEBUG"])

    @debug.setter
    def debug(self, value: bool) -> None:
        self.config["DEBUG"] = value

    def test_client(self, **options: Any) -> Client:
        from .testing import Client

        return Client(self, **options)

    def test_request_context(self, *args: Any, **kwargs: Any) -> RequestContext:
        """Return a context for `with`, of a request made by Werkzeug's EnvironBuilder from the same arguments."""
        request = self.request_class(EnvironBuilder(*args, **kwargs).get_environ())
        self.match(request)
        return RequestContext(self, request)
