"""Takes rows in any order, and gives them by (time, arrival) once the watermark has passed them."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter

from ..row import Changes, Row
from .changelog import Changelog


class Ordered:
    """The reorder buffer of an operator that has to see its rows in order.

    It has a heap of the times, and a list of rows for each time: a row that comes in order is added in constant time,
    and only rows of the same time are ever sorted. `columns` of a row may be anything that codec.py packs.

    Fields: NAME:0, NAME:1 ... as changelog.py keeps them.
    """

    def __init__(self, name: str = "rows", until: Callable[[Row], int] = attrgetter("time")) -> None:
        """`name` must differ from the names of the operator's other fields and buffers.

        `until(row)` is for an operator that still needs rows which it has taken: the time, not before the row's own,
        until which it does. Snapshots keep such rows, and `restore` returns them.
        """
        self._times: list[int] = []
        self._rows: dict[int, list[Row]] = {}
        self._count = 0
        self._changelog = Changelog(name, until)

    def add(self, rows: Iterable[Row]) -> None:
        """Add rows, which must be later than the last `take_until`. O(log n) for each, constant for rows in order."""
        rows = list(rows)
        self._hold(rows)
        self._changelog.add(rows)

    def __len__(self) -> int:
        """Return how many rows wait."""
        return self._count

    def due(self) -> int | None:
        """Return the time of the first row, None if there are no rows. Constant time."""
        return self._times[0] if self._times else None

    def take_until(self, to: int) -> list[Row]:
        """Remove and return the rows with times up to and including `to`, by time, then arrival."""
        taken: list[Row] = []
        times = self._times
        while times and times[0] <= to:
            rows = self._rows.pop(heapq.heappop(times))
            if len(rows) > 1:
                rows.sort(key=attrgetter("arrival"))
            taken += rows
        self._count -= len(taken)
        self._changelog.drop(to)
        return taken

    def snapshot(self) -> Changes:
        return self._changelog.snapshot()

    def restore(self, fields: Mapping[str, bytes], closed: int) -> list[Row]:
        """Load what snapshots left; `fields` may have others' fields as well. `take_until` had come to `closed`.

        Returns the rows that had been taken and are still needed, by time, then arrival.
        """
        rows = self._changelog.restore(fields, closed)
        self._hold(row for row in rows if row.time > closed)
        return sorted((row for row in rows if row.time <= closed), key=attrgetter("time", "arrival"))

    def _hold(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self._count += 1
            if (same := self._rows.get(row.time)) is not None:
                same.append(row)
            else:
                self._rows[row.time] = [row]
                heapq.heappush(self._times, row.time)
