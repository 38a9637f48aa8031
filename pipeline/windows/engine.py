"""A plan at work: rows in, rows out, no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .clock import BEGINNING
from .faults import LATE, ROW, Faults
from .panes import Panes
from .plan import Aggregation, Plan
from .rows import Row
from .values import RowError, group_key, untagged


@dataclass(frozen=True, slots=True)
class OutputRow:
    """`window_end` is None for a row that no window made."""

    output: str
    columns: Mapping[str, Any]
    window_end: int | None


class Engine:
    """Runs the steps of a plan. `closed` is the time up to which every window has been emitted."""

    def __init__(self, plan: Plan, faults: Faults, closed: int = BEGINNING) -> None:
        self.closed = closed
        self._steps = plan.steps
        self._faults = faults
        self._panes = {
            place: Panes(step.work.window, step.work.aggregates, closed)
            for place, step in enumerate(plan.steps)
            if isinstance(step.work, Aggregation)
        }

    @property
    def needed_after(self) -> int:
        """Events after this time are needed to build the windows that are still open."""
        return min((panes.needed_after(self.closed) for panes in self._panes.values()), default=self.closed)

    @property
    def span(self) -> int:
        """The longest window's duration."""
        return max((panes.window.duration for panes in self._panes.values()), default=0)

    def feed(self, row: Row, replayed: bool = False) -> list[OutputRow]:
        """Take one row of the input and return what it gives at once.

        A row that is replayed only rebuilds windows: it gives nothing and reports nothing a second time.
        """
        rows = list(self._take(None, row, replayed))
        return [] if replayed else rows

    def close(self, watermark: int, limit: int) -> list[OutputRow]:
        """Close windows that end by `watermark`, in order of their ends, and return their rows.

        Stops after the end at which there are `limit` rows or more; `closed` then is below `watermark`, and the next
        call goes on from there.
        """
        rows: list[OutputRow] = []
        while len(rows) < limit:
            ends = [end for panes in self._panes.values() if (end := panes.next_end()) is not None]
            end = min(ends, default=None)
            if end is None or end > watermark:
                self._advance(watermark)
                break
            for place, panes in self._panes.items():
                if panes.next_end() == end:
                    rows += self._emit(place, panes, end)
            self._advance(end)
        return rows

    def _take(self, source: int | None, row: Row, replayed: bool) -> Iterator[OutputRow]:
        for place, step in enumerate(self._steps):
            if step.source != source:
                continue
            if isinstance(step.work, Aggregation):
                self._aggregate(place, step.work, row, replayed)
                continue
            columns = step.work.of(row.columns)
            if step.output is not None:
                yield OutputRow(step.output, columns, row.window_end)
            else:
                yield from self._take(place, Row(columns, row.time, row.arrival, row.window_end), replayed)

    def _aggregate(self, place: int, work: Aggregation, row: Row, replayed: bool) -> None:
        try:
            key = tuple(group_key(path.of(row.columns)) for path in work.keys)
            partials = [aggregate.lift(row) for aggregate in work.aggregates]
        except RowError as exc:
            if not replayed:
                self._faults.report(ROW, exc)
            return
        self._panes[place].add(row.time, key, partials)
        if row.time <= self.closed and not replayed:
            self._faults.report(LATE, "an event arrived before a time that the watermark has passed")

    def _emit(self, place: int, panes: Panes, end: int) -> Iterator[OutputRow]:
        step = self._steps[place]
        assert isinstance(step.work, Aggregation)
        for key, results in panes.close(end):
            columns = step.work.of([*map(untagged, key), *results])
            if step.output is not None:
                yield OutputRow(step.output, columns, end)
            else:
                yield from self._take(place, Row(columns, end, (0, 0, 0), end), replayed=False)

    def _advance(self, closed: int) -> None:
        self.closed = max(self.closed, closed)
        for panes in self._panes.values():
            panes.advance(self.closed)
