"""/metrics, for Prometheus: what this service's processes counted, and what Redis knows of all that workers do.

It needs a token with Listen, also from this machine: behind a proxy, every client may seem to be local, and the names
of hubs and the lag of their readers are not public. A token for this path alone gives access to nothing else:

    wz token --hub metrics --lifetime 365d

deploy/prometheus/ has the scrape with a token that is renewed, alerts, and docs/metrics.md every metric.

Workers serve no HTTP: what they count is in Redis. Lag is computed from Redis at each scrape, so it is right even if no
worker runs. A scrape costs some thirteen round trips to Redis, however many hubs, jobs, events and members there are.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pipeline.store import OUTAGES
from pipeline.store.client import RedisUnavailable
from pipeline.store.outage_log import outages
from wz import App, Blueprint, Request, Response
from wz.openapi import Content, operation

from ..auth import protect
from ..services import Services, services
from .counts import REGISTRY, count_bulk, count_repetitions, count_start, counted
from .hubs import hub_metrics
from .jobs import job_metrics
from .load import SCRAPED
from .process_counts import AllCounts
from .processes import Processes
from .redis_servers import server_metrics
from .requests import measure
from .tasks import task_metrics

__all__ = ["begin", "blueprint", "count_bulk", "count_repetitions", "counted", "measure"]

blueprint = Blueprint("metrics")
protect(blueprint)


@blueprint.get(SCRAPED)
@operation(responses={200: Content("the metrics, in Prometheus's text format", str, "text/plain")})
def metrics(request: Request) -> Response:
    """Show the metrics, in Prometheus's text format; while Redis can't be reached, without those that it knows."""
    request.app.extensions["load"].write()
    stored = CollectorRegistry()
    stored.register(Stored(services(request)))
    counted_here = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:  # under gunicorn
        stored.register(Processes())
        counted_here = CollectorRegistry()
        counted_here.register(AllCounts(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])))
    return Response(generate_latest(counted_here) + generate_latest(stored), content_type=CONTENT_TYPE_LATEST)


def begin(app: App) -> None:
    """Count this process, which has loaded the service, and have it write how busy it is."""
    count_start()
    app.extensions["load"].keep_writing()


class Stored(Collector):
    """What Redis knows; it is read at each scrape."""

    def __init__(self, services: Services) -> None:
        self.services = services

    def collect(self) -> Iterable[Metric]:
        up = GaugeMetricFamily(
            "wz_redis_up", "1 if Redis answers what is read; without it nothing is known of hubs and jobs."
        )
        its = self.services
        found: list[Metric] = []
        is_up = False
        try:
            found = [
                *server_metrics(its.stores.distinct_clients),
                *hub_metrics(its.hubs),
                *job_metrics(its.jobs),
                *task_metrics(its.tasks),
            ]
            is_up = True
        except OUTAGES as exc:
            outages.note(exc)
        except RedisUnavailable:
            pass  # it was not there since this process started
        up.add_metric([], is_up)
        return [up, *found]
