"""`wz worker`: runs relays and window jobs, until it is told to stop."""

from __future__ import annotations

import gc
import logging
import signal
import threading

import click

from .. import logs
from ..boards import Boards
from ..hub.namespace import Hubs
from ..hub.relay import GROUP, Relays
from ..hub.relay_status import has_lost_its_relay
from ..hub.retention_task import Retention
from ..hub.upstream import Upstream
from ..store.client import hubs_client, wait_for_stores
from ..windows.jobs.finding import JobFolders, RegisteredJobs
from ..windows.jobs.job import Job
from ..windows.jobs.registry import JobRegistry
from ..work.worker import Task, run
from . import terminal
from .terminal import one_line_errors

logger = logging.getLogger(__name__)


@click.command()
@one_line_errors
def worker() -> None:
    """Relay events upstream and run the window jobs, until SIGTERM or Ctrl-C.

    Several workers may run: they share the partitions of the relays and the tasks of the jobs. Each of these has one
    worker at a time; within ten seconds of that worker's end another takes it over.
    """
    settings = terminal.settings()
    logs.configure(settings.log_format, settings.log_level, secrets=settings.secrets)
    client = wait_for_stores(settings)
    boards = Boards.from_settings(settings)
    hubs = Hubs.from_settings(settings, hubs_client(settings))
    hubs.declare()

    relays: Relays | None = None
    if settings.upstream is not None:
        upstream = Upstream(settings.upstream, settings.upstream_ca)
        relays = Relays(
            hubs,
            upstream,
            settings.relays,
            any_key=settings.relay_any_key,
            max_letters=settings.max_dead_letters,
        )
    else:
        _warn_of_lost_relays(hubs)
    registry = JobRegistry(client, hubs, boards)
    folders = JobFolders(settings.jobs, registry.load) if settings.jobs is not None else None
    registered = RegisteredJobs(registry, lambda name, definition: Job.of(name, definition, client, hubs, boards))

    def jobs() -> list[Job]:
        return [*(folders.jobs() if folders else ()), *registered.jobs()]

    # Before anything is dropped, all readers are attached.
    for job in jobs():
        job.attach()
    for relay in relays.tasks() if relays else ():
        relay.attach()
    retention = Retention(hubs)

    def find() -> list[Task]:
        return [*(task for job in jobs() for task in job.workers), *(relays.tasks() if relays else ()), retention]

    logger.info("%s", ", ".join(sorted({task.name for task in find()})))

    # Windows keep many small objects for long, and none of them in cycles: let the garbage collector run rarely.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run(find, stop)


def _warn_of_lost_relays(hubs: Hubs) -> None:
    """Warn of hubs that keep events for a relay that does not run.

    The groups are not detached: another worker may have WZ_UPSTREAM, or this one may get it back.
    """
    for name, hub in hubs.items():
        if has_lost_its_relay(hub):
            logger.warning(
                "hub %s keeps all events for a relay, but no worker has WZ_UPSTREAM: set it, or drop them with "
                "`wz hub detach %s '%s'`",
                name,
                name,
                GROUP,
            )
