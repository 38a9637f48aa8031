"""`wz worker`: runs relays, window jobs and tasks, until it is told to stop."""

from __future__ import annotations

import gc
import logging
import signal
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import click

from .. import logs
from ..boards import Boards
from ..console.demo import Demo, Player
from ..console.history_task import History
from ..errors import PipelineError
from ..hub.namespace import Hubs
from ..hub.own_address import OwnAddress
from ..hub.relay import GROUP
from ..hub.relay_route import Switch, routes
from ..hub.relay_status import has_lost_its_relay
from ..hub.relays import Relays
from ..hub.retention_task import Retention
from ..hub.upstream import Upstream
from ..settings import WRONG_SETTINGS, Settings
from ..store import OUTAGES, Redis
from ..store.client import RedisUnavailable, check_stores, hubs_client
from ..store.outage_log import outages
from ..store.pace import FIRST_WAIT, MAX_START_WAIT, Pace
from ..windows.jobs.finding import JobFinder
from ..windows.jobs.registry import JobRegistry
from ..windows.jobs.upgrade import rename_keys
from ..work.board_tasks import board_work
from ..work.runner import TaskRunner
from ..work.tasks import Tasks
from ..work.worker import Task, run
from . import terminal
from .terminal import one_line_errors

logger = logging.getLogger(__name__)

T = TypeVar("T")


class WrongSettings(click.ClickException):
    exit_code = WRONG_SETTINGS


@click.command()
@one_line_errors
def worker() -> None:
    """Relay events upstream, run the window jobs and do long work on boards, until SIGTERM or Ctrl-C.

    Several workers may run: they share the partitions of the relays, the tasks of the jobs, and the long work. Each of
    these has one worker at a time; within ten seconds of that worker's end another takes it over. A worker waits for a
    Redis that is away; if its settings are wrong, it exits with 4.
    """
    try:
        settings = terminal.settings()
        logs.configure(settings.log_format, settings.log_level, secrets=settings.secrets)
        client, boards, hubs = until_there(lambda: _open(settings))
        relays = _relays(settings, hubs)
        until_there(relays.check)
    except PipelineError as exc:
        raise WrongSettings(exc.with_notes) from exc

    if settings.upstream is None:
        until_there(lambda: _warn_of_lost_relays(hubs))
    registry = JobRegistry(client, hubs, boards)
    until_there(lambda: rename_keys(registry))
    jobs = JobFinder(registry, settings.jobs)

    def attach() -> None:
        jobs.jobs()
        for relay in relays.tasks():
            relay.attach()

    until_there(attach)  # before anything is dropped
    stop = threading.Event()
    runner = TaskRunner(Tasks(client), board_work(boards), stop)
    others: list[Task] = [Retention(hubs), History(hubs, registry), Player(Demo(hubs, registry, boards)), runner]

    def find() -> list[Task]:
        its_jobs = [task for job in jobs.jobs() for task in job.workers]
        return [*its_jobs, *relays.tasks(), *others]

    logger.info("%s", ", ".join(sorted({task.name for task in until_there(find)})))

    # Windows keep many small objects for long, and none of them in cycles: let the garbage collector run rarely.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run(find, stop)


def _open(settings: Settings) -> tuple[Redis, Boards, Hubs]:
    client = check_stores(settings)
    hubs = Hubs.from_settings(settings, hubs_client(settings))
    hubs.declare()
    return client, Boards.from_settings(settings), hubs


def _relays(settings: Settings, hubs: Hubs) -> Relays:
    ca = settings.upstream_ca
    upstream = Upstream(settings.upstream, ca) if settings.upstream is not None else None
    if upstream and upstream.proxy:
        logger.info("events go upstream through the proxy %s", upstream.proxy.url)
    return Relays(
        hubs,
        upstream,
        settings.relays,
        any_key=settings.relay_any_key,
        max_letters=settings.max_dead_letters,
        ca=ca,
        own=OwnAddress.from_settings(settings),
    )


def until_there(do: Callable[[], T]) -> T:
    """Return what `do` does, as soon as Redis is there and takes what it sends; raises all other errors."""
    pace = Pace(MAX_START_WAIT)
    is_told = False
    while True:
        try:
            return do()
        except OUTAGES as exc:
            outages.note(exc)
        except RedisUnavailable as exc:
            if not is_told:
                logger.error("%s; this worker waits for it", exc)
                is_told = True
        time.sleep(pace.failed(FIRST_WAIT))


def _warn_of_lost_relays(hubs: Hubs) -> None:
    """Warn of hubs that keep events for a relay that does not run.

    The groups are not detached: another worker may have WZ_UPSTREAM, or this one may get it back.
    """
    its = list(hubs.values())
    for hub, route_ in zip(its, routes(its), strict=True):
        name = hub.name
        if not route_.to and route_.switch is Switch.ON and has_lost_its_relay(hub):
            logger.warning(
                "hub %s keeps all events for a relay, but no worker has WZ_UPSTREAM: set it, or name another upstream "
                "(`wz hub relay %s --to-file`), or drop them with `wz hub detach %s '%s'`",
                name,
                name,
                name,
                GROUP,
            )
