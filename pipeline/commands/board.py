"""`wz board`: what an operator does with boards, and what no HTTP request offers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import click
import msgspec

from ..boards import Board as BoardOf
from ..boards import Boards, Order
from ..boards.view import PAGE
from . import terminal
from .terminal import columns, one_line_errors

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar


@click.group()
def board() -> None:
    """Boards: show them, check their sums, and make the sums anew."""


@board.command()
@click.argument("name")
@one_line_errors
def show(name: str) -> None:
    """Show count, sum, mean, spread and settings of the board NAME."""
    fields = msgspec.structs.asdict(_board(name).summary())
    rows = [(field, "-" if value is None else str(value)) for field, value in fields.items()]
    for line in columns(rows, {0, 1}):
        click.echo(line)


@board.command()
@click.argument("name")
@click.option("--limit", type=click.IntRange(1, PAGE), default=10, show_default=True, help="How many members.")
@click.option(
    "--order",
    type=click.Choice([order.value for order in Order]),
    help="Which scores come first; the best ones if left out.",
)
@one_line_errors
def top(name: str, limit: int, order: str | None) -> None:
    """List the best members of the board NAME, each with the sum of the scores up to it."""
    rows = _board(name).members(0, limit - 1, Order(order) if order else None).members
    table = [("rank", "member", "score", "sum"), *((str(r.rank), r.member, f"{r.score:f}", f"{r.sum:f}") for r in rows)]
    for line in columns(table, {1}):
        click.echo(line)


@board.command()
@click.argument("name")
@one_line_errors
def check(name: str) -> None:
    """Compare every sum of the board NAME with its scores; exit code 1 if one is wrong."""
    with _progress("Checking") as progress:
        _board(name).check(progress)
    click.echo(f"{name}: every sum is that of the scores")


@board.command()
@click.argument("name")
@one_line_errors
def rebuild(name: str) -> None:
    """Make the sums of the board NAME anew from its scores, also from a sorted set that another program wrote.

    After Ctrl-C, the next run continues where this one was. Readers see the old sums until the new ones are complete.
    """
    found = _board(name)
    with _progress("Reading") as progress:
        found.rebuild(progress)
    click.echo(f"{name}: {found.summary().count:,} members")


def _board(name: str) -> BoardOf:
    return Boards.from_settings(terminal.settings_for_redis())[name]


@contextmanager
def _progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, shown once something was read."""
    with ExitStack() as stack:
        bar: ProgressBar[int] | None = None

        def show(done: int, total: int) -> None:
            nonlocal bar
            if bar is None or bar.length != total or done < bar.pos:  # the first page of the board, or of another part
                stack.close()
                bar = stack.enter_context(click.progressbar(length=total, label=label, file=sys.stderr))
            bar.update(done - bar.pos)

        yield show
