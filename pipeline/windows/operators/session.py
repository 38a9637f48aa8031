"""Session windows: rows that follow each other closely.

A session opens with a row. It closes at t if t - t_last > timeout, and then it ends at t_last + timeout. It also closes
at t if t is a multiple of the maximal duration and t - t_open is at least that duration; so it may last almost twice as
long. Windows are (start, end]: a row exactly at the end is still in the window. If the maximal duration closed it, a
new window opens at the same instant, without a row yet, and the session goes on in it if the next row is within the
timeout.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from ..language.ticks import BEGINNING
from ..language.values import RowError
from ..row import Changes, Evaluate, Row
from .aggregates import Aggregate, Partials, SideBySide
from .codec import pack, unpack
from .faults import ROW, Faults
from .groups import Key, group_of, grouping
from .operator import Waiting
from .ordered import Ordered
from .results import result_rows, totals_of

_PREFIX = "open:"


class Sessions:
    """An operator. Gives Row((*keys, *results), the end, group and session key). A row costs O(log n).

    Without session keys there is one session of all rows, and the groups only divide its rows.

    Fields: rows:0, rows:1 ... are rows that the watermark has not passed, as changelog.py keeps them; open:0, open:1
    ... are the open sessions, each as (session key, opened, last, groups, events).
    """

    def __init__(
        self,
        timeout: int,
        max_duration: int,
        session_keys: Sequence[Evaluate],
        keys: Sequence[Evaluate],
        aggregates: Sequence[Aggregate],
        faults: Faults,
        closed: int = BEGINNING,
    ) -> None:
        self._timeout = timeout
        self._max_duration = max_duration
        self._session_key_of = grouping(session_keys)
        self._key_of = grouping(keys)
        self._sides = SideBySide(aggregates)
        self._faults = faults
        self._waiting = Ordered()  # of rows with (session key, key, items)
        self._sessions: dict[Key, _Session] = {}
        self._numbers: dict[int, _Session] = {}  # the same sessions, by number
        self._next = 0
        self._ends: list[tuple[int, int]] = []  # a heap: a time before which the session does not close, and its number
        self._events = 0  # of all open sessions
        self._changed: set[int] = set()
        self._written: set[int] = set()

    def feed(self, port: int, rows: Sequence[Row]) -> None:
        taken = []
        for row in rows:
            try:
                columns = self._session_key_of(row), self._key_of(row), self._sides.items_of(row)
                taken.append(Row(columns, row.time, row.arrival))
            except RowError as exc:
                self._faults.report(ROW, exc, row)
        self._waiting.add(taken)

    def due(self) -> int | None:
        ends = [self._ends[0][0]] if self._ends else []
        if (time := self._waiting.due()) is not None:
            ends.append(min(time + self._timeout, self._cut(time)))
        return min(ends, default=None)

    def advance(self, to: int) -> list[Row]:
        out: list[Row] = []
        for row in self._waiting.take_until(to):
            self._take(row, out)
        while self._ends and self._ends[0][0] <= to:
            _, number = heapq.heappop(self._ends)
            session = self._numbers.get(number)
            if session is not None and self._close(session, to, out):
                heapq.heappush(self._ends, (self._end(session), number))
        out.sort(key=attrgetter("time", "arrival"))
        return out

    def waiting(self) -> list[Waiting]:
        """Return the end of the session that ends first, unless more comes, and what is in all that are open."""
        if not self._sessions:
            due = self.due()
            return [] if due is None else [Waiting(due, len(self._waiting), 0)]
        first = min(map(self._end, self._sessions.values()))
        return [Waiting(first, self._events + len(self._waiting), len(self._sessions))]

    def snapshot(self) -> Changes:
        yield from self._waiting.snapshot()
        for number in sorted(self._changed):
            session = self._numbers.get(number)
            if session is not None:
                self._written.add(number)
                yield f"{_PREFIX}{number}", pack(session.state)
            elif number in self._written:
                self._written.remove(number)
                yield f"{_PREFIX}{number}", None
        self._changed.clear()

    def restore(self, fields: Mapping[str, bytes], closed: int) -> None:
        self._waiting.restore(fields, closed)
        for name, packed in fields.items():
            if name.startswith(_PREFIX):
                session = _Session(int(name[len(_PREFIX) :]), *unpack(packed))
                self._events += session.events
                self._open(session)
                self._written.add(session.number)
        self._next = max(self._written, default=-1) + 1

    def _take(self, row: Row, out: list[Row]) -> None:
        """Put a row into its session. Rows must come in the order of their times."""
        session_key, key, items = row.columns
        session = self._sessions.get(session_key)
        if session is None or not self._close(session, row.time - 1, out):
            session = _Session(self._next, session_key, row.time, row.time, {})
            self._next += 1
            self._open(session)
        session.last = row.time
        if (partials := session.groups.get(key)) is None:
            session.groups[key] = self._sides.start(items)
        else:
            self._sides.add(partials, items)
        session.events += 1
        self._events += 1
        self._changed.add(session.number)

    def _open(self, session: _Session) -> None:
        self._sessions[session.key] = self._numbers[session.number] = session
        heapq.heappush(self._ends, (self._end(session), session.number))

    def _close(self, session: _Session, to: int, out: list[Row]) -> bool:
        """Close the session's windows that end by `to`; return whether the session goes on after that."""
        while (end := self._end(session)) <= to:
            out += self._rows(session, end)
            self._changed.add(session.number)
            self._events -= session.events
            if end >= session.last + self._timeout:
                del self._sessions[session.key], self._numbers[session.number]
                return False
            session.opened = end
            session.groups = {}
            session.events = 0
        return True

    def _end(self, session: _Session) -> int:
        """Return when the session's window ends if no more rows come."""
        return min(session.last + self._timeout, self._cut(session.opened))

    def _cut(self, opened: int) -> int:
        """Return the first multiple of the maximal duration at which a window has been open for that duration."""
        return -(-opened // self._max_duration) * self._max_duration + self._max_duration

    def _rows(self, session: _Session, end: int) -> list[Row]:
        rows = result_rows(end, totals_of(session.groups), self._sides, self._faults)
        session_group = group_of(session.key)
        return [Row(row.columns, row.time, (*row.arrival, *session_group)) for row in rows]


@dataclass(slots=True, eq=False)
class _Session:
    number: int
    key: Key
    opened: int
    last: int
    groups: dict[Key, Partials]
    events: int = 0

    @property
    def state(self) -> tuple[Any, ...]:
        return self.key, self.opened, self.last, self.groups, self.events
