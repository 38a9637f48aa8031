"""`wz board follow`: the changes of a board as they come."""

from __future__ import annotations

from contextlib import suppress

import click
import msgspec

from ..boards import Boards
from . import terminal
from .terminal import one_line_errors

#: Seconds for which it waits at a time.
_WAIT = 10

_encode = msgspec.json.Encoder(decimal_format="number").encode


@click.command("follow")
@click.argument("name")
@click.option("--count", type=click.IntRange(1), help="End after so many lines.")
@one_line_errors
def follow_board(name: str, count: int | None) -> None:
    """Print what becomes of the members of the board NAME, until Ctrl-C, one JSON object a line.

    The first line has the op `reset`, as do those after which the board is to be read again.
    """
    changes = Boards.from_settings(terminal.settings_for_redis())[name].changes()
    left = count
    with suppress(KeyboardInterrupt):
        while left is None or left > 0:
            for change in changes.read(left or 100):
                click.echo(_encode(change))
                left = left and left - 1
            if left != 0:
                changes.wait(_WAIT)
