"""`wz hub relay`: where the relay of a hub sends, and whether it does."""

from __future__ import annotations

import sys

import click

from ..connection_string import ConnectionString, InvalidConnectionString, validity
from ..hub.log import Hub
from ..hub.relay_choice import choose, forget
from ..hub.relay_route import Switch, relay_states, route
from ..hub.upstream_answers import DEFAULTS, parse_choices
from ..settings.row import InvalidSetting, read_file
from ..store.clock import machine_time
from . import terminal
from .hub_management import hubs_of
from .terminal import columns, one_line_errors


@click.command()
@click.argument("name")
@click.option(
    "--to-file",
    help="Send to another namespace than WZ_UPSTREAM: a file with its connection string; - reads standard input.",
)
@click.option("--name", "there", help="The hub's name there; '' for the connection string's, or the same as here.")
@click.option(
    "--on",
    "choices",
    metavar="STATUS=ACTION",
    multiple=True,
    help="What is done with events that are answered so: wait (send them again), deadletter, drop, or default. May be "
    "given several times.",
)
@click.option("--pause", "switch", flag_value=Switch.PAUSED, help="Send nothing until --resume, and keep all events.")
@click.option("--resume", "switch", flag_value=Switch.ON, help="Send again, from where it has stopped.")
@click.option(
    "--detach", "switch", flag_value=Switch.DETACHED, help="Send nothing until --resume, and keep no event for it."
)
@click.option("--reset", is_flag=True, help="Forget all that was chosen: relay the hub as WZ_UPSTREAM says.")
@one_line_errors
def relay(
    name: str, to_file: str | None, there: str | None, choices: tuple[str, ...], switch: str | None, reset: bool
) -> None:
    """Show or change where the relay of the hub NAME sends; without an option, show it.

    Running workers follow within some seconds. While a relay is paused the hub keeps its events, even beyond its
    retention, and refuses new ones when it is full of them. When it is detached, retention drops them, and what is left
    is sent on --resume. The connection string is kept in Redis, and never shown.

    \b
    wz hub relay orders --to-file orders.txt --name orders-eu
    wz hub relay orders --on 404=deadletter --on 413=drop
    """
    settings = terminal.settings_for_redis()
    hub = hubs_of(settings)[name]
    changes = (to_file, there, switch)
    if reset and (choices or any(change is not None for change in changes)):
        raise click.UsageError("--reset goes alone")
    if not reset and not choices and all(change is None for change in changes):
        _show(hub)
        return
    if reset:
        forget(settings, hub)
        return
    choose(
        settings,
        hub,
        switch=None if switch is None else Switch(switch),
        to=None if to_file is None else _connection_string(to_file),
        name=there,
        answers=parse_choices(choices),
    )


def _connection_string(file: str) -> str:
    text = sys.stdin.read() if file == "-" else read_file("--to-file", file) or ""
    try:
        return str(ConnectionString.parse(text))
    except InvalidConnectionString as exc:
        raise InvalidSetting("--to-file", str(exc)) from None


def _show(hub: Hub) -> None:
    chosen, (state,) = route(hub), relay_states([hub])
    target = ConnectionString.parse(chosen.to) if chosen.to else None
    now = machine_time()
    answers = {**DEFAULTS, **chosen.answers}
    fields = {
        "relay": state.said(now),
        "upstream": target.shown if target else "WZ_UPSTREAM of the workers",
        "name there": chosen.name
        or (target.hub if target else None)
        or "the connection string's EntityPath, or the same",
        "events answered": ", ".join(f"{status} {action}" for status, action in sorted(answers.items())),
        "": "with all other statuses, and without an answer: wait",
    }
    if target and target.expires is not None:
        fields["signature"] = validity(target.expires, now)
    for line in columns(list(fields.items()), {0, 1}):
        click.echo(line)
