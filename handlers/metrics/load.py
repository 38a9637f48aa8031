"""How busy each process of gunicorn is: requests under way, what they are, and its connections to Redis."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import Gauge

from pipeline.store.client import RedisUnavailable
from pipeline.store.server_status import pool_connections

from ..log_fields import ROUTE
from ..services import Services
from .busy import Busy, UnderWay, write
from .counts import REGISTRY

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: Seconds between two looks. A process also looks when it is the one that is scraped.
_PERIOD = 1.0

#: The path of the metrics. By the path, since a process also writes before such a request has its route.
SCRAPED = "/metrics"

_under_way = Gauge(
    "wz_requests_under_way",
    "Requests whose answer has not begun, without those for the metrics.",
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


class Load:
    """Counts in memory and writes now and then: a gauge that other processes can read costs a request 4 us to set."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.threads: int | None = None  # gunicorn.conf.py sets these three
        self.connections: Callable[[], int | None] = lambda: None
        self.parked: Callable[[], int] = lambda: 0
        self._under_way: dict[int, tuple[WSGIEnvironment, float]] = {}

    def begin(self, environ: WSGIEnvironment, begun: float) -> None:
        """Note the request that this thread answers from now on, by time.perf_counter()."""
        self._under_way[threading.get_ident()] = environ, begun

    def end(self) -> None:
        """Forget it: its answer has begun."""
        self._under_way.pop(threading.get_ident(), None)

    def busy(self) -> Busy:
        """Return what this process does now."""
        now = time.perf_counter()
        under_way = [
            UnderWay(environ["REQUEST_METHOD"][:10], environ.get(ROUTE, ""), now - begun)
            for environ, begun in list(self._under_way.values())
        ]
        under_way.sort(key=lambda one: -one.seconds)
        readers = self.services.readers
        return Busy(
            os.getpid(), self.threads, self.connections(), self.parked(), readers.taken, readers.places, under_way
        )

    def write(self) -> None:
        """Write how busy this process is now, for all processes to read."""
        try:
            found = [pool_connections(client) for client in self.services.stores.distinct_clients]
        except RedisUnavailable:  # not since this process started
            found = []
        _under_way.set(sum(environ["PATH_INFO"] != SCRAPED for environ, _ in list(self._under_way.values())))
        _pool.labels("in use").set(sum(in_use for in_use, _ in found))
        _pool.labels("idle").set(sum(idle for _, idle in found))
        if folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            write(Path(folder), self.busy())

    def keep_writing(self) -> None:
        """Write it once a second, in a thread that ends with the process."""

        def run() -> None:
            while True:
                self.write()
                time.sleep(_PERIOD)

        threading.Thread(target=run, name="metrics of the load", daemon=True).start()
