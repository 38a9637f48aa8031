"""What commands show on a terminal: tables, once or live."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Sequence
from datetime import datetime

import click

#: Moves the cursor home; clears to the end of a line; clears all below. ECMA-48, as every terminal knows it.
_HOME, _REST_OF_LINE, _BELOW = "\x1b[H", "\x1b[K", "\x1b[J"


def columns(rows: Sequence[Sequence[str]], text: Collection[int] = ()) -> list[str]:
    """Lay rows out under each other; the columns `text` are aligned left, all others right, as numbers are."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            f"{cell:{width}}" if column in text else f"{cell:>{width}}"
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def show(text: Callable[[], str], interval: float | None) -> None:
    """Print a text; with an interval again and again, that many seconds apart, until Ctrl-C.

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
