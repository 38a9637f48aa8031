"""What an analytic function remembers of earlier rows, for each key of PARTITION BY.

A row at time t sees the rows in (t - limit, t], as a window of this length that ends at t would; of the rows at t, it
sees those that arrived before it.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any, Protocol

from ..row import Changes, Evaluate, Row
from .aggregates import Aggregate, SideBySide
from .changelog import Changelog
from .codec import pack, unpack
from .rollup import Rollup
from .slices import Slices


class History(Protocol):
    """Rows must be given in the order of time and arrival, each first to `read`, then to `take`."""

    def read(self, row: Row) -> Any:
        """Return what `take` needs to know of the row; changes nothing. Raises `RowError`."""

    def take(self, row: Row, parts: Any) -> Any:
        """Remember the row, and return the function's value. `parts` are what `read` returned.

        May raise `RowError`; even then the row is remembered.
        """

    def expire(self, to: int) -> None:
        """Forget what rows later than `to` can't see."""

    def snapshot(self) -> Changes: ...

    def restore(self, fields: Mapping[str, bytes], closed: int) -> None: ...


@dataclass(frozen=True)
class Among:
    """PARTITION BY and WHEN: which rows a function sees."""

    key: Evaluate
    when: Evaluate | None

    def includes(self, row: Row) -> bool:
        return self.when is None or self.when(row) is True


class Lag:
    """LAG, and LAST, which is LAG with an offset of 0: it gives the row's own value if WHEN includes the row.

    Fields: NAME:KEY, with KEY packed, in hex. Each has [[time, value], ...], oldest first, at most `offset` of them.
    """

    def __init__(
        self, name: str, among: Among, of: Evaluate | None, offset: int, default: Evaluate | None, limit: int
    ) -> None:
        """`of` is None for the whole row, as a record. `limit` is in ticks."""
        self._prefix = f"{name}:"
        self._among = among
        self._of = of
        self._offset = offset
        self._default = default
        self._limit = limit
        self._rows: OrderedDict[Hashable, deque[tuple[int, Any]]] = OrderedDict()  # in the order of their newest rows
        self._changed: set[Hashable] = set()
        self._written: set[Hashable] = set()

    def read(self, row: Row) -> tuple[Hashable, bool, Any]:
        key = self._among.key(row)
        if not self._among.includes(row):
            return key, False, None
        return key, True, row.columns if self._of is None else self._of(row)

    def take(self, row: Row, parts: tuple[Hashable, bool, Any]) -> Any:
        key, is_included, value = parts
        last = self._offset == 0
        before = self._remember(key, row.time, value) if is_included and last else self._rows.get(key, ())
        place = max(self._offset, 1)
        found = before[-place] if len(before) >= place else None
        if is_included and not last:
            self._remember(key, row.time, value)
        if found is not None and found[0] > row.time - self._limit:
            return found[1]
        return None if self._default is None else self._default(row)

    def _remember(self, key: Hashable, time: int, value: Any) -> deque[tuple[int, Any]]:
        rows = self._rows.get(key)
        if rows is None:
            rows = self._rows[key] = deque(maxlen=max(self._offset, 1))
        else:
            self._rows.move_to_end(key)
        rows.append((time, value))
        self._changed.add(key)
        return rows

    def expire(self, to: int) -> None:
        while self._rows:
            key, rows = next(iter(self._rows.items()))
            if rows[-1][0] > to - self._limit:
                return
            del self._rows[key]
            (self._changed.add if key in self._written else self._changed.discard)(key)

    def snapshot(self) -> Changes:
        for key in self._changed:
            rows = self._rows.get(key)
            if rows is not None:
                self._written.add(key)
            else:
                self._written.discard(key)
            yield f"{self._prefix}{pack(key).hex()}", None if rows is None else pack([list(row) for row in rows])
        self._changed.clear()

    def restore(self, fields: Mapping[str, bytes], closed: int) -> None:
        mine = [(name[len(self._prefix) :], kept) for name, kept in fields.items() if name.startswith(self._prefix)]
        keys = [(unpack(bytes.fromhex(key)), unpack(kept)) for key, kept in mine]
        for key, rows in sorted(keys, key=lambda item: item[1][-1][0]):
            self._rows[key] = deque(map(tuple, rows), maxlen=max(self._offset, 1))
            self._written.add(key)
        self.expire(closed)


class IsFirst:
    """ISFIRST: 1 for a key's first row in an interval, else 0. Intervals are those of tumbling windows: (start, end].

    Fields: NAME:N, lists of (end of an interval, key).
    """

    def __init__(self, name: str, among: Among, duration: int) -> None:
        self._among = among
        self._intervals = Slices(duration, duration)
        self._end = 0
        self._seen: set[Hashable] = set()
        self._changelog = Changelog(name, until=itemgetter(0))

    def read(self, row: Row) -> tuple[Hashable, bool]:
        return self._among.key(row), self._among.includes(row)

    def take(self, row: Row, parts: tuple[Hashable, bool]) -> int:
        key, is_included = parts
        if row.time > self._end:
            self._end = self._intervals.first_end(row.time)
            self._seen.clear()
        if not is_included or key in self._seen:
            return 0
        self._seen.add(key)
        self._changelog.add([(self._end, key)])
        return 1

    def expire(self, to: int) -> None:
        if self._end <= to:
            self._seen.clear()
        self._changelog.drop(to)

    def snapshot(self) -> Changes:
        return self._changelog.snapshot()

    def restore(self, fields: Mapping[str, bytes], closed: int) -> None:
        for end, key in self._changelog.restore(fields, closed):
            self._end = end
            self._seen.add(key)


class Moving:
    """An aggregate of a row and the rows up to `limit` ticks before it: SUM(x) OVER (LIMIT DURATION(...)).

    It is a queue of partial results (rollup.py) for each key; so a row costs amortised constant time.

    Fields: NAME:N, lists of (until when it counts, key, partial result) of single rows.
    """

    def __init__(self, name: str, among: Among, aggregate: Aggregate, limit: int) -> None:
        self._among = among
        self._aggregate = aggregate
        self._sides = SideBySide([aggregate])
        self._limit = limit
        self._by_key: defaultdict[Hashable, Rollup] = defaultdict(partial(Rollup, self._sides))
        self._entries: deque[tuple[int, Hashable, list[Any]]] = deque()  # of all keys, oldest first
        self._changelog = Changelog(name, until=itemgetter(0))

    def read(self, row: Row) -> tuple[Hashable, Any]:
        return self._among.key(row), self._aggregate.item.evaluate(row) if self._among.includes(row) else None

    def take(self, row: Row, parts: tuple[Hashable, Any]) -> Any:
        key, item = parts
        self.expire(row.time)
        if item is not None:
            entry = (row.time + self._limit, key, self._sides.start([item]))
            self._push(entry)
            self._changelog.add([entry])
        rollup = self._by_key.get(key)
        return self._aggregate.result(None if rollup is None else rollup.total()[0])

    def _push(self, entry: tuple[int, Hashable, list[Any]]) -> None:
        _, key, partials = entry
        self._by_key[key].push(partials)
        self._entries.append(entry)

    def expire(self, to: int) -> None:
        entries = self._entries
        while entries and entries[0][0] <= to:
            _, key, partials = entries.popleft()
            rollup = self._by_key[key]
            rollup.pop(partials)
            if not rollup:
                del self._by_key[key]
        self._changelog.drop(to)

    def snapshot(self) -> Changes:
        return self._changelog.snapshot()

    def restore(self, fields: Mapping[str, bytes], closed: int) -> None:
        for until, key, partials in self._changelog.restore(fields, closed):
            self._push((until, key, partials))
