from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import msgspec
import pytest

from pipeline.windows.clock import UNIX_EPOCH, isoformat
from pipeline.windows.engine import Engine, OutputRow
from pipeline.windows.faults import LATE, ROW, Faults
from pipeline.windows.plan import plan
from pipeline.windows.query import parse
from pipeline.windows.rows import Row, rows_of
from pipeline.windows.values import to_json

from .example import EVENTS, JOB, WINDOW_ROWS, at, enqueued_ms, stored

NEVER_FULL = 1_000_000


def engine(query: str, counts: Counter[str] | None = None) -> Engine:
    return Engine(plan(parse(query)), Faults("test", Counter() if counts is None else counts))


def example_rows(partitions: int = 1) -> list[Row]:
    return [
        row
        for number, (time, columns) in enumerate(EVENTS)
        for row in rows_of(
            stored(msgspec.json.encode(columns), enqueued_ms(time), number % partitions, number), at("16:00")
        )
    ]


def windows(rows: list[OutputRow]) -> list[tuple[int | None, dict[str, Any]]]:
    return [(row.window_end, dict(row.columns)) for row in rows]


def rows(*events: dict[str, Any]) -> list[Row]:
    """Rows a second apart, from one second after midnight on 1970-01-01; `t` overrides the second."""
    return [
        Row(columns, UNIX_EPOCH + columns.get("t", second) * 10_000_000, (0, second, 0))
        for second, columns in enumerate(events, 1)
    ]


def test_the_worked_example_gives_its_twelve_rows() -> None:
    job = engine((JOB / "query.asaql").read_text())
    for row in example_rows():
        job.feed(row)

    assert windows(job.close(at("15:00"), NEVER_FULL)) == WINDOW_ROWS


def test_the_worked_example_archives_its_eight_events() -> None:
    job = engine((JOB / "query.asaql").read_text())
    archived = [given for row in example_rows() for given in job.feed(row)]

    assert [given.output for given in archived] == ["Output"] * 8
    for given, (time, columns) in zip(archived, EVENTS, strict=True):
        assert msgspec.json.decode(to_json(given.columns)) == columns | {
            "EventProcessedUtcTime": isoformat(at("16:00")),
            "PartitionId": 0,
            "EventEnqueuedUtcTime": isoformat(at(time)),
        }


def test_a_window_stays_open_until_the_watermark_has_reached_its_end() -> None:
    job = engine((JOB / "query.asaql").read_text())
    for row in example_rows():
        job.feed(row)

    assert job.close(at("11:00") - 1, NEVER_FULL) == []
    assert windows(job.close(at("11:00"), NEVER_FULL)) == WINDOW_ROWS[:3]
    assert job.close(at("11:00"), NEVER_FULL) == []


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_order_in_which_partitions_are_read_changes_nothing(order: tuple[int, ...]) -> None:
    job = engine((JOB / "query.asaql").read_text())
    for row in sorted(example_rows(partitions=3), key=lambda row: (order[row.arrival[0]], row.time)):
        job.feed(row)

    assert windows(job.close(at("15:00"), NEVER_FULL)) == WINDOW_ROWS


def test_a_small_turn_closes_one_end_and_the_next_goes_on() -> None:
    job = engine((JOB / "query.asaql").read_text())
    for row in example_rows():
        job.feed(row)

    turns = [len(job.close(at("15:00"), limit=1)) for _ in range(6)]
    assert turns == [3, 3, 3, 2, 1, 0]


def test_what_is_replayed_rebuilds_windows_and_gives_nothing_else() -> None:
    plan_ = plan(parse((JOB / "query.asaql").read_text()))
    job = Engine(plan_, Faults("test", Counter()), closed=at("12:00"))

    assert [job.feed(row, replayed=True) for row in example_rows() if row.time > job.needed_after] == [[]] * 4
    assert windows(job.close(at("15:00"), NEVER_FULL)) == WINDOW_ROWS[6:]


def test_groups_keep_their_types_and_null_is_one() -> None:
    job = engine("SELECT k, MAX(v) AS v INTO o FROM Input GROUP BY k, TumblingWindow(minute, 1)")
    keys: list[Any] = ["1", 1, 1.0, True, None]
    for row in rows(*[{"k": k, "v": v} for v, k in enumerate(keys)], {"v": 9}):
        job.feed(row)

    given = [tuple(row.columns.values()) for row in job.close(at("10:00"), NEVER_FULL)]
    assert given == [(None, 9), (True, 3), (1, 2), ("1", 0)]


def test_columns_are_found_in_any_case_and_keep_the_sender_s() -> None:
    job = engine("SELECT rec.NAME, Input.Amount INTO o FROM input; SELECT * INTO archive FROM INPUT")
    (row,) = rows({"Rec": {"name": "x"}, "AMOUNT": 1, "amount": 2})

    assert [dict(given.columns) for given in job.feed(row)] == [
        {"NAME": "x", "Amount": 1},
        {"Rec": {"name": "x"}, "AMOUNT": 1, "amount": 2},
    ]


def test_a_step_may_be_read_by_several() -> None:
    job = engine(
        "WITH a AS (SELECT v AS w FROM Input), b AS (SELECT MAX(w) AS m FROM a GROUP BY TumblingWindow(second, 10))"
        "SELECT * INTO one FROM a SELECT * INTO two FROM b SELECT b.m AS n INTO three FROM b"
    )
    (row,) = rows({"v": 5})

    assert [(given.output, given.columns) for given in job.feed(row)] == [("one", {"w": 5})]
    closed = job.close(at("10:00"), NEVER_FULL)
    assert [(given.output, given.columns) for given in closed] == [("two", {"m": 5}), ("three", {"n": 5})]


def test_filling_gaps_as_microsoft_s_example() -> None:
    job = engine(
        "SELECT TopOne(value) OVER (ORDER BY t DESC) AS value INTO o FROM Input GROUP BY HoppingWindow(second, 300, 5)"
    )
    times = [0, 5, 10, 15, 30, 35]
    for row in rows(*[{"t": t, "value": value} for value, t in enumerate(times, 1)]):
        job.feed(row)

    closed = job.close(UNIX_EPOCH + 45 * 10_000_000, NEVER_FULL)
    assert [row.columns["value"] for row in closed] == [1, 2, 3, 4, 4, 4, 5, 6, 6, 6]


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param({"k": 1, "v": "much"}, id="MAX of text that is no number"),
        pytest.param({"k": 1, "v": {"a": 1}}, id="MAX of a record"),
        pytest.param({"k": [1], "v": 1}, id="an array as a group"),
    ],
)
def test_an_event_of_the_wrong_type_is_left_out_and_counted(bad: dict[str, Any]) -> None:
    counts: Counter[str] = Counter()
    job = engine("SELECT k, MAX(v) AS v FROM Input GROUP BY k, TumblingWindow(minute, 1)", counts)
    good_row, bad_row = rows({"k": 1, "v": 2}, bad)
    job.feed(good_row)
    job.feed(bad_row)
    job.feed(bad_row, replayed=True)  # is not counted again

    assert [row.columns for row in job.close(at("10:00"), NEVER_FULL)] == [{"k": 1, "v": 2}]
    assert counts == {ROW: 1}


def test_an_event_from_before_the_watermark_is_counted_and_opens_no_closed_window() -> None:
    counts: Counter[str] = Counter()
    job = engine("SELECT MAX(v) AS v FROM Input GROUP BY TumblingWindow(minute, 1)", counts)
    job.close(at("10:00"), NEVER_FULL)
    job.feed(rows({"v": 1})[0])

    assert job.close(at("11:00"), NEVER_FULL) == []
    assert counts == {LATE: 1}
