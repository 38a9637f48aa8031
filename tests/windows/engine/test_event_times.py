"""Times are minutes and seconds of one hour: 12:07 is written as 12 * 60 + 7 minutes after midnight."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.windows.engine.event_times import ARRIVAL, EARLY_TOLERANCE, EventTimes, TimePolicies
from pipeline.windows.language.ticks import TICKS_PER_MINUTE, TICKS_PER_SECOND, isoformat
from pipeline.windows.operators.codec import pack, unpack
from pipeline.windows.operators.faults import (
    DISORDER_ADJUSTED,
    DISORDER_DROPPED,
    EARLY,
    LATE_ADJUSTED,
    LATE_DROPPED,
    Faults,
)

from ..support.illustrated import ILLUSTRATED, POLICIES, at

MINUTE, SECOND = TICKS_PER_MINUTE, TICKS_PER_SECOND


def shown(time: int | None) -> str | None:
    return None if time is None else isoformat(time)[11:16]


def event_times(policies: TimePolicies, counts: Counter[str] | None = None, **options: Any) -> EventTimes:
    return EventTimes(policies, Faults("test", Counter() if counts is None else counts), **options)


@pytest.mark.parametrize(
    "row", range(len(ILLUSTRATED)), ids=[f"{time} at {arrival}" for time, arrival, *_ in ILLUSTRATED]
)
def test_the_illustrated_example(row: int) -> None:
    times = event_times(POLICIES)
    for time, arrival, _, _ in ILLUSTRATED[:row]:
        times.time_of(at(time), at(arrival))
    time, arrival, expected, watermark = ILLUSTRATED[row]

    assert shown(times.time_of(at(time), at(arrival))) == expected
    if watermark is not None:
        assert times.watermark + 1 == at(watermark)


@pytest.mark.parametrize(
    ("time", "arrival", "policies", "expected", "fault"),
    [
        pytest.param("10:05", "10:00", TimePolicies(), "10:05", None, id="five minutes early"),
        pytest.param("10:05:01", "10:00", TimePolicies(), None, EARLY, id="more than five minutes early"),
        pytest.param("10:00", "10:05", TimePolicies(5 * MINUTE), "10:00", None, id="as late as it may be"),
        pytest.param("09:59", "10:05", TimePolicies(5 * MINUTE), "10:00", LATE_ADJUSTED, id="late"),
        pytest.param("09:59", "10:05", TimePolicies(5 * MINUTE, 0, "drop"), None, LATE_DROPPED, id="late and dropped"),
        pytest.param("01:00", "10:05", TimePolicies(None), "01:00", None, id="late without a tolerance"),
    ],
)
def test_a_first_event(
    time: str, arrival: str, policies: TimePolicies, expected: str | None, fault: str | None
) -> None:
    counts: Counter[str] = Counter()

    assert shown(event_times(policies, counts).time_of(at(time), at(arrival))) == expected
    assert counts == ({} if fault is None else {fault: 1})


@pytest.mark.parametrize(
    ("time", "policies", "expected", "fault"),
    [
        pytest.param("09:58", TimePolicies(MINUTE * 60, 2 * MINUTE), "09:58", None, id="at the watermark"),
        pytest.param("09:57", TimePolicies(MINUTE * 60, 2 * MINUTE), "09:58", DISORDER_ADJUSTED, id="below it"),
        pytest.param("09:57", TimePolicies(MINUTE * 60, 2 * MINUTE, "drop"), None, DISORDER_DROPPED, id="dropped"),
        pytest.param("09:59", TimePolicies(MINUTE * 60), "10:00", DISORDER_ADJUSTED, id="no tolerance by default"),
        pytest.param("01:00", TimePolicies(None, 0), "10:00", DISORDER_ADJUSTED, id="late for ever"),
    ],
)
def test_an_event_after_one_of_ten(time: str, policies: TimePolicies, expected: str | None, fault: str | None) -> None:
    counts: Counter[str] = Counter()
    times = event_times(policies, counts)
    times.time_of(at("10:00"), at("10:00"))

    assert shown(times.time_of(at(time), at("10:01"))) == expected
    assert counts == ({} if fault is None else {fault: 1})


def test_a_dropped_event_does_not_move_the_watermark() -> None:
    times = event_times(TimePolicies(60 * MINUTE))
    times.time_of(at("10:00"), at("10:00"))
    times.time_of(at("10:30"), at("10:00"))

    assert times.watermark == at("10:00") - 1


def test_an_event_at_the_watermark_of_the_documentation_is_still_to_come() -> None:
    times = event_times(TimePolicies(60 * MINUTE))
    times.time_of(at("10:00"), at("10:00"))

    assert times.watermark == at("10:00") - 1
    assert times.time_of(at("10:00"), at("10:01")) == at("10:00")


def test_a_silent_partition_holds_back_for_the_late_tolerance() -> None:
    times = event_times(TimePolicies(5 * MINUTE))
    times.idle(at("10:00"))

    assert times.watermark == at("09:55") - 1


def test_a_silent_partition_without_a_late_tolerance_holds_back_for_ever() -> None:
    times = event_times(TimePolicies(None))
    times.idle(at("10:00"))

    assert times.watermark == 0


def test_arrivals_are_complete_as_soon_as_they_are_read() -> None:
    times = event_times(ARRIVAL)
    times.arrived(at("10:00"))
    assert times.watermark == at("10:00") - 1
    times.idle(at("10:01"))

    assert times.watermark == at("10:01") - 1


def test_each_key_of_substreams_is_in_order_by_itself() -> None:
    counts: Counter[str] = Counter()
    times = event_times(TimePolicies(10 * MINUTE), counts, substreams=True)
    arrived = [("10:08", "a"), ("10:02", "b"), ("10:09", "a"), ("10:05", "b"), ("10:03", "b"), ("10:01", "c")]

    assert [shown(times.time_of(at(time), at("10:10"), key)) for time, key in arrived] == [
        "10:08",
        "10:02",
        "10:09",
        "10:05",
        "10:05",
        "10:01",
    ]
    assert counts == {DISORDER_ADJUSTED: 1}


def test_substreams_hold_back_for_the_late_tolerance_alone() -> None:
    times = event_times(TimePolicies(10 * MINUTE), substreams=True)
    times.time_of(at("10:08"), at("10:10"), "a")
    assert times.watermark == at("10:00") - 1
    times.idle(at("10:20"))

    assert times.watermark == at("10:10") - 1


def test_silent_keys_are_forgotten() -> None:
    times = event_times(TimePolicies(MINUTE), substreams=True)
    for number in range(10_000):
        arrival = at("10:00") + number * SECOND
        times.time_of(arrival, arrival, number)

    assert len(times.state()[2]) <= 1_000


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 40),  # seconds since the last arrival
        st.integers(-20, 400),  # by how many seconds it is late
        st.sampled_from("abc"),
        st.booleans(),  # the partition was read to its end just before
    ),
    max_size=60,
)


@given(
    EVENTS,
    st.sampled_from([None, 0, 5, 60]),
    st.sampled_from([0, 3, 30]),
    st.sampled_from(["adjust", "drop"]),
    st.booleans(),
    st.integers(0, 60),
)
def test_a_replay_gives_the_same_times_whenever_the_partition_was_idle(
    events: list[tuple[int, int, str, bool]],
    late: int | None,
    out_of_order: int,
    action: Any,
    substreams: bool,
    cut: int,
) -> None:
    """A replay begins at a snapshot, and does not know when `idle` was called: see `EventTimes`."""
    policies = TimePolicies(None if late is None else late * SECOND, out_of_order * SECOND, action)
    first, again = (event_times(policies, substreams=substreams) for _ in range(2))
    arrival = at("10:00")
    for place, (pause, lateness, key, is_idle) in enumerate(events):
        arrival += pause * SECOND
        if is_idle:
            first.idle(arrival)
        complete_to = first.watermark
        time = first.time_of(arrival - lateness * SECOND, arrival, key)
        if place == cut:
            again.restore(unpack(pack(first.state())))
        if place > cut:
            assert again.time_of(arrival - lateness * SECOND, arrival, key) == time
        if time is not None:
            assert complete_to < time <= arrival + EARLY_TOLERANCE
