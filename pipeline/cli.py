"""`wz worker`, `wz token` and `wz rule`."""

from __future__ import annotations

import functools
import gc
import logging
import signal
import threading
import time
from collections.abc import Callable
from typing import Any, Literal, TypeVar

import click

from . import redis
from .boards.boards import Boards
from .errors import InvalidValue, PipelineError
from .hub.registry import Hubs
from .hub.relay import GROUP, Relays
from .hub.retention import Retention
from .hub.sas import Right, Rule, Rules, sign
from .hub.status import has_lost_its_relay
from .hub.upstream import Upstream
from .settings import Settings
from .units import milliseconds
from .windows.jobs.folders import JobFolders
from .windows.jobs.job import Job
from .windows.jobs.registered_jobs import RegisteredJobs
from .windows.jobs.registry import JobRegistry
from .worker import Task, run

logger = logging.getLogger(__name__)

F = TypeVar("F", bound=Callable[..., Any])


class Lifetime(click.ParamType[int]):
    """A time such as 90s, 15m, 24h or 7d; a bare number is seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            seconds = milliseconds(value) // 1000
        except InvalidValue as exc:
            self.fail(str(exc), param, ctx)
        if seconds < 1:
            self.fail(f"{value!r} is no time: write 90s, 15m, 24h or 7d", param, ctx)
        return seconds


def one_line_errors(command: F) -> F:
    """Show what the pipeline raises as click shows its own errors: one line, exit code 1."""

    @functools.wraps(command)
    def run_command(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except PipelineError as exc:
            raise click.ClickException(str(exc)) from exc

    return run_command  # type: ignore[return-value]


@click.command()
@one_line_errors
def worker() -> None:
    """Relay events upstream and run the window jobs, until SIGTERM or Ctrl-C.

    Several workers may run: they share the partitions of the relays and the tasks of the jobs. One of them has each at
    a time, and another takes over within ten seconds of its end.
    """
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    settings = Settings.from_environ()
    client = redis.client(settings)
    redis.check(client, wait=10.0)
    redis.boards(settings, wait=10.0)
    hubs = Hubs(redis.hubs(settings, wait=10.0), settings.hubs, settings.retention)
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
    boards = Boards.of(settings, client)
    registry = JobRegistry(client, hubs, boards)
    folders = JobFolders(settings.jobs, registry.load) if settings.jobs is not None else None
    registered = RegisteredJobs(registry, lambda name, definition: Job.of(name, definition, client, hubs, boards))

    def jobs() -> list[Job]:
        return [*(folders.jobs() if folders else ()), *registered.jobs()]

    # Before anything is dropped, all have said what they need.
    for job in jobs():
        job.attach()
    for relay in relays.tasks() if relays else ():
        relay.attach()
    retention = Retention(hubs)

    def find() -> list[Task]:
        return [*(task for job in jobs() for task in job.workers), *(relays.tasks() if relays else ()), retention]

    logger.info("%s", ", ".join(sorted({task.name for task in find()})))

    # Windows hold many small objects for long, none of them in cycles: the collector is to look at them rarely.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run(find, stop)


def _warn_of_lost_relays(hubs: Hubs) -> None:
    """Say which hubs keep events for a relay that is not there.

    They are not let go: another worker may have the upstream, or it is to come back.
    """
    for name, hub in hubs.items():
        if has_lost_its_relay(hub):
            logger.warning(
                "hub %s keeps all events for a relay, and no worker has WZ_UPSTREAM: set it, or let them go with "
                "`wz hub detach %s '%s'`",
                name,
                name,
                GROUP,
            )


@click.command()
@click.option("--hub", help="Make it out to this hub alone. Default: the whole namespace, boards and outputs too.")
@click.option("--publisher", help="Make it out to this publisher of the hub alone, for a device that has no key.")
@click.option("--lifetime", type=Lifetime(), default="1h", show_default=True, help="90s, 15m, 24h or 7d.")
@click.option("--rule", "rule_name", help="Sign with this rule's key. Default: the connection string's.")
@click.option("--header", is_flag=True, help="Print a whole header line, as curl -H takes it.")
@one_line_errors
def token(hub: str | None, publisher: str | None, lifetime: int, rule_name: str | None, header: bool) -> None:
    """Print a SAS token, made with the key in WZ_CONNECTION_STRING or .wz/connection-string."""
    if publisher is not None and hub is None:
        raise click.UsageError("--publisher needs --hub: a publisher is one of a hub's")
    settings = Settings.from_environ()
    key_name, key = settings.root.key_name, settings.root.key
    if rule_name is not None and rule_name != key_name:
        rules = Rules(redis.hubs(settings), settings.root)
        found = rules.find(rule_name, hub) or [rules.get(rule_name)]
        key_name, key = rule_name, found[0].primary
    path = hub or "" if publisher is None else f"{hub}/publishers/{publisher}"
    text = sign(f"{settings.root.url}/{path}", key_name, key, int(time.time()) + lifetime)
    click.echo(f"Authorization: {text}" if header else text)


@click.group()
def rule() -> None:
    """Shared access rules: named keys with some of the rights Send, Listen and Manage."""


@rule.command("add")
@click.argument("name")
@click.option(
    "--right",
    "rights",
    multiple=True,
    required=True,
    type=click.Choice([right.value for right in Right], case_sensitive=False),
    help="May be given several times; Manage brings the other two.",
)
@click.option("--hub", help="Narrow the rule to one hub.")
@one_line_errors
def add_rule(name: str, rights: tuple[str, ...], hub: str | None) -> None:
    """Make the rule NAME, or give it new keys, and print its connection string."""
    settings = Settings.from_environ()
    rules = Rules(redis.hubs(settings), settings.root)
    granted = frozenset(Right) if Right.MANAGE in rights else frozenset(map(Right, rights))
    made = rules.add(name, granted, hub.lower() if hub else None)
    click.echo(_connection_string(settings, made, made.primary))


@rule.command("rotate")
@click.argument("name")
@click.option("--key", "which", type=click.Choice(["primary", "secondary"]), required=True, help="The one to replace.")
@click.option("--hub", help="The hub whose rule it is, if there are several of that name.")
@one_line_errors
def rotate_rule(name: str, which: Literal["primary", "secondary"], hub: str | None) -> None:
    """Give the rule NAME a new key and print its connection string; tokens made with the old one end at once.

    To change both without a pause: rotate the secondary, give its connection string to the clients, then rotate the
    primary.
    """
    settings = Settings.from_environ()
    rules = Rules(redis.hubs(settings), settings.root)
    made = rules.rotate(name, which, rules.get(name, hub).hub)
    click.echo(_connection_string(settings, made, getattr(made, which)))


def _connection_string(settings: Settings, rule: Rule, key: str) -> str:
    root = settings.root
    return str(type(root)(root.endpoint, rule.name, key, rule.hub, root.development))


@rule.command("list")
@one_line_errors
def list_rules() -> None:
    """Show every rule's name, rights and hub; no keys."""
    settings = Settings.from_environ()
    rules = Rules(redis.hubs(settings), settings.root)
    for found in rules:
        click.echo(f"{found.name}  {', '.join(sorted(found.rights))}  {found.hub or '(the whole namespace)'}")


@rule.command("delete")
@click.argument("name")
@click.option("--hub", help="The hub whose rule it is, if there are several of that name.")
@one_line_errors
def delete_rule(name: str, hub: str | None) -> None:
    """Delete the rule NAME; its tokens are worth nothing from now on."""
    settings = Settings.from_environ()
    rules = Rules(redis.hubs(settings), settings.root)
    rules.remove(name, rules.get(name, hub).hub)
