"""Requests: how many by route, method and status, and how long until their answers begin."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from prometheus_client import Histogram

from wz import App

from ..log_fields import ROUTE
from .counts import REGISTRY
from .load import Load

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})  # a client may write anything
_NO_ROUTE = "(none)"

_requests = Histogram(
    "wz_request_seconds",
    "Time until a request's answer begins.",
    ["route", "method", "status"],
    buckets=_SECONDS,
    registry=REGISTRY,
)


class Measured:
    """Middleware: counts requests and their times by route, method and status."""

    def __init__(self, app: WSGIApplication, load: Load) -> None:
        self.app = app
        self._load = load
        self._observers: dict[tuple[str, str, str], Any] = {}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        begin = time.perf_counter()
        status = "500"

        def start(line: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            nonlocal status
            status = line[:3]
            return start_response(line, headers, *exc_info)

        self._load.begin(environ, begin)
        try:
            return self.app(environ, start)
        finally:
            self._load.end()
            key = environ.get(ROUTE, _NO_ROUTE), environ["REQUEST_METHOD"], status
            observe = self._observers.get(key) or self._observer(*key)
            observe(time.perf_counter() - begin)

    def _observer(self, route: str, method: str, status: str) -> Any:
        known = method if method in _METHODS else "other"
        observe = _requests.labels(route, known, status).observe
        if known == method:  # other methods are not kept: clients may invent any number of them
            self._observers[route, method, status] = observe
        return observe


def measure(app: App) -> None:
    """Count the requests of an app, outside of all other layers. It needs `keep_facts`, which keeps the route."""
    load = app.extensions["load"] = Load(app.extensions["services"])
    app.layers.add("metrics", Measured, load)
