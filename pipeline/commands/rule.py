"""`wz rule`: the shared access rules in Redis."""

from __future__ import annotations

from typing import Literal

import click

from ..hub.sas import Right, Rule, Rules, rights_of
from ..settings import Settings
from ..store.client import hubs_client
from . import terminal
from .terminal import one_line_errors


@click.group()
def rule() -> None:
    """Shared access rules: named keys with some of the rights Send, Listen, Manage and Relay."""


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
@click.option("--hub", help="Narrow the rule to one hub.")
@one_line_errors
def add_rule(name: str, rights: tuple[str, ...], hub: str | None) -> None:
    """Make the rule NAME, or give it new keys, and print its connection string."""
    settings = terminal.settings_for_redis(creates=True)
    rules = Rules(hubs_client(settings), settings.root)
    made = rules.add(name, rights_of(map(Right, rights)), hub.lower() if hub else None)
    click.echo(_connection_string(settings, made, made.primary))


@rule.command("rotate")
@click.argument("name")
@click.option("--key", "which", type=click.Choice(["primary", "secondary"]), required=True, help="The key to replace.")
@click.option("--hub", help="The hub of the rule, if several rules have this name.")
@one_line_errors
def rotate_rule(name: str, which: Literal["primary", "secondary"], hub: str | None) -> None:
    """Give the rule NAME a new key and print its connection string; tokens of the old key become invalid at once.

    To change both without a pause: rotate the secondary, give its connection string to the clients, then rotate the
    primary.
    """
    settings = terminal.settings_for_redis()
    rules = Rules(hubs_client(settings), settings.root)
    made = rules.rotate(name, which, rules.get(name, hub).hub)
    click.echo(_connection_string(settings, made, getattr(made, which)))


def _connection_string(settings: Settings, rule: Rule, key: str) -> str:
    root = settings.root
    return str(type(root)(root.endpoint, rule.name, key, rule.hub, root.development))


@rule.command("list")
@one_line_errors
def list_rules() -> None:
    """Show every rule's name, rights and hub; no keys."""
    settings = terminal.settings_for_redis()
    rules = Rules(hubs_client(settings), settings.root)
    for found in list(rules):  # all are read before the first is printed
        click.echo(f"{found.name}  {', '.join(sorted(found.rights))}  {found.hub or '(the whole namespace)'}")


@rule.command("delete")
@click.argument("name")
@click.option("--hub", help="The hub of the rule, if several rules have this name.")
@one_line_errors
def delete_rule(name: str, hub: str | None) -> None:
    """Delete the rule NAME; its tokens become invalid at once."""
    settings = terminal.settings_for_redis()
    rules = Rules(hubs_client(settings), settings.root)
    rules.remove(name, rules.get(name, hub).hub)
