"""Hopping and tumbling windows from panes (Li, Maier, Tufte, Papadimos, Tucker: SIGMOD Record 34(1), 2005).

Theory of operation. Time is cut into slices at every border of a window (slices.py), so that a window is a whole number
of slices. A pane has the partial results of a slice, by group. A row is added to one pane, whatever the number of
windows that it is in. So neither a row nor a group's pane costs more for a longer duration or a shorter hop; only the
rows of output, one for each group and window, do.

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
    3. `_events` has the number of rows that were added to each pane, which only `waiting` tells; the field END:0 has
       it as well.
    4. `_written` has the number of fields, END:0, END:1 ..., that snapshots left of each pane. A pane in `_changed` is
       written again as a whole; it never has fewer fields than before, since its groups only become more. A pane in
       `_gone` has its fields deleted. The totals are not saved: `restore` makes them from the panes.

When the work is divided between two stages, `PartialPanes` gives each pane once the watermark has passed it, and keeps
no totals: its panes are open until they are given, so that no snapshot has one that ends before its `closed`.
`MergedPanes` is fed such panes instead of rows, several for one slice, each with its end as its time.

Change together: the columns of a partial row, in `PartialPanes.advance` and `MergedPanes.feed`; the fields, in
`snapshot` and `_load`, and `FORMAT` in jobs/opening.py; the classes of panes, and `_OPERATORS` in windowing.py, where
`can_be_partial` decides which windows may be divided.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from ..language.ticks import BEGINNING
from ..language.values import RowError
from ..row import Changes, Evaluate, Row
from .aggregates import Aggregate, SideBySide
from .codec import pack, unpack
from .faults import ROW, Faults
from .groups import group_of, grouping, key_of, parts_of, values_of
from .results import result_rows, totals_of
from .slices import Slices
from .totals import Pane, totals_of_panes
from .waiting import MOST_WINDOWS, Waiting, count_groups

_FIELD = 4_096  # groups, so that no field is of many megabytes


class Panes:
    """An operator. Gives Row((*keys, *results), the window's end, the group).

    Fields: END:0, END:1 ... for the pane that ends at END, each a list of (key values, partials).
    """

    def __init__(
        self,
        slices: Slices,
        keys: Sequence[Evaluate],
        aggregates: Sequence[Aggregate],
        faults: Faults,
        closed: int = BEGINNING,
    ) -> None:
        self._slices = slices
        self._key_of = grouping(keys)
        self._sides = SideBySide(aggregates)
        self._is_grouped = bool(keys)
        self._faults = faults
        self._closed = closed
        self._panes: dict[int, Pane] = {}  # by the pane's end
        self._events: dict[int, int] = {}  # by the pane's end
        self._open: list[int] = []  # ends of the panes that are open, a heap
        self._passed: deque[int] = deque()  # ends of those that are passed, oldest first
        self._totals = totals_of_panes(slices.most, self._sides)
        self._changed: set[int] = set()
        self._gone: list[int] = []
        self._written: dict[int, int] = {}  # number of fields that snapshots wrote of a pane

    def feed(self, port: int, rows: Sequence[Row]) -> None:
        key_of, sides, items_of = self._key_of, self._sides, self._sides.items_of
        since = until = -1
        pane: Pane | None = None
        taken = 0
        for row in rows:
            if not since < row.time <= until:
                if taken:
                    self._events[until] += taken
                    taken = 0
                since, until = self._slices.around(row.time)
                pane = self._pane(until)
            if pane is None:
                continue
            try:
                key = key_of(row)
                items = items_of(row)
            except RowError as exc:
                self._faults.report(ROW, exc, row)
                continue
            partials = pane.get(key)
            if partials is None:
                pane[key] = sides.start(items)
            else:
                sides.add(partials, items)
            taken += 1
        if taken:
            self._events[until] += taken

    def due(self) -> int | None:
        if self._totals:
            return self._slices.end_after(self._closed)
        return self._slices.first_end(self._open[0]) if self._open else None

    def advance(self, to: int) -> Iterator[Row]:
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
                events = sum([self._events[each] for each in inside])
                groups = count_groups([self._panes[each] for each in inside]) if self._is_grouped else 0
                found.append(Waiting(end, events, groups))
                end = self._slices.end_after(end)
            else:  # nothing came for a while: the next pane is some windows later
                end = self._slices.first_end(min(each for each in self._panes if each > end))
        return found

    def snapshot(self) -> Changes:
        for end in self._gone:
            yield from ((f"{end}:{n}", None) for n in range(self._written.pop(end)))
        for end in sorted(self._changed):
            groups = iter(self._panes[end].items())
            n = 0
            while some := [(values_of(group_of(key)), partials) for key, partials in islice(groups, _FIELD)]:
                yield f"{end}:{n}", pack((0 if n else self._events[end], some))
                n += 1
            self._written[end] = n
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
            events, groups = unpack(packed)
            self._panes.setdefault(end, {}).update((key_of(values), partials) for values, partials in groups)
            self._events[end] = self._events.get(end, 0) + events
            self._written[end] = self._written.get(end, 0) + 1

    def _pane(self, end: int) -> Pane | None:
        """Return the pane that ends there, which the caller then changes; None if the slice is in no window."""
        pane = self._panes.get(end)
        if pane is None:
            if self._slices.last_end(end) < end:
                return None
            pane = self._panes[end] = {}
            self._events[end] = 0
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
            pane = self._panes.pop(end)
            del self._events[end]
            self._totals.pop(pane)
            self._forget(end)

    def _forget(self, end: int) -> None:
        """Let the next snapshot delete the fields of a pane."""
        self._changed.discard(end)
        if end in self._written:
            self._gone.append(end)

    def _rows(self, end: int) -> Iterator[Row]:
        """Yield the rows of the window that ends there, sorted by group."""
        return result_rows(end, self._totals.totals(), self._sides, self._faults)


class PartialPanes(Panes):
    """Panes for another operator to merge. Gives Row((key values, partials, events), the pane's end, the group).

    `events` is the number of the pane's rows in the first row of a pane, and 0 in the others.
    """

    def due(self) -> int | None:
        return self._open[0] if self._open else None

    def advance(self, to: int) -> Iterator[Row]:
        self._closed = max(self._closed, to)
        while self._open and self._open[0] <= to:
            end = heapq.heappop(self._open)
            pane, events = self._panes.pop(end), self._events.pop(end)
            for key, partials in totals_of(pane):
                group, values = parts_of(key)
                yield Row((values, partials, events), end, group)
                events = 0
            self._forget(end)


class MergedPanes(Panes):
    """Windows from what several `PartialPanes` gave."""

    def feed(self, port: int, rows: Sequence[Row]) -> None:
        for row in rows:
            pane = self._pane(row.time)
            assert pane is not None, "a partial result of a time that is in no window"
            values, partials, events = row.columns
            self._events[row.time] += events
            key = key_of(values)
            known = pane.get(key)
            pane[key] = partials if known is None else self._sides.combine(known, partials)
