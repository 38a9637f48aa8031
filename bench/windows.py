"""What windows cost: the query of the notes, compared with bytewax, and a row's cost as windows get longer.

    python -m bench.windows            1,000,000 events, 100,000 keys; the tables, with the goals and whether reached;
                                       some 4 minutes with bytewax
    python -m bench.windows --json     the same as JSON
    python -m bench.windows --quick    50,000 events

bytewax is compared if it is installed: pip install bytewax==0.21.1, which has wheels for Python 3.11 and 3.12.

The query (first event and largest reward of each eventid, 2 hours hopping by 1) runs from records in a list to output
rows in a list, from the text of the query, and once more from JSON bodies. bytewax folds the same events: its windows
are [start, end), so its times are one tick earlier, and its clock does not advance, or events would count as late.

The goal is about a stream: wz reads 1,000 events at once, bytewax a tenth of all, since each batch costs it something
for every key that it has. All events in one batch are the fastest case for bytewax, though no stream arrives so, and
the hardest for wz, which still reads 1,000. Each runs alone on one core in a process of its own, with the same settings
of the garbage collector, and what is timed is that process's CPU time. All results have to be equal.

The other tables feed one operator with events of a few keys, in windows of 2, 24 and 1,440 hops of a minute. An event
then is in as many windows. `an output row` is a window's total read and a row made of it (with 2 hops: two panes merged
for it); `a row` is everything else: reading the row, and adding its pane to the windows and removing it again. The
latter costs something for each group and pane, not for each row, so it counts more if a pane has few rows of a group:
the goal is for 10 of them; the cost with 1.6 is below it.
"""

from __future__ import annotations

import gc
import hashlib
import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.util import find_spec
from typing import Any

import click
import msgspec

from pipeline.windows.engine.engine import Engine, OutputRow
from pipeline.windows.language.parser import parse as parse_query
from pipeline.windows.language.ticks import TICKS_PER_SECOND, parse
from pipeline.windows.language.values import Datetime
from pipeline.windows.operators.faults import Faults
from pipeline.windows.planning.planner import plan
from pipeline.windows.row import Row as EventRow

from .side_by_side import Goal, Row, report, take_turns

QUERY = """
WITH ContextReward AS (
    SELECT eventid, TopOne() OVER (ORDER BY [EventEnqueuedUtcTime] ASC) CR, MAX(reward) AS reward
    FROM Input
    GROUP BY eventid, HoppingWindow(Duration(hour, 2), Hop(hour, 1))
)
SELECT eventid, CR.actionname AS actionname, CR.age AS age, reward INTO OutputWindow FROM ContextReward
"""

A_WINDOW = """
SELECT k, TopOne() OVER (ORDER BY t) AS a, MAX(v) AS b INTO o FROM i
GROUP BY k, HoppingWindow(minute, {hops}, 1)
"""

HOUR = 3600 * TICKS_PER_SECOND
START = parse("2024-05-01T10:00:00Z")
SPAN = 4 * HOUR
HAS_BYTEWAX = find_spec("bytewax") is not None
BATCH = 1_000  # events that are read at once
BATCHES = 10  # in which bytewax reads all events where it streams

Event = tuple[int, dict[str, Any]]  # ticks
Found = tuple[int, str, Any, Any, Any]  # end, eventid, actionname, age, reward
Seconds = float


def events(count: int, keys: int) -> Iterator[Event]:
    """Yield contexts and rewards in the order of their times, no two at the same time."""
    rnd = random.Random(count)
    for number in range(count):
        record: dict[str, Any] = {"eventid": f"event-{rnd.randrange(keys)}"}
        if rnd.random() < 0.5:
            record |= {"actionname": f"offer_{rnd.randrange(20)}", "age": rnd.randrange(18, 90)}
        else:
            record["reward"] = rnd.random()
        ticks = START + 10 * ((number + 1) * (SPAN // 10) // count)  # whole microseconds, as bytewax's times are
        yield ticks, record


def with_engine(count: int, keys: int, is_json: bool) -> tuple[Seconds, list[Found]]:
    source: list[tuple[int, Any]] = [
        (ticks, msgspec.json.encode(record) if is_json else record) for ticks, record in events(count, keys)
    ]
    begin()
    planned = plan(parse_query(QUERY))
    engine = Engine(planned, Faults("bench", Counter()))
    names_of, decode = planned.names.mapping, msgspec.json.Decoder().decode
    out: list[Any] = []
    for first in range(0, count, BATCH):
        rows = []
        for number, (ticks, read) in enumerate(source[first : first + BATCH], first):
            record = decode(read) if is_json else read.copy()
            record["EventEnqueuedUtcTime"] = Datetime(ticks)
            rows.append(EventRow(names_of(record), ticks, (0, number, 0)))
        engine.feed(0, rows)
        out += engine.advance(rows[-1].time - 1, limit=10_000)
    while engine.closed < START + 2 * SPAN:
        out += engine.advance(START + 2 * SPAN, limit=10_000)
    seconds = time.process_time()
    return seconds, [found(row) for row in out]


def found(row: OutputRow) -> Found:
    columns = row.columns
    return row.time, columns["eventid"], columns["actionname"], columns["age"], columns["reward"]


def with_bytewax(count: int, keys: int, is_json: bool, batches: int = 1) -> tuple[Seconds, list[Found]]:
    import bytewax.operators as op
    import bytewax.operators.windowing as win
    from bytewax.dataflow import Dataflow
    from bytewax.testing import TestingSink, TestingSource, run_main

    epoch = datetime(2024, 5, 1, 10, tzinfo=UTC)
    tick = timedelta(microseconds=1)  # the smallest unit of time
    source: list[tuple[datetime, Any]] = [
        (
            epoch + timedelta(microseconds=(ticks - START) // 10) - tick,
            msgspec.json.encode(record) if is_json else record,
        )
        for ticks, record in events(count, keys)
    ]
    decode = msgspec.json.Decoder().decode

    def read(item: tuple[datetime, Any]) -> tuple[str, Any]:
        record = decode(item[1]) if is_json else item[1].copy()
        record["EventEnqueuedUtcTime"] = item[0]
        return record["eventid"], record

    def fold(state: tuple[Any, Any], record: dict[str, Any]) -> tuple[Any, Any]:
        first, most = state
        if first is None or record["EventEnqueuedUtcTime"] < first["EventEnqueuedUtcTime"]:
            first = record
        reward = record.get("reward")
        return first, reward if most is None or (reward is not None and reward > most) else most

    def merge(left: Any, right: Any) -> Any:
        raise AssertionError("only sessions merge")

    hour = timedelta(hours=1)
    out: list[Any] = []
    begin()
    flow = Dataflow("bench")
    keyed = op.map("read", op.input("in", flow, TestingSource(source, batch_size=count // batches)), read)
    clock: Any = win.EventClock(lambda record: record["EventEnqueuedUtcTime"], timedelta(0), now_getter=lambda: epoch)
    windower = win.SlidingWindower(length=2 * hour, offset=hour, align_to=epoch - 4 * hour)
    windowed = win.fold_window("fold", keyed, clock, windower, lambda: (None, None), fold, merge, ordered=False)

    def row(item: tuple[str, tuple[int, Any]]) -> dict[str, Any]:
        key, (window, (first, most)) = item
        return {
            "end": window,
            "eventid": key,
            "actionname": first.get("actionname"),
            "age": first.get("age"),
            "reward": most,
        }

    op.output("out", op.map("row", windowed.down, row), TestingSink(out))
    run_main(flow)
    seconds = time.process_time()
    return seconds, [(START + (each.pop("end") - 2) * HOUR, *each.values()) for each in out]


CONTENDERS: dict[str, Callable[..., tuple[Seconds, list[Found]]]] = {
    "wz": partial(with_engine, is_json=False),
    "wz, from JSON": partial(with_engine, is_json=True),
    "bytewax": partial(with_bytewax, is_json=False, batches=BATCHES),
    "bytewax, one batch": partial(with_bytewax, is_json=False),
    "bytewax, one batch, from JSON": partial(with_bytewax, is_json=True),
}


def begin() -> None:
    """Set up the process as a worker does, and count CPU time from here."""
    global begun
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    begun = time.process_time()


begun = 0.0


def run_one(name: str, count: int, keys: int) -> tuple[Seconds, int, str]:
    """Return CPU time, the number of results, and their digest."""
    ended, results = CONTENDERS[name](count, keys)
    results.sort(key=lambda result: result[:2])
    return ended - begun, len(results), hashlib.sha256(repr(results).encode()).hexdigest()


def compare(count: int, keys: int, rounds: int) -> list[Row]:
    """The query, compared with bytewax."""
    seen: set[tuple[int, str]] = set()

    def contender(name: str) -> float:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as alone:
            seconds, results, digest = alone.submit(run_one, name, count, keys).result()
        seen.add((results, digest))
        if len(seen) > 1:
            raise SystemExit(f"the results differ: {seen}")
        return count / seconds

    there = [name for name in CONTENDERS if HAS_BYTEWAX or not name.startswith("bytewax")]
    medians = take_turns({name: partial(contender, name) for name in there}, rounds)
    ((results, _),) = seen
    work = f"{count:,} events of {keys:,} keys, {results:,} output rows"

    def row(title: str, *names: str) -> Row:
        of_these = {name: medians[name] for name in names if name in medians}
        return Row(f"{work}: {title}; events a second of CPU time", of_these, "events/s", higher_is_better=True)

    stream = row(f"a stream, bytewax in {BATCHES} batches", "wz", "bytewax")
    if count >= 1_000_000:
        stream.goals.append(Goal("wz", "bytewax", 5))
    return [
        stream,
        row("the hardest case, bytewax in one batch", "wz", "bytewax, one batch"),
        row("the same from JSON", "wz, from JSON", "bytewax, one batch, from JSON"),
    ]


@dataclass
class Emitted:
    """The output rows of an operator, and the time that they took."""

    rows: int = 0
    seconds: float = 0.0


def timed_panes(hops: int) -> tuple[Any, Emitted]:
    """Return the operator of a hopping window of so many minutes, by one, and what it will have emitted."""
    engine = Engine(plan(parse_query(A_WINDOW.format(hops=hops))), Faults("bench", Counter()))
    (panes,) = engine._operators.values()
    rows_of = panes._rows  # type: ignore[attr-defined]
    emitted = Emitted()

    def timed(end: int) -> Iterator[EventRow]:
        start = time.process_time()
        rows = list(rows_of(end))
        emitted.seconds += time.process_time() - start
        emitted.rows += len(rows)
        return iter(rows)

    panes._rows = timed  # type: ignore[attr-defined]
    return panes, emitted


def by_length(count: int, keys: int, rounds: int) -> list[Row]:
    """The operator alone, with longer windows and the same hop. There is a goal for 10 keys."""
    minute = 60 * TICKS_PER_SECOND
    span = 2_880 * minute
    rnd = random.Random(1)
    rows = []
    for number in range(count):
        ticks = START + number * span // count
        record = {"k": f"key-{rnd.randrange(keys)}", "t": Datetime(ticks), "v": rnd.random()}
        rows.append(EventRow(record, ticks, (0, number, 0)))
    emission: dict[int, list[float]] = {2: [], 24: [], 1440: []}

    def a_row(hops: int) -> float:
        operator, emitted = timed_panes(hops)
        start = time.process_time()
        for first in range(0, count, BATCH):
            operator.feed(0, rows[first : first + BATCH])
            list(operator.advance(rows[min(first + BATCH, count) - 1].time - 1))
        list(operator.advance(START + 2 * span))
        seconds = time.process_time() - start - emitted.seconds
        emission[hops].append(emitted.seconds / emitted.rows * 1e6)
        return seconds / count * 1e6

    begin()
    medians = take_turns({f"{hops} hops": partial(a_row, hops) for hops in emission}, rounds)
    of_group = f"{count / len({(row.columns['k'], (row.time - START - 1) // minute) for row in rows}):.1f} of a group"
    taken = Row(f"a row, by the duration of the windows; {of_group} in a pane", medians)
    if keys == 10:
        taken.goals += [Goal(f"{hops} hops", "2 hops", 1.3) for hops in (24, 1440)]
    an_output_row = {f"{hops} hops": sorted(times)[len(times) // 2] for hops, times in emission.items()}
    return [taken, Row("an output row, by the duration of the windows", an_output_row)]


@click.command(help=__doc__.split("\n", 1)[0] if __doc__ else None)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--quick", is_flag=True, help="Few events, and one round.")
def main(as_json: bool, quick: bool) -> None:
    count, keys, rounds = (50_000, 5_000, 1) if quick else (1_000_000, 100_000, 3)
    rows = [row for few in (10, 100) for row in by_length(300_000, few, rounds)]
    rows += compare(count, keys, 1)
    notes = ["CPU time of one process each"] if HAS_BYTEWAX else ["left out: bytewax, which is not installed"]
    report(rows, ["bytewax", "bytewax, one batch", "bytewax, one batch, from JSON", "2 hops"], notes, as_json=as_json)


if __name__ == "__main__":
    main()
