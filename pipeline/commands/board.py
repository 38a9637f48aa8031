"""`wz board`: what an operator does with boards, and what no HTTP request offers."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import Any

import click
import msgspec

from ..boards import Board as BoardOf
from ..boards import Boards, Order
from ..boards.scores import is_plain
from ..boards.view import PAGE
from ..store.client import redis_client
from ..work.lines import drop_lines_of
from ..work.tasks import Task, Tasks, TaskState
from . import terminal
from .board_file import export_board, import_board
from .board_follow import follow_board
from .board_list import erase, list_boards, show_member
from .terminal import columns, one_line_errors, utc


class Score(click.ParamType[Decimal]):
    """A score: a number of at most 30 digits."""

    name = "score"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        with suppress(InvalidOperation):
            if is_plain(number := Decimal(value)):
                return number
        self.fail(f"{value!r} is no score: write 0.5 or -3", param, ctx)


class Weighted(click.ParamType[tuple[str, Decimal]]):
    """A board and its weight, as `season=0.5`; without `=`, the weight is 1."""

    name = "source"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Decimal]:
        name, is_weighted, weight = str(value).partition("=")
        try:
            return name, Decimal(weight) if is_weighted else Decimal(1)
        except InvalidOperation:
            self.fail(f"{weight!r} is no number: write {name}=0.5", param, ctx)


_REPLACE = click.option("--replace", is_flag=True, help="Put it in the place of a board that has the name.")


@click.group()
def board() -> None:
    """Boards: show, check, copy, add up and delete them, and see what long work is done on them."""


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
    with terminal.stages("Checking") as progress:
        _board(name).check(progress)
    click.echo(f"{name}: every sum is that of the scores")


@board.command()
@click.argument("name")
@click.option("--remove-invalid", is_flag=True, help="Remove the members that no board can have, and name them.")
@one_line_errors
def rebuild(name: str, remove_invalid: bool) -> None:
    """Make the sums of the board NAME anew from its scores, also from a sorted set that another program wrote.

    All is made beside the board and put in its place in one step. Others may write meanwhile, and Ctrl-C changes
    nothing. Members whose score is no whole number of units below 2^53, or whose name is no text, are named; nothing is
    changed then unless they are to be removed.
    """
    found = _board(name)
    with terminal.stages("Reading") as progress:
        removed = found.rebuild(progress, remove_invalid=remove_invalid)
    for fault in removed:
        click.echo(f"removed: {fault}")
    click.echo(f"{name}: {found.summary().count:,} members")


@board.command()
@click.argument("name")
@click.argument("to")
@_REPLACE
@one_line_errors
def copy(name: str, to: str, replace: bool) -> None:
    """Copy the board NAME, with all that belongs to it, to the board TO."""
    with terminal.stages("Copying") as progress:
        made = _board(name).copy(to, replace=replace, progress=progress)
    click.echo(f"{made.name}: {made.summary().count:,} members")


@board.command()
@click.argument("name")
@click.argument("to")
@_REPLACE
@one_line_errors
def rename(name: str, to: str, replace: bool) -> None:
    """Give the board NAME the name TO."""
    with terminal.stages("Renaming") as progress:
        made = _board(name).rename(to, replace=replace, progress=progress)
    click.echo(f"{made.name}: {made.summary().count:,} members")


@board.command()
@click.argument("name")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE[=WEIGHT]...", type=Weighted())
@_REPLACE
@one_line_errors
def union(name: str, sources: tuple[tuple[str, Decimal], ...], replace: bool) -> None:
    """Make the board NAME from others: a member's score is the sum of its scores there, times each board's WEIGHT."""
    if len(weights := dict(sources)) < len(sources):
        raise click.UsageError("a board is named twice")
    with terminal.stages("Adding up") as progress:
        made = _board(name).union(weights, replace=replace, progress=progress)
    click.echo(f"{name}: {made.count:,} members")


@board.command()
@click.argument("name")
@click.confirmation_option(prompt="Its scores, features and segments go as well. Delete it?")
@one_line_errors
def delete(name: str) -> None:
    """Delete the board NAME with all its scores, features and segments."""
    found = _board(name)
    with terminal.stages("Deleting") as progress:
        found.delete(progress)
    click.echo(f"{name} is deleted")


@board.command()
@click.argument("name")
@click.option("--keep", type=click.IntRange(0), help="How many stay, the first in the board's order.")
@click.option("--below", type=Score(), help="Remove the members with lower scores.")
@click.option("--above", type=Score(), help="Remove the members with higher scores.")
@one_line_errors
def trim(name: str, keep: int | None, below: Decimal | None, above: Decimal | None) -> None:
    """Remove the last members of the board NAME, or those on one side of a score. After Ctrl-C, do it again."""
    if (keep is not None) + (below is not None) + (above is not None) != 1:
        raise click.UsageError("say exactly one of --keep, --below and --above")
    with terminal.stages("Removing") as progress:
        done = _board(name).trim(keep=keep, below=below, above=above, progress=progress)
    click.echo(f"{name}: {done.removed:,} members removed, {done.count:,} are left")


@board.command()
@click.argument("name", required=False)
@one_line_errors
def tasks(name: str | None) -> None:
    """List the tasks of the board NAME, or all, the newest first: long work that the workers do."""
    subject = None if name is None else _board(name).name
    rows = [_row(task) for task in _tasks().all(subject)]
    for line in columns([("task", "board", "what", "state", "done", "asked for"), *rows], {0, 1, 2, 3, 5}):
        click.echo(line)


@board.command()
@click.argument("id")
@one_line_errors
def task(id: str) -> None:
    """Show how far the task ID is, and how it ended."""
    for line in columns(_facts(_tasks()[id]), {0, 1}):
        click.echo(line)


@board.command()
@click.argument("id")
@one_line_errors
def cancel(id: str) -> None:
    """Cancel the task ID. What it was to make is not made."""
    task = _tasks().cancel(id)
    if task.state.has_ended:
        drop_lines_of(Boards.from_settings(terminal.settings_for_redis()).client, task)
    click.echo(f"{id} is cancelled" if task.state.has_ended else f"{id} runs, and will be cancelled soon")


def _tasks() -> Tasks:
    return Tasks(redis_client(terminal.settings_for_redis()))


def _how_far(task: Task) -> str:
    return f"{task.done:,} of {task.total:,}" if task.total and task.done is not None else "-"


def _row(task: Task) -> tuple[str, ...]:
    return task.id, task.subject, task.kind, task.state.value, _how_far(task), utc(task.created)


def _facts(task: Task) -> list[tuple[str, str]]:
    times = ("created", "started", "finished", *(["due"] if task.state is TaskState.WAITING else []))
    return [
        *(("task", task.id), ("board", task.subject), ("what", task.kind), ("state", task.state.value)),
        ("arguments", msgspec.json.encode(task.arguments).decode()),
        ("done", _how_far(task)),
        *((name, "-" if (ms := getattr(task, name)) is None else utc(ms)) for name in times),
        ("error", task.error or "-"),
        ("result", task.result.decode() or "-"),
    ]


for command in (list_boards, show_member, erase, export_board, import_board, follow_board):
    board.add_command(command)


def _board(name: str) -> BoardOf:
    return Boards.from_settings(terminal.settings_for_redis())[name]
