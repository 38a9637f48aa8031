"""What the commands have in common: errors in one line, times as people write them, tables, and repeated output."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from ..errors import InvalidValue, PipelineError
from ..store import OUTAGES
from ..units import milliseconds

F = TypeVar("F", bound=Callable[..., Any])

#: Moves the cursor home; clears to the end of a line; clears all below. ECMA-48, which every terminal knows.
_HOME, _REST_OF_LINE, _BELOW = "\x1b[H", "\x1b[K", "\x1b[J"


def one_line_errors(command: F) -> F:
    """Show an error of the pipeline or of Redis as click shows its own: one line, notes below it, exit code 1."""

    @functools.wraps(command)
    def run_command(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except PipelineError as exc:
            raise click.ClickException(exc.with_notes) from exc
        except OUTAGES as exc:
            raise click.ClickException(f"Redis: {exc}") from exc

    return run_command  # type: ignore[return-value]


class Lifetime(click.ParamType[int]):
    """A time such as 90s, 15m, 24h or 7d; a bare number is seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            seconds = milliseconds(value) // 1000
        except InvalidValue as exc:
            self.fail(str(exc), param, ctx)
        if seconds < 1:
            self.fail(f"{value!r} is not a time: write 90s, 15m, 24h or 7d", param, ctx)
        return seconds


def columns(rows: Sequence[Sequence[str]], text: Collection[int] = ()) -> list[str]:
    """Return rows as lines, in columns; the columns `text` are aligned left, all others right, as numbers are."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            f"{cell:{width}}" if column in text else f"{cell:>{width}}"
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def utc(ms: int) -> str:
    """Return ms since the Unix epoch as a time to the second: 2026-05-01T12:00:00+00:00."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")


def size(number: int) -> str:
    """Return bytes as text: 999 B, 1.5 KiB, 20.0 MiB."""
    amount, units = float(number), ["B", "KiB", "MiB", "GiB", "TiB"]
    while amount >= 1024 and len(units) > 1:
        amount, units = amount / 1024, units[1:]
    return f"{number} B" if units[0] == "B" else f"{amount:.1f} {units[0]}"


def age(ms: int | None) -> str:
    """Return milliseconds as text: 0.2 s, 59.9 s, 4 min 10 s, 3 h 20 min; - for None."""
    if ms is None:
        return "-"
    seconds = ms / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, hours = int(seconds // 60), int(seconds // 3600)
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min {int(seconds % 60)} s"


def show(text: Callable[[], str], interval: float | None) -> None:
    """Print a text; with an interval, repeatedly, that many seconds apart, until Ctrl-C.

    On a terminal it is redrawn in place.
    """
    live = interval is not None and sys.stdout.isatty()
    if live:
        click.clear()
    while True:
        found = text()
        if live:
            stamp = f"{datetime.now():%H:%M:%S}, every {interval:g} s, until Ctrl-C"
            lines = "".join(f"{line}{_REST_OF_LINE}\n" for line in f"{found}\n\n{stamp}".splitlines())
            click.echo(f"{_HOME}{lines}{_BELOW}", nl=False)
        else:
            click.echo(found)
        if interval is None:
            return
        time.sleep(interval)
        if not live:
            click.echo()
