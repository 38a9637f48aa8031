"""What an operator of a query is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from ..row import Changes, Row


class Operator(Protocol):
    """A part of a query that keeps state. It knows no other operator, and does no I/O.

    What it gives may depend on the rows, their times and arrivals only: not on the order in which rows with times
    after `closed` were fed, nor on how they were cut into calls, nor on when `advance` was called. That is what makes
    a replay after a crash give the same rows again.
    """

    def feed(self, port: int, rows: Sequence[Row]) -> None:
        """Take rows, in any order. `port` is 0, or 1 for the right side of a join.

        Every row's time is after the last `advance`; a value that is of no use raises nothing, it is reported to the
        `Faults` that the operator was made with.
        """

    def due(self) -> int | None:
        """Return the earliest time at which `advance` may have a row to give, None if there is nothing to wait for.

        Constant time, or close to it.
        """

    def advance(self, to: int) -> Iterable[Row]:
        """Know that no row with a time up to and including `to` will come. Return what follows, by time, arrival.

        To be read to its end before anything else is called: rows may be made, and the state go on, as they are read.
        """

    def snapshot(self) -> Changes:
        """Yield the fields of the state that changed since the last `snapshot`: name and bytes, None if it is gone."""

    def restore(self, fields: Mapping[str, bytes], closed: int) -> None:
        """Take all fields that snapshots left, into an operator that is new. `closed` is where `advance` had been."""
