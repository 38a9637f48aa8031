"""App: what happens to a request, each step in a method of its own.

A server calls the app, which is its layers; the innermost is `wsgi_app`. The steps from there are `respond`,
`match`, `preprocess`, `dispatch`, `finalize`, `teardown`. How an app is set up is in `wz/base.py`, how it builds URLs
in `wz/urls.py`, what it offers to scripts and tests in `wz/development.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from werkzeug.exceptions import HTTPException, InternalServerError
from werkzeug.routing import MapAdapter, RequestRedirect
from werkzeug.wrappers import Response as WerkzeugResponse
from werkzeug.wsgi import get_host

from .context import PRESERVE, RequestContext, current, require_request
from .development import Development
from .errors import Problem, error_page, error_response, find_handler, refusal, trap
from .fast import Match
from .helpers import Helpers
from .http import Request, Response, reply_to, to_response
from .lazy import AppNames
from .naming import Origin
from .urls import URLBuilding

if TYPE_CHECKING:
    from types import TracebackType

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class App(URLBuilding, Development, Helpers, AppNames):
    """A WSGI application.

    `problems` says which status stands for an exception of the domain: `{UnknownMember: 404}`. The exception's text
    becomes the problem's detail, and its attribute `field`, if it has one, a member of the problem. A subclass has the
    status of its nearest base class. `error_page(exc, request, headers)` returns the page of an error for a
    browser, with its status and these headers. `error_help(exc, request)`, if there is one, returns the address of a
    page that explains an error, or None: the error's answer then leads there, by a link or as the member `see`.
    `layers` is the WSGI middleware around it.
    """

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self.layers.outermost(environ, start_response)

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request, inside all layers. Flask's way of wrapping, `app.wsgi_app = ...`, also works."""
        request = self.request_class(environ)
        request.app = self
        request.route = self._unmatched
        token = current.set(request)
        error: BaseException | None = None
        try:
            if PRESERVE in environ:
                environ[PRESERVE](RequestContext(request))
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
            # An exception's traceback refers to this frame, which refers to the exception and the request: break these
            # cycles.
            error = None
            if request.routing_error is not None:
                request.routing_error.__traceback__ = request.routing_error.__context__ = None

    def respond(self, request: Request) -> WSGIApplication:
        """Return the answer of a hook, the handler or an error handler; raise an exception that none handles."""
        try:
            self.match(request)
            value = self.preprocess(request)
            if value is None:
                value = self.dispatch(request)
        except Exception as exc:
            value = self.handle_user_exception(request, exc)
        return self.finalize(request, value)

    def match(self, request: Request) -> None:
        """Find the rule. A failure is kept for `dispatch`, so that hooks also see unmatched requests."""
        try:
            found = self.url_map.compiled.match(request.environ) or self._match_slowly(request)
        except HTTPException as exc:
            request.routing_error = exc
            return
        if found is not None:
            rule, request.view_args = found
            request.url_rule = rule
            request.route = self.endpoints.get(rule.endpoint) or self.route_of(rule.endpoint)

    def preprocess(self, request: Request) -> Any:
        """Run the before hooks, the app's first, until one of them answers."""
        route = request.route
        for hook in route.value_hooks:
            hook(request.endpoint, request.view_args)
        for hook in route.befores:
            value = hook(request)
            if value is not None:
                return self._answer(request, value, Origin("the before hook", hook))
        return None

    def dispatch(self, request: Request) -> Any:
        """Call the handler, or refuse the request as `match` found."""
        rule = request.url_rule
        if rule is None:
            if self.is_refused_at_once(request):
                return refusal(request)
            raise request.routing_exception or RuntimeError("the request was not matched")
        if request.environ["REQUEST_METHOD"] == "OPTIONS" and request.route.has_automatic_options(rule):
            return self.options_response(request)
        return request.route.handler(request, request.view_args or {})

    def finalize(self, request: Request, value: Any) -> WSGIApplication:
        """Make an answer of what was returned, and run the after hooks.

        Hooks are given a Response. Where there are none, a smaller `Reply` answers what most handlers return.
        """
        route = request.route
        reply = reply_to(value, self)
        if reply is not None:
            if request.after_hooks is None and not route.afters and type(self).process is App.process:
                return reply
            response: WerkzeugResponse = reply.as_response(Response)
        else:
            if isinstance(value, HTTPException):  # returned instead of raised
                value = error_response(value, request)
            response = to_response(value, self, request.environ, f"the view of {route.endpoint!r}")
        if request.finalized:
            return response
        request.finalized = True
        return self.process(request, response)

    def process(self, request: Request, response: WerkzeugResponse) -> WerkzeugResponse:
        """Run the after hooks, those of `after_this_request` first, then the innermost and latest first."""
        if request.after_hooks is not None:
            for this in request.after_hooks:
                response = this(response)
                if response is None:
                    raise _returned_none(this)
            request.after_hooks = None  # from now on, `after_this_request` refuses
        for hook in request.route.afters:
            response = hook(request, response)
            if response is None:
                raise _returned_none(hook)
        return response

    def teardown(self, request: Request, error: BaseException | None) -> None:
        """Run every teardown hook, whatever happened before; one that fails is logged and does not stop the others."""
        for hook in request.route.teardowns:
            self._tear_down(hook, error)
        if request.has_form:
            request.close()  # its files

    def teardown_context(self, error: BaseException | None) -> None:
        """Run the hooks of `teardown_appcontext` alone: at the end of an `AppContext`."""
        for hook in reversed(self.appcontext_teardown_hooks):
            self._tear_down(hook, error)

    # Helpers of the steps above.

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return Map's adapter for a request. SERVER_NAME counts only with `subdomain_matching`.

        Without a request it is that of the settings, or None if there is no SERVER_NAME.
        """
        if request is None:
            return self.adapter_of_settings() if self.config["SERVER_NAME"] else None
        if self.config["TRUSTED_HOSTS"] is not None:
            request.trusted_hosts = self.config["TRUSTED_HOSTS"]
            get_host(request.environ, request.trusted_hosts)  # raises SecurityError, a 400
        if self.url_map.host_matching:
            return self.url_map.bind_to_environ(request.environ)
        if self._subdomain_matching:
            return self.url_map.bind_to_environ(request.environ, self.config["SERVER_NAME"])
        return self.url_map.bind_to_environ(request.environ, subdomain=self.url_map.default_subdomain)

    def _match_slowly(self, request: Request) -> Match | None:
        """Return what the compiled match finds of a new Host, or Map; None if `request.refused` says all."""
        compiled, environ = self.url_map.compiled, request.environ
        if not compiled.knows(environ):
            compiled.learn(environ, lambda: request.url_adapter)
            if found := compiled.match(environ):
                return found
        request.refused = compiled.refuse(environ)
        return cast("Match", request.url_adapter.match(return_rule=True)) if request.refused is None else None

    def is_refused_at_once(self, request: Request) -> bool:
        """Say whether no error handler, nor a `handle_user_exception` of the program's, is to see a 404 or 405."""
        usual = getattr(self.handle_user_exception, "__func__", None) is App.handle_user_exception
        trapped = self.config["TRAP_HTTP_EXCEPTIONS"]
        return usual and request.refused is not None and not (self.error_handlers or trapped)

    def options_response(self, request: Request) -> Response:
        """Return an empty 200 whose Allow header has the methods of all rules for the request's path."""
        return Response(headers={"Allow": ", ".join(sorted(request.url_adapter.allowed_methods()))})

    def _answer(self, request: Request, value: Any, origin: Origin) -> Any:
        """Make a response of what a hook or an error handler returned, so that an error names it, and not the view."""
        return value if isinstance(value, HTTPException) else to_response(value, self, request.environ, origin)

    def _tear_down(self, hook: Callable[..., Any], error: BaseException | None) -> None:
        try:
            hook(error)
        except Exception:
            self.logger.exception("the teardown hook %s failed", getattr(hook, "__qualname__", hook))

    # Errors.

    def handle_user_exception(self, request: Request, exc: Exception) -> Any:
        """Return a registered handler's answer, the default answer to an HTTP error, or raise `exc` again."""
        if isinstance(exc, RequestRedirect):
            return exc.get_response(request.environ)
        is_trapped = isinstance(exc, HTTPException) and trap(exc, self.config)
        handler = self._find_handler(request, exc)
        if handler is None and not isinstance(exc, HTTPException):
            status = next((self.problems[cls] for cls in type(exc).__mro__ if cls in self.problems), None)
            if status is not None:
                field, kind = getattr(exc, "field", None), type(exc)
                exc = Problem(status, str(exc), **({"field": field} if field else {}))
                exc.stands_for = kind
                handler = self._find_handler(request, exc)
        if handler is not None:
            value = handler(exc)
            if isinstance(value, Problem) and not isinstance(exc, HTTPException):
                value.stands_for = type(exc)
            return self._answer(request, value, Origin("the error handler", handler))
        if isinstance(exc, HTTPException) and not is_trapped:
            return error_response(exc, request)
        try:
            raise exc
        finally:
            del exc  # or this frame, which the traceback refers to, would keep it alive

    def handle_exception(self, request: Request, exc: Exception) -> WSGIApplication:
        """Answer 500 to an exception that nothing else handled, and log it; raise it while testing or debugging.

        Handlers of 500 and of InternalServerError are given the exception as `original_exception`.
        """
        for hook in self.error_hooks:
            hook(request, exc)
        propagate = self.config["PROPAGATE_EXCEPTIONS"]
        if self.testing or self.debug if propagate is None else propagate:
            raise exc
        self.log_exception((type(exc), exc, exc.__traceback__))
        error = InternalServerError(original_exception=exc)
        handler = self._find_handler(request, error)
        try:
            if handler is None:
                return self.finalize(request, error)
            return self.finalize(request, self._answer(request, handler(error), Origin("the error handler", handler)))
        except Exception:
            self.logger.exception("the answer to an error of %s %s failed", request.method, request.path)
            return error_response(error, request, error_page)

    def log_exception(self, exc_info: tuple[type[BaseException], BaseException, TracebackType | None]) -> None:
        """Log what failed in the current request; a subclass may tell somebody else as well."""
        request = require_request()
        self.logger.error("%s %s failed", request.method, request.path, exc_info=exc_info)

    def _find_handler(self, request: Request, exc: Exception) -> Callable[[Any], Any] | None:
        return find_handler((scope.error_handlers for scope in reversed(request.route.scopes)), exc)


def _returned_none(hook: Callable[..., Any]) -> TypeError:
    return TypeError(f"{Origin('the after hook', hook)} returned None: it must return a response, such as its own")
