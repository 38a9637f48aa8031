"""`wz board list`, `member` and `erase`: what concerns all boards. They look at all keys of Redis, however many."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from ..boards import Boards
from ..boards.directory import Listed
from ..boards.features import encoded
from . import terminal
from .terminal import columns, one_line_errors

#: Boards that are asked at once.
_AT_ONCE = 200


@click.command("list")
@click.argument("prefix", default="")
@one_line_errors
def list_boards(prefix: str) -> None:
    """List the boards whose names begin with PREFIX, all without one, with their counts and sums."""
    rows = [
        (row.name, f"{row.count:,}", "stale" if row.sum is None else f"{row.sum:f}", row.expires or "-")
        for row in _listed(_boards(), prefix)
    ]
    for line in columns([("board", "count", "sum", "expires"), *rows], {0, 3}):
        click.echo(line)


@click.command("member")
@click.argument("name")
@one_line_errors
def show_member(name: str) -> None:
    """Show what all boards know of the member NAME: its scores and ranks, segments and features."""
    rows = [
        (
            one.board,
            "-" if one.standing is None else f"{one.standing.score:f}",
            "-" if one.standing is None else f"{one.standing.rank:,} of {one.standing.count:,}",
            ", ".join(one.segments) or "-",
            encoded(one.features).decode() or "-",
        )
        for one in _boards().of_member(name, sys.maxsize).boards
    ]
    for line in columns([("board", "score", "rank", "segments", "features"), *rows], {0, 3, 4}):
        click.echo(line)


@click.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Don't ask.")
@one_line_errors
def erase(name: str, yes: bool) -> None:
    """Erase the member NAME from all boards: its scores, segments and features."""
    boards = _boards()
    if not yes:
        known = [one.board for one in boards.of_member(name, sys.maxsize).boards]
        click.confirm(f"Erase {name} from {', '.join(known) or 'all boards, of which none knows it'}?", abort=True)
    found = boards.erase(name, sys.maxsize)
    click.echo(f"{name} is erased from {', '.join(found.boards) or 'no board: none knows it'}")
    if found.failed:
        raise click.ClickException("; ".join(f"{one.board} refused it: {one.error}" for one in found.failed))


def _boards() -> Boards:
    return Boards.from_settings(terminal.settings_for_redis())


def _listed(boards: Boards, prefix: str) -> Iterator[Listed]:
    names = boards.names(prefix, sys.maxsize).names
    for first in range(0, len(names), _AT_ONCE):
        yield from boards.listed(names[first : first + _AT_ONCE])
