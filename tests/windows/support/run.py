"""Runs a query over events, without a hub, a clock or Redis. Times are seconds after a base."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.windows.engine.column_types import typed
from pipeline.windows.engine.engine import Engine, OutputRow
from pipeline.windows.expressions.casts import to_datetime
from pipeline.windows.language.parser import parse as parse_query
from pipeline.windows.language.ticks import TICKS_PER_SECOND, parse
from pipeline.windows.operators.faults import Faults
from pipeline.windows.operators.reference import Table
from pipeline.windows.planning.nodes import Plan
from pipeline.windows.planning.planner import plan
from pipeline.windows.row import Row

#: The examples of the documentation begin here.
BASE = "2021-10-26T10:15:00Z"

NEVER_FULL = 1_000_000

Event = tuple[float, Mapping[str, Any]]
"""The arrival of an event, in seconds after the base, and its columns."""


def planned(text: str, references: Iterable[str] = ()) -> Plan:
    return plan(parse_query(text), frozenset(references))


def ticks(seconds: float, base: str = BASE) -> int:
    return parse(base) + round(seconds * TICKS_PER_SECOND)


def seconds(time: int, base: str = BASE) -> float:
    return (time - parse(base)) / TICKS_PER_SECOND


def rows_of(plan: Plan, stream: int, events: Iterable[Event], base: str = BASE, partition: int = 0) -> list[Row]:
    """Return the rows of a stream that the runtime would make of events that come in order."""
    rows = []
    for number, (arrival, columns) in enumerate(events):
        row = Row(plan.names.mapping(dict(columns)), ticks(arrival, base), (partition, number, 0))
        timestamp = plan.streams[stream].timestamp
        if timestamp is not None:
            row = Row(row.columns, to_datetime(timestamp.evaluate(row)), row.arrival)
        rows.append(row)
    return typed(rows, plan.streams[stream].types, Faults("test", Counter()))


def by_output(rows: Iterable[Any], base: str = BASE) -> dict[str, list[tuple[float, dict[str, Any]]]]:
    """Return (time, columns) of each row, by output."""
    found: dict[str, list[tuple[float, dict[str, Any]]]] = defaultdict(list)
    for row in rows:
        assert isinstance(row, OutputRow)
        found[row.output].append((seconds(row.time, base), dict(row.columns)))
    return dict(found)


def run(
    text: str,
    events: Iterable[Event] | Mapping[str, Iterable[Event]],
    *,
    base: str = BASE,
    tables: Mapping[str, Table] | None = None,
    faults: Counter[str] | None = None,
) -> dict[str, list[tuple[float, dict[str, Any]]]]:
    """Run a query to the end, over the events of its only input or of each input; return the rows by output."""
    made = planned(text, tables or ())
    by_input = events if isinstance(events, Mapping) else {made.inputs[0]: events}
    engine = Engine(made, Faults("test", Counter() if faults is None else faults), tables)
    given = []
    for place, stream in enumerate(made.streams):
        given += engine.feed(place, rows_of(made, place, by_input[stream.input], base))
    given += engine.advance(ticks(10 * 86_400, base), NEVER_FULL)
    return by_output(given, base)
