"""JOIN of two streams. Each row is held only for as long as a row of the other side can still match it."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import Literal

from ..language.values import RowError
from ..row import Changes, Evaluate, Row
from .bounds import Bound, Interval
from .changelog import Changelog
from .faults import ROW, Faults
from .groups import Group, join_key
from .operator import Waiting
from .ordered import Ordered


@dataclass(slots=True, eq=False)
class _Held:
    """A row that waits for matches. A row of the left side waits for rows with times from `first` to `last`."""

    row: Row
    first: int = 0
    last: int = 0
    matched: bool = False


class _Side:
    """The rows of one side, by key, and the times at which they expire."""

    def __init__(self) -> None:
        self._by_key: dict[Group, dict[int, _Held]] = {}
        self._ends: list[tuple[int, int, Group | None, _Held]] = []  # a heap
        self._number = 0

    def __len__(self) -> int:
        return len(self._ends)

    def hold(self, key: Group | None, held: _Held, until: int) -> None:
        self._number += 1
        heapq.heappush(self._ends, (until, self._number, key, held))
        if key is not None:
            self._by_key.setdefault(key, {})[self._number] = held

    def with_key(self, key: Group | None) -> list[_Held]:
        """Return the rows with this key; none if `key` is None, since NULL matches nothing."""
        return [] if key is None else [*self._by_key.get(key, {}).values()]

    def due(self) -> int | None:
        return self._ends[0][0] if self._ends else None

    def expired(self, to: int) -> list[tuple[int, _Held]]:
        """Remove the rows that can't be matched after `to`; return each with the last time at which it could."""
        gone = []
        while self._ends and self._ends[0][0] <= to:
            until, number, key, held = heapq.heappop(self._ends)
            if key is not None:
                same = self._by_key[key]
                del same[number]
                if not same:
                    del self._by_key[key]
            gone.append((until, held))
        return gone


class StreamJoin:
    """INNER or LEFT JOIN, an operator. Gives rows with columns (left row, right row); with LEFT also (left row, None).

    The time of a pair is the later of its two times. A left row without a match is given the last time at which a match
    could have come. Both are System.Timestamp() as in Stream Analytics. Keys that are NULL match nothing. `arrival` is
    the time and arrival of the left row, then those of the right one.

    Cost: a row is compared with the rows of its key that are held, so a join without equal keys costs the product of
    the two sides' rows within the bounds.

    Fields: left:N and right:N, rows as changelog.py keeps them; matched:N, (until when, time, arrival) of left rows
    that have a match.
    """

    def __init__(
        self,
        kind: Literal["INNER", "LEFT"],
        bounds: Sequence[Bound],
        left_keys: Sequence[Evaluate],
        right_keys: Sequence[Evaluate],
        on: Evaluate | None,
        faults: Faults,
        lag: int = 0,
    ) -> None:
        """`left_keys` must be equal to `right_keys`, one by one. `on` is the rest of the condition, about the pair.

        `lag` is by how much, in ticks, a left row's time can be after the time of the part that a bound is about.
        Raises `ValueError` unless there are bounds on both sides.
        """
        self._outer = kind == "LEFT"
        self._interval = Interval(bounds, lag)
        self._keys = (tuple(left_keys), tuple(right_keys))
        self._on = on
        self._faults = faults
        self._waiting = (
            Ordered("left", until=self._interval.left_until),
            Ordered("right", until=self._interval.right_until),
        )
        self._left, self._right = _Side(), _Side()
        self._matched = Changelog("matched", until=lambda match: int(match[0]))

    def feed(self, port: int, rows: Sequence[Row]) -> None:
        self._waiting[port].add(rows)

    def due(self) -> int | None:
        left, right = self._waiting
        times = (left.due(), right.due(), self._left.due() if self._outer else None)
        return min((time for time in times if time is not None), default=None)

    def advance(self, to: int) -> list[Row]:
        out: list[Row] = []
        lefts, rights = (waiting.take_until(to) for waiting in self._waiting)
        arrived = [*((row, self._take_left) for row in lefts), *((row, self._take_right) for row in rights)]
        arrived.sort(key=lambda arrival: arrival[0].time)  # stable: of rows with one time, left rows come first
        for row, take in arrived:
            self._expire(row.time - 1, out)
            take(row, out)
        self._expire(to, out)
        self._matched.drop(to)
        out.sort(key=attrgetter("time", "arrival"))
        return out

    def waiting(self) -> list[Waiting]:
        due = self.due()
        events = sum(map(len, self._waiting)) + len(self._left) + len(self._right)
        return [] if due is None else [Waiting(due, events, 0)]

    def snapshot(self) -> Changes:
        return chain(*(waiting.snapshot() for waiting in self._waiting), self._matched.snapshot())

    def restore(self, fields: Mapping[str, bytes], closed: int) -> None:
        matched = {(time, arrival) for _, time, arrival in self._matched.restore(fields, closed)}
        lefts, rights = (waiting.restore(fields, closed) for waiting in self._waiting)
        for row in lefts:
            if (held := self._hold_left(row, self._key(0, row, report=False))) is not None:
                held.matched = (row.time, row.arrival) in matched
        for row in rights:
            self._hold_right(row, self._key(1, row, report=False))

    def _take_left(self, left: Row, out: list[Row]) -> None:
        key = self._key(0, left)
        if (held := self._hold_left(left, key)) is not None:
            for other in self._right.with_key(key):
                self._match(held, other.row, out)

    def _take_right(self, right: Row, out: list[Row]) -> None:
        key = self._key(1, right)
        for held in self._left.with_key(key):
            self._match(held, right, out)
        self._hold_right(right, key)

    def _hold_left(self, left: Row, key: Group | None) -> _Held | None:
        """Hold a left row. Returns None if the row can't be matched and is not an output by itself."""
        if key is _UNUSABLE or (key is None and not self._outer):
            return None
        held = _Held(left, *self._interval.right_times(left))
        self._left.hold(key, held, max(left.time, held.last))
        return held

    def _hold_right(self, right: Row, key: Group | None) -> None:
        if key is not None and key is not _UNUSABLE and (until := self._interval.right_until(right)) > right.time:
            self._right.hold(key, _Held(right), until)

    def _match(self, held: _Held, right: Row, out: list[Row]) -> None:
        if not held.first <= right.time <= held.last:
            return
        left = held.row
        arrival = (left.time, left.arrival, right.time, right.arrival)  # rows of windows may differ only in their times
        pair = Row((left, right), max(left.time, right.time), arrival)
        try:
            if self._on is not None and self._on(pair) is not True:
                return
        except RowError as exc:
            self._faults.report(ROW, exc, right)
            return
        if self._outer and not held.matched:
            held.matched = True
            self._matched.add([(max(left.time, held.last), left.time, left.arrival)])
        out.append(pair)

    def _expire(self, to: int, out: list[Row]) -> None:
        self._right.expired(to)
        for until, held in self._left.expired(to):
            if self._outer and not held.matched:
                out.append(Row((held.row, None), until, (held.row.time, held.row.arrival)))

    def _key(self, port: int, row: Row, report: bool = True) -> Group | None:
        """Return the row's key, None if a part of it is NULL, or `_UNUSABLE`."""
        try:
            return join_key(row, self._keys[port])
        except RowError as exc:
            if report:
                self._faults.report(ROW, exc, row)
            return _UNUSABLE


#: Stands for a key that is a record or an array, or that can't be computed. Such a row is left out.
_UNUSABLE: Group = ((-1, None),)
