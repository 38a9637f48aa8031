"""The operators give the rows that the definitions give, for all kinds of streams, however they are cut and ordered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.windows.language.syntax import (
    Call,
    Column,
    Constant,
    Expression,
    Hopping,
    OrderBy,
    Over,
    Session,
    Sliding,
    Snapshot,
    Star,
    Window,
)
from pipeline.windows.language.ticks import BEGINNING
from pipeline.windows.language.tokens import At
from pipeline.windows.operators.aggregates import aggregate
from pipeline.windows.operators.faults import ROW, Faults
from pipeline.windows.operators.operator import Operator
from pipeline.windows.operators.windowing import window_operator
from pipeline.windows.row import Computed, Row, computed

from ..support import reference
from ..support.reference import Event

HERE = At(1, 1)
VALUE, BY, LABEL, KEY = (Column((name,), HERE) for name in ("value", "by", "label", "key"))


def compile_column(expression: Expression) -> Computed:
    assert isinstance(expression, Column)
    (name,) = expression.names
    return computed(lambda row: row.columns.get(name))


def call(function: str, *arguments: Expression | Star, by: Column | None = None, descending: bool = False) -> Call:
    over = None if by is None else Over(order_by=(OrderBy(by, descending),))
    return Call(function, arguments, False, over, HERE)


CALLS: dict[str, Call] = {
    "COUNT(*)": call("COUNT", Star((), HERE)),
    "COUNT": call("COUNT", VALUE),
    "COUNT(DISTINCT)": Call("COUNT", (VALUE,), True, None, HERE),
    "SUM": call("SUM", VALUE),
    "AVG": call("AVG", VALUE),
    "MIN": call("MIN", VALUE),
    "MAX": call("MAX", VALUE),
    "STDEV": call("STDEV", VALUE),
    "VARP": call("VARP", VALUE),
    "TOPONE ASC": call("TOPONE", LABEL, by=BY),
    "TOPONE DESC": call("TOPONE", LABEL, by=BY, descending=True),
    "COLLECTTOP(2) DESC": call("COLLECTTOP", Constant(2, HERE), LABEL, by=BY, descending=True),
    "COLLECT": call("COLLECT", VALUE),
    "PERCENTILE_CONT(0.9)": call("PERCENTILE_CONT", Constant(0.9, HERE), by=VALUE),
    "PERCENTILE_DISC(0.3)": call("PERCENTILE_DISC", Constant(0.3, HERE), by=VALUE),
}
NAMES = tuple(CALLS)
BAD = "much"  # as a value: its row is left out

# Small numbers, so that times are often on borders, and times, groups and values are often equal. Sums of the floats
# have to be rounded.
floats = st.sampled_from([0.1, 0.2, 1.0, -0.3, 1e16, -1e16, 2**60])
numbers = st.one_of(st.none(), st.integers(-3, 3), floats, st.just(BAD))
keys = st.sampled_from(["a", "a", "a", "b", "c", None, 1, 1.0, True])


@dataclass
class Stream:
    """`calls` are rows to feed and times to advance to, in order.

    `snapshots` and `restores` are the places of the calls before which a snapshot is saved, or restored.
    """

    events: list[Event]
    calls: list[list[Event] | int]
    snapshots: set[int]
    restores: set[int]


@st.composite
def streams(draw: st.DrawFn) -> Stream:
    tolerance = draw(st.integers(0, 12))
    times = draw(st.lists(st.tuples(st.integers(1, 70), st.integers(0, tolerance)), max_size=40))
    times.sort(key=sum)  # out of order, by as much as the tolerance
    events = [
        Event(time, number, draw(keys), draw(numbers), draw(st.one_of(st.none(), st.integers(0, 3))))
        for number, (time, _) in enumerate(times)
    ]
    calls: list[list[Event] | int] = []
    rest = events
    while rest:
        size = draw(st.integers(1, 12))
        calls.append(rest[:size])
        rest = rest[size:]
        if draw(st.booleans()):
            calls.append(max(BEGINNING, min((event.time for event in rest), default=200) - 1 - draw(st.integers(0, 3))))
    calls.append(300)
    places = st.sets(st.integers(0, len(calls)), max_size=4)
    return Stream(events, calls, draw(places), draw(places))


def row_of(event: Event) -> Row:
    columns = {"key": event.key, "value": event.value, "by": event.by, "label": event.label}
    return Row(columns, event.time, (0, event.number, 0))


class Run:
    """An operator of a window that is made again from its snapshot now and then."""

    def __init__(self, window: Window, names: Sequence[str], has_key: bool = True) -> None:
        self.counts: Counter[str] = Counter()
        self.window = window
        self.names = names
        self.keys = [compile_column(KEY)] if has_key else []
        self.closed = BEGINNING
        self.fields: dict[str, bytes] = {}
        self.rows: list[Row] = []
        self.operator = self.new()

    def new(self) -> Operator:
        aggregates = [aggregate(CALLS[name], compile_column) for name in self.names]
        partition = self.window.partition_by if isinstance(self.window, Session) else ()
        session_keys = [compile_column(expression) for expression in partition]
        return window_operator(
            self.window, self.keys, aggregates, Faults("test", self.counts), session_keys, self.closed
        )

    def run(self, stream: Stream, in_steps: bool) -> list[Row]:
        for place, call in enumerate(stream.calls):
            if place in stream.snapshots | stream.restores:
                self.snapshot()
            if place in stream.restores:
                self.operator = self.new()
                self.operator.restore(self.fields, self.closed)
            if isinstance(call, list):
                self.operator.feed(0, [row_of(event) for event in call])
            elif call >= self.closed:
                self.advance(call, in_steps)
        self.snapshot()
        return self.rows

    def advance(self, to: int, in_steps: bool) -> None:
        while in_steps and (due := self.operator.due()) is not None and due <= to:
            assert due > self.closed
            assert not list(self.operator.advance(due - 1)), "there were rows before they were due"
            self.rows += self.operator.advance(due)
            self.closed = due
        self.rows += self.operator.advance(to)
        self.closed = to

    def snapshot(self) -> None:
        for name, packed in self.operator.snapshot():
            if packed is None:
                del self.fields[name]
            else:
                self.fields[name] = packed


def expected(window: Window, events: Sequence[Event], names: Sequence[str], has_key: bool = True) -> list[Any]:
    events = [
        event if has_key else Event(event.time, event.number, None, event.value, event.by)
        for event in events
        if event.value != BAD
    ]
    match window:
        case Hopping(duration=duration, hop=hop, offset=offset):
            results = reference.hopping(duration, hop, offset, events)
        case Sliding(duration=duration):
            results = reference.sliding(duration, events)
        case Session(timeout=timeout, max_duration=max_duration, partition_by=partition_by):
            results = reference.session(timeout, max_duration, bool(partition_by), events)
        case Snapshot():
            results = reference.snapshot(events)
    return [(end, key, [reference.AGGREGATES[name](members) for name in names]) for end, key, members in results]


def told_apart(key: Any) -> Any:
    """1 and 1.0 are the same key of a dict and the same group; true is the same key, but another group."""
    return key, isinstance(key, bool)


def check(run: Run, stream: Stream, in_steps: bool) -> None:
    rows = run.run(stream, in_steps)

    places = [(row.time, row.arrival) for row in rows]
    assert places == sorted(places)
    assert len(set(places)) == len(places)
    bad = sum(event.value == BAD for event in stream.events)
    has_gaps = isinstance(run.window, Hopping) and run.window.hop > run.window.duration
    assert run.counts[ROW] <= bad if has_gaps else run.counts[ROW] == bad
    assert run.fields == {}
    assert run.operator.due() is None

    count = len(run.keys)  # 0 or 1
    wanted = expected(run.window, stream.events, run.names, bool(count))
    found = {(row.time, *map(told_apart, row.columns[:count])): row for row in rows}
    assert len(rows) == len(wanted)
    for end, key, results in wanted:
        row = found[(end, *map(told_apart, (key,)[:count]))]
        for name, left, right in zip(run.names, row.columns[count:], results, strict=True):
            assert reference.equal(left, right), f"{name} at {end}: {left!r}, not {right!r}"


hoppings = st.builds(Hopping, st.integers(1, 24), st.integers(1, 24), st.integers(-5, 23), st.just(HERE))
slidings = st.builds(Sliding, st.integers(1, 24), st.just(HERE))
sessions = st.builds(Session, st.integers(1, 8), st.integers(1, 24), st.sampled_from([(), (KEY,)]), st.just(HERE))
windows = st.one_of(hoppings, slidings, sessions, st.just(Snapshot(HERE)))
names = st.lists(st.sampled_from(NAMES).filter(lambda name: name != "SUM"), max_size=3, unique=True)


@settings(deadline=None)
@given(hoppings, streams(), st.booleans())
def test_hopping_windows_are_as_defined(window: Hopping, stream: Stream, in_steps: bool) -> None:
    check(Run(window, NAMES), stream, in_steps)


@settings(deadline=None)
@given(slidings, streams(), st.booleans())
def test_sliding_windows_are_as_defined(window: Sliding, stream: Stream, in_steps: bool) -> None:
    check(Run(window, NAMES), stream, in_steps)


@settings(deadline=None)
@given(sessions, streams(), st.booleans())
def test_session_windows_are_as_defined(window: Session, stream: Stream, in_steps: bool) -> None:
    check(Run(window, NAMES), stream, in_steps)


@settings(deadline=None)
@given(windows, streams(), names, st.booleans())
def test_any_window_and_some_aggregates_with_a_key_or_without(
    window: Window, stream: Stream, names: list[str], has_key: bool
) -> None:
    if isinstance(window, Session) and not has_key:
        window = replace(window, partition_by=())
    check(Run(window, ["SUM", *names], has_key), stream, in_steps=False)  # SUM refuses the bad ones
