"""Hopping and tumbling windows from panes (Li, Maier, Tufte, Papadimos, Tucker: SIGMOD Record 34(1), 2005).

Theory of operation. Time is cut into slices at every border of a window (slices.py), so that a window is a whole number
of slices. A pane (pane.py) has the partial results of a slice, by group. A row is added to one pane, whatever the
number of windows that it is in. So neither a row nor a group's pane costs more for a longer duration or a shorter hop;
only the rows of output, one for each group and window, do.

A pane goes through three states:

    open      `_open`     from its first row on: rows are added to it
    passed    `_passed`   from the end of the first window that it is in: `_totals` counts it
    dropped               at the end of the last window that it is in

A slice that is in no window, because the hop is longer than the duration, gets no pane. `restore` passes all panes up
to `closed`, maybe some before the end of their first window. That does no harm, since totals are read only at the ends
of windows.

`advance` goes from one end of a window to the next (`due`), and at each end does three things in this order: it passes
the panes up to there, gives the totals as rows, and drops the panes that no later window has. The totals need neither
subtraction nor times: at the end of a window exactly its panes are passed, and the oldest is dropped first (totals.py).

Invariant.

    1. `_panes` has the panes that are open or passed, and `_totals` those that are passed, in the order of `_passed`,
       oldest first.
    2. A passed pane does not change any more, on which the totals rely. It is so because every row that is fed is later
       than the last `advance` (operator.py).
    3. `_written` has the number of fields, END:0, END:1 ..., that snapshots left of each pane. A pane in `_changed` is
       written again as a whole; it never has fewer fields than before, since its groups only become more. A pane in
       `_gone` has its fields deleted. The totals are not saved: `restore` makes them from the panes.

When the work is divided between two stages, `PartialPanes` gives each pane once the watermark has passed it, and keeps
no totals: its panes are open until they are given, so that no snapshot has one that ends before its `closed`.
`MergedPanes` is fed such panes instead of rows, several for one slice, each with its end as its time.

Change together: the columns of a partial row, in `PartialPanes.advance`, `MergedPanes.feed`, and `_weight` in
engine/engine.py; the bytes of a pane in pane.py, and `FORMAT` in jobs/opening.py; the classes of panes, and
`_OPERATORS` in windowing.py, where `can_be_partial` decides which windows may be divided.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from ..language.ticks import BEGINNING
from ..row import Batch, Changes, Computed, Row, batch_of
from .aggregates import Aggregate
from .faults import ROW, Faults, by_halves
from .groups import Key, groupings
from .operator import MOST_WINDOWS, Waiting, count_groups
from .pane import Pane
from .results import rows_of_columns
from .slices import Slices
from .totals import AT_ONCE, Totals

_FIELD = 4_096  # groups, so that no field is of many megabytes

_ROW = 100  # groups of a partial row


class Panes:
    """An operator. Gives Row((*keys, *results), the window's end, the group).

    Fields: END:0, END:1 ... for the pane that ends at END, each a part of it (`Pane.packed`).
    """

    def __init__(
        self,
        slices: Slices,
        keys: Sequence[Computed],
        aggregates: Sequence[Aggregate],
        faults: Faults,
        closed: int = BEGINNING,
    ) -> None:
        self._slices = slices
        self._keys_of = groupings(keys)
        self._aggregates = tuple(aggregates)
        self._is_grouped = bool(keys)
        self._faults = faults
        self._closed = closed
        self._panes: dict[int, Pane] = {}  # by the pane's end
        self._open: list[int] = []  # ends of the panes that are open, a heap
        self._passed: deque[int] = deque()  # ends of those that are passed, oldest first
        self._totals = Totals(len(keys), self._aggregates)
        self._changed: set[int] = set()
        self._gone: list[int] = []
        self._written: dict[int, int] = {}  # number of fields that snapshots wrote of a pane

    def feed(self, port: int, rows: Sequence[Row]) -> None:
        if self._slices.has_gaps:
            rows = [row for row in rows if self._slices.is_in_a_window(row.time)]
        for times, keys, items in by_halves(self._read, rows, lambda exc, row: self._faults.report(ROW, exc, row)):
            first = 0
            while first < len(times):
                end = self._slices.around(times[first])[1]
                last = bisect_right(times, end, first)
                pane = self._pane(end)
                pane.fold(self._aggregates, keys[first:last], [column[first:last] for column in items])
                first = last

    def _read(self, rows: Sequence[Row]) -> tuple[list[int], list[Key], list[list[Any]]]:
        """Return the times, keys and items of rows, in the order of their times. Raises `RowError`."""
        rows = batch_of(rows)
        times, columns = rows.times, [self._keys_of(rows), *[each.item.many(rows) for each in self._aggregates]]
        if times != (in_order := sorted(times)):
            order = sorted(range(len(times)), key=times.__getitem__)
            times, columns = in_order, [[column[place] for place in order] for column in columns]
        keys, *items = columns
        return times, keys, items

    def due(self) -> int | None:
        if self._totals:
            return self._slices.end_after(self._closed)
        return self._slices.first_end(self._open[0]) if self._open else None

    def advance(self, to: int) -> Iterator[Row]:
        return chain.from_iterable(self._windows(to))

    def batches(self, to: int) -> Iterator[Batch]:
        """Do as `advance`, and yield the same rows in batches of up to `AT_ONCE`: small windows are put together."""
        some: Batch | None = None
        for batch in self._windows(to):
            if some is not None and len(some) + len(batch) <= AT_ONCE:
                some.extend(batch)
            else:
                if some is not None:
                    yield some
                some = batch
        if some is not None:
            yield some

    def _windows(self, to: int) -> Iterator[Batch]:
        while (end := self.due()) is not None and end <= to:
            self._pass(end)
            yield from self._rows(end)
            self._closed = end
            self._drop(end)
        self._closed = max(self._closed, to)
        self._drop(to)

    def waiting(self) -> list[Waiting]:
        found: list[Waiting] = []
        if not self._panes:
            return found
        end = max(self._slices.first_end(min(self._panes)), self._slices.end_after(self._closed))
        last = self._slices.last_end(max(self._panes))
        while end <= last and len(found) < MOST_WINDOWS:
            inside = [each for each in self._panes if self._slices.contains(end, each)]
            if inside:
                events = sum([self._panes[each].events for each in inside])
                groups = count_groups([self._panes[each].groups for each in inside]) if self._is_grouped else 0
                found.append(Waiting(end, events, groups))
                end = self._slices.end_after(end)
            else:  # nothing came for a while: the next pane is some windows later
                end = self._slices.first_end(min(each for each in self._panes if each > end))
        return found

    def snapshot(self) -> Changes:
        for end in self._gone:
            yield from ((f"{end}:{n}", None) for n in range(self._written.pop(end)))
        for end in sorted(self._changed):
            self._written[end] = 0
            for _, packed in self._panes[end].packed(self._aggregates, _FIELD):
                yield f"{end}:{self._written[end]}", packed
                self._written[end] += 1
        self._gone.clear()
        self._changed.clear()

    def restore(self, fields: Mapping[str, bytes], closed: int) -> None:
        self._closed = closed
        self._load(fields)
        self._open = sorted(self._panes)  # which is a heap
        self._pass(closed)
        self._drop(closed)

    def _load(self, fields: Mapping[str, bytes]) -> None:
        for name, packed in fields.items():
            end = int(name.partition(":")[0])
            pane = self._panes.setdefault(end, Pane(len(self._aggregates)))
            pane.merge(self._aggregates, packed)
            self._written[end] = self._written.get(end, 0) + 1

    def _pane(self, end: int) -> Pane:
        """Return the pane that ends there, which the caller then changes."""
        pane = self._panes.get(end)
        if pane is None:
            pane = self._panes[end] = Pane(len(self._aggregates))
            heapq.heappush(self._open, end)
        self._changed.add(end)
        return pane

    def _pass(self, to: int) -> None:
        """Record that the panes up to there are complete."""
        while self._open and self._open[0] <= to:
            end = heapq.heappop(self._open)
            self._passed.append(end)
            self._totals.push(self._panes[end])

    def _drop(self, to: int) -> None:
        """Forget the panes that are in no window that ends after `to`."""
        while self._passed and self._slices.last_end(self._passed[0]) <= to:
            end = self._passed.popleft()
            del self._panes[end]
            self._totals.pop()
            self._forget(end)

    def _forget(self, end: int) -> None:
        """Let the next snapshot delete the fields of a pane."""
        self._changed.discard(end)
        if end in self._written:
            self._gone.append(end)

    def _rows(self, end: int) -> Iterator[Batch]:
        """Yield the rows of the window that ends there, sorted by group."""
        for columns in self._totals.totals():
            yield from rows_of_columns(end, *columns, self._aggregates, self._faults)


class PartialPanes(Panes):
    """Panes for another operator to merge. Gives Row((number of groups, their part of the pane), its end, (N,)).

    Which groups are in which of a pane's rows depends on the order in which they came, all rows together do not.
    """

    def due(self) -> int | None:
        return self._open[0] if self._open else None

    def advance(self, to: int) -> Iterator[Row]:
        self._closed = max(self._closed, to)
        while self._open and self._open[0] <= to:
            end = heapq.heappop(self._open)
            parts = self._panes.pop(end).packed(self._aggregates, _ROW)
            yield from (Row(part, end, (number,)) for number, part in enumerate(parts))
            self._forget(end)


class MergedPanes(Panes):
    """Windows from what several `PartialPanes` gave."""

    def feed(self, port: int, rows: Sequence[Row]) -> None:
        for row in rows:
            _, packed = row.columns
            self._pane(row.time).merge(self._aggregates, packed)
