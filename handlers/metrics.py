"""/metrics, for Prometheus: what this service's processes counted, and what Redis knows of hubs and their relays.

It needs a token with Listen, also from this machine: behind a proxy, every client may seem to be local, and the names
of hubs and the lag of their readers are not public. A token for this path alone gives access to nothing else:

    wz token --hub metrics --lifetime 365d

Prometheus sends it with `authorization: {type: SharedAccessSignature, credentials: "sr=...&se=...&skn=..."}`.

Requests and sends are counted in each process of gunicorn, in files that all of them read (deploy/gunicorn.conf.py).
Workers serve no HTTP: what they count is in Redis. Lag is computed from Redis at each scrape, so it is right even if no
worker runs.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pipeline.hub.log import Hub
from pipeline.hub.relay import GROUP
from pipeline.hub.relay_status import PartitionStatus, status
from pipeline.hub.throughput import Throttled
from pipeline.hub.writing import HubFull
from pipeline.store import OUTAGES
from wz import App, Blueprint, Request, Response
from wz.openapi import Content, operation

from .auth import protect
from .process_counts import AllCounts
from .services import Services, services

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

logger = logging.getLogger(__name__)

blueprint = Blueprint("metrics")
protect(blueprint)

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})  # a client may write anything
_NO_ROUTE = "(none)"
_RULE = "wz.rule"  # the environ's key

_registry = CollectorRegistry()
_requests = Histogram(
    "wz_request_seconds",
    "Time until a request's answer begins.",
    ["route", "method", "status"],
    buckets=_SECONDS,
    registry=_registry,
)
_sends = Counter("wz_sends", "Sends that were stored: single events and batches.", ["hub", "kind"], registry=_registry)
_refused = Counter(
    "wz_sends_refused",
    "Sends that were refused since the hub was throttled or full.",
    ["hub", "reason"],
    registry=_registry,
)


@blueprint.get("/metrics")
@operation(responses={200: Content("the metrics, in Prometheus's text format", str, "text/plain")})
def metrics(request: Request) -> Response:
    """Show the metrics, in Prometheus's text format; while Redis can't be reached, without those of hubs."""
    hubs = CollectorRegistry()
    hubs.register(HubCollector(services(request)))
    processes = _registry
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        processes = CollectorRegistry()
        processes.register(AllCounts(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])))
    return Response(generate_latest(processes) + generate_latest(hubs), content_type=CONTENT_TYPE_LATEST)


# -- what each process counts -----------------------------------------------------------------------------------------


@contextmanager
def counted(hub: Hub, *, is_batch: bool) -> Iterator[None]:
    """Count a send to `hub`, or why it was refused."""
    try:
        yield
    except (HubFull, Throttled) as exc:
        _refused.labels(hub.name, "full" if isinstance(exc, HubFull) else "throttled").inc()
        raise
    _sends.labels(hub.name, "batch" if is_batch else "single").inc()


class Measured:
    """Middleware: counts requests and their times by route, method and status."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app
        self._observers: dict[tuple[str, str, str], Any] = {}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        begin = time.perf_counter()
        status = "500"

        def start(line: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            nonlocal status
            status = line[:3]
            return start_response(line, headers, *exc_info)

        try:
            return self.app(environ, start)
        finally:
            key = environ.get(_RULE, _NO_ROUTE), environ["REQUEST_METHOD"], status
            observe = self._observers.get(key) or self._observer(*key)
            observe(time.perf_counter() - begin)

    def _observer(self, route: str, method: str, status: str) -> Any:
        known = method if method in _METHODS else "other"
        observe = _requests.labels(route, known, status).observe
        if known == method:  # other methods are not kept: clients may invent any number of them
            self._observers[route, method, status] = observe
        return observe


def measure(app: App) -> None:
    """Count the requests of an app, outside of all other layers."""

    @app.before_request
    def keep_rule(request: Request) -> None:
        if request.url_rule is not None:
            request.environ[_RULE] = request.url_rule.rule

    app.layers.add("metrics", Measured)


# -- what Redis knows -------------------------------------------------------------------------------------------------


class HubCollector(Collector):
    """Reads the status of every partition of every hub at each scrape: two round trips a hub."""

    def __init__(self, services: Services) -> None:
        self.services = services

    def collect(self) -> Iterable[Metric]:
        up = GaugeMetricFamily("wz_redis_up", "1 if Redis answers; without it nothing is known of hubs.")
        try:
            found = {name: status(hub) for name, hub in self.services.hubs.items()}
        except OUTAGES as exc:
            logger.error("Redis: %s", exc)
            found = {}
            up.add_metric([], 0)
        else:
            up.add_metric([], 1)
        return [up, *_of_partitions(found), *_of_groups(found), _workers(found)]


def _of_partitions(hubs: dict[str, list[PartitionStatus]]) -> Iterator[Metric]:
    counters = {
        "wz_hub_events": ("Events taken.", lambda one: one.log.in_events),
        "wz_hub_bytes": ("Bytes of these, with their keys and properties.", lambda one: one.log.in_bytes),
        "wz_relay_events": ("Events that the upstream hub took.", lambda one: one.relay.events),
        "wz_relay_bytes": ("Bytes of their bodies.", lambda one: one.relay.bytes),
        "wz_relay_requests": ("Requests that the upstream hub took.", lambda one: one.relay.requests),
        "wz_relay_retries": ("Requests that failed and are sent again.", lambda one: one.relay.retries),
        "wz_relay_refused": ("Events that the upstream hub will never take.", lambda one: one.relay.refused),
    }
    gauges = {
        "wz_hub_kept_events": ("Events in the log.", lambda one: one.log.events),
        "wz_hub_kept_bytes": ("Bytes of these, as they count for its size.", lambda one: one.log.bytes),
        "wz_relay_waiting": ("1 while the relay waits to try again.", lambda one: int(one.relay.error is not None)),
        "wz_dead_letters": ("Dead letters that are there.", lambda one: one.relay.deadletters),
        "wz_dead_letters_full": (
            "1 while the relay waits since there are WZ_MAX_DEAD_LETTERS.",
            lambda one: int(one.relay.is_full),
        ),
    }
    families: list[tuple[Any, dict[str, tuple[str, Callable[[PartitionStatus], int]]]]]
    families = [(CounterMetricFamily, counters), (GaugeMetricFamily, gauges)]
    for family, table in families:
        for name, (text, value) in table.items():
            metric = family(name, text, labels=["hub", "partition"])
            for hub, partitions in hubs.items():
                for one in partitions:
                    metric.add_metric([hub, str(one.log.partition)], value(one))
            yield metric


def _of_groups(hubs: dict[str, list[PartitionStatus]]) -> list[Metric]:
    labels = ["hub", "partition", "group"]
    lag = GaugeMetricFamily(
        "wz_group_lag_events", f"Stored events that a group has not processed; {GROUP} is the relay.", labels=labels
    )
    oldest = GaugeMetricFamily(
        "wz_group_oldest_seconds", "How long the first of these has waited; 0 if none.", labels=labels
    )
    for hub, partitions in hubs.items():
        for one in partitions:
            for group in one.log.groups:
                values = [hub, str(one.log.partition), group.name]
                lag.add_metric(values, group.lag)
                oldest.add_metric(values, (group.oldest_ms or 0) / 1000)
    return [lag, oldest]


def _workers(hubs: dict[str, list[PartitionStatus]]) -> Metric:
    workers = GaugeMetricFamily("wz_relay_workers", "Workers that relay a partition of the hub.", labels=["hub"])
    for hub, partitions in hubs.items():
        workers.add_metric([hub], len({one.relay.worker for one in partitions if one.relay.worker}))
    return workers
