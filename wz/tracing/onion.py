"""The second onion: each layer of an app with a clock, and a copy of the environ, between it and the next.

It is composed once, around the app's twin (see `steps.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..app import App
from .recording import Place, Recording, current, now
from .source import owner_of, source_of
from .steps import twin_of
from .visits import Visit

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_START = Place("start_response", "start_response", "wz")


def compose(app: App) -> WSGIApplication:
    """Return the app's twin inside layers like its own, with a `TracedLayer` around each."""

    def between(name: str, inside: WSGIApplication) -> WSGIApplication:
        return TracedLayer(name, inside, source_of(app.wsgi_app if name == "app" else inside))

    return app.layers.compose(twin_of(app).wsgi_app, between)


class TracedLayer:
    """Around a layer, or around the app, the innermost: notes its time, and what it changes on the way in and out."""

    def __init__(self, name: str, app: WSGIApplication, where: str) -> None:
        self.app = app
        self.is_app = name == "app"
        self.place = Place("app" if self.is_app else "layer", name, owner_of(where), where)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        recording = current.get()
        if recording is None:  # a layer calls those inside it in a thread of its own
            return self.app(environ, start_response)
        outer = recording.visit
        recording.visit = visit = Visit(environ)
        if outer is not None:
            outer.inner = visit

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            visit.head = status, headers.copy()
            return start_response(status, headers, *exc_info)

        begin = now()
        try:
            return self.app(environ, _timed(recording, start) if self.is_app else start)
        finally:
            end = now()
            if self.is_app:
                visit.left = environ.copy()
            recording.visit = outer
            recording.note((self.place, begin, end, "", visit.changes))


def _timed(recording: Recording, start_response: StartResponse) -> StartResponse:
    """Return `start_response` as the app is given it: its span holds what all layers do to status and headers."""

    def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
        begin = now()
        try:
            return start_response(status, headers, *exc_info)
        finally:
            recording.note((_START, begin, now(), status, None))

    return start
