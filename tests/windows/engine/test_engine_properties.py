"""What must not change the rows: the order of feeding, the sizes of calls, the times of `advance`, a crash, stages.

All queries run over the same random events of two inputs with three partitions each, partitioned by id.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, takewhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.windows.engine.engine import Engine, ExchangeRow, OutputRow
from pipeline.windows.operators.codec import pack, unpack
from pipeline.windows.operators.faults import Faults
from pipeline.windows.planning.nodes import Plan
from pipeline.windows.planning.topology import topology
from pipeline.windows.row import Row

from ..support.run import NEVER_FULL, planned, ticks

PARTITIONS = 3
END = 40

QUERIES = {
    "hopping": "SELECT id, k, SUM(x) AS s, COUNT(*) AS n FROM A GROUP BY id, k, HoppingWindow(second, 6, 2)",
    "hopping, by another key": (
        "SELECT k, SUM(x) AS s, TopOne() OVER (ORDER BY x DESC) AS t, COUNT(DISTINCT x) AS d, Collect() AS c "
        "FROM A WHERE x > 1 GROUP BY k, HoppingWindow(second, 6, 2)"
    ),
    "sliding": "SELECT k, MAX(x) AS m, COUNT(*) AS n FROM A GROUP BY k, SlidingWindow(second, 4) HAVING n > 1",
    "session": (
        "SELECT id, MIN(x) AS m, COUNT(*) AS n FROM A GROUP BY id, SessionWindow(second, 2, 8) OVER (PARTITION BY id)"
    ),
    "session of all": "SELECT k, COUNT(*) AS n FROM A GROUP BY k, SessionWindow(second, 2, 8)",
    "snapshot": "SELECT k, COUNT(*) AS n FROM A GROUP BY k, System.Timestamp()",
    "several windows": (
        "SELECT System.Window().Id AS w, k, AVG(x) AS a FROM A "
        "GROUP BY k, Windows(Window('a', TumblingWindow(second, 3)), Window('b', SlidingWindow(second, 3)))"
    ),
    "a window over a window": (
        "WITH s AS (SELECT id, k, MAX(x) AS x FROM A GROUP BY id, k, TumblingWindow(second, 2)) "
        "SELECT k, SUM(x) AS s INTO one FROM s GROUP BY k, HoppingWindow(second, 6, 2) SELECT * INTO two FROM s"
    ),
    "lag": (
        "SELECT id, x, LAG(x) OVER (PARTITION BY id LIMIT DURATION(second, 5)) AS b FROM A "
        "WHERE ISFIRST(second, 3) OVER (PARTITION BY k) = 1"
    ),
    "join": (
        "SELECT a.id AS id, a.x AS x, b.x AS y FROM A a LEFT JOIN B b ON a.id = b.id AND a.k <= b.k "
        "AND DATEDIFF(second, a, b) BETWEEN -1 AND 2"
    ),
    "join by another key": (
        "SELECT a.k AS k, SUM(b.x) AS s FROM A a JOIN B b ON a.k = b.k AND DATEDIFF(second, a, b) BETWEEN 0 AND 1 "
        "GROUP BY a.k, TumblingWindow(second, 4)"
    ),
    "union": (
        "WITH u AS (SELECT id, k, x FROM A UNION SELECT id, k, x FROM B) SELECT id, SUM(x) AS s, COUNT(*) AS n "
        "INTO one FROM u GROUP BY id, TumblingWindow(second, 4) SELECT * INTO two FROM u"
    ),
    "apply, by another key": (
        "SELECT e.ArrayValue AS v, COUNT(*) AS n, SUM(a.x) AS s, TopOne(a.x) OVER (ORDER BY e.ArrayIndex DESC) AS t "
        "FROM A a CROSS APPLY GetArrayElements(a.list) AS e GROUP BY e.ArrayValue, HoppingWindow(second, 6, 2)"
    ),
    "apply before and after a join": (
        "SELECT a.id AS id, e.ArrayIndex AS i, b.x AS y, f.ArrayIndex AS j FROM A a "
        "OUTER APPLY GetArrayElements(a.list) AS e JOIN B b ON e.ArrayValue = b.k AND DATEDIFF(second, a, b) "
        "BETWEEN -1 AND 2 CROSS APPLY GetArrayElements(b.list) AS f"
    ),
    "apply in steps, over what came before": (
        "WITH s AS (SELECT id, k, e.ArrayValue AS v, list FROM A CROSS APPLY GetArrayElements(list) AS e) "
        "SELECT id, v, f.ArrayValue AS w, LAG(v) OVER (PARTITION BY k LIMIT DURATION(second, 5)) AS b "
        "FROM s OUTER APPLY GetArrayElements(list) AS f"
    ),
}

EVENTS = st.lists(
    st.tuples(
        st.integers(0, 1),  # input
        st.integers(0, 20 * 2),  # half seconds
        st.integers(0, 4),  # id
        st.integers(0, 2),  # k
        st.one_of(st.none(), st.integers(0, 5)),  # x
    ),
    min_size=15,
    max_size=40,
)

Fed = list[tuple[int, Row]]
"""Stream and row."""


def fed(plan: Plan, events: Sequence[tuple[int, int, int, int, int | None]]) -> Fed:
    rows = []
    for number, (place, time, id, k, x) in enumerate(events):
        columns = {"id": id, "k": k, "x": x, "list": [k, *range(x or 0)], "PartitionId": id % PARTITIONS}
        row = Row(plan.names.mapping(columns), ticks(1 + time / 2), (id % PARTITIONS, number, 0))
        rows += [(stream, row) for stream, each in enumerate(plan.streams) if each.input == "AB"[place]]
    return rows


def new(plan: Plan, nodes: frozenset[int] | None = None) -> Engine:
    return Engine(plan, Faults("test", Counter()), nodes=nodes)


def outputs(rows: Sequence[object]) -> list[tuple[object, ...]]:
    return sorted(
        ((row.output, row.time, row.arrival, repr(dict(row.columns))) for row in rows if isinstance(row, OutputRow)),
        key=repr,
    )


def undisturbed(plan: Plan, rows: Fed) -> list[tuple[object, ...]]:
    engine = new(plan)
    given = list(chain.from_iterable(engine.feed(stream, [row]) for stream, row in rows))
    return outputs(given + engine.advance(ticks(END), NEVER_FULL))


def in_turns(engine: Engine, rows: Fed, moments: Sequence[int], limit: int, ahead: int = 0) -> Iterator[object]:
    """Advance to each of the moments; yield the rows that come before it, and None after each.

    Rows are fed before time passes them, as are the rows of the `ahead` half seconds after the moment.
    """
    waiting = list(rows)
    for moment in moments:
        seen = ticks((moment + ahead) / 2)
        now = [(stream, row) for stream, row in waiting if row.time <= seen]
        waiting = [(stream, row) for stream, row in waiting if row.time > seen]
        for stream in range(2):
            yield from engine.feed(stream, [row for of, row in now if of == stream])
        while engine.closed < ticks(moment / 2):
            yield from engine.advance(ticks(moment / 2), limit)
        yield None


def a_turn(task: Iterator[object]) -> Iterator[object]:
    return takewhile(lambda output: output is not None, task)


def to_the_end(turns: Sequence[int]) -> list[int]:
    return [*sorted(turns), END * 2]


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
@settings(max_examples=8, deadline=None)
@given(events=EVENTS, turns=st.lists(st.integers(0, 50), max_size=6), limit=st.integers(1, 20), data=st.data())
def test_neither_order_nor_cuts_nor_turns_matter(
    query: str, events: list[tuple[int, int, int, int, int | None]], turns: list[int], limit: int, data: st.DataObject
) -> None:
    plan = planned(query)
    rows = fed(plan, events)

    given = list(in_turns(new(plan), data.draw(st.permutations(rows)), to_the_end(turns), limit))

    assert outputs(given) == undisturbed(plan, rows)


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
@settings(max_examples=8, deadline=None)
@given(
    events=EVENTS,
    turns=st.lists(st.integers(0, 40), min_size=1, max_size=5),
    ahead=st.integers(0, 8),
    saved=st.sets(st.integers(0, 3)),
    data=st.data(),
)
def test_an_engine_that_is_restored_goes_on_as_the_one_before(
    query: str,
    events: list[tuple[int, int, int, int, int | None]],
    turns: list[int],
    ahead: int,
    saved: set[int],
    data: st.DataObject,
) -> None:
    """Take a snapshot after each turn of `saved` and after the last one; then let another engine take over."""
    plan = planned(query)
    rows = fed(plan, events)
    moments = to_the_end(turns)
    crash = data.draw(st.integers(0, len(turns) - 1))
    fields: dict[str, bytes] = {}
    given: list[object] = []
    engine = new(plan)
    turn = 0
    for output in in_turns(engine, rows, moments[: crash + 1], 7, ahead):
        if output is not None:
            given.append(output)
            continue
        if turn in saved or turn == crash:
            save(engine, fields)
        turn += 1

    other = new(plan)
    other.restore(fields, engine.closed)
    rest = [(stream, row) for stream, row in rows if row.time > ticks((moments[crash] + ahead) / 2)]
    given += in_turns(other, rest, moments[crash + 1 :], 7, ahead)

    assert outputs(given) == undisturbed(plan, rows)


def save(engine: Engine, fields: dict[str, bytes]) -> None:
    for name, value in engine.snapshot():
        if value is None:
            del fields[name]
        else:
            fields[name] = value


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
@settings(max_examples=8, deadline=None)
@given(events=EVENTS, turns=st.lists(st.integers(0, 50), max_size=5), keys=st.booleans())
def test_two_stages_give_the_rows_of_one(
    query: str, events: list[tuple[int, int, int, int, int | None]], turns: list[int], keys: bool
) -> None:
    """Run the partitioned nodes in an engine for each partition; the rows that they exchange go through the codec."""
    whole = planned(query)
    divided = topology(whole, {"A": "id", "B": "id"} if keys else {})
    plan = divided.plan
    rows = fed(plan, events)
    given: list[object] = []
    merging = new(plan, divided.merging)
    exchanged: list[ExchangeRow] = []
    tasks = [
        in_turns(
            new(plan, divided.partitioned),
            [(stream, row) for stream, row in rows if row.arrival[0] == partition],
            to_the_end(turns),
            NEVER_FULL,
        )
        for partition in range(PARTITIONS)
    ]
    for moment in to_the_end(turns):
        for task in tasks:
            for output in a_turn(task):
                if isinstance(output, ExchangeRow):
                    exchanged.append(output)
                else:
                    given.append(output)
        for row in exchanged:
            given += merging.feed_node(row.node, unpack(pack([row.row])))
        exchanged = []
        given += merging.advance(ticks(moment / 2), NEVER_FULL)

    assert outputs(given) == undisturbed(whole, fed(whole, events))
