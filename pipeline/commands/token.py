"""`wz token`: a shared access signature, made here from a key."""

from __future__ import annotations

from urllib.parse import quote

import click

from ..boards.periods import without_period
from ..boards.shards import check_name
from ..hub.rules import Rule, Rules
from ..hub.sas import sign
from ..settings import Settings
from ..store.client import hubs_client
from ..store.clock import machine_time
from . import terminal
from .terminal import Lifetime, one_line_errors


@click.command()
@click.option(
    "--hub", help="Valid for this hub alone. Default, also without --board: all of it, boards and outputs, too."
)
@click.option("--board", help="Valid for this board alone and its periods (BOARD@day).")
@click.option("--publisher", help="Valid for this publisher of the hub alone, for a device that has no key.")
@click.option("--lifetime", type=Lifetime(), default="1h", show_default=True, help="90s, 15m, 24h or 7d.")
@click.option("--rule", "rule_name", help="Sign with this rule's key. Default: the connection string's.")
@click.option("--header", is_flag=True, help="Print a whole header line, as curl -H takes it.")
@one_line_errors
def token(
    hub: str | None, board: str | None, publisher: str | None, lifetime: int, rule_name: str | None, header: bool
) -> None:
    """Print a SAS token, made with the key in WZ_CONNECTION_STRING or .wz/connection-string."""
    if board is not None and hub is not None:
        raise click.UsageError("a token is for one hub or for one board")
    if publisher is not None and hub is None:
        raise click.UsageError("--publisher needs --hub: a publisher belongs to a hub")
    path = hub or "" if publisher is None else f"{hub}/publishers/{quote(publisher, safe='')}"
    if board is not None:
        check_name(without_period(board), "board")
        path = f"boards/{board}"
    text = signed(terminal.settings(), rule_name, lifetime, hub, path, board)
    click.echo(f"Authorization: {text}" if header else text)


def signed(
    settings: Settings,
    rule_name: str | None,
    lifetime: int,
    hub: str | None = None,
    path: str = "",
    board: str | None = None,
) -> str:
    """Return a token for a path, which is good for so many seconds, with the key of a rule; of the root rule for None.

    `hub` or `board` is where the rule is looked for first. One for a hub's own rule is for that hub, one for a board's
    own for that board, unless a path is given. Raises what `Rules.get` does.
    """
    key_name, key = settings.root.key_name, settings.root.key
    if rule_name is not None and rule_name != key_name:
        rules = Rules(hubs_client(terminal.settings_for_redis()), settings.root)
        boards = [board, without_period(board)] if board else []
        found = (rules.find(rule_name, hub, boards) or [rules.get(rule_name)])[0]
        key_name, key, path = rule_name, found.primary, path or place_of(found)
    return sign(f"{settings.root.url}/{path}", key_name, key, int(machine_time()) + lifetime)


def place_of(rule: Rule) -> str:
    """Return the path that a rule is for, without a slash at its beginning; empty for the whole namespace."""
    return f"boards/{rule.board}" if rule.board else rule.hub or ""
