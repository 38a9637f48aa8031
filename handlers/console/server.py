"""The page of the server: its processes and what they do now, workers, Redis, versions and settings.

Whoever may see it may change everything: it needs Manage for the whole namespace. Nothing on it is a source of its own:
processes and their load are those of /metrics, the stores those of /readyz, the settings those of `wz settings`.
"""

from __future__ import annotations

import os
import platform
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pipeline.console.overview import overview
from pipeline.console.shown_settings import shown_settings
from pipeline.console.workers import workers
from pipeline.hub.rules import Right
from pipeline.settings.local import service_file
from pipeline.store import OUTAGES
from pipeline.store.client import RedisUnavailable, database
from pipeline.store.clock import machine_time
from pipeline.store.refusals import refusal_of
from wz import Request, Response
from wz.templates import render_template

from ..health import store_state
from ..metrics.busy import Busy, read
from ..metrics.processes import Processes
from ..services import Services, services
from .access import access
from .frame import Pages, page
from .live import live

blueprint = Pages("console_server", "/console")

#: Requests under way that are shown, the longest first.
SHOWN = 50

_PACKAGES = ("werkzeug", "msgspec", "jinja2", "itsdangerous", "redis", "gunicorn", "click", "prometheus-client")
_PARTS = ("processes", "stores")


@dataclass(frozen=True)
class Process:
    """A process of gunicorn as Linux and it itself see it; `busy` is None for the master, which answers nothing."""

    pid: int
    name: str
    bytes: int
    cpu_seconds: float
    age_seconds: float
    files: int
    busy: Busy | None


@blueprint.get("/server")
def server(request: Request) -> Response:
    """Show the server."""
    access(request).need(Right.MANAGE)
    settings, problems = shown_settings(os.environ, service_file())
    return page(
        request,
        "server.html",
        live="/console/live/server",
        settings=settings,
        problems=problems,
        versions=_versions(),
        **_values(request),
    )


@blueprint.get("/live/server")
def follow(request: Request) -> Response:
    """Keep the page current."""

    def fragments() -> Mapping[str, str]:
        access(request).need(Right.MANAGE)
        values = _values(request)
        return {name: render_template(f"server/{name}.html", **values) for name in _PARTS}

    access(request).need(Right.MANAGE)
    return live(request, fragments)


def _values(request: Request) -> dict[str, Any]:
    busy = _busy(request)
    under_way = [(process.pid, one) for process in busy.values() for one in process.under_way]
    under_way.sort(key=lambda pair: -pair[1].seconds)
    return {
        "processes": _processes(busy),
        "busy": list(busy.values()),
        "under_way": under_way[:SHOWN],
        "more": len(under_way[SHOWN:]),
        **_stores(services(request)),
    }


def _busy(request: Request) -> dict[int, Busy]:
    """Return what each process does, by its id: this one now, the others within the last second or two."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    found = {one.pid: one for one in (read(Path(folder)) if folder else ())}
    mine: Busy = request.app.extensions["load"].busy()
    return found | {mine.pid: mine}


def _processes(busy: Mapping[int, Busy]) -> list[Process]:
    """Return the master and its workers; none where this process is not gunicorn's."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return []
    facts: dict[tuple[int, str], dict[str, float]] = defaultdict(dict)
    for metric in Processes().collect():
        for sample in metric.samples:
            facts[int(sample.labels["pid"]), sample.labels["process"]][sample.name] = sample.value
    now = machine_time()
    return [
        Process(
            pid=pid,
            name=name,
            bytes=int(its.get("wz_process_resident_memory_bytes", 0)),
            cpu_seconds=its.get("wz_process_cpu_seconds_total", 0.0),
            age_seconds=max(0.0, now - its.get("wz_process_start_time_seconds", now)),
            files=int(its.get("wz_process_open_fds", 0)),
            busy=busy.get(pid),
        )
        for (pid, name), its in facts.items()
    ]


def _stores(its: Services) -> dict[str, Any]:
    """Return what Redis and the workers say of themselves; `away` is why they can't be asked, otherwise empty."""
    found: dict[str, Any] = {"away": "", "servers": [], "workers": [], "states": {}, "is_worked": False}
    found |= {"database": database(its.settings), "belongs_to": its.settings.environment}
    try:
        jobs = its.jobs
        all_of_it = overview(its.hubs, jobs, jobs.all(), its.stores.distinct_clients)
        relays = {name: one.partitions for name, one in all_of_it.hubs.items()}
        found["servers"] = all_of_it.servers
        found["is_worked"] = all_of_it.is_worked
        found["workers"] = workers(its.hubs.redis, relays, list(all_of_it.jobs))
        states = {id(client): store_state(client) for client in its.stores.distinct_clients}
        found["states"] = {name: states[id(client)] for name, client in its.stores.clients.items()}
    except OUTAGES as exc:
        found["away"] = refusal_of(exc)[1]
    except RedisUnavailable as exc:
        found["away"] = str(exc)
    return found


def _versions() -> list[tuple[str, str]]:
    """Return what this process runs, with its version: Python, and the packages that are there."""
    found = [(platform.python_implementation(), platform.python_version())]
    for name in _PACKAGES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return found
