"""The second App: one whose steps note their time, and which shares all state with the first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from werkzeug.exceptions import HTTPException

from ..app import App
from ..context import PRESERVE, RequestContext
from ..http import Request
from .matching import way_of
from .recording import Place, Recording, current, now
from .routes import TimedRoute, TimedRoutes, timed
from .source import name_of, owner_of, source_of
from .spans import Who

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_PREPARED = Place("rest", "the first trace of this route is prepared", "rest")


def twin_of(app: App) -> App:
    """Return an app that answers as `app` does, with its very `__dict__`: what is set on one is set on both.

    Only methods differ: those of `Steps` come before those of the app's own class.
    """
    traced = type("Traced", (Steps, type(app)), {"original": app, "timed_routes": TimedRoutes()})
    twin = cast("App", object.__new__(traced))
    twin.__dict__ = app.__dict__
    return twin


class Steps(App):
    """Each step of an App, with a span. `original` is the app itself, which hooks and handlers are to see."""

    original: ClassVar[App]
    timed_routes: ClassVar[TimedRoutes]

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        _recording().entered = now()
        preserve = environ.get(PRESERVE)
        if preserve is None:
            return super().wsgi_app(environ, start_response)
        environ[PRESERVE] = partial(_preserve, preserve, self.original)
        try:
            return super().wsgi_app(environ, start_response)
        finally:
            environ[PRESERVE] = preserve

    def respond(self, request: Request) -> WSGIApplication:
        recording = _recording()
        request.app = self.original
        kind = type(request)
        recording.note((_place("request", kind.__name__, kind.__init__, "wz"), recording.entered, now(), "", None))
        return super().respond(request)

    def match(self, request: Request) -> None:
        recording = _recording()
        begin = now()
        super().match(request)
        end = now()
        environ = recording.visit.environ if recording.visit else recording.arrived
        place, detail = way_of(request, self.url_map.compiled, environ)
        recording.rule = request.url_rule.rule if request.url_rule else ""
        recording.note((place, begin, end, detail, None))
        begin = now()
        is_new = request.route not in self.timed_routes
        request.route = self.timed_routes.of(request.route)
        if is_new:
            recording.note((_PREPARED, begin, now(), "", None))

    def finalize(self, request: Request, value: Any) -> WSGIApplication:
        recording = _recording()
        if isinstance(request.route, TimedRoute):  # the first to ask for a session adds a hook
            request.route = self.timed_routes.of(request.route.route)
        if request.after_hooks and not request.finalized:
            request.after_hooks = [timed("after", name_of(hook), hook) for hook in request.after_hooks]
        begin = now()
        response = super().finalize(request, value)
        became = f"{type(value).__name__} -> {type(response).__name__}"
        self._add(recording, "finalize", begin, became)
        return partial(_respond, response)

    def is_refused_at_once(self, request: Request) -> bool:
        return self.original.is_refused_at_once(request)

    def handle_user_exception(self, request: Request, exc: Exception) -> Any:
        begin = now()
        try:
            return super().handle_user_exception(request, exc)
        finally:
            self._add(_recording(), "handle_user_exception", begin, _kind(exc), "error")
            del exc  # or this frame, which the traceback refers to, would keep it alive

    def handle_exception(self, request: Request, exc: Exception) -> WSGIApplication:
        begin = now()
        try:
            return super().handle_exception(request, exc)
        finally:
            self._add(_recording(), "handle_exception", begin, _kind(exc), "error")
            del exc  # as above

    def teardown(self, request: Request, error: BaseException | None) -> None:
        begin = now()
        super().teardown(request, error)
        self._add(_recording(), "teardown", begin)

    def _add(self, recording: Recording, method: str, begin: int, detail: str = "", step: str = "") -> None:
        end = now()
        place = _place(step or method, method, getattr(type(self.original), method))
        recording.note((place, begin, end, detail, None))


def _recording() -> Recording:
    """The current recording; outside of any, as in a thread that a layer has begun, one that nobody keeps."""
    return current.get() or Recording({})


def _preserve(preserve: Callable[[RequestContext], object], app: App, context: RequestContext) -> None:
    context.app = app
    preserve(context)


def _respond(response: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    recording = _recording()
    begin = now()
    try:
        return response(environ, start_response)
    finally:
        end, kind = now(), type(response)
        recording.note((_place("response", kind.__name__, kind.__call__, "wz"), begin, end, "", None))


def _kind(exc: Exception) -> str:
    """An exception in a trace: its text could hold what a client has sent."""
    return f"{type(exc).__name__} {exc.code}" if isinstance(exc, HTTPException) else type(exc).__name__


@cache
def _place(step: str, name: str, function: Any, who: Who | None = None) -> Place:
    where = source_of(function)
    return Place(step, name, who or owner_of(where), where)
