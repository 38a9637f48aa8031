"""The documentation's own examples, from the query's text and events to rows.

Windows are (start, end]: an event on a border is in the window that ends there. Many of these have one.
"""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.windows.language.values import Datetime

from ..support.example import EVENTS, JOB, WINDOW_ROWS, at
from ..support.run import Event, run, seconds

Rows = list[tuple[float, dict[str, Any]]]


def counts(*pairs: tuple[float, int], **columns: Any) -> Rows:
    return [(time, {**columns, "count": count}) for time, count in pairs]


def at_times(*times: float, **columns: Any) -> list[Event]:
    return [(time, columns) for time in times]


TWEETS = at_times(1, 3, 6, 8, 9.5, 16, 18, 21, 23, 26, 28, TimeZone="PST")
BY_ZONE = "SELECT TimeZone, COUNT(*) AS count FROM TwitterStream GROUP BY TimeZone, "
COUNT = "SELECT COUNT(*) AS count FROM Input GROUP BY "

CARS: list[Event] = [
    (1, {"Make": "A"}),
    (2, {"Make": "A"}),
    (1, {"Make": "B"}),
    (2, {"Make": "B"}),
    (3, {"Make": "B"}),
]

READINGS = [
    (time, {"DeviceId": device, "Value": value})
    for device, value, time in [(1, 50, 1), (1, 50, 1), (2, 40, 1), (1, 60, 5), (2, 50, 5), (1, 100, 10)]
]

MINUTE = 60

VECTORS = [
    pytest.param(
        BY_ZONE + "TumblingWindow(second, 10)",
        TWEETS,
        counts((10, 5), (20, 2), (30, 4), TimeZone="PST"),
        id="tumbling",
    ),
    pytest.param(
        COUNT + "SlidingWindow(second, 10)",
        at_times(10, 12, 15, 15, 27),
        counts((10, 1), (12, 2), (15, 4), (20, 3), (22, 2), (27, 1)),
        id="sliding: no row when a window has become empty",
    ),
    pytest.param(
        COUNT + "SlidingWindow(second, 10) HAVING COUNT(*) >= 3",
        at_times(10, 12, 15, 15, 27),
        counts((15, 4), (20, 3)),
        id="sliding, HAVING",
    ),
    pytest.param(
        COUNT + "SlidingWindow(second, 5)",
        at_times(34, 38, 42),
        counts((34, 1), (38, 2), (39, 1), (42, 2), (43, 1)),
        id="sliding: an event leaves its length after it came",
    ),
    pytest.param(
        COUNT + "SessionWindow(second, 5, 10)",
        at_times(1, 4, 13, 15, 19, 24, 26, 34),
        counts((9, 2), (30, 5), (39, 1)),
        id="session: cut at a multiple of its longest duration",
    ),
    pytest.param(
        "SELECT Topic, COUNT(*) AS count FROM TwitterStream GROUP BY Topic, System.Timestamp()",
        at_times(4, 4, 4, 4, 10, 10, 13, 22, 22, Topic="x"),
        counts((4, 4), (10, 2), (13, 1), (22, 2), Topic="x"),
        id="snapshot",
    ),
    pytest.param(
        "SELECT COUNT(DISTINCT Make) AS count FROM Input GROUP BY TumblingWindow(second, 2)",
        CARS,
        counts((2, 2), (4, 1)),
        id="count distinct: the end is included",
    ),
    pytest.param(
        "SELECT Make, SUM(CAST(Weight AS bigint)) AS Weight FROM Input GROUP BY Make, TumblingWindow(second, 10)",
        [(1, {"Make": "A", "Weight": "1000"}), (2, {"Make": "A", "Weight": "2000"})],
        [(10, {"Make": "A", "Weight": 3000})],
        id="sum of a cast",
    ),
    pytest.param(
        "WITH Once AS (SELECT Value, DeviceId FROM Input GROUP BY Value, DeviceId, System.Timestamp()) "
        "SELECT DeviceId, AVG(Value) AS average FROM Once GROUP BY DeviceId, TumblingWindow(minute, 5)",
        READINGS,
        [(300, {"DeviceId": 1, "average": 70}), (300, {"DeviceId": 2, "average": 45})],
        id="without duplicates, then the average",
    ),
    pytest.param(
        "SELECT value1, CollectTop(2) OVER (ORDER BY value2 ASC, value3 DESC) AS best "
        "FROM Input GROUP BY value1, TumblingWindow(second, 5)",
        [
            (1 + time, {"value1": v1, "value2": v2, "value3": v3})
            for v1, v2, v3, time in [(1, 10, 10, 0), (2, 70, 10, 1), (1, 50, 10, 2), (2, 80, 10, 3), (1, 30, 10, 3)]
        ],
        [
            (
                5,
                {
                    "value1": group,
                    "best": [
                        {"rank": rank, "value": {"value1": group, "value2": value, "value3": 10}}
                        for rank, value in enumerate(values, 1)
                    ],
                },
            )
            for group, values in [(1, (10, 30)), (2, (70, 80))]
        ],
        id="collect top",
    ),
    pytest.param(
        "SELECT PERCENTILE_CONT(0.95) OVER (ORDER BY score) AS cont, "
        "PERCENTILE_DISC(0.95) OVER (ORDER BY score) AS disc "
        "FROM Input GROUP BY TumblingWindow(second, 5)",
        [(1, {"score": score}) for score in (0.98, 0.93, 0.78, 0.99, 0.89)],
        [(5, {"cont": pytest.approx(0.988), "disc": 0.99})],
        id="percentiles",
    ),
    pytest.param(
        "SELECT Make, Time FROM Input TIMESTAMP BY Time WHERE LAG(Make, 1) OVER (LIMIT DURATION(minute, 1)) <> Make",
        [
            (1, {"Make": "Honda", "Time": "2021-10-26T10:15:01Z"}),
            (2, {"Make": "Toyota", "Time": "2021-10-26T10:15:02Z"}),
        ],
        [(2, {"Make": "Toyota", "Time": "2021-10-26T10:15:02Z"})],
        id="lag: another make than the one before",
    ),
]


@pytest.mark.parametrize(("query", "events", "expected"), VECTORS)
def test_an_example_of_the_documentation(query: str, events: list[Event], expected: Rows) -> None:
    assert run(query, events)["output"] == expected


def test_a_session_of_each_user() -> None:
    query = (
        "SELECT user_id, MIN(time) AS first, MAX(time) AS last, DATEDIFF(second, MIN(time), MAX(time)) AS duration "
        "FROM Input TIMESTAMP BY time GROUP BY user_id, SessionWindow(minute, 1, 60) OVER (PARTITION BY user_id)"
    )
    base = "2017-01-26T00:00:00Z"
    events = [
        (0, {"user_id": user, "time": f"2017-01-26T00:{time}.0000000Z"})
        for user, time in [(0, "00:00"), (0, "00:20"), (1, "00:55"), (0, "01:10"), (1, "01:15")]
    ]

    rows = run(query, events, base=base)["output"]

    assert [(time, row["user_id"], row["duration"]) for time, row in rows] == [(130, 0, 70), (135, 1, 20)]
    assert [row["first"][14:19] for _, row in rows] == ["00:00", "00:55"]
    assert [row["last"][14:19] for _, row in rows] == ["01:10", "01:15"]


def test_the_last_event_in_a_window() -> None:
    rows = run(
        """WITH LastInWindow AS
        (
            SELECT
                MAX(Time) AS LastEventTime
            FROM
                Input TIMESTAMP BY Time
            GROUP BY
                TumblingWindow(minute, 10)
        )

        SELECT
            Input.License_plate,
            Input.Make,
            Input.Time
        FROM
            Input TIMESTAMP BY Time
            INNER JOIN LastInWindow
            ON DATEDIFF(minute, Input, LastInWindow) BETWEEN 0 AND 10
            AND Input.Time = LastInWindow.LastEventTime""",
        [
            (0, {"License_plate": plate, "Make": make, "Time": f"2015-07-27T00:{time}.0000000Z"})
            for plate, make, time in [
                ("DXE 5291", "Make1", "00:05"),
                ("YZK 5704", "Make3", "02:17"),
                ("RMV 8282", "Make1", "05:01"),
                ("YHN 6970", "Make2", "06:00"),
                ("VFE 1616", "Make2", "09:31"),
                ("QYF 9358", "Make1", "12:02"),
                ("MDR 6128", "Make4", "13:45"),
            ]
        ],
        base="2015-07-27T00:00:00Z",
    )["output"]

    assert [columns for _, columns in rows] == [
        {"License_plate": "VFE 1616", "Make": "Make2", "Time": "2015-07-27T00:09:31.0000000Z"},
        {"License_plate": "MDR 6128", "Make": "Make4", "Time": "2015-07-27T00:13:45.0000000Z"},
    ]


def test_hopping_windows_of_the_documentation() -> None:
    """The page leaves out the first window and the last one, which have only a part of the events."""
    rows = run(BY_ZONE + "HoppingWindow(second, 10, 5)", TWEETS)["output"]

    assert rows == counts((5, 2), (10, 5), (15, 3), (20, 2), (25, 4), (30, 4), (35, 2), TimeZone="PST")


def test_the_last_value_fills_gaps() -> None:
    query = (
        "SELECT System.Timestamp() AS ended, TopOne() OVER (ORDER BY t DESC) AS last "
        "FROM Input TIMESTAMP BY t GROUP BY HoppingWindow(second, 300, 5)"
    )
    events = [
        (0, {"t": f"2014-01-01T06:01:{second:02}Z", "value": value})
        for second, value in [(0, 1), (5, 2), (10, 3), (15, 4), (30, 5), (35, 6)]
    ]

    rows = run(query, events, base="2014-01-01T06:01:00Z")["output"]

    assert [(time, row["last"]["value"]) for time, row in rows[:10]] == [
        (0, 1), (5, 2), (10, 3), (15, 4), (20, 4), (25, 4), (30, 5), (35, 6), (40, 6), (45, 6),
    ]  # fmt: skip


def test_one_input_goes_to_two_outputs() -> None:
    rows = run(
        "SELECT * INTO ArchiveOutput FROM Input TIMESTAMP BY Time "
        "SELECT Make, System.Timestamp() AS Time, COUNT(*) AS [Count] INTO AlertOutput FROM Input TIMESTAMP BY Time "
        "GROUP BY Make, TumblingWindow(second, 10) HAVING [Count] >= 3",
        [(time, {**columns, "Time": f"2021-10-26T10:15:0{int(time)}Z"}) for time, columns in CARS],
    )

    assert [columns["Make"] for _, columns in rows["ArchiveOutput"]] == ["A", "A", "B", "B", "B"]
    assert [(time, row["Make"], row["Count"]) for time, row in rows["AlertOutput"]] == [(10, "B", 3)]


def test_time_of_each_toll_station() -> None:
    times = {1: (1, 5, 10), 2: (1, 4, 11), 3: (3, 7)}
    rows = run(
        "SELECT TollId, COUNT(*) AS count FROM Input TIMESTAMP BY Time OVER TollId "
        "GROUP BY TumblingWindow(second, 5), TollId",
        [
            (0, {"TollId": toll, "Time": f"2021-10-26T10:15:{second:02}Z"})
            for toll, seconds in times.items()
            for second in seconds
        ],
    )["output"]

    assert sorted((row["TollId"], time, row["count"]) for time, row in rows) == [
        (1, 5, 2), (1, 10, 1), (2, 5, 2), (2, 15, 1), (3, 5, 1), (3, 10, 1),
    ]  # fmt: skip


PASSING = [
    (m * MINUTE + s, {"Make": make})
    for (m, s), make in zip([(0, 5), (2, 17), (5, 1), (6, 0), (9, 31), (12, 2), (13, 45)], "HFHTTHB", strict=True)
]


@pytest.mark.parametrize(
    ("over", "times"),
    [
        pytest.param("", ["0:05", "12:02"], id="in an interval"),
        pytest.param(" OVER (PARTITION BY Make)", ["0:05", "2:17", "6:00", "12:02", "13:45"], id="of each make"),
    ],
)
def test_the_first_event(over: str, times: list[str]) -> None:
    rows = run(f"SELECT Make FROM Input WHERE ISFIRST(minute, 10){over} = 1", PASSING, base="2021-10-26T10:00:00Z")[
        "output"
    ]

    assert [f"{int(time // 60)}:{int(time % 60):02}" for time, _ in rows] == times


# The query of the notes

DAY = "2024-05-01T00:00:00Z"
SEED = (JOB / "query.asaql").read_text()
ARRIVALS: list[Event] = [
    (seconds(at(time), DAY), {**columns, "EventEnqueuedUtcTime": Datetime(at(time))}) for time, columns in EVENTS
]
TRAINING: Rows = [(seconds(time, DAY), columns) for time, columns in WINDOW_ROWS]


def test_the_worked_example_gives_its_twelve_rows() -> None:
    assert run(SEED, ARRIVALS, base=DAY)["OutputWindow"] == TRAINING


def test_the_worked_example_without_event_ids_gives_the_same_rows_but_for_these() -> None:
    query = SEED.replace("    eventid,  -- with the window's end it tells any two rows apart\n", "")
    without = [(time, {name: row[name] for name in row if name != "eventid"}) for time, row in TRAINING]

    assert query != SEED
    assert run(query, ARRIVALS, base=DAY)["OutputWindow"] == without


def test_the_worked_example_archives_its_eight_events() -> None:
    assert run(SEED, ARRIVALS, base=DAY)["Output"] == ARRIVALS
