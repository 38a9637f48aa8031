"""App: environ -> Request -> match -> handler -> Response -> start_response, each step a method with a name."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import quote

from werkzeug.exceptions import HTTPException, InternalServerError
from werkzeug.routing import BuildError, MapAdapter, RequestRedirect, Rule
from werkzeug.wsgi import get_host

from .config import Config, ConfigAttribute
from .context import PRESERVE, AppContext, PreservedContext, RequestContext, current, current_request
from .errors import Problem, error_response, find_handler
from .fast import Match
from .http import JSON_TYPES, JSONReply, Request, Response, to_response
from .json import JSON, json
from .layers import Layers
from .routing import Hooks, Map, Route, Router, RuleSpec, root_path
from .typed import View, synchronous

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from .blueprints import Blueprint
    from .cli import AppGroup
    from .testing import AppRunner, Client

F = TypeVar("F", bound=Callable[..., Any])

_FRAGMENT = "%!#$&'()*+,/:;=?@"  # what may stand in a fragment as it is: RFC 3986, section 3.5

DEFAULT_CONFIG: Mapping[str, Any] = {
    "APPLICATION_ROOT": "/",
    "DEBUG": False,
    "MAX_CONTENT_LENGTH": None,  # bytes
    "MAX_FORM_MEMORY_SIZE": 500_000,  # bytes of a form's fields, files not counted
    "MAX_FORM_PARTS": 1_000,
    "PREFERRED_URL_SCHEME": "http",
    "PROPAGATE_EXCEPTIONS": None,  # None: in debug and testing only
    "PROVIDE_AUTOMATIC_OPTIONS": True,
    "SECRET_KEY": None,
    "SEND_FILE_MAX_AGE_DEFAULT": None,  # seconds
    "SERVER_NAME": None,
    "TEMPLATES_AUTO_RELOAD": None,  # None: in debug only
    "TESTING": False,
    "TRUSTED_HOSTS": None,
    "USE_X_SENDFILE": False,
}


class App(Router):
    """A WSGI application.

    `problems` says which status stands for an exception of the domain: `{UnknownMember: 404}`. The exception's text
    is the problem's detail and its attribute `field`, if it has one, the problem's member; subclasses follow.
    `layers` is the WSGI middleware around it.
    """

    testing = ConfigAttribute[bool]("TESTING", bool)
    debug = ConfigAttribute[bool]("DEBUG", bool)
    secret_key = ConfigAttribute["str | bytes | None"]("SECRET_KEY")
    request_class = Request
    response_class: type[Response] = Response

    def __init__(
        self,
        import_name: str,
        *,
        config: Mapping[str, Any] | None = None,
        host_matching: bool = False,
        subdomain_matching: bool = False,
    ) -> None:
        super().__init__()
        self.import_name = import_name
        self.config = Config(self.root_path, {**DEFAULT_CONFIG, **(config or {})})
        self.logger = logging.getLogger(import_name)
        self.json: JSON = json
        self.extensions: dict[str, Any] = {}
        self.problems: dict[type[Exception], int] = {}
        self.subdomain_matching = subdomain_matching
        self.url_map = Map(self._adapter_for, host_matching=host_matching)
        self.url_map.converters = dict(self.url_map.default_converters)
        self.url_build_error_handlers: list[Callable[[BuildError, str, dict[str, Any]], str | None]] = []
        self.blueprints: dict[str, Blueprint] = {}
        self.routes: dict[str, Route] = {}
        self.error_hooks: list[Callable[[Request, Exception], Any]] = []
        self.appcontext_hooks: list[Callable[[], Any]] = []
        self.appcontext_teardown_hooks = Hooks()
        self.layers = Layers(lambda: self.wsgi_app)
        self._unmatched = Route("", (self,))

    # The request's way through.

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self.layers.outermost(environ, start_response)

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request, inside all layers. Flask's way of wrapping, `app.wsgi_app = ...`, works, too."""
        request = self.request_class(environ)
        request.app = self
        request.route = self._unmatched
        token = current.set(request)
        error: BaseException | None = None
        try:
            if PRESERVE in environ:
                environ[PRESERVE](PreservedContext(request))
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
            current.reset(token)
            # An exception's traceback holds this frame, and with it the exception and the request: break the circles.
            error = None
            if request.routing_exception is not None:
                request.routing_exception.__traceback__ = request.routing_exception.__context__ = None

    def respond(self, request: Request) -> WSGIApplication:
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
        """Find the rule. A failure is kept for `dispatch`, so that hooks see unmatched requests, too."""
        try:
            rule, values = self.url_map.compiled.match(request.environ) or self._match_slowly(request)
        except HTTPException as exc:
            request.routing_exception = exc
        else:
            request.url_rule = rule
            request.view_args = values
            request.route = self.routes.get(rule.endpoint) or self.route_of(rule.endpoint)

    def _match_slowly(self, request: Request) -> Match:
        refusal = self.url_map.compiled.refuse(request.environ)
        if refusal is not None:
            raise refusal
        return cast("Match", request.url_adapter.match(return_rule=True))

    def preprocess(self, request: Request) -> Any:
        """Run the before hooks, the app's first, until one of them answers."""
        route = request.route
        for hooks in route.value_hooks:
            for hook in hooks:
                hook(request.endpoint, request.view_args)
        for hooks in route.befores:
            for hook in hooks:
                value = hook(request)
                if value is not None:
                    return value
        return None

    def dispatch(self, request: Request) -> Any:
        """Call the handler, or raise what `match` found."""
        rule = request.url_rule
        if rule is None:
            raise request.routing_exception or RuntimeError("the request was not matched")
        if request.environ["REQUEST_METHOD"] == "OPTIONS" and request.route.has_automatic_options(rule):
            return self.options_response(request)
        return request.route.handler(request, request.view_args or {})

    def finalize(self, request: Request, value: Any) -> WSGIApplication:
        """Make a response of what was returned, and run the after hooks, the innermost and latest first."""
        route = request.route
        if isinstance(value, JSON_TYPES) and self._is_plain(request):
            return JSONReply(self.json.encode(value))
        if isinstance(value, HTTPException):  # returned instead of raised
            value = error_response(value, request)
        response = to_response(value, self, request.environ, f"the view of {route.endpoint!r}")
        if request.finalized:
            return response
        request.finalized = True
        for this in request.after_hooks or ():
            response = this(response)
        for hooks in route.afters:
            for hook in reversed(hooks):
                response = hook(request, response)
        return response

    def _is_plain(self, request: Request) -> bool:
        """Say whether nobody wants to see the response as an object."""
        return request.after_hooks is None and not any(request.route.afters) and self.response_class is Response

    def teardown(self, request: Request, error: BaseException | None) -> None:
        """Run every teardown hook, whatever went before; one that fails is logged and does not stop the others."""
        for hooks in request.route.teardowns:
            for hook in reversed(hooks):
                self._tear_down(hook, error)
        if self.appcontext_teardown_hooks:
            self.teardown_context(error)

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
        try:
            raise exc
        finally:
            del exc  # or this frame, in the traceback, would keep it

    def handle_exception(self, request: Request, exc: Exception) -> WSGIApplication:
        """Answer 500 to what nothing else took, and log it; raise it while testing or debugging.

        Handlers of 500 and of InternalServerError are given the exception as `original_exception`.
        """
        for hook in self.error_hooks:
            hook(request, exc)
        propagate = self.config["PROPAGATE_EXCEPTIONS"]
        if self.testing or self.debug if propagate is None else propagate:
            raise exc
        self.logger.error("%s %s failed", request.method, request.path, exc_info=exc)
        error = InternalServerError(original_exception=exc)
        handler = self._find_handler(request, error)
        try:
            return self.finalize(request, error if handler is None else handler(error))
        except Exception:
            self.logger.exception("the answer to an error of %s %s failed", request.method, request.path)
            return error_response(error, request)

    def _find_handler(self, request: Request, exc: Exception) -> Callable[[Any], Any] | None:
        return find_handler((scope.error_handlers for scope in reversed(request.route.scopes)), exc)

    def _tear_down(self, hook: Callable[..., Any], error: BaseException | None) -> None:
        try:
            hook(error)
        except Exception:
            self.logger.exception("the teardown hook %s failed", getattr(hook, "__qualname__", hook))

    def options_response(self, request: Request) -> Response:
        return Response(headers={"Allow": ", ".join(sorted(request.url_adapter.allowed_methods()))})

    # Routes.

    def add_rule(self, spec: RuleSpec, scopes: tuple[Router, ...] | None = None) -> None:
        """Add a rule to the map and its view to the endpoint's route; `scopes` are those of `route_of`."""
        automatic = spec.automatic_options
        if automatic is None:
            automatic = self.config["PROVIDE_AUTOMATIC_OPTIONS"]
        methods = spec.methods | {"OPTIONS"} if automatic else spec.methods
        # Werkzeug's own Rule, as one that somebody adds to the map is: rules of two classes are never equal.
        rule = Rule(spec.rule, endpoint=spec.endpoint, methods=methods, **spec.options)
        route = self.route_of(spec.endpoint, scopes)
        if route.view is not None and spec.view not in (None, route.view):
            route.answer_with(spec.view)  # raises before the map has the rule
        with self.url_map.lock:
            self.url_map.add(rule)
            route.answer_with(spec.view, rule.arguments)
            if automatic:
                route.answer_options_of(rule)

    def route_of(self, endpoint: str, scopes: tuple[Router, ...] | None = None) -> Route:
        """Return the endpoint's route, made if there is none; `scopes` are the routers around it, if they are known."""
        route = self.routes.setdefault(endpoint, Route(endpoint, (self,)))
        if scopes:
            route.surround_with(scopes)
        return route

    def endpoint(self, name: str) -> Callable[[F], F]:
        """Give an endpoint whose rules were added without a view its view."""

        def decorate(view: F) -> F:
            self.route_of(name).answer_with(view)
            return view

        return decorate

    @property
    def view_functions(self) -> dict[str, View]:
        """A view of each endpoint that has one: a copy, so change endpoints by `add_url_rule` and `endpoint`."""
        return {name: route.view for name, route in self.routes.items() if route.view is not None}

    def register(
        self,
        blueprint: Blueprint,
        *,
        url_prefix: str | None = None,
        name: str | None = None,
        subdomain: str | None = None,
        url_defaults: Mapping[str, Any] | None = None,
    ) -> None:
        """Take a blueprint's routes in, below `url_prefix` or its own; `name` lets one be registered twice."""
        blueprint.install(self, (self,), "", "", url_prefix, name, subdomain, dict(url_defaults or {}))

    register_blueprint = register

    # URLs.

    def create_url_adapter(self, request: Request) -> MapAdapter:
        """Return what Map knows of a request. SERVER_NAME divides hosts into subdomains only if it is asked to."""
        if self.config["TRUSTED_HOSTS"] is not None:
            request.trusted_hosts = self.config["TRUSTED_HOSTS"]
            get_host(request.environ, request.trusted_hosts)  # raises SecurityError, a 400
        if self.url_map.host_matching:
            return self.url_map.bind_to_environ(request.environ)
        if self.subdomain_matching:
            return self.url_map.bind_to_environ(request.environ, self.config["SERVER_NAME"])
        return self.url_map.bind_to_environ(request.environ, subdomain=self.url_map.default_subdomain)

    def _adapter_for(self, environ: WSGIEnvironment) -> MapAdapter:
        request = self.request_class(environ)
        request.app = self
        return request.url_adapter

    def url_for(
        self,
        endpoint: str,
        *,
        _anchor: str | None = None,
        _method: str | None = None,
        _scheme: str | None = None,
        _external: bool | None = None,
        **values: Any,
    ) -> str:
        """Build the URL of an endpoint; `.name` is one of the current request's blueprint.

        Values that the rule has no place for become the query string. Outside of a request the URL is external if
        there is a `SERVER_NAME`, and else a path. Raises `werkzeug.routing.BuildError`, which suggests the nearest
        endpoint, unless one of `url_build_error_handlers` returns a URL.
        """
        request = current_request()
        if request is not None and request.app is self:
            adapter = request.url_adapter
            if endpoint.startswith("."):
                endpoint = f"{request.blueprint}{endpoint}" if request.blueprint else endpoint[1:]
            external = _scheme is not None if _external is None else _external
        else:
            server_name = self.config["SERVER_NAME"]
            external = bool(server_name or _scheme) if _external is None else _external
            if external and not server_name:
                raise RuntimeError("an external URL outside of a request needs config['SERVER_NAME']")
            adapter = self.url_map.bind(
                server_name or "localhost",
                script_name=self.config["APPLICATION_ROOT"],
                url_scheme=self.config["PREFERRED_URL_SCHEME"],
            )
        if _scheme is not None and not external:
            raise ValueError("a URL with a _scheme is external: leave _external=False out")
        self._inject_defaults(endpoint, values)
        try:
            url = adapter.build(endpoint, values, method=_method, url_scheme=_scheme, force_external=external)
        except BuildError as exc:
            values |= {"_anchor": _anchor, "_method": _method, "_scheme": _scheme, "_external": _external}
            return self.handle_url_build_error(exc, endpoint, values)
        return url if _anchor is None else f"{url}#{quote(_anchor, safe=_FRAGMENT)}"

    def handle_url_build_error(self, error: BuildError, endpoint: str, values: dict[str, Any]) -> str:
        for handler in self.url_build_error_handlers:
            try:
                url = handler(error, endpoint, values)
            except BuildError as exc:
                error = exc  # another handler may know
            else:
                if url is not None:
                    return url
        raise error

    def _inject_defaults(self, endpoint: str, values: dict[str, Any]) -> None:
        route = self.routes.get(endpoint)
        for scope in (self,) if route is None else route.scopes:
            for hook in scope.default_hooks:
                hook(endpoint, values)

    # Contexts, settings, testing.

    @property
    def name(self) -> str:
        return self.import_name

    @property
    def root_path(self) -> str:
        """The folder of the app's module."""
        return root_path(self.import_name)

    def shell_context_processor(self, function: F) -> F:
        """Add the names that `function()` returns, a dict, to `wz shell`."""
        self.extensions.setdefault("shell_context_processors", []).append(function)
        return function

    def app_context(self) -> AppContext:
        return AppContext(self)

    def teardown_appcontext(self, hook: F) -> F:
        """Call `hook(exception)` when a request or an app context ends, after the request's teardowns."""
        self.appcontext_teardown_hooks.add(synchronous(hook))
        return hook

    def teardown_context(self, error: BaseException | None) -> None:
        for hook in reversed(self.appcontext_teardown_hooks):
            self._tear_down(hook, error)

    def request_context(self, environ: WSGIEnvironment) -> RequestContext:
        """Return a context for `with`, of a request that is matched and goes no further."""
        request = self.request_class(environ)
        request.app = self
        request.route = self._unmatched
        self.match(request)
        return RequestContext(request)

    def test_request_context(self, *args: Any, **kwargs: Any) -> RequestContext:
        """`request_context` of a request made by Werkzeug's EnvironBuilder, of the app's own host, root and scheme."""
        from .testing import RequestBuilder

        return self.request_context(RequestBuilder(self, *args, **kwargs).get_environ())

    def test_client(self, **options: Any) -> Client:
        from .testing import Client

        return Client(self, **options)

    def test_cli_runner(self, **options: Any) -> AppRunner:
        from .testing import AppRunner

        return AppRunner(self, **options)

    def run(self, host: str = "127.0.0.1", port: int = 5000, debug: bool | None = None, **options: Any) -> None:
        """Serve for development; `options` are those of `werkzeug.serving.run_simple`. `wz run` can reload, too."""
        from werkzeug.serving import run_simple

        self.debug = self.debug if debug is None else debug
        run_simple(host, port, self, **{"threaded": True, "use_debugger": self.debug, **options})

    @property
    def cli(self) -> AppGroup:
        """The app's own commands, shown by `wz --app`; needs click."""
        if "cli" not in self.extensions:
            from .cli import AppGroup

            self.extensions["cli"] = AppGroup(self.name)
        group: AppGroup = self.extensions["cli"]
        return group
