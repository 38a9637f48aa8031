"""What an output has to do, and how a row is known again."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Protocol

from ....store import Pipeline
from ...engine.engine import OutputRow
from ...language.values import to_json
from ...operators.codec import pack
from ...operators.faults import ROW, Faults


class Sink(Protocol):
    """Takes rows within the task's transaction: with this, each row is written exactly once in Redis.

    Tasks of several partitions may write to one sink, each in its own transaction; a row's place among those of other
    partitions says nothing.
    """

    def queue(self, pipe: Pipeline, row: OutputRow, faults: Faults) -> None:
        """Put a row into the job's transaction. A row that can't be taken is a fault, not an exception.

        Only writing commands: `pipe` is in MULTI.
        """

    def replied(self, reply: Any, faults: Faults) -> None:
        """Take the reply to a command of `queue`, after the transaction. Raises one that is an error."""
        if isinstance(reply, Exception):
            raise reply


def encoded(row: OutputRow, faults: Faults) -> bytes | None:
    """Return a row's columns as JSON; None if they are nested too deep, which is a fault."""
    try:
        return to_json(row.columns)
    except RecursionError:
        faults.report(ROW, f"a row for {row.output} is nested too deep to be written")
        return None


def row_id(job: str, row: OutputRow) -> str:
    """Return an id for a row that is the same whenever it is made again, and no other row's: 32 hex digits.

    It is a digest of the job, the output, the time (of a windowed row: the window's end) and the row's place among
    those of that time (of a windowed row: the group).
    """
    return sha256(pack((job, row.output, row.time, row.arrival))).hexdigest()[:32]
