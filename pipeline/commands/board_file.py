"""`wz board export` and `import`: a whole board as a file of lines, and a file as a board."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

import click

from ..boards import Board, Boards
from ..units import counted
from . import terminal
from .terminal import one_line_errors

#: The name of standard output, and of standard input.
_STANDARD = Path("-")


@click.command("export")
@click.argument("name")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path), default="-")
@one_line_errors
def export_board(name: str, file: Path) -> None:
    """Write the board NAME, with all that belongs to it, to FILE, or to standard output: one JSON object a line.

    All is of one moment of each shard, also while others write. If the name of FILE ends in .gz, it is packed. A FILE
    that is there is replaced when all is written.
    """
    from ..windows.local.row_file import RowFile

    found = _board(name)
    with ExitStack() as opened:
        progress = opened.enter_context(terminal.stages("Reading"))
        put = _print if file == _STANDARD else opened.enter_context(RowFile(file)).write
        written = -1  # without the line of the settings
        for written, line in enumerate(found.export(progress)):  # noqa: B007
            put(line)
    sys.stdout.flush()
    click.echo(counted(written, "member"), err=True)


def _print(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")


def _board(name: str) -> Board:
    return Boards.from_settings(terminal.settings_for_redis())[name]
