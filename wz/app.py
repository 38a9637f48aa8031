"""App: what happens to a request, each step in a method of its own.

A server calls the app, which is its layers; the innermost is `wsgi_app`. The steps from there are `respond`,
`match`, `preprocess`, `dispatch`, `finalize`, `teardown`. How an app is set up is in `wz/base.py`, how it builds URLs
in `wz/urls.py`, what it offers to scripts and tests in `wz/development.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from werkzeug.exceptions import HTTPException, InternalServerError
from werkzeug.routing import RequestRedirect

from .context import PRESERVE, RequestContext, current
from .development import Development
from .errors import Problem, error_page, error_response, find_handler
from .fast import Match
from .http import JSON_TYPES, JSONReply, Request, Response, to_response
from .urls import URLBuilding

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class App(URLBuilding, Development):
    """A WSGI application.

    `problems` says which status stands for an exception of the domain: `{UnknownMember: 404}`. The exception's text
    becomes the problem's detail, and its attribute `field`, if it has one, a member of the problem. A subclass has the
    status of its nearest base class. `error_page(exc, request, headers)` returns the page of an error for a
    browser, with its status and these headers. `layers` is the WSGI middleware around it.
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
            if request.routing_exception is not None:
                request.routing_exception.__traceback__ = request.routing_exception.__context__ = None

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
            rule, values = self.url_map.compiled.match(request.environ) or self._match_slowly(request)
        except HTTPException as exc:
            request.routing_exception = exc
        else:
            request.url_rule = rule
            request.view_args = values
            request.route = self.endpoints.get(rule.endpoint) or self.route_of(rule.endpoint)

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
        """Make a response from what was returned, and run the after hooks, the innermost and latest first."""
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

    def teardown(self, request: Request, error: BaseException | None) -> None:
        """Run every teardown hook, whatever happened before; one that fails is logged and does not stop the others."""
        for hooks in request.route.teardowns:
            if hooks:  # it is cheaper to ask than to make an iterator, and most routers have none
                for hook in reversed(hooks):
                    self._tear_down(hook, error)
        if self.appcontext_teardown_hooks:
            self.teardown_context(error)
        if "files" in request.__dict__:
            request.close()  # those of a form

    def teardown_context(self, error: BaseException | None) -> None:
        """Run the hooks of `teardown_appcontext`: at the end of a request and of an `AppContext`."""
        for hook in reversed(self.appcontext_teardown_hooks):
            self._tear_down(hook, error)

    # Helpers of the steps above.

    def _match_slowly(self, request: Request) -> Match:
        refusal = self.url_map.compiled.refuse(request.environ)
        if refusal is not None:
            raise refusal
        return cast("Match", request.url_adapter.match(return_rule=True))

    def options_response(self, request: Request) -> Response:
        """Return an empty 200 whose Allow header has the methods of all rules for the request's path."""
        return Response(headers={"Allow": ", ".join(sorted(request.url_adapter.allowed_methods()))})

    def _is_plain(self, request: Request) -> bool:
        """Say whether no hook, no other response class and no JSON of its own needs the response as an object."""
        is_plain = self.response_class is Response and self.json.is_plain
        return is_plain and request.after_hooks is None and not any(request.route.afters)

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
        self.logger.error("%s %s failed", request.method, request.path, exc_info=exc)
        error = InternalServerError(original_exception=exc)
        handler = self._find_handler(request, error)
        try:
            return self.finalize(request, error if handler is None else handler(error))
        except Exception:
            self.logger.exception("the answer to an error of %s %s failed", request.method, request.path)
            return error_response(error, request, error_page)

    def _find_handler(self, request: Request, exc: Exception) -> Callable[[Any], Any] | None:
        return find_handler((scope.error_handlers for scope in reversed(request.route.scopes)), exc)
