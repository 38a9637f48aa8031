"""The second onion: each layer of an app with a clock, and a copy of the environ, between it and the next.

It is composed once, around the app's twin (see `steps.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..app import App
from .recording import Recording, current, now
from .source import owner_of, source_of
from .steps import twin_of
from .visits import Visit

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def compose(app: App) -> WSGIApplication:
    """Return the app's twin inside layers like its own, with a `TracedLayer` around each."""

    def between(name: str, inside: WSGIApplication) -> WSGIApplication:
        return TracedLayer(name, inside, source_of(app.wsgi_app if name == "app" else inside))

    return app.layers.compose(twin_of(app).wsgi_app, between)


class TracedLayer:
    """Around a layer, or around the app, the innermost: notes its time, and what it changes on the way in and out."""

    def __init__(self, name: str, app: WSGIApplication, where: str) -> None:
        self.name = name
        self.app = app
        self.where = where
        self.who = owner_of(where)
        self.step = "app" if name == "app" else "layer"

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
            return self.app(environ, start if self.step == "layer" else _timed(recording, start))
        finally:
            end = now()
            if self.step == "app":
                visit.left = environ.copy()
            recording.visit = outer
            recording.add(self.step, self.name, self.who, begin, end, self.where, changes=visit.changes)


def _timed(recording: Recording, start_response: StartResponse) -> StartResponse:
    """Return `start_response` as the app is given it: its span holds what all layers do to status and headers."""

    def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
        begin = now()
        try:
            return start_response(status, headers, *exc_info)
        finally:
            recording.add("start_response", "start_response", "wz", begin, detail=status)

    return start
