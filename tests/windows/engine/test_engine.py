from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from pipeline.windows.engine.engine import Engine, OutputRow
from pipeline.windows.operators.faults import LATE_DROPPED, ROW, Faults
from pipeline.windows.operators.reference import Version

from ..support.run import NEVER_FULL, Event, planned, rows_of, run, ticks

Rows = list[tuple[float, dict[str, Any]]]


def engine(query: str, counts: Counter[str] | None = None) -> Engine:
    return Engine(planned(query), Faults("test", Counter() if counts is None else counts))


def events(*columns: dict[str, Any]) -> list[Event]:
    """Return an event for each second, from 1 on."""
    return list(enumerate(columns, 1))


def at_seconds(*pairs: Event) -> list[Event]:
    return list(pairs)


# When rows come


def test_rows_without_state_come_at_once_and_those_of_windows_when_they_end() -> None:
    query = "SELECT x INTO a FROM I SELECT SUM(x) AS x INTO b FROM I GROUP BY TumblingWindow(second, 10)"
    made = planned(query)
    job = Engine(made, Faults("test", Counter()))

    at_once = job.feed(0, rows_of(made, 0, events({"x": 1}, {"x": 2})))
    before = job.advance(ticks(10) - 1, NEVER_FULL)
    then = job.advance(ticks(10), NEVER_FULL)

    assert [(row.output, row.columns, row.windowed) for row in at_once if isinstance(row, OutputRow)] == [
        ("a", {"x": 1}, False),
        ("a", {"x": 2}, False),
    ]
    assert before == []
    assert [(row.output, row.columns, row.windowed) for row in then if isinstance(row, OutputRow)] == [
        ("b", {"x": 3}, True)
    ]


def test_rows_of_several_windows_come_by_time() -> None:
    query = (
        "SELECT COUNT(*) AS n INTO a FROM I GROUP BY TumblingWindow(second, 4) "
        "SELECT COUNT(*) AS n INTO b FROM I GROUP BY SlidingWindow(second, 3)"
    )
    made = planned(query)
    job = Engine(made, Faults("test", Counter()))
    job.feed(0, rows_of(made, 0, events({}, {}, {}, {}, {})))

    times = [row.time for row in job.advance(ticks(60), NEVER_FULL)]

    assert len(times) == 9
    assert times == sorted(times)


@pytest.mark.parametrize("limit", [1, 2, 7, 100])
def test_a_limit_cuts_between_instants_and_the_next_call_goes_on(limit: int) -> None:
    query = "SELECT k, COUNT(*) AS n FROM I GROUP BY k, SlidingWindow(second, 3)"
    made = planned(query)
    happened = events(*({"k": number % 3} for number in range(200)))
    whole = Engine(made, Faults("test", Counter()))
    whole.feed(0, rows_of(made, 0, happened))
    cut = Engine(made, Faults("test", Counter()))
    cut.feed(0, rows_of(made, 0, happened))

    rows = []
    while cut.closed < ticks(300):
        part = cut.advance(ticks(300), limit)
        assert len(part) < 2 * limit + 6
        assert all(row.time <= cut.closed for row in part)
        rows += part

    assert rows == whole.advance(ticks(300), NEVER_FULL)


def test_a_row_whose_windows_are_closed_is_counted_and_left_out() -> None:
    counts: Counter[str] = Counter()
    made = planned("SELECT COUNT(*) AS n INTO a FROM I GROUP BY TumblingWindow(second, 5) SELECT * INTO b FROM I")
    job = Engine(made, Faults("test", counts))
    job.advance(ticks(5), NEVER_FULL)

    at_once = job.feed(0, rows_of(made, 0, [(3, {}), (6, {})]))

    assert len(at_once) == 2
    assert counts[LATE_DROPPED] == 1
    assert [row.columns["n"] for row in job.advance(ticks(10), NEVER_FULL) if isinstance(row, OutputRow)] == [1]


def test_rows_of_one_output_differ_in_time_or_arrival() -> None:
    query = (
        "SELECT k, COUNT(*) AS n FROM I GROUP BY k, Windows(TumblingWindow(second, 4), HoppingWindow(second, 4, 2)) "
        "UNION SELECT k, 1 AS n FROM J UNION SELECT k, 2 AS n FROM I"
    )
    made = planned(query)
    job = Engine(made, Faults("test", Counter()))
    given = [row for stream in (0, 1) for row in job.feed(stream, rows_of(made, stream, events(*[{"k": 1}] * 8)))]
    given += job.advance(ticks(60), NEVER_FULL)

    identities = {(row.time, row.arrival) for row in given if isinstance(row, OutputRow)}
    assert len(identities) == len(given) == 8 + 8 + 2 + 5


def test_statements_that_write_to_one_output_give_all_their_rows_which_differ_in_time_or_arrival() -> None:
    made = planned(
        "SELECT k INTO o FROM I SELECT COUNT(*) INTO p FROM I GROUP BY TumblingWindow(second, 4) "
        "SELECT k AS other INTO O FROM I WITH s AS (SELECT k, COUNT(*) FROM I GROUP BY k, TumblingWindow(second, 4)) "
        "SELECT count AS n INTO o FROM s"
    )
    job = Engine(made, Faults("test", Counter()))
    given = job.feed(0, rows_of(made, 0, events({"k": 1}, {"k": 2})))
    given += job.advance(ticks(60), NEVER_FULL)
    rows = [row for row in given if isinstance(row, OutputRow)]

    assert made.outputs == ("o", "p")
    assert [dict(row.columns) for row in rows if row.output == "p"] == [{"count": 2}]
    of_one = [row for row in rows if row.output == "o"]
    assert sorted(str(dict(row.columns)) for row in of_one) == [
        *("{'k': 1}", "{'k': 2}"),
        *("{'n': 1}", "{'n': 1}"),
        *("{'other': 1}", "{'other': 2}"),
    ]
    assert len({(row.time, row.arrival) for row in of_one}) == 6


# What rows are


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param(
            "SELECT x FROM I WHERE x > 1", [(2, {"x": 2}), (3, {"x": 3})], id="WHERE keeps what is true: not NULL"
        ),
        pytest.param("SELECT x FROM I HAVING x > 2", [(3, {"x": 3})], id="HAVING without GROUP BY is one more WHERE"),
        pytest.param("SELECT 4 - x AS x FROM I HAVING x > 2", [(3, {"x": 1})], id="and is about the rows' columns"),
        pytest.param(
            "SELECT x % 2 AS odd, SUM(x) AS s FROM I GROUP BY x % 2, TumblingWindow(second, 5)",
            [(5, {"odd": None, "s": None}), (5, {"odd": 0, "s": 2}), (5, {"odd": 1, "s": 4})],
            id="a key is any expression, and NULLs are one group",
        ),
        pytest.param(
            "SELECT I.X % 2 + 10 AS odd, SUM(x) * 2 - COUNT(*) AS s FROM I "
            "GROUP BY x % 2, TumblingWindow(second, 5) HAVING odd > 10",
            [(5, {"odd": 11, "s": 6})],
            id="items are any expression over keys and aggregates",
        ),
        pytest.param(
            "SELECT MAX(x) AS x FROM I GROUP BY x % 2, TumblingWindow(second, 5) HAVING x > 2",
            [(5, {"x": 3})],
            id="beside GROUP BY it is about the items, too",
        ),
        pytest.param(
            "WITH s AS (SELECT TopOne() OVER (ORDER BY x DESC) AS best FROM I GROUP BY TumblingWindow(second, 5)) "
            "SELECT Best.X, best.x.y AS none, best FROM s WHERE BEST.x = 3",
            [(5, {"X": 3, "none": None, "best": {"x": 3}})],
            id="properties of a row that a window has kept",
        ),
        pytest.param(
            "SELECT System.Timestamp() AS ended, COUNT(*) AS n FROM I GROUP BY System.Timestamp()",
            [(second, {"ended": ticks(second), "n": 1}) for second in (1, 2, 3, 4)],
            id="a snapshot",
        ),
        pytest.param(
            "SELECT System.Window().Id AS w, COUNT(*) AS n FROM I "
            "GROUP BY Windows(Window('short', TumblingWindow(second, 2)), Window('long', TumblingWindow(second, 4)))",
            [(2, {"w": "short", "n": 2}), (4, {"w": "short", "n": 2}), (4, {"w": "long", "n": 4})],
            id="several windows, each with its id",
        ),
        pytest.param(
            "WITH two AS (SELECT COUNT(*) AS n, MAX(x) AS x FROM I GROUP BY TumblingWindow(second, 2)) "
            "SELECT SUM(n) AS n, MIN(x) AS least FROM two GROUP BY TumblingWindow(second, 4)",
            [(4, {"n": 4, "least": 2})],
            id="a window over a window: the first one's end is the time, and is in the second",
        ),
        pytest.param(
            "SELECT x, LAG(x) OVER (LIMIT DURATION(second, 5)) AS before FROM I WHERE x > 1",
            [(2, {"x": 2, "before": 1}), (3, {"x": 3, "before": 2})],
            id="LAG is computed before WHERE",
        ),
        pytest.param(
            "SELECT SUM(x - LAG(x) OVER (LIMIT DURATION(second, 5))) AS grown "
            "FROM I GROUP BY TumblingWindow(second, 5)",
            [(5, {"grown": 2})],
            id="and before GROUP BY",
        ),
        pytest.param(
            "SELECT *, LAG(x) OVER (LIMIT DURATION(second, 2)) AS before FROM I WHERE x = 2",
            [(2, {"x": 2, "before": 1})],
            id="beside a star",
        ),
        pytest.param(
            "SELECT x FROM I UNION SELECT X FROM I WHERE x = 1",
            [(1, {"x": 1}), (2, {"x": 2}), (3, {"x": 3}), (4, {"x": None}), (1, {"x": 1})],
            id="UNION keeps what is there twice, and spells columns as the first SELECT",
        ),
    ],
)
def test_what_a_query_gives(query: str, expected: Rows) -> None:
    happened = events({"x": 1}, {"x": 2}, {"x": 3}, {})

    rows = run(query, happened)["output"]

    assert sorted(rows, key=repr) == sorted(expected, key=repr)


def test_a_value_of_the_wrong_type_drops_its_row_from_that_step_only() -> None:
    counts: Counter[str] = Counter()
    rows = run(
        "SELECT x INTO a FROM I SELECT 10 / x AS y INTO b FROM I",
        events({"x": 1}, {"x": 0}, {"x": "no number"}, {"x": 5}),
        faults=counts,
    )

    assert [row["x"] for _, row in rows["a"]] == [1, 0, "no number", 5]
    assert [row["y"] for _, row in rows["b"]] == [10, 2]
    assert counts == {ROW: 2}


def test_partition_by_keeps_partitions_apart() -> None:
    query = "SELECT k, COUNT(*) AS n FROM I PARTITION BY PartitionId GROUP BY k, TumblingWindow(second, 9)"
    happened = events(*({"k": 1, "PartitionId": number % 2} for number in range(5)))

    assert run(query, happened)["output"] == [(9, {"k": 1, "n": 3}), (9, {"k": 1, "n": 2})]


# JOIN


def test_join_pairs_rows_that_are_near_in_time() -> None:
    rows = run(
        "SELECT a.id AS id, a.x AS x, b.y AS y, System.Timestamp() AS t FROM A a JOIN B b "
        "ON a.id = b.id AND DATEDIFF(second, a, b) BETWEEN 0 AND 2 AND b.y <> 7",
        {
            "A": [(1, {"id": 1, "x": 1}), (2, {"id": 2, "x": 2})],
            "B": [(1, {"id": 2, "y": 1}), (2, {"id": 1, "y": 7}), (3, {"id": 1, "y": 3}), (5, {"id": 2, "y": 5})],
        },
    )["output"]

    assert rows == [(3, {"id": 1, "x": 1, "y": 3, "t": ticks(3)})]


def test_left_join_tells_what_did_not_come() -> None:
    rows = run(
        "SELECT I1.id, I2.t AS exit FROM I1 LEFT JOIN I2 ON I1.id = I2.id "
        "AND DATEDIFF(minute, I1, I2) BETWEEN 0 AND 15 WHERE I2.id IS NULL",
        {"I1": [(0, {"id": 1}), (60, {"id": 2})], "I2": [(600, {"id": 1, "t": 5})]},
    )["output"]

    assert [row for _, row in rows] == [{"id": 2, "exit": None}]


def test_three_streams_are_joined_by_the_times_of_any_two() -> None:
    """The documentation's example: errors between the start and the end of a transaction."""
    rows = run(
        "SELECT TS.Id, E.ErrorCode FROM TStart TS JOIN TEnd TE ON DATEDIFF(second, TS, TE) BETWEEN 0 AND 5 "
        "AND TS.Id = TE.Id JOIN Error E ON DATEDIFF(second, TS, E) BETWEEN 0 AND 5 AND DATEDIFF(second, TE, E) < 0 "
        "AND E.TId = TS.Id",
        {
            "TStart": [(10, {"Id": 1}), (10, {"Id": 2})],
            "TEnd": [(14, {"Id": 1}), (17, {"Id": 2})],
            "Error": [(second, {"TId": id, "ErrorCode": second}) for second in (9, 12, 14) for id in (1, 2)],
        },
    )["output"]

    assert [row for _, row in rows] == [{"Id": 1, "ErrorCode": 12}]


def test_a_join_may_be_grouped_and_look_back() -> None:
    rows = run(
        "SELECT b.k AS k, SUM(a.x) AS s, MAX(LAG(a.x) OVER (LIMIT DURATION(second, 9))) AS before FROM A a JOIN B b "
        "ON a.id = b.id AND DATEDIFF(second, a, b) BETWEEN -1 AND 1 GROUP BY b.k, TumblingWindow(second, 10)",
        {
            "A": at_seconds((1, {"id": 1, "x": 1}), (2, {"id": 2, "x": 2}), (3, {"id": 3, "x": 4})),
            "B": at_seconds((2, {"id": 1, "k": "a"}), (2, {"id": 2, "k": "b"}), (3, {"id": 3, "k": "a"})),
        },
    )["output"]

    assert rows == [(10, {"k": "a", "s": 5, "before": 2}), (10, {"k": "b", "s": 2, "before": 1})]


def test_a_stream_may_be_joined_with_itself() -> None:
    rows = run(
        "SELECT a.x AS x, b.x AS next FROM I a JOIN I b ON DATEDIFF(second, a, b) BETWEEN 1 AND 1",
        events({"x": 1}, {"x": 2}, {"x": 3}),
    )["output"]

    assert [row for _, row in rows] == [{"x": 1, "next": 2}, {"x": 2, "next": 3}]


def test_partitions_are_joined_one_by_one() -> None:
    rows = run(
        "SELECT a.x AS x, b.x AS y FROM A a PARTITION BY PartitionId JOIN B b PARTITION BY PartitionId "
        "ON a.PartitionId = b.PartitionId AND DATEDIFF(second, a, b) BETWEEN 0 AND 5",
        {
            "A": at_seconds((1, {"x": 1, "PartitionId": 0}), (1, {"x": 2, "PartitionId": 1})),
            "B": at_seconds((2, {"x": 3, "PartitionId": 1})),
        },
    )["output"]

    assert [row for _, row in rows] == [{"x": 2, "y": 3}]


class Prices:
    """Reference data that never changes."""

    def __init__(self, *records: dict[str, Any]) -> None:
        self.version = Version(records)

    def version_at(self, time: int) -> Version:
        return self.version

    def refresh(self) -> None:
        pass


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        pytest.param("JOIN", [{"k": 1, "price": 5}, {"k": 1, "price": 6}], id="inner"),
        pytest.param("LEFT JOIN", [{"k": 1, "price": 5}, {"k": 1, "price": 6}, {"k": 2, "price": None}], id="left"),
    ],
)
def test_reference_data_is_joined_at_once(kind: str, expected: list[dict[str, Any]]) -> None:
    rows = run(
        f"SELECT i.k, p.Price AS price FROM I i {kind} Prices p ON i.k = p.k AND p.price > 4",
        events({"k": 1}, {"k": 2}),
        tables={"Prices": Prices({"k": 1, "price": 5}, {"k": 1, "price": 6}, {"k": 2, "price": 3})},
    )["output"]

    assert [row for _, row in rows] == expected
