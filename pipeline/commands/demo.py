"""`wz demo`: two days of made-up events, played in half an hour on a hub, a job and a board of their own."""

from __future__ import annotations

import sys
import time

import click

from ..boards import Boards, UnknownBoard
from ..console.demo import NAME, ROWS, SPEED, Demo, Progress, State
from ..store.client import redis_client
from ..windows.jobs.registry import JobRegistry
from . import terminal
from .hub_management import hubs_of
from .terminal import one_line_errors

#: Seconds after which a worker that runs has begun to play.
_WORKER = 5.0

_PERIOD = 0.5


@click.command()
@click.option("--speed", default=SPEED, show_default=True, type=click.FloatRange(1, 100_000), help="Times faster.")
@click.option("--watch", "action", flag_value="watch", help="Show how far the one that plays has come.")
@click.option("--stop", "action", flag_value="stop", help="Send no more; what was sent stays, with its rows and board.")
@click.option("--delete", "action", flag_value="delete", help="Delete its hub, job, rows and board, and nothing else.")
@one_line_errors
def demo(speed: float, action: str | None) -> None:
    """Play the demo: contexts and rewards over two days, made up, 100 times faster than they happen.

    A worker sends them to the hub `demo`; the job `demo` has windows of two hours over the times of the events, and
    adds what each action earned to the board `demo`. The first rows are there within some seconds. Ctrl-C stops it.
    One that was stopped, or is over, begins anew.
    """
    settings = terminal.settings_for_redis(creates=action is None)
    hubs, boards = hubs_of(settings), Boards.from_settings(settings)
    found = Demo(hubs, JobRegistry(redis_client(settings), hubs, boards), boards)
    match action:
        case "delete":
            found.delete()
            click.echo("deleted: hub, job, rows and board of the demo")
        case "stop":
            found.stop()
            click.echo("stopped: what was sent stays; `wz demo --delete` deletes it, `wz demo` begins anew")
        case "watch":
            _watch(found, boards)
        case _:
            found.begin(speed)
            click.echo(_TRY, err=True)
            _watch(found, boards, stops=True)


_TRY = f"""\
Look at it: /console/demo in a browser (`wz console` has the address), or in another terminal
  wz job status {NAME} --watch
  wz board top {NAME}
  wz hub status
Its rows are at GET /outputs/{ROWS}. Ctrl-C stops it, `wz demo --delete` deletes all of it."""


def _watch(found: Demo, boards: Boards, stops: bool = False) -> None:
    """Show a bar until the demo is over. Ctrl-C stops the demo with `stops`, and otherwise only the bar."""
    progress = found.progress()
    if progress is None:
        raise click.ClickException("there is no demo: `wz demo` begins it")
    plays_since = time.monotonic()

    def shown(progress: Progress | None) -> str:
        return "" if progress is None else _shown(progress, boards, time.monotonic() - plays_since)

    try:
        with click.progressbar(length=progress.total, label="The demo", file=sys.stderr, item_show_func=shown) as bar:
            while progress is not None:
                plays_since = time.monotonic() if progress.worker else plays_since
                bar.update(progress.sent - bar.pos, progress)
                if progress.state not in (State.BEGINS, State.PLAYS):
                    break
                time.sleep(_PERIOD)
                progress = found.progress()
    except KeyboardInterrupt:
        if stops:
            found.stop()
            click.echo("\nstopped: `wz demo --delete` deletes what it has made, `wz demo` begins anew", err=True)
        return
    click.echo("deleted" if progress is None else str(progress.state), err=True)


def _shown(progress: Progress, boards: Boards, seconds: float) -> str:
    if seconds > _WORKER:
        return "waits for a worker: none plays it (`wz worker`)"
    try:
        [best] = boards[NAME].members(0, 0).members
        board = f"best: {best.member} {best.score:f}"
    except UnknownBoard:
        board = "no row yet"
    return f"{progress.now:%d %b %H:%M} of {progress.begin:%d %b} on, {progress.sent:,} events, {board}"
