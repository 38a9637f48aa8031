"""What an output has to do, and the id by which a row can be recognised."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Protocol

from ....store import Pipeline
from ...engine.engine import OutputRow
from ...language.values import to_json
from ...operators.codec import pack
from ...operators.faults import ROW, Faults


class Sink(Protocol):
    """Takes rows in the task's transaction, so that each row is written to Redis exactly once.

    Tasks of several partitions may write to one sink, each in its own transaction; the order between rows of different
    partitions has no meaning.
    """

    def queue(self, pipe: Pipeline, rows: Sequence[OutputRow], faults: Faults) -> None:
        """Put rows into the task's transaction. One that can't be taken is reported as a fault; nothing is raised.

        It may only queue commands that write, since `pipe` is in MULTI: their replies come later, to `replied`.
        """

    def replied(self, reply: Any, faults: Faults) -> None:
        """Take the reply to a command of `queue`, after the transaction. Raises the reply if it is an error."""
        if isinstance(reply, Exception):
            raise reply


def encoded(row: OutputRow, faults: Faults) -> str | None:
    """Return a row's columns as JSON; None, with a fault, if they are nested too deeply."""
    try:
        return to_json(row.columns).decode()
    except RecursionError:
        faults.report(ROW, f"a row for {row.output} is nested too deeply to be written", row)
        return None


def row_id(job: str, row: OutputRow) -> str:
    """Return a row's id, 32 hex digits: the same whenever the row is made again, and different for every other row.

    It is a digest of the job, the output, the row's time (the window's end, if windowed) and its `arrival`, its place
    among the rows of that time (the group, if windowed).
    """
    return sha256(pack((job, row.output, row.time, row.arrival))).hexdigest()[:32]
