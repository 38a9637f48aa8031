"""What an output has to do, and how it knows a row again."""

from __future__ import annotations

from hashlib import sha256
from typing import Protocol, runtime_checkable

from redis.client import Pipeline

from ..codec import pack
from ..engine import OutputRow
from ..faults import Faults


class Sink(Protocol):
    """Takes rows within the task's transaction: with this, each row is written exactly once in Redis.

    Tasks of several partitions may write to one sink, each in its own transaction; a row's place among those of other
    partitions says nothing.
    """

    def queue(self, pipe: Pipeline, row: OutputRow, faults: Faults) -> None:
        """Put a row into the job's transaction. A row that can't be taken is a fault, not an exception.

        Only writing commands: `pipe` is in MULTI. A reply that is a list must be a board's.
        """


@runtime_checkable
class Outbox(Sink, Protocol):
    """An output that is not in Redis: a file, a webhook, another namespace's hub.

    `queue` puts the row, with its `row_id`, into a Redis Stream in the task's transaction, where it is exactly once.
    `deliver` sends on from there, under a lease of its own that `Job` holds, as one of the tasks that workers share:
    one process at a time. It trims the stream only when the other side has taken the rows, so that a crash between
    the two sends them again, with the same id: at least once, and exactly once where the receiver compares ids.
    """

    def deliver(self) -> int:
        """Send a bounded number of rows; return how many were taken, 0 if there was nothing to send.

        Raises what went wrong; it is shown as the job's last error, and tried again after a pause.
        """


def row_id(job: str, row: OutputRow) -> str:
    """Return an id for a row that is the same whenever it is made again, and no other row's: 32 hex digits.

    It is a digest of the job, the output, the time (of a windowed row: the window's end) and the row's place among
    those of that time (of a windowed row: the group).
    """
    return sha256(pack((job, row.output, row.time, row.arrival))).hexdigest()[:32]
