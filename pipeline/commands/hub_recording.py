"""`wz hub export | import`: a hub's events as a file, and a file's events in a hub."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

import click

from ..errors import PipelineError
from ..hub.event_line import line_of
from ..hub.event_lines import EventLines
from ..hub.export import read_spans, spans
from ..hub.recorded import Written, check, write
from ..store import RedisError
from ..units import counted
from . import terminal
from .hub_management import existing_hubs
from .moments import Moment
from .row_file import RowFile
from .terminal import one_line_errors

#: The name of standard output.
_STDOUT = Path("-")

#: After how many events the bar is told.
_STEP = 1000


@click.command("export")
@click.argument("name")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path), default="-")
@click.option(
    "--from",
    "begin",
    type=Moment(),
    help="Events from this time on: 2026-05-01T12:00:00 (UTC), or 15m for 15 minutes ago.",
)
@click.option("--to", "end", type=Moment(), help="Events before this time. Default: all that there are now.")
@click.option("--partition", type=click.IntRange(0), help="Only those of this partition.")
@one_line_errors
def export_events(name: str, file: Path, begin: int | None, end: int | None, partition: int | None) -> None:
    """Write the events of the hub NAME to FILE, or to standard output, by time: one JSON object a line.

    `wz hub import` makes the same events of them, and `wz job run` replays them. If the name of FILE ends in .gz, it is
    packed. A FILE that is there is replaced when all is written. However much there is, it takes about 32 MiB of memory
    beside that of the program.
    """
    hub = existing_hubs()[name]
    partitions = range(hub.partitions) if partition is None else [hub.checked_partition(partition)]
    found = spans(hub, partitions, begin, end)
    total = sum(span.count for span in found)
    written = 0
    with ExitStack() as opened:
        is_shown = file == _STDOUT and sys.stdout.isatty()
        put = _print if file == _STDOUT else opened.enter_context(RowFile(file)).write
        at = opened.enter_context(terminal.progress(None if is_shown else total))
        for written, stored in enumerate(read_spans(hub, found), 1):
            put(line_of(stored))
            if not written % _STEP:
                at(written)
        at(written)
    sys.stdout.flush()
    click.echo(counted(written, "event"), err=True)
    if written < total:
        raise click.ClickException(
            f"{total - written:,} more were there at the beginning, and were dropped by the hub's retention meanwhile"
        )


def _print(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")


@click.command("import")
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--now", "is_now", is_flag=True, help="Give the events the times at which they are written.")
@one_line_errors
def import_events(name: str, file: Path, is_now: bool) -> None:
    """Write the events of FILE to the hub NAME: what `wz hub export` wrote, or any NDJSON with --now.

    FILE may be - for standard input. The events keep their times, and so must be later than what the hub has, and not
    so old that it would drop them. The whole file is checked first: if a line is wrong, nothing is written. Events with
    a key go to its partition, others to the one that they were in.
    """
    hub = existing_hubs()[name]
    written = Written()
    with EventLines(file) as lines:
        lines.check()
        total = check(hub, lines, keeps_times=not is_now)
        with terminal.progress(total) as at:
            try:
                write(hub, lines, written, keeps_times=not is_now, progress=lambda: at(written.events))
            except (PipelineError, RedisError, KeyboardInterrupt) as exc:
                why = f"Redis: {exc}" if isinstance(exc, RedisError) else str(exc) or "stopped"
                raise click.ClickException(
                    f"{why}\n{_how_far(written, total, not isinstance(exc, PipelineError))}"
                ) from exc
    left_out = f", {written.repeated:,} of them left out as duplicates" if written.repeated else ""
    click.echo(f"{counted(total, 'event')}{left_out}", err=True)


def _how_far(written: Written, total: int, may_have_more: bool) -> str:
    more = ", and perhaps those that were sent last" if may_have_more else ""
    return f"{written.events:,} of {total:,} events are written{more}: all up to line {written.number:,}"


COMMANDS = (export_events, import_events)
