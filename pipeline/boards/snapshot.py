"""All that a shard has at one moment, read in pages while others write.

Each page is of another moment. But meanwhile changes are logged, and each entry is an absolute effect. So a member that
is in the log is read once more, at any time, and what the log says of it replaces what was read: then its score,
segments and features are those of the log's end, as are those of all members that are not in the log.
"""

from __future__ import annotations

import heapq
import math
import struct
import threading
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from contextvars import copy_context
from dataclasses import replace
from itertools import islice
from tempfile import TemporaryFile
from typing import Any, NamedTuple

from ..store.keys import Key
from . import features, keys
from .changes import fault_of
from .follow import Entry, Follower, LogLost
from .form import ARRIVAL_BYTES, FIRST_COME, LOWEST_FIRST, Form, Ties
from .hold import held
from .keys import MOST_SEGMENTS
from .shard import Shard
from .shards import BoardChanged, Progress, Shards, attempts
from .tree import Header

#: Members read at once, which takes Redis some 2 ms; and how many of the page before are read again, so that members
#: who leave it meanwhile move none beyond the beginning of the next one.
PAGE, _OVERLAP = 1000, 100

#: Seconds between two looks at the log of a snapshot that keeps up.
_BREATH = 0.05

_RECORD = struct.Struct("<dQHI")  # score, NaN for none; segments, a bit for each; bytes of the name and of the features
_SEGMENTS = (1 << MOST_SEGMENTS) - 1  # those there were at the beginning: who joins another one later is in the log
_NONE = math.nan


class Row(NamedTuple):
    """A member: `units` is None without a score; `features` are in JSON, empty for none.

    `arrival` comes before its name in the sorted sets, if the board's ties go to who came first: see arrivals.lua.
    """

    name: bytes
    units: int | None
    segments: frozenset[str]
    features: bytes
    arrival: bytes = b""


class _Record(NamedTuple):
    name: bytes
    score: float
    mask: int = 0
    features: bytes = b""
    arrival: bytes = b""


class _Touched:
    """A member that was changed meanwhile: what was read of it at any time, and what the log says."""

    def __init__(self, record: _Record) -> None:
        self.record = record
        self.segments: dict[str, bool] = {}

    def apply(self, entry: Entry) -> None:
        if entry.op == "remove":
            self.record, self.segments = _Record(entry.member, _NONE), {}
        elif entry.op == "set":
            self.record = self.record._replace(score=float(entry.after), arrival=entry.arrival)
        elif entry.op == "features":
            self.record = self.record._replace(features=entry.after)
        else:
            self.segments[entry.segment] = entry.op == "join"


class Snapshot:
    """The shard at one moment. Raises `BoardChanged` if it changes faster than it can be read.

    Memory: members that were changed meanwhile, and names of those without a score; all others are in a temporary file.
    O(n) commands, each of some ms. `header` has the settings (all 0 if the shard has no board, or one without sums),
    and `count` is how many scores were read. `invalid` are members that no board can have, which another program wrote,
    and why not. `follower` goes on from this moment, unless `keep_up` and the methods after it are used.
    """

    def __init__(self, board: str, shard: Shard, progress: Progress | None = None) -> None:
        self.board, self.shard = board, shard
        self.invalid: dict[bytes, str] = {}
        self._at: dict[bytes, _Touched] = {}  # up to the moment; the others since then
        self._events_at: dict[bytes, bytes] = {}
        self._touched: dict[bytes, _Touched] = {}
        self._events: dict[bytes, bytes] = {}
        self._spool = TemporaryFile()  # noqa: SIM115 - `close` does
        for _ in attempts():
            try:
                self._read(progress)
                self.catch_up()
            except (LogLost, BoardChanged):
                continue
            except BaseException:
                self.close()
                raise
            return
        self.close()
        raise BoardChanged(board)

    def keep_up(self) -> None:
        """Read what was logged, before more is than the log holds. It changes nothing that this says."""
        try:
            self._read_log()
        except LogLost as exc:
            raise BoardChanged(self.board) from exc

    def catch_up(self) -> None:
        """Go on to the moment that is now. Raises `BoardChanged`, also if settings were changed."""
        self.keep_up()
        if _settings(self.follower.renew()) != _settings(self.header):
            raise BoardChanged(self.board)
        self._at |= self._touched
        self._events_at |= self._events
        self._touched, self._events = {}, {}
        self.invalid = {name: fault for name, fault in self.invalid.items() if name not in self._at}

    def changes(self) -> tuple[list[Row], dict[bytes, bytes]]:
        """Return what the members are now that were changed since then, or since the last call, and new events."""
        self.keep_up()
        touched, events = self._touched, self._events
        self._touched, self._events = {}, {}
        return [_row(*pair) for pair in self._now(touched)], events

    def close(self) -> None:
        """Forget what was read."""
        self._spool.close()

    def rows(self) -> Iterator[Row]:
        """Yield the members with a score, in the order of the sorted set, but not those that are `invalid`."""
        touched = sorted((pair for pair in self._now(self._at) if _has_score(pair[0])), key=_place)
        written = ((record, self._names(record.mask)) for record in self._untouched(0, self._end))
        for record, segments in heapq.merge(written, touched, key=_place):
            if record.name not in self.invalid:
                yield _row(record, segments)

    def scoreless(self) -> Iterator[Row]:
        """Yield the members that have no score, but features, or a segment."""
        for record in self._untouched(self._end, self._size):
            yield _row(record, self._names(record.mask))
        for record, segments in self._now(self._at):
            if not _has_score(record) and (segments or record.features):
                yield _row(record, segments)

    def events(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the ids of events, some perhaps twice, and what `EVENTS` has for each."""
        yield from ((id_, repr(score).encode()) for id_, score, *_ in self._written(self._size, self._total))
        yield from self._events_at.items()

    # ------------------------------------------------------------------------------------------------------------------

    def _read(self, progress: Progress | None) -> None:
        self.follower = Follower(self.shard)
        self.header = self.follower.header
        self._cut = ARRIVAL_BYTES if self.header.flags & FIRST_COME else 0
        self.segments = sorted(features.segments(self.shard))
        self.invalid, self._at, self._events_at, self._touched, self._events = {}, {}, {}, {}, {}
        self._spool.seek(0)

        self.count = 0
        for page, total in self._pages():
            names, scores = [name[self._cut :] for name, _ in page], [score for _, score in page]
            self._write(self._records(names, scores, [name[: self._cut] for name, _ in page]))
            faults = zip(names, map(fault_of, names, scores), strict=True)
            self.invalid |= {name: fault for name, fault in faults if fault}
            self.count += len(page)
            self._read_log()
            if progress is not None:
                progress(min(self.count, total), total)
        self._end = self._spool.tell()
        self._write_scoreless()
        self._size = self._spool.tell()
        for found in scan(self.shard, "ZSCAN", keys.EVENTS):
            self._write(_Record(id_, score) for id_, score in found)
            self._read_log()
        self._total = self._spool.tell()

    def _pages(self) -> Iterator[tuple[list[tuple[bytes, float]], int]]:
        """Yield pages of members, each with the number of all. One that moves meanwhile may be in two, or in none."""
        first, last = 0, None
        while True:
            start = max(0, first - _OVERLAP)
            with self.shard.client.pipeline(transaction=False) as pipe:
                pipe.zrange(self.shard.keys[0], start, first + PAGE - 1, withscores=True)
                pipe.zcard(self.shard.keys[0])
                rows, total = pipe.execute()
            fresh = 0 if last is None else bisect_right(rows, last, key=_order)
            if fresh == 0 and start > 0:  # so many have left the pages before that the next ones are there now
                first = max(0, start - PAGE)
            elif rows:
                first = start + len(rows)
                if fresh < len(rows):
                    last = _order(rows[-1])
                    yield rows[fresh:], total
            if start + len(rows) >= total:
                return

    def _records(
        self,
        names: Sequence[bytes],
        scores: Sequence[float | None] | None = None,
        arrivals: Sequence[bytes | None] | None = None,
    ) -> list[_Record]:
        """Read the segments and features of members, and their scores and arrivals if they are not given."""
        if not names:
            return []
        tag, command = self.shard.tag, self.shard.client.execute_command
        if arrivals is None:
            stored = stored_names(self.shard, self.header.form, names)
            arrivals = [one[: len(one) - len(name)] for one, name in zip(stored, names, strict=True)]
            scores = command("ZMSCORE", self.shard.keys[0], *stored)
        with self.shard.client.pipeline(transaction=False) as pipe:
            pipe.execute_command("HMGET", keys.name(keys.FEATURES, tag), *names)
            for segment in self.segments:
                pipe.execute_command("SMISMEMBER", keys.name(keys.IN_SEGMENT, tag, SEGMENT=segment), *names)
            of_features, *members = pipe.execute()
        masks = [sum(bit << place for place, bit in enumerate(bits)) for bits in zip(*members, strict=True)]
        columns = zip(names, scores or (), masks or [0] * len(names), of_features, arrivals, strict=True)
        return [
            _Record(name, _NONE if score is None else float(score), mask, some or b"", arrival or b"")
            for name, score, mask, some, arrival in columns
        ]

    def _write_scoreless(self) -> None:
        """Write the members that are in segments or have features, but were in no page."""
        seen: set[bytes] = set()
        places = [("SSCAN", keys.IN_SEGMENT, {"SEGMENT": segment}) for segment in self.segments]
        for command, key, parts in [*places, ("HSCAN", keys.FEATURES, {})]:
            for found in scan(self.shard, command, key, **parts):
                records = self._records([name for name in found if name not in seen])
                without = [record for record in records if not _has_score(record)]
                seen |= {record.name for record in without}
                self._write(without)
                self._read_log()

    def _read_log(self) -> None:
        """Apply all entries up to now; of members that are new in it, read what else they have."""
        entries = self.follower.entries()
        while some := list(islice(entries, PAGE)):
            self._events |= {entry.member: entry.after for entry in some if entry.op == "event"}
            changes = [entry for entry in some if entry.op != "event"]
            joined = {entry.segment for entry in changes if entry.op == "join"}
            self.segments += sorted(joined.difference(self.segments))  # their members may be read once more
            new = list({entry.member for entry in changes} - self._touched.keys())
            self._touched |= {record.name: _Touched(record) for record in self._records(new)}
            for entry in changes:
                self._touched[entry.member].apply(entry)

    def _write(self, records: Iterable[_Record]) -> None:
        for record in records:
            stored, some = record.arrival.ljust(self._cut, b"\0") + record.name, record.features
            self._spool.write(
                _RECORD.pack(record.score, record.mask & _SEGMENTS, len(stored), len(some)) + stored + some
            )

    def _written(self, start: int, end: int) -> Iterator[_Record]:
        """Yield what was written from `start` to `end`. Several may read at once."""
        while start < end:
            self._spool.seek(start)
            chunk = self._spool.read(1 << 20)
            at = 0
            while at + _RECORD.size <= len(chunk) and start + at < end:
                score, mask, of_name, of_features = _RECORD.unpack_from(chunk, at)
                limit = at + _RECORD.size + of_name + of_features
                if limit > len(chunk):
                    break
                stored, some = chunk[at + _RECORD.size : limit - of_features], chunk[limit - of_features : limit]
                yield _Record(stored[self._cut :], score, mask, some, stored[: self._cut])
                at = limit
            start += at

    def _untouched(self, start: int, end: int) -> Iterator[_Record]:
        return (record for record in self._written(start, end) if record.name not in self._at)

    def _now(self, touched: Mapping[bytes, _Touched]) -> list[tuple[_Record, frozenset[str]]]:
        """What is known of members that were changed meanwhile."""
        found = []
        for record, changed in ((one.record, one.segments) for one in touched.values()):
            left = {name for name, is_in in changed.items() if not is_in}
            joined = {name for name, is_in in changed.items() if is_in}
            found.append((record, (self._names(record.mask) | joined) - left))
        return found

    def _names(self, mask: int) -> frozenset[str]:
        return frozenset(name for place, name in enumerate(self.segments) if mask >> place & 1) if mask else frozenset()


def _order(row: tuple[bytes, float]) -> tuple[float, bytes]:
    """What Redis sorts by."""
    return row[1], row[0]


def _has_score(record: _Record) -> bool:
    return not math.isnan(record.score)


def _row(record: _Record, segments: frozenset[str]) -> Row:
    if not _has_score(record):
        return Row(record.name, None, segments, record.features)
    return Row(record.name, int(record.score), segments, record.features, record.arrival)


def _place(pair: tuple[_Record, frozenset[str]]) -> tuple[float, bytes]:
    return pair[0].score, pair[0].arrival + pair[0].name


def _settings(header: Header) -> Header:
    """A header without what changes while members are changed."""
    return replace(header, version=0, flags=header.flags & (LOWEST_FIRST | FIRST_COME), logged=0, search=0)


def scan(shard: Shard, command: str, key: Key, **parts: str) -> Iterator[Any]:
    """Yield what is in a key, by page: each member at least once, or perhaps not if it comes or goes meanwhile."""
    cursor: Any = None
    while cursor != 0:
        name = keys.name(key, shard.tag, **parts)
        cursor, found = shard.client.execute_command(command, name, cursor or 0, "COUNT", PAGE)
        cursor = int(cursor)
        if found:
            yield found


def stored_names(shard: Shard, form: Form, names: Sequence[bytes]) -> list[bytes]:
    """Return the names that members have in the sorted sets."""
    if form.ties is Ties.NAME or not names:
        return list(names)
    arrivals = shard.client.execute_command("HMGET", keys.name(keys.ARRIVED, shard.tag), *names)
    return [(arrival or b"") + name for arrival, name in zip(arrivals, names, strict=True)]


@contextmanager
def one_moment(shards: Shards, opened: ExitStack, progress: Progress | None = None) -> Iterator[list[Snapshot]]:
    """Yield snapshots of all shards, of the same moment, which lasts: nobody else can write meanwhile.

    Leave it after some ms; the snapshots are closed with `opened`. Raises `BoardChanged` if the board changes faster
    than it can be read.
    """
    for _ in attempts():
        with ExitStack() as taken:
            found = read_all(shards, taken, progress)
            with held(shards):
                if not all(map(_has_caught_up, found)):
                    continue
                opened.push(taken.pop_all())
                yield found
                return
    raise BoardChanged(shards.name)


def _has_caught_up(snapshot: Snapshot) -> bool:
    """Not if settings were changed, or if a shard had no board, and so no log, and has one now."""
    try:
        snapshot.catch_up()
    except BoardChanged:
        return False
    return True


def read_all(shards: Shards, opened: ExitStack, progress: Progress | None = None) -> list[Snapshot]:
    """Take snapshots of all shards, which are closed with `opened`. Raises `BoardChanged`, as they do.

    A board that was put in its place in part is put there as a whole before.
    """
    found: list[Snapshot] = []
    shards.heal()
    with kept_up(found):
        for shard in shards:
            found.append(opened.enter_context(closing(Snapshot(shards.name, shard, progress))))
    if len({one.header.form.generation for one in found} - {0}) > 1:  # some shards are those of another board
        raise BoardChanged(shards.name)
    return found


@contextmanager
def kept_up(snapshots: Sequence[Snapshot]) -> Iterator[None]:
    """Let snapshots, also those that are added to the list, keep up while others are taken, or are being used.

    Raises `BoardChanged` at the end if one could not.
    """
    is_done = threading.Event()

    def run() -> None:
        while not is_done.wait(_BREATH):
            for snapshot in tuple(snapshots):
                snapshot.keep_up()

    with ThreadPoolExecutor(1, "board-log") as pool:
        running = pool.submit(copy_context().run, run)
        try:
            yield
        finally:
            is_done.set()
        running.result()
