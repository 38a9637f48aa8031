"""`wz rule`: the shared access rules in Redis."""

from __future__ import annotations

from typing import Any, Literal

import click

from ..boards.shards import check_name
from ..hub.description import declared_hubs
from ..hub.rules import Right, Rule, Rules, rights_of
from ..settings import Settings
from ..store.client import hubs_client
from ..units import byte_count
from . import terminal
from .hub_management import hubs_of
from .terminal import one_line_errors
from .token import place_of


@click.group()
def rule() -> None:
    """Shared access rules: named keys with some of the rights Send, Listen, Manage and Relay."""


_whose = terminal.options(
    click.option("--hub", help="The hub of the rule, if several rules have this name."),
    click.option("--board", help="The board of the rule, if several rules have this name."),
)
_limits = terminal.options(
    click.option("--events-per-second", type=int, help="Events that its tokens may send to a hub; 0: no limit."),
    click.option("--bytes-per-second", help="Bytes that they may send, 256KiB or 1MiB; 0: no limit."),
)


@rule.command("add")
@click.argument("name")
@click.option(
    "--right",
    "rights",
    multiple=True,
    required=True,
    type=click.Choice([right.value for right in Right], case_sensitive=False),
    help="May be given several times. Manage brings Send and Listen; Relay, for the relay of another wz, brings Send.",
)
@click.option("--hub", help="Narrow the rule to one hub, which must be there.")
@click.option("--board", help="Narrow the rule to one board, which need not be there, and its periods (BOARD@day).")
@_limits
@one_line_errors
def add_rule(name: str, rights: tuple[str, ...], hub: str | None, board: str | None, **limits: Any) -> None:
    """Make the rule NAME and print its connection string. One that is there is left as it is: see `rotate`."""
    if hub is not None and board is not None:
        raise click.UsageError("a rule is for one hub or for one board")
    if board is not None:
        check_name(board, "board")
    settings = terminal.settings_for_redis(creates=True)
    rules = Rules(hubs_client(settings), settings.root)
    if hub is not None:
        hub = _existing(settings, hub)
    made = rules.add(name, rights_of(map(Right, rights)), hub, board, **_chosen(**limits))
    click.echo(_connection_string(settings, made, made.primary))


@rule.command("set")
@click.argument("name")
@_whose
@_limits
@one_line_errors
def set_rule(name: str, hub: str | None, board: str | None, **limits: Any) -> None:
    """Change how much the tokens of the rule NAME may send. Its keys stay."""
    chosen = _chosen(**limits)
    if not chosen:
        raise click.UsageError("say what to change: --events-per-second or --bytes-per-second")
    settings = terminal.settings_for_redis()
    rules = Rules(hubs_client(settings), settings.root)
    found = rules.get(name, hub, board)
    rules.change(name, found.hub, found.board, **chosen)


@rule.command("rotate")
@click.argument("name")
@click.option("--key", "which", type=click.Choice(["primary", "secondary"]), required=True, help="The key to replace.")
@_whose
@one_line_errors
def rotate_rule(name: str, which: Literal["primary", "secondary"], hub: str | None, board: str | None) -> None:
    """Give the rule NAME a new key and print its connection string; tokens of the old key become invalid at once.

    To change both without a pause: rotate the secondary, give its connection string to the clients, then rotate the
    primary.
    """
    settings = terminal.settings_for_redis()
    rules = Rules(hubs_client(settings), settings.root)
    found = rules.get(name, hub, board)
    made = rules.rotate(name, which, found.hub, found.board)
    click.echo(_connection_string(settings, made, getattr(made, which)))


def _connection_string(settings: Settings, rule: Rule, key: str) -> str:
    root = settings.root
    return str(type(root)(root.endpoint, rule.name, key, place_of(rule) or None, root.development))


@rule.command("list")
@one_line_errors
def list_rules() -> None:
    """Show every rule's name, rights, hub or board, and limits; no keys."""
    settings = terminal.settings_for_redis()
    rules = Rules(hubs_client(settings), settings.root)
    for found in list(rules):  # all are read before the first is printed
        limits = ((found.events_per_second, "events/s"), (found.bytes_per_second, "bytes/s"))
        parts = [found.name, ", ".join(sorted(found.rights)), place_of(found) or "(the whole namespace)"]
        click.echo("  ".join([*parts, *(f"{number:,} {unit}" for number, unit in limits if number)]))


@rule.command("delete")
@click.argument("name")
@_whose
@one_line_errors
def delete_rule(name: str, hub: str | None, board: str | None) -> None:
    """Delete the rule NAME; its tokens become invalid at once."""
    settings = terminal.settings_for_redis()
    rules = Rules(hubs_client(settings), settings.root)
    found = rules.get(name, hub, board)
    rules.remove(name, found.hub, found.board)


def _existing(settings: Settings, hub: str) -> str:
    """Return the name of a hub as it is stored, if there is one. Raises `UnknownHub`."""
    name = hub.lower()
    return name if name in declared_hubs(settings) else hubs_of(settings)[name].name


def _chosen(events_per_second: int | None, bytes_per_second: str | None) -> dict[str, int]:
    found = {
        "events_per_second": events_per_second,
        "bytes_per_second": None if bytes_per_second is None else byte_count(bytes_per_second),
    }
    return {field: number for field, number in found.items() if number is not None}
