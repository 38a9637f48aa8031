"""`wz worker`, `wz token` and `wz rule`."""

from __future__ import annotations

import functools
import logging
import signal
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import click

from . import redis
from .boards.boards import Boards
from .errors import PipelineError
from .hub.log import Hubs
from .hub.relay import Relay
from .hub.sas import Right, Rules, sign
from .hub.upstream import Upstream
from .settings import Settings, duration
from .windows.job import Job
from .worker import Task, run

F = TypeVar("F", bound=Callable[..., Any])


class Lifetime(click.ParamType[int]):
    """A time such as 90s, 15m, 24h or 7d; a bare number is seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return duration(value)
        except ValueError as exc:
            self.fail(str(exc), param, ctx)


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

    Several workers may run: each partition and each job has one of them at a time, and another takes over within
    ten seconds of its end.
    """
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    settings = Settings.from_environ()
    client = redis.client(settings)
    redis.check(client, wait=10.0)
    redis.boards(settings, wait=10.0)
    hubs = Hubs(client, settings.hubs)
    hubs.declare()

    tasks: list[Task] = []
    if settings.upstream is not None:
        upstream = Upstream(settings.upstream)
        tasks += [Relay(hub, upstream) for hub in hubs.values()]
    if settings.jobs is not None:
        folders = sorted(file.parent for file in settings.jobs.glob("*/job.toml"))
        boards = Boards.of(settings, client)
        tasks += [Job.load(folder, client, hubs, boards) for folder in folders]
    names = ", ".join(task.name for task in tasks)
    logging.getLogger(__name__).info("%s", names or "nothing to do: set WZ_UPSTREAM or WZ_JOBS")

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if tasks:
        run(tasks, stop)
    else:
        stop.wait()


@click.command()
@click.option("--hub", help="Make it out to this hub alone. Default: the whole namespace, boards and outputs too.")
@click.option("--lifetime", type=Lifetime(), default="1h", show_default=True, help="90s, 15m, 24h or 7d.")
@click.option("--rule", "rule_name", help="Sign with this rule's key. Default: the connection string's.")
@click.option("--header", is_flag=True, help="Print a whole header line, as curl -H takes it.")
@one_line_errors
def token(hub: str | None, lifetime: int, rule_name: str | None, header: bool) -> None:
    """Print a SAS token, made with the key in WZ_CONNECTION_STRING or .wz/connection-string."""
    settings = Settings.from_environ()
    key_name, key = settings.root.key_name, settings.root.key
    if rule_name is not None and rule_name != key_name:
        rules = Rules(redis.client(settings), settings.root)
        if rule_name not in rules:
            raise click.UsageError(f"there is no rule {rule_name!r}; `wz rule list` shows them")
        key_name, key = rule_name, rules[rule_name].primary
    text = sign(f"{settings.root.url}/{hub or ''}", key_name, key, int(time.time()) + lifetime)
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
    rules = Rules(redis.client(settings), settings.root)
    granted = frozenset(Right) if Right.MANAGE in rights else frozenset(map(Right, rights))
    made = rules.add(name, granted, hub.lower() if hub else None)
    root = settings.root
    click.echo(str(type(root)(root.endpoint, made.name, made.primary, made.hub, root.development)))


@rule.command("list")
@one_line_errors
def list_rules() -> None:
    """Show every rule's name, rights and hub; no keys."""
    settings = Settings.from_environ()
    rules = Rules(redis.client(settings), settings.root)
    for name in rules:
        found = rules[name]
        click.echo(f"{name}  {', '.join(sorted(found.rights))}  {found.hub or '(the whole namespace)'}")


@rule.command("delete")
@click.argument("name")
@one_line_errors
def delete_rule(name: str) -> None:
    """Delete the rule NAME; its tokens are worth nothing from now on."""
    settings = Settings.from_environ()
    Rules(redis.client(settings), settings.root).remove(name)
