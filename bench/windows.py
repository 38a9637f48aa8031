"""What windows cost: the query of the notes beside its peers, a row as windows get longer, and a state of many groups.

    python -m bench.windows                    1,000,000 events, 100,000 keys; the tables, with the goals and whether
                                               they are reached; some 5 minutes with the peers
    python -m bench.windows --against 33c225e  the same, and in turns with the engine of that revision
    python -m bench.windows --json             the same as JSON
    python -m bench.windows --quick            50,000 events

bytewax and pathway are compared if they are installed: pip install bytewax==0.21.1 pathway==0.33.0

The query (first event and largest reward of each eventid, 2 hours hopping by 1) runs from records in a list to output
rows in a list, from the text of the query, and once more from JSON bodies. The goals are about a stream: wz reads 1,000
events at once, the peers a tenth of all, since each batch costs bytewax something for every key that it has. All events
in one batch are bytewax's fastest case, though no stream arrives so, and the hardest for wz, which still reads 1,000.
Each contender runs in a process of its own with the same settings of the garbage collector. What is timed is that
process's CPU time, of all its threads. All results have to be equal.

The tables by the duration feed one operator with events of a few keys, in windows of 2, 24 and 1,440 hops of a minute.
An event then is in as many windows. `an output row` is a window's total read and a row made of it; `a row` is
everything else: reading the row, and adding its pane to the windows and removing it again. The latter costs something
for each group and pane, so it counts more if a pane has few rows of a group. `both` is all that a row costs, with the
output rows that it leads to.

The state is of the query's window, with one row of each group in one pane, as it is written to Redis at a checkpoint.
"""

from __future__ import annotations

import gc
import hashlib
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import msgspec

from pipeline.windows.engine.engine import Engine, OutputRow
from pipeline.windows.language.parser import parse as parse_query
from pipeline.windows.language.ticks import TICKS_PER_SECOND
from pipeline.windows.language.values import Datetime
from pipeline.windows.operators.faults import Faults
from pipeline.windows.planning.planner import plan
from pipeline.windows.row import Row as EventRow

from .revision import OURS, measure, tree
from .side_by_side import Goal, Row, in_turn, report
from .windows_events import SPAN, START, Found, Seconds, begin, events, since_begin
from .windows_peers import with_bytewax, with_pathway

QUERY = """
WITH ContextReward AS (
    SELECT eventid, TopOne() OVER (ORDER BY [EventEnqueuedUtcTime] ASC) CR, MAX(reward) AS reward
    FROM Input
    GROUP BY eventid, HoppingWindow(Duration(hour, 2), Hop(hour, 1))
)
SELECT eventid, CR.actionname AS actionname, CR.age AS age, reward INTO OutputWindow FROM ContextReward
"""

A_WINDOW = """
SELECT k, TopOne() OVER (ORDER BY t) AS a, MAX(v) AS b INTO o FROM i GROUP BY k, HoppingWindow(minute, {hops}, 1)
"""

BATCH = 1_000  # events that are read at once
BATCHES = 10  # in which the peers read all events where they stream
HOPS = (2, 24, 1440)


def new_engine(query: str) -> tuple[Engine, Callable[[dict[str, Any]], Any]]:
    """Return the engine of a query, and what its rows' records have to go through."""
    planned = plan(parse_query(query))
    return Engine(planned, Faults("bench", Counter())), planned.names.mapping


def with_engine(count: int, keys: int, is_json: bool) -> tuple[Seconds, list[Found]]:
    source: list[tuple[int, Any]] = [
        (ticks, msgspec.json.encode(record) if is_json else record) for ticks, record in events(count, keys)
    ]
    begin()
    engine, names_of = new_engine(QUERY)
    decode = msgspec.json.Decoder().decode
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


CONTENDERS: dict[str, Callable[[int, int], tuple[Seconds, list[Found]]]] = {
    "wz": partial(with_engine, is_json=False),
    "wz, from JSON": partial(with_engine, is_json=True),
    "bytewax": partial(with_bytewax, is_json=False, batches=BATCHES),
    "bytewax, one batch": partial(with_bytewax, is_json=False),
    "bytewax, one batch, from JSON": partial(with_bytewax, is_json=True),
    "pathway": partial(with_pathway, batches=BATCHES),
}


def run_one(name: str, count: int, keys: int) -> tuple[Seconds, int, str]:
    """Return CPU time, the number of results, and their digest."""
    ended, results = CONTENDERS[name](count, keys)
    seconds = since_begin(ended)
    results.sort(key=lambda result: result[:2])
    return seconds, len(results), hashlib.sha256(repr(results).encode()).hexdigest()


def compare(trees: dict[str, Path], count: int, keys: int, rounds: int) -> list[Row]:
    """The query, compared with peers and with an earlier revision."""
    seen: set[tuple[int, str]] = set()

    def contender(name: str, root: Path) -> float:
        seconds, results, digest = measure(root, "bench.windows:run_one", name, count, keys)
        seen.add((results, digest))
        if len(seen) > 1:
            raise click.ClickException(f"the results of {name} differ: {seen}")
        return float(count / seconds)

    ours = {f"wz{of}{form}": (f"wz{form}", root) for of, root in trees.items() for form in ("", ", from JSON")}
    peers = {name: (name, OURS) for name in CONTENDERS if find_spec(name.split(",")[0]) and not name.startswith("wz")}
    rates = {name: [contender(*peer)] for name, peer in peers.items()}  # once: they are far behind
    rates |= in_turn({name: partial(contender, *each) for name, each in ours.items()}, rounds)
    medians = {name: statistics.median(of_rounds) for name, of_rounds in rates.items()}
    ((results, _),) = seen
    work = f"{count:,} events of {keys:,} keys, {results:,} output rows"

    def row(title: str, *names: str, goals: tuple[Goal, ...] = ()) -> Row:
        of_these = {name: medians[name] for name in names if name in medians}
        title = f"{work}: {title}; events a second of CPU time"
        return Row(title, of_these, "events/s", higher_is_better=True, goals=[*goals] if count >= 1_000_000 else [])

    goals = (Goal("wz", "bytewax", 20), Goal("wz", "pathway", 10))
    against = [f"wz{of}" for of in trees]
    return [
        row("a stream, the peers in 10 batches", "wz", "bytewax", "pathway", goals=goals),
        row("the hardest case, bytewax in one batch", "wz", "bytewax, one batch"),
        row("the same from JSON", "wz, from JSON", "bytewax, one batch, from JSON"),
        *[
            row(
                f"beside the revision{form}",
                *[f"{name}{form}" for name in against],
                goals=(Goal(f"wz{form}", f"{against[-1]}{form}", 1.4),),
            )
            for form in ("", ", from JSON")
            if len(against) > 1
        ],
    ]


@dataclass
class Emitted:
    """The output rows of an operator, and the time that they took."""

    rows: int = 0
    seconds: float = 0.0


def timed_panes(hops: int) -> tuple[Any, Emitted]:
    """Return the operator of a hopping window of so many minutes, by one, and what it will have emitted."""
    engine, _ = new_engine(A_WINDOW.format(hops=hops))
    panes: Any = next(iter(engine._operators.values()))
    rows_of, emitted = panes._rows, Emitted()

    def timed(end: int) -> Iterator[EventRow]:
        start = time.process_time()
        given = list(rows_of(end))
        rows = given if not given or isinstance(given[0], EventRow) else [row for batch in given for row in batch]
        emitted.seconds += time.process_time() - start
        emitted.rows += len(rows)
        return iter(given)

    panes._rows = timed
    return panes, emitted


def a_row(hops: int, count: int, keys: int) -> tuple[float, float, float, float]:
    """Return what a row, an output row and both cost in us, and how many rows of a group are in a pane."""
    minute = 60 * TICKS_PER_SECOND
    span = 2_880 * minute
    rnd = random.Random(1)
    rows = []
    for number in range(count):
        ticks = START + number * span // count
        record = {"k": f"key-{rnd.randrange(keys)}", "t": Datetime(ticks), "v": rnd.random()}
        rows.append(EventRow(record, ticks, (0, number, 0)))
    of_group = count / len({(row.columns["k"], (row.time - START - 1) // minute) for row in rows})
    begin()
    operator, emitted = timed_panes(hops)
    start = time.process_time()
    for first in range(0, count, BATCH):
        operator.feed(0, rows[first : first + BATCH])
        list(operator.advance(rows[min(first + BATCH, count) - 1].time - 1))
    list(operator.advance(START + 2 * span))
    seconds = time.process_time() - start
    us = 1e6 / count
    return (seconds - emitted.seconds) * us, emitted.seconds / emitted.rows * 1e6, seconds * us, of_group


def by_length(trees: dict[str, Path], count: int, keys: int, rounds: int) -> list[Row]:
    """The operator alone, with longer windows and the same hop."""
    contenders = {
        f"{hops} hops{of}": partial(measure, root, "bench.windows:a_row", hops, count, keys)
        for hops in HOPS
        for of, root in trees.items()
    }
    found = in_turn(contenders, rounds)
    medians = {name: [statistics.median(column) for column in zip(*runs, strict=True)] for name, runs in found.items()}
    of_group = medians["2 hops"][3]
    titles = (f"a row, by the duration; {of_group:.1f} of a group in a pane", "an output row", "both, for each row")
    rows = [Row(title, {name: each[place] for name, each in medians.items()}) for place, title in enumerate(titles)]
    rows[0].goals += [Goal(f"{hops} hops", "2 hops", 1.5) for hops in HOPS[1:]]
    for of in [of for of in trees if of]:
        rows[2].goals += [Goal("2 hops", f"2 hops{of}", 1.0)]
    return rows


def a_state(groups: int) -> list[float]:
    """Return the memory of a group in bytes, its bytes in a snapshot, us to snapshot and us to restore it."""
    gc.collect()
    before = resident()
    engine, names_of = new_engine(QUERY)
    for first in range(0, groups, BATCH):
        rows = []
        for number in range(first, min(first + BATCH, groups)):
            record = {"eventid": f"event-{number}", "actionname": f"offer_{number % 20}", "age": 18 + number % 72}
            record |= {"reward": number / groups, "gender": "F", "EventEnqueuedUtcTime": Datetime(START + 1 + number)}
            rows.append(EventRow(names_of(record), START + 1 + number, (0, number, 0)))
        engine.feed(0, rows)
    memory = resident() - before
    begin()
    fields = {name: value for name, value in engine.snapshot() if value is not None}
    packed = since_begin(time.process_time())
    other, _ = new_engine(QUERY)
    begin()
    other.restore(fields, START)
    restored = since_begin(time.process_time())
    size = sum(map(len, fields.values()))
    return [each / groups for each in (memory, size, packed * 1e6, restored * 1e6)]


def resident() -> int:
    """Return the memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def of_state(trees: dict[str, Path], groups: int, rounds: int) -> list[Row]:
    found = in_turn(
        {f"wz{of}": partial(measure, root, "bench.windows:a_state", groups) for of, root in trees.items()}, rounds
    )
    medians = {name: [statistics.median(column) for column in zip(*runs, strict=True)] for name, runs in found.items()}
    units = ("bytes", "bytes", "us", "us")
    titles = ("its memory", "its bytes in a snapshot", "its part of a checkpoint's pause", "to recover it")
    rows = [
        Row(f"a group of {groups:,} in a state: {title}", {name: each[place] for name, each in medians.items()}, unit)
        for place, (title, unit) in enumerate(zip(titles, units, strict=True))
    ]
    pause, recovery = (medians["wz"][place] * groups / 1e6 for place in (2, 3))
    rows[2].name += f"; {pause:.2f} s for all"
    rows[3].name += f"; {recovery:.2f} s for all"
    return rows


@click.command(help=__doc__.split("\n", 1)[0] if __doc__ else None)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--quick", is_flag=True, help="Few events, and one round.")
@click.option("--against", "revision", metavar="REVISION", help="Compare with the engine of this revision.")
def main(as_json: bool, quick: bool, revision: str | None) -> None:
    count, keys, rounds = (50_000, 5_000, 1) if quick else (1_000_000, 100_000, 3)
    with ExitStack() as stack:
        trees = {"": OURS}
        if revision is not None:
            trees[f", {revision}"] = stack.enter_context(tree(revision))
        rows = [row for few in (10, 100) for row in by_length(trees, 30_000 if quick else 300_000, few, rounds)]
        rows += of_state(trees, count, rounds)
        rows += compare(trees, count, keys, rounds)
    missing = [name for name in ("bytewax", "pathway") if not find_spec(name)]
    notes = ["CPU time of one process each", *[f"left out: {name}, which is not installed" for name in missing]]
    references = ["bytewax", "bytewax, one batch", "bytewax, one batch, from JSON", "pathway", "2 hops"]
    of_revision = [f"wz, {revision}", f"wz, {revision}, from JSON", f"2 hops, {revision}"] if revision else []
    report(rows, references + of_revision, notes, as_json=as_json)


if __name__ == "__main__":
    main()
