"""Joins and analytic functions from the query's text to rows. Times are seconds."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline.windows.engine.engine import Engine
from pipeline.windows.jobs.tables import FileTable
from pipeline.windows.language.tokens import QueryError
from pipeline.windows.operators.faults import ROW, Faults
from pipeline.windows.operators.reference import Version
from pipeline.windows.planning.nodes import Plan
from pipeline.windows.row import Row

from ..support.run import NEVER_FULL, Event, planned, run, ticks

TICK = 1e-7
MINUTE = 60

Rows = list[tuple[float, dict[str, Any]]]


class Fixed:
    def __init__(self, *records: Mapping[str, Any]) -> None:
        self.version = Version(records)

    def version_at(self, time: int) -> Version:
        return self.version

    def refresh(self) -> None:
        pass


def rows(text: str, events: Iterable[Event] | Mapping[str, Iterable[Event]], **more: Any) -> Rows:
    return [(round(time, 7), columns) for time, columns in run(text, events, **more)["output"]]


ENTRIES: list[Event] = [(30, {"Plate": "a"}), (40, {"Plate": "b"}), (50, {}), (90, {"Plate": "c"})]
EXITS: list[Event] = [
    (5, {"plate": "a", "n": 1}),  # in the same minute, which counts as 0 minutes
    (15 * MINUTE + 59.9999999, {"plate": "a", "n": 2}),
    (16 * MINUTE, {"plate": "b", "n": 3}),  # one minute too late
    (70, {"n": 4}),
    (100, {"plate": "c", "n": 5}),
]
TOLLS = {"Entry": ENTRIES, "Exit": EXITS}


def test_exits_within_fifteen_minutes_of_the_entry() -> None:
    text = """
        SELECT a.Plate, b.n, System.Timestamp() AS t, DATEDIFF(minute, a.EntryTime, b.ExitTime) AS minutes
        FROM Entry a JOIN Exit b ON a.Plate = b.plate AND DATEDIFF(minute, a, b) BETWEEN 0 AND 15
    """

    given = rows(text, TOLLS)

    assert [(time, columns["Plate"], columns["n"]) for time, columns in given] == [
        (30, "a", 1),
        (100, "c", 5),
        (15 * MINUTE + 59.9999999, "a", 2),
    ]


def test_entries_without_an_exit_are_known_at_the_last_chance() -> None:
    text = """
        SELECT Entry.Plate AS plate FROM Entry
        LEFT OUTER JOIN Exit ON Entry.Plate = Exit.plate AND DATEDIFF(minute, Entry, Exit) BETWEEN 0 AND 15
        WHERE Exit.n IS NULL
    """

    assert rows(text, TOLLS) == [(960 - TICK, {"plate": "b"}), (960 - TICK, {"plate": None})]


@pytest.mark.parametrize(
    "on",
    [
        "DATEDIFF(minute, a, b) BETWEEN 0 AND 15",
        "DATEDIFF(minute, b, a) BETWEEN -15 AND 0",
        "DATEDIFF(minute, a, b) >= 0 AND DATEDIFF(minute, a, b) < 16",
        "0 <= DATEDIFF(minute, a, b) AND 0 - 15 <= DATEDIFF(minute, b, a) AND DATEDIFF(hour, a, b) <= 1 "
        "AND DATEDIFF(minute, a, b) <= 15",
        "DATEDIFF(minute, a, b) BETWEEN -2 AND 20 AND DATEDIFF(minute, a, b) IN (0, 1, 15)",
    ],
)
def test_bounds_may_be_written_in_many_ways(on: str) -> None:
    text = f"SELECT b.n FROM Entry a JOIN Exit b ON a.Plate = b.plate AND {on}"

    assert [columns["n"] for _, columns in rows(text, TOLLS)] == [1, 5, 2]


def test_what_is_left_of_on_decides_whether_a_row_has_a_match() -> None:
    text = """
        SELECT a.Plate AS plate, b.n AS n FROM Entry a
        LEFT JOIN Exit b ON a.Plate = b.plate AND b.n > 1 AND b.n < 5 AND DATEDIFF(minute, a, b) BETWEEN 0 AND 15
    """

    assert {(columns["plate"], columns["n"]) for _, columns in rows(text, TOLLS)} == {
        ("a", 2),
        ("b", None),
        (None, None),
        ("c", None),
    }


def test_a_stream_may_be_joined_with_itself() -> None:
    text = """
        SELECT a.n AS one, b.n AS other FROM Exit a
        JOIN Exit b ON DATEDIFF(second, a, b) BETWEEN 1 AND 40
    """

    assert rows(text, {"Exit": EXITS}) == [
        (100, {"one": 4, "other": 5}),
        (16 * MINUTE, {"one": 2, "other": 3}),
    ]


def test_errors_between_the_start_and_the_end_of_a_transaction() -> None:
    text = """
        SELECT TS.Id, E.Code
        FROM TStart TS
        JOIN TEnd TE ON DATEDIFF(second, TS, TE) BETWEEN 0 AND 5 AND TS.Id = TE.Id
        JOIN Error E ON DATEDIFF(second, TS, E) BETWEEN 0 AND 5 AND DATEDIFF(second, TE, E) < 0 AND E.TId = TS.Id
    """
    events: dict[str, list[Event]] = {
        "TStart": [(10, {"Id": 1}), (20, {"Id": 2})],
        "TEnd": [(14, {"Id": 1}), (26, {"Id": 2})],
        "Error": [(s, {"TId": t, "Code": s}) for s, t in [(9, 1), (10, 1), (13, 1), (14, 1), (13, 2), (22, 2)]],
    }

    assert rows(text, events) == [(14, {"Id": 1, "Code": 10}), (14, {"Id": 1, "Code": 13})]


def test_windows_may_be_joined() -> None:
    text = """
        WITH ups AS (SELECT k, COUNT(*) AS n FROM Up GROUP BY k, TumblingWindow(second, 10)),
             downs AS (SELECT k, COUNT(*) AS n FROM Down GROUP BY k, TumblingWindow(second, 10))
        SELECT ups.k AS k, ups.n AS up, downs.n AS down
        FROM ups LEFT JOIN downs ON ups.k = downs.k AND DATEDIFF(second, ups, downs) BETWEEN 0 AND 0
    """
    events: dict[str, list[Event]] = {
        "Up": [(1, {"k": "a"}), (2, {"k": "a"}), (3, {"k": "b"}), (11, {"k": "a"})],
        "Down": [(5, {"k": "a"}), (15, {"k": "a"}), (16, {"k": "a"})],
    }

    assert rows(text, events) == [
        (10, {"k": "a", "up": 2, "down": 1}),
        (11 - TICK, {"k": "b", "up": 1, "down": None}),
        (20, {"k": "a", "up": 1, "down": 2}),
    ]


def test_pairs_of_windows_rows_of_one_group_are_told_apart() -> None:
    text = """
        WITH tens AS (SELECT k, COUNT(*) AS n FROM A GROUP BY k, TumblingWindow(second, 10))
        SELECT tens.n AS n FROM tens JOIN B ON tens.k = B.k AND DATEDIFF(second, tens, B) BETWEEN 0 AND 60
    """
    events: dict[str, list[Event]] = {"A": [(1, {"k": 1}), (11, {"k": 1}), (12, {"k": 1})], "B": [(30, {"k": 1})]}

    assert rows(text, events) == [(30, {"n": 1}), (30, {"n": 2})]


def test_joined_rows_go_into_windows() -> None:
    text = """
        SELECT a.Plate AS plate, COUNT(*) AS count FROM Entry a
        JOIN Exit b ON a.Plate = b.plate AND DATEDIFF(minute, a, b) BETWEEN 0 AND 15
        GROUP BY a.Plate, TumblingWindow(minute, 20)
    """

    assert rows(text, TOLLS) == [  # windows end at 10:20 and 10:40, pairs have the time of the later
        (5 * MINUTE, {"plate": "a", "count": 1}),
        (5 * MINUTE, {"plate": "c", "count": 1}),
        (25 * MINUTE, {"plate": "a", "count": 1}),
    ]


@pytest.mark.parametrize(
    ("on", "message"),
    [
        ("a.Plate = b.plate", "needs"),
        ("a.Plate = b.plate AND DATEDIFF(minute, a, b) >= 0", "needs"),
        ("DATEDIFF(day, a, b) BETWEEN 0 AND 8", "7 days"),
        ("DATEDIFF(month, a, b) BETWEEN 0 AND 0", "7 days"),
    ],
)
def test_joins_without_an_end_are_refused(on: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        planned(f"SELECT a.Plate FROM Entry a JOIN Exit b ON {on}")


# Reference data


def test_a_table_tells_whose_registration_has_expired(tmp_path: Path) -> None:
    (tmp_path / "registration.csv").write_text("LicensePlate,RegistrationId,Expired\na,7,1\nb,8,0\n")
    text = """
        SELECT I1.Plate AS plate, R.RegistrationId AS id
        FROM Entry I1 JOIN Registration R ON I1.Plate = R.LicensePlate WHERE R.Expired = '1'
    """

    given = rows(text, {"Entry": ENTRIES}, tables={"Registration": FileTable(tmp_path / "registration.csv")})

    assert given == [(30, {"plate": "a", "id": "7"})]


def test_reference_data_may_lack_a_row() -> None:
    text = "SELECT Entry.Plate AS plate, R.n AS n FROM Entry LEFT JOIN R ON R.Plate = Entry.Plate AND R.n > 1"
    table = Fixed({"plate": "a", "n": 1}, {"plate": "b", "n": 2}, {"plate": "b", "n": 3})

    assert rows(text, {"Entry": ENTRIES}, tables={"R": table}) == [
        (30, {"plate": "a", "n": None}),
        (40, {"plate": "b", "n": 2}),
        (40, {"plate": "b", "n": 3}),
        (50, {"plate": None, "n": None}),
        (90, {"plate": "c", "n": None}),
    ]


def test_thresholds_of_reference_data_with_no_equal_keys() -> None:
    text = "SELECT a.n AS n, R.name AS name FROM Exit a JOIN R ON a.n >= R.low AND a.n < R.high"
    table = Fixed({"low": 0, "high": 3, "name": "few"}, {"low": 3, "high": 9, "name": "many"})

    given = rows(text, {"Exit": EXITS}, tables={"R": table})

    assert [(columns["n"], columns["name"]) for _, columns in given] == [
        (1, "few"),
        (2, "few"),
        (3, "many"),
        (4, "many"),
        (5, "many"),
    ]


def test_two_streams_and_a_table_are_joined_in_one_select() -> None:
    text = """
        SELECT a.Plate AS plate, b.n AS n, R.name AS name FROM Entry a
        JOIN Exit b ON a.Plate = b.plate AND DATEDIFF(minute, a, b) BETWEEN 0 AND 15
        JOIN R ON R.n = b.n
    """

    assert rows(text, TOLLS, tables={"R": Fixed({"n": 5, "name": "five"})}) == [
        (100, {"plate": "c", "n": 5, "name": "five"})
    ]


# Analytic functions


READINGS: list[Event] = [
    (second, {"sensor": sensor, "v": v})
    for second, sensor, v in [(1, "x", 90), (2, "y", 120), (3, "x", 110), (4, "x", 130), (5, "y", 80), (6, "x", None)]
]


def test_rows_where_a_value_crosses_a_threshold() -> None:
    text = """
        SELECT sensor, v FROM Input
        WHERE v > 100 AND LAG(v) OVER (PARTITION BY sensor LIMIT DURATION(hour, 1)) <= 100
    """

    assert rows(text, READINGS) == [(3, {"sensor": "x", "v": 110})]


def test_growth_is_computed_of_all_rows_and_not_of_those_that_where_keeps() -> None:
    text = """
        SELECT growth = v - LAG(v) OVER (PARTITION BY sensor LIMIT DURATION(hour, 1)) FROM Input
        WHERE sensor = 'x' AND v > 100
    """

    assert rows(text, READINGS) == [(3, {"growth": 20}), (4, {"growth": 20})]


def test_functions_of_rows_before_stand_beside_each_other() -> None:
    text = """
        SELECT sensor,
            MAX(v) OVER (PARTITION BY sensor LIMIT DURATION(second, 2)) AS most,
            COUNT(*) OVER (LIMIT DURATION(second, 3) WHEN v > 100) AS high,
            LAST(System.Timestamp(), System.Timestamp()) OVER (LIMIT DURATION(hour, 1) WHEN v > 100) AS t,
            ISFIRST(second, 3) OVER (PARTITION BY sensor) AS first
        FROM Input
    """

    given = rows(text, READINGS)

    assert [(c["sensor"], c["most"], c["high"], c["first"]) for _, c in given] == [
        ("x", 90, 0, 1),
        ("y", 120, 1, 1),
        ("x", 110, 2, 0),
        ("x", 130, 3, 1),
        ("y", 80, 2, 1),
        ("x", None, 1, 0),
    ]


def test_how_long_a_condition_held() -> None:
    """One of the documentation's patterns: the time between a start event and an end event."""
    text = """
        SELECT [user], feature, duration = DATEDIFF(second,
            LAST(Time) OVER (PARTITION BY [user], feature LIMIT DURATION(hour, 1) WHEN Event = 'start'), Time)
        FROM Input TIMESTAMP BY Time WHERE Event = 'end'
    """
    events: list[Event] = [
        (0, {"user": "u", "feature": "f", "Event": "start", "Time": "2021-10-26T10:15:01Z"}),
        (0, {"user": "u", "feature": "f", "Event": "end", "Time": "2021-10-26T10:15:08Z"}),
    ]

    assert [columns["duration"] for _, columns in rows(text, events)] == [7]


def test_functions_of_rows_before_may_be_grouped_in_windows() -> None:
    text = """
        SELECT sensor, SUM(v - LAG(v) OVER (PARTITION BY sensor LIMIT DURATION(hour, 1))) AS growth
        FROM Input GROUP BY sensor, TumblingWindow(second, 10)
    """

    assert rows(text, READINGS) == [(10, {"sensor": "x", "growth": 40}), (10, {"sensor": "y", "growth": -40})]


def test_functions_of_rows_before_may_be_joined() -> None:
    text = """
        SELECT a.v AS v, LAG(a.v) OVER (LIMIT DURATION(hour, 1)) AS before, b.n AS n FROM Input a
        JOIN Exit b ON a.v = b.n AND DATEDIFF(minute, a, b) BETWEEN 0 AND 5
    """
    events: dict[str, list[Event]] = {"Input": READINGS, "Exit": [(20, {"n": 110}), (30, {"n": 90})]}

    assert rows(text, events) == [(20, {"v": 110, "before": 120, "n": 110}), (30, {"v": 90, "before": None, "n": 90})]


def test_a_value_of_no_use_is_reported_once_and_its_row_left_out() -> None:
    faults: Counter[str] = Counter()
    text = "SELECT s = SUM(v) OVER (LIMIT DURATION(second, 10)) FROM Input"

    assert rows(text, [(1, {"v": 1}), (2, {"v": {"a": 1}}), (3, {"v": 2})], faults=faults) == [
        (1, {"s": 1}),
        (3, {"s": 3}),
    ]
    assert faults == {ROW: 1}


# How a query is fed makes no difference

QUERIES = [
    pytest.param(
        """
        WITH growing AS (
            SELECT k, v, v - LAG(v) OVER (PARTITION BY k LIMIT DURATION(second, 20)) AS growth FROM A
        )
        SELECT a.k AS k, a.growth AS growth, b.v AS v, R.name AS name
        FROM growing a
        LEFT JOIN B b ON a.k = b.k AND b.v >= a.v AND DATEDIFF(second, a, b) BETWEEN -3 AND 8
        LEFT JOIN R ON R.k = a.k
        """,
        id="rows before, two streams and a table",
    ),
    pytest.param(
        """
        WITH sums AS (SELECT k, SUM(v) AS v FROM A GROUP BY k, HoppingWindow(second, 10, 5))
        SELECT s.k AS k, COUNT(*) AS pairs, MAX(b.v) AS most
        FROM sums s JOIN B b ON s.k = b.k AND DATEDIFF(second, s, b) BETWEEN -10 AND 10
        GROUP BY s.k, TumblingWindow(second, 20)
        """,
        id="windows joined, in windows",
    ),
    pytest.param(
        """
        SELECT x.v AS v, y.v AS w, z.v AS u FROM A x
        LEFT JOIN A y ON x.k = y.k AND DATEDIFF(second, x, y) BETWEEN 1 AND 5
        JOIN B z ON z.k = x.k AND DATEDIFF(second, x, z) >= 0 AND DATEDIFF(second, z, x) >= -9
        """,
        id="three sources, bound to the first",
    ),
]


TABLES = {"R": Fixed({"k": "a", "name": "A"}, {"k": "c", "name": "C"}, {"k": "c", "name": "CC"})}


def faults() -> Faults:
    return Faults("test", Counter())


def in_one_go(plan: Plan, streams: list[list[Row]]) -> list[Any]:
    engine = Engine(plan, faults(), TABLES)
    for place, stream_rows in enumerate(streams):
        engine.feed(place, stream_rows)
    return engine.advance(ticks(1_000), NEVER_FULL)


def with_restarts(plan: Plan, streams: list[list[Row]], choose: random.Random) -> list[Any]:
    """Feed rows up to 12 s late, in small pieces; end turns early; go on from a snapshot now and then."""
    engine, fields, given = Engine(plan, faults(), TABLES), dict[str, bytes](), []
    waiting = [(place, row) for place, stream_rows in enumerate(streams) for row in stream_rows]
    waiting.sort(key=lambda item: item[1].time + choose.randint(0, ticks(12) - ticks(0)))
    while waiting:
        for place, row in [waiting.pop(0) for _ in range(min(len(waiting), choose.randint(1, 5)))]:
            given += engine.feed(place, [row])
        watermark = min((row.time for _, row in waiting), default=ticks(100)) - 1
        given += engine.advance(watermark, choose.choice([1, 3, NEVER_FULL]))
        if choose.random() < 0.4:
            fields.update((name, value or b"") for name, value in engine.snapshot())
        if choose.random() < 0.4:
            fields.update((name, value or b"") for name, value in engine.snapshot())
            closed = engine.closed
            engine = Engine(plan, faults(), TABLES)
            engine.restore({name: value for name, value in fields.items() if value}, closed)
    while engine.closed < ticks(1_000):
        given += engine.advance(ticks(1_000), NEVER_FULL)
    return given


@pytest.mark.parametrize("text", QUERIES)
@pytest.mark.parametrize("seed", range(8))
def test_how_a_query_is_fed_and_where_it_is_restarted_makes_no_difference(text: str, seed: int) -> None:
    choose = random.Random(seed)
    made = planned(text, TABLES)
    streams = [
        [
            Row({"k": choose.choice("abc"), "v": choose.randint(0, 9)}, ticks(choose.randint(0, 120) / 2), (place, n))
            for n in range(120)
        ]
        for place, _ in enumerate(made.streams)
    ]

    expected = in_one_go(made, streams)

    assert len(expected) > 10
    assert with_restarts(made, streams, choose) == expected
