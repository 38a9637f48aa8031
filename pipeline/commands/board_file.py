"""`wz board export` and `import`: a whole board as a file of lines, and a file as a board."""

from __future__ import annotations

import gzip
import sys
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import IO, cast

import click

from ..boards import Board, Boards
from ..units import counted
from . import terminal
from .row_file import RowFile
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


@click.command("import")
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--replace", is_flag=True, help="Put it in the place of a board that has the name.")
@one_line_errors
def import_board(name: str, file: Path, replace: bool) -> None:
    """Make the board NAME of FILE, which `wz board export` wrote; `-` is standard input.

    All lines are read first: if one is wrong, nothing is changed. Readers see the new board at once.
    """
    found = _board(name)
    with terminal.stages("Writing") as progress, _opened(file) as lines:
        try:
            made = found.import_(lines, replace=replace, progress=progress)
        except (EOFError, zlib.error, gzip.BadGzipFile) as exc:
            raise click.ClickException(f"{file}: {exc}") from exc
    click.echo(f"{name}: {counted(made.count, 'member')}")


def _board(name: str) -> Board:
    return Boards.from_settings(terminal.settings_for_redis())[name]


def _opened(file: Path) -> IO[bytes]:
    if file.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(file))
    return sys.stdin.buffer if file == _STANDARD else file.open("rb")
