from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from pipeline.boards.periods import KEEP, resolve, without_period
from pipeline.errors import InvalidValue


@pytest.mark.parametrize(
    ("name", "now", "board", "end"),
    [
        ("points@hour", "2026-11-23T14:59:59", "points.2026-11-23T14", "2026-11-23T15:00:00"),
        ("points@day", "2026-11-23T00:00:00", "points.2026-11-23", "2026-11-24T00:00:00"),
        ("points@day", "2026-12-31T23:59:59", "points.2026-12-31", "2027-01-01T00:00:00"),
        ("points@week", "2026-11-23T00:00:00", "points.2026-W48", "2026-11-30T00:00:00"),
        ("points@week", "2026-11-29T23:59:59", "points.2026-W48", "2026-11-30T00:00:00"),
        ("points@week", "2027-01-01T00:00:00", "points.2026-W53", "2027-01-04T00:00:00"),
        ("points@month", "2026-12-31T00:00:00", "points.2026-12", "2027-01-01T00:00:00"),
        ("points@month", "2027-01-31T00:00:00", "points.2027-01", "2027-02-01T00:00:00"),
    ],
)
def test_a_name_with_a_period_is_that_of_now(name: str, now: str, board: str, end: str) -> None:
    period = name.partition("@")[2]
    goes = datetime.fromisoformat(f"{end}+00:00") + KEEP[period]

    assert resolve(name, datetime.fromisoformat(f"{now}+00:00")) == (board, int(goes.timestamp() * 1000))


@pytest.mark.parametrize(
    ("name", "now", "board", "end"),
    [
        ("points@hour-1", "2026-11-23T00:59:59", "points.2026-11-22T23", "2026-11-23T00:00:00"),
        ("points@hour-48", "2026-11-23T14:00:00", "points.2026-11-21T14", "2026-11-21T15:00:00"),
        ("points@day-1", "2027-01-01T00:00:00", "points.2026-12-31", "2027-01-01T00:00:00"),
        ("points@week-1", "2027-01-04T00:00:00", "points.2026-W53", "2027-01-04T00:00:00"),
        ("points@week-52", "2026-11-23T00:00:00", "points.2025-W48", "2025-12-01T00:00:00"),
        ("points@month-1", "2026-03-31T00:00:00", "points.2026-02", "2026-03-01T00:00:00"),
        ("points@month-1", "2027-01-31T23:00:00", "points.2026-12", "2027-01-01T00:00:00"),
        ("points@month-12", "2026-12-31T00:00:00", "points.2025-12", "2026-01-01T00:00:00"),
    ],
)
def test_periods_before_the_current_one_go_when_they_always_would(name: str, now: str, board: str, end: str) -> None:
    period = name.partition("@")[2].partition("-")[0]
    goes = datetime.fromisoformat(f"{end}+00:00") + KEEP[period]

    assert resolve(name, datetime.fromisoformat(f"{now}+00:00")) == (board, int(goes.timestamp() * 1000))


@pytest.mark.parametrize("name", ["p@hour-49", "p@day-36", "p@week-59", "p@month-28", "p@day-9999", "p@month-9999"])
def test_what_is_gone_already_is_refused(name: str) -> None:
    with pytest.raises(InvalidValue, match="is kept: it is too long ago"):
        resolve(name, datetime(2026, 11, 23, tzinfo=UTC))


def test_periods_are_of_utc() -> None:
    tokyo = timezone(timedelta(hours=9))

    assert resolve("p@day", datetime(2026, 11, 24, 3, tzinfo=tokyo))[0] == "p.2026-11-23"


def test_another_name_stays() -> None:
    assert resolve("points", datetime(2026, 11, 23, tzinfo=UTC)) == ("points", 0)


@pytest.mark.parametrize(
    "name",
    [
        "p@",
        "p@year",
        "p@day@day",
        "p@Day",
        "p@day-",
        "p@day-0",
        "p@day-01",
        "p@day--1",
        "p@day-1-1",
        "p@day-99999",
        "p@day-\u0661",
    ],
)
def test_there_are_four_periods(name: str) -> None:
    with pytest.raises(InvalidValue, match="one of hour, day, week, month"):
        resolve(name, datetime(2026, 11, 23, tzinfo=UTC))


@pytest.mark.parametrize("period", KEEP)
def test_a_period_belongs_to_the_board_that_its_name_begins_with(period: str) -> None:
    now = datetime(2026, 11, 23, 14, tzinfo=UTC)

    assert without_period(f"points@{period}") == without_period(resolve(f"points@{period}", now)[0]) == "points"


@pytest.mark.parametrize(
    "name", ["points", "points.2026", "points.season-1", "points.2026-W48x", "points.2026-11-23T14:00", "points2026-11"]
)
def test_a_board_that_is_no_period_is_its_own(name: str) -> None:
    assert without_period(name) == name
