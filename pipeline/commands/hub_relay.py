"""`wz hub relay`: where the relay of a hub sends, and whether it does."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import click
import msgspec

from ..connection_string import ConnectionString, validity
from ..errors import InvalidValue
from ..hub.description import NAME
from ..hub.log import Hub
from ..hub.own_address import OwnAddress
from ..hub.relay import Relay
from ..hub.relay_route import Route, Switch, relay_states, route, set_route
from ..hub.upstream_answers import DEFAULTS, Action, parse_choices
from ..settings import Settings
from ..settings.row import read_file
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
    old = route(hub)
    new = Route() if reset else _changed(old, to_file, there, parse_choices(choices), switch)
    _refuse_itself(settings, hub, new)
    set_route(hub, new)
    if new.switch is Switch.PAUSED:
        Relay.group_of(hub).attach()
    if new.switch is Switch.DETACHED:
        Relay.group_of(hub).detach()


def _changed(
    old: Route, to_file: str | None, there: str | None, choices: Mapping[int, Action | None], switch: str | None
) -> Route:
    if there and not NAME.fullmatch(there.lower()):
        raise InvalidValue(f"{there!r}: a hub's name is 1 to 256 letters, digits and . - _", "name")
    answers = {status: action for status, action in old.answers.items() if status not in choices}
    answers |= {status: action for status, action in choices.items() if action is not None}
    return msgspec.structs.replace(
        old,
        switch=old.switch if switch is None else Switch(switch),
        to=old.to if to_file is None else str(ConnectionString.parse(_read(to_file))),
        name=old.name if there is None else there,
        answers=dict(sorted(answers.items())),
    )


def _read(file: str) -> str:
    return sys.stdin.read() if file == "-" else read_file("--to-file", file) or ""


def _refuse_itself(settings: Settings, hub: Hub, new: Route) -> None:
    target = ConnectionString.parse(new.to) if new.to else settings.upstream
    if target is None or new.switch is not Switch.ON:
        return
    there = new.name or target.hub or hub.name
    if error := OwnAddress.from_settings(settings).why_not(target, there, hub.name):
        raise InvalidValue(error, "to")


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
