"""How busy each process of gunicorn is: requests under way, and its connections to Redis."""

from __future__ import annotations

import threading
import time

from prometheus_client import Gauge

from pipeline.store.server_status import pool_connections

from ..services import Services
from .counts import REGISTRY

#: Seconds between two looks. A process also looks when it is the one that is scraped.
_PERIOD = 1.0

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
        self._count = 0
        self._lock = threading.Lock()

    def add(self, change: int) -> None:
        """Count a request that begins, 1, or that is answered, -1."""
        with self._lock:
            self._count += change

    def write(self, without: int = 0) -> None:
        """Write how busy this process is now, for all processes to read; `without` so many requests."""
        found = [pool_connections(client) for client in self.services.clients]
        _under_way.set(self._count - without)
        _pool.labels("in use").set(sum(in_use for in_use, _ in found))
        _pool.labels("idle").set(sum(idle for _, idle in found))

    def keep_writing(self) -> None:
        """Write it once a second, in a thread that ends with the process."""

        def run() -> None:
            while True:
                self.write()
                time.sleep(_PERIOD)

        threading.Thread(target=run, name="metrics of the load", daemon=True).start()
