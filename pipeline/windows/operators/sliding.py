"""Sliding windows: a row of output whenever the rows of a group in the last `duration` ticks have changed.

They change when a row enters, at its time t, and when it leaves, at t + duration, since windows are (start, end].
Several changes of a group at one instant give one row. A group with no rows left gives none.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import groupby
from operator import attrgetter, itemgetter

from ..language.ticks import BEGINNING
from ..language.values import RowError
from ..row import Changes, Evaluate, Row
from .aggregates import Aggregate, Partials, SideBySide
from .changelog import Changelog
from .faults import ROW, Faults
from .groups import Key, grouping, in_order
from .operator import Waiting
from .ordered import Ordered
from .results import result_rows
from .rollup import Rollup

Entry = tuple[int, Key, Partials]
"""The time at which it leaves, its group, and the partial results of the group's rows at one instant."""


class SlidingWindows:
    """An operator. Gives Row((*keys, *results), the instant, the group). A row costs O(log n) of n rows that wait.

    Fields: rows:0, rows:1 ... are rows that the watermark has not passed, and live:0, live:1 ... are entries; both as
    changelog.py keeps them.
    """

    def __init__(
        self,
        duration: int,
        keys: Sequence[Evaluate],
        aggregates: Sequence[Aggregate],
        faults: Faults,
        closed: int = BEGINNING,
    ) -> None:
        self._duration = duration
        self._is_grouped = bool(keys)
        self._key_of = grouping(keys)
        self._sides = SideBySide(aggregates)
        self._faults = faults
        self._waiting = Ordered()  # of rows with (key, items)
        self._entries: deque[Entry] = deque()  # in the order in which they leave
        self._changelog = Changelog("live", until=itemgetter(0))
        self._groups: defaultdict[Key, Rollup] = defaultdict(partial(Rollup, self._sides))

    def feed(self, port: int, rows: Sequence[Row]) -> None:
        taken = []
        for row in rows:
            try:
                taken.append(Row((self._key_of(row), self._sides.items_of(row)), row.time, row.arrival))
            except RowError as exc:
                self._faults.report(ROW, exc, row)
        self._waiting.add(taken)

    def due(self) -> int | None:
        entering = self._waiting.due()
        leaving = self._entries[0][0] if self._entries else None
        return min(entering, leaving) if entering is not None and leaving is not None else entering or leaving

    def advance(self, to: int) -> list[Row]:
        out: list[Row] = []
        for time, entering in groupby(self._waiting.take_until(to), attrgetter("time")):
            self._leave(time - 1, out)
            changed = self._pop(time)
            changed |= self._push(time, entering)
            out += self._rows(time, changed)
        self._leave(to, out)
        self._changelog.drop(to)
        return out

    def waiting(self) -> list[Waiting]:
        due = self.due()
        return [] if due is None else [Waiting(due, len(self._waiting), len(self._groups) if self._is_grouped else 0)]

    def snapshot(self) -> Changes:
        yield from self._waiting.snapshot()
        yield from self._changelog.snapshot()

    def restore(self, fields: Mapping[str, bytes], closed: int) -> None:
        self._waiting.restore(fields, closed)
        entries = self._changelog.restore(fields, closed)
        entries.sort(key=itemgetter(0))
        for entry in entries:
            self._enter(entry)

    def _leave(self, to: int, out: list[Row]) -> None:
        """Let rows leave up to and including `to`. No row may enter until then."""
        while self._entries and (time := self._entries[0][0]) <= to:
            out += self._rows(time, self._pop(time))

    def _push(self, time: int, rows: Iterable[Row]) -> set[Key]:
        """Let the rows of one time enter; return their groups."""
        entering: dict[Key, Partials] = {}
        for row in rows:
            key, items = row.columns
            if key in entering:
                self._sides.add(entering[key], items)
            else:
                entering[key] = self._sides.start(items)
        entries = [(time + self._duration, key, partials) for key, partials in entering.items()]
        for entry in entries:
            self._enter(entry)
        self._changelog.add(entries)
        return set(entering)

    def _enter(self, entry: Entry) -> None:
        _, key, partials = entry
        self._entries.append(entry)
        self._groups[key].push(partials)

    def _pop(self, time: int) -> set[Key]:
        """Remove the entries that leave at `time`; return their groups."""
        left: set[Key] = set()
        while self._entries and self._entries[0][0] == time:
            _, key, partials = self._entries.popleft()
            self._groups[key].pop(partials)
            left.add(key)
        return left

    def _rows(self, time: int, changed: set[Key]) -> list[Row]:
        totals = []
        for key in in_order(changed):
            if rollup := self._groups[key]:
                totals.append((key, rollup.total()))
            else:
                del self._groups[key]
        return list(result_rows(time, totals, self._sides, self._faults))
