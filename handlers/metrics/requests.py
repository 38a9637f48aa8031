"""Requests: how many by route, method and status, how long until their answers begin, and how many are under way."""

from __future__ import annotations

import time
from collections.abc import Iterable
from threading import Lock
from typing import TYPE_CHECKING, Any

from prometheus_client import Gauge, Histogram

from pipeline.store.server_status import pool_connections
from wz import App

from ..log_fields import ROUTE
from ..services import Services
from .counts import REGISTRY

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})  # a client may write anything
_NO_ROUTE = "(none)"

#: Seconds between two looks at the pools, while requests are under way.
_LOOK = 1.0

_requests = Histogram(
    "wz_request_seconds",
    "Time until a request's answer begins.",
    ["route", "method", "status"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
_under_way = Gauge(
    "wz_requests_under_way",
    "Requests whose answer has not begun.",
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
_pool = Gauge(
    "wz_redis_pool_connections",
    "Connections to Redis of the processes of gunicorn, in use and idle. Nobody waits for one: a thread uses one.",
    ["state"],
    multiprocess_mode="livesum",
    registry=REGISTRY,
)


class Measured:
    """Middleware: counts requests and their times, and says how many are under way."""

    def __init__(self, app: WSGIApplication, services: Services) -> None:
        self.app = app
        self.services = services
        self._observers: dict[tuple[str, str, str], Any] = {}
        self._lock = Lock()
        self._count = 0
        self._look_at = 0.0
        self._in_use, self._idle = _pool.labels("in use"), _pool.labels("idle")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        begin = time.perf_counter()
        status = "500"

        def start(line: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            nonlocal status
            status = line[:3]
            return start_response(line, headers, *exc_info)

        self._add(1)
        try:
            return self.app(environ, start)
        finally:
            key = environ.get(ROUTE, _NO_ROUTE), environ["REQUEST_METHOD"], status
            observe = self._observers.get(key) or self._observer(*key)
            end = time.perf_counter()
            observe(end - begin)
            if not self._add(-1) or end >= self._look_at:  # the last one leaves what is true until the next one comes
                self._look_at = end + _LOOK
                self._look_at_pools()

    def _add(self, change: int) -> int:
        """Return how many are under way now."""
        with self._lock:
            self._count += change
            _under_way.set(self._count)
            return self._count

    def _look_at_pools(self) -> None:
        found = [pool_connections(client) for client in self.services.clients]
        self._in_use.set(sum(in_use for in_use, _ in found))
        self._idle.set(sum(idle for _, idle in found))

    def _observer(self, route: str, method: str, status: str) -> Any:
        known = method if method in _METHODS else "other"
        observe = _requests.labels(route, known, status).observe
        if known == method:  # other methods are not kept: clients may invent any number of them
            self._observers[route, method, status] = observe
        return observe


def measure(app: App) -> None:
    """Count the requests of an app, outside of all other layers. It needs `keep_facts`, which keeps the route."""
    app.layers.add("metrics", Measured, services=app.extensions["services"])
