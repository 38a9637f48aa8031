"""The tour of an event (docs/event): its partition, windows and rows are those of the hub and of the engine."""

from __future__ import annotations

import json
import random
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.hub.partition import key_hash, partition_of
from pipeline.windows.language.ticks import isoformat
from pipeline.windows.local.files import EventFile
from pipeline.windows.local.run import LocalJob
from pipeline.windows.local.run import run as run_job

from .short_tours import answered, is_shown, run, steps, wrong_prints

STEPS = steps("event")
HASHES = {step: run("event", step) for step in STEPS[:2]}
WINDOWS = run("event", "04_rows")
EVENTS: list[dict[str, Any]] = WINDOWS["EVENTS"]
JOB_TOML = '[inputs.Input]\nhub = "events"\n[outputs.OutputWindow]\ntype = "stream"\n'
HOPPING = "GROUP BY eventid, HoppingWindow(Duration(hour, 2), Hop(hour, 1))"


def test_the_steps_print_what_the_page_says() -> None:
    assert wrong_prints("event") == []


@pytest.mark.parametrize("step", STEPS)
def test_the_page_shows_each_step(step: str) -> None:
    assert is_shown("event", step)


@pytest.mark.parametrize("step", STEPS[:2])
@given(key=st.text(max_size=40), partitions=st.integers(1, 100))
def test_a_key_is_in_the_partition_of_the_hub(step: str, key: str, partitions: int) -> None:
    names = HASHES[step]

    assert names["key_hash"](key) == key_hash(key)
    assert names["partition_of"](key, partitions) == partition_of(key, partitions)


def test_the_log_keeps_the_order_of_a_key() -> None:
    hub = HASHES["02_log"]["Hub"](4)
    places = [hub.send(event["eventid"], event) for event in EVENTS]

    assert sorted(places) == [(number, at) for number, log in enumerate(hub.logs) for at in range(len(log))]
    for log in hub.logs:
        assert log == [event for event in EVENTS if event in log]


def test_step_5_has_the_partitions_of_step_1() -> None:
    partitions = run("event", "05_watermark")["PARTITIONS"]

    assert partitions == {key: partition_of(key, 4) for key in ("e1", "e2", "e3")}


def engine_rows(folder: Path, query: str, events: list[dict[str, Any]]) -> list[tuple[datetime, dict[str, Any]]]:
    """Run a query over events; return its rows by the ends of their windows, and by eventid."""
    (folder / "query.asaql").write_text(query)
    (folder / "job.toml").write_text(JOB_TOML)
    (folder / "Input.ndjson").write_text("".join(f"{json.dumps(event)}\n" for event in events))
    rows: list[Any] = []
    with closing(EventFile(folder / "Input.ndjson")) as file:
        run_job(LocalJob.read(folder), {"Input": file}, {}, rows.append)
    found = [(datetime.fromisoformat(isoformat(row.time)), dict(row.columns)) for row in rows]
    return sorted(found, key=lambda row: (row[0], row[1]["eventid"]))


def many_events() -> list[dict[str, Any]]:
    """Twelve hours of events, two at each border of windows, and none of one id at the same time as another of it."""
    chance = random.Random(3)
    begin = datetime.fromisoformat("2024-05-01T00:00:00Z")
    borders = range(0, 720, 60)
    minutes = sorted([*chance.sample(range(720), 300), *borders, *borders])
    events = []
    for number, minute in enumerate(minutes):
        is_reward = chance.random() < 0.6
        what = {"reward": chance.randrange(100) + 0.5} if is_reward else {"actionname": f"a{number}", "age": 30}
        time = begin + timedelta(minutes=minute)
        events.append({"EventEnqueuedUtcTime": time.isoformat(), "eventid": f"e{number % 20}", **what})
    return events


QUERY = f"""WITH ContextReward AS (
    SELECT eventid, TopOne() OVER (ORDER BY [EventEnqueuedUtcTime] ASC) CR, MAX(reward) AS reward FROM Input {HOPPING})
SELECT eventid, CR.actionname AS actionname, CR.age AS age, CR.gender AS gender, CR.weight AS weight, reward
INTO OutputWindow FROM ContextReward"""


def test_steps_4_and_6_give_the_rows_of_the_engine(tmp_path: Path) -> None:
    events = many_events()
    panes = run("event", "06_panes")
    expected = engine_rows(tmp_path, QUERY, events)

    by_end = sorted(WINDOWS["rows"](events), key=lambda row: (row[0], row[1]["eventid"]))
    assert by_end == expected
    for partitions in (1, 3, 7):
        parts = [panes["panes"](events[number::partitions]) for number in range(partitions)]
        assert list(panes["windows"](parts)) == expected


def test_step_5_gives_them_in_any_order_of_reading(tmp_path: Path) -> None:
    names = run("event", "05_watermark")

    expected = engine_rows(tmp_path, QUERY, EVENTS)
    for seed in range(50):
        assert names["read"](names["Windows"](4), random.Random(seed)) == expected


def test_a_window_waits_for_what_comes_at_its_very_end() -> None:
    names = run("event", "05_watermark")
    windows = names["Windows"](1)
    at_11 = next(event for event in EVENTS if event["eventid"] == "e3")

    assert windows.feed(0, at_11) == []
    assert windows.feed(0, at_11 | {"reward": 3}) == []
    rows = windows.reach(0, names["END"])
    assert [(end.hour, row["actionname"], row["reward"]) for end, row in rows] == [
        (11, "offer_a", 3),
        (12, "offer_a", 3),
    ]


def test_exercise_1_averages_as_the_engine_does(tmp_path: Path) -> None:
    names, events = answered("event", "06_panes", 1), many_events()
    query = f"""WITH C AS (SELECT eventid, TopOne() OVER (ORDER BY [EventEnqueuedUtcTime] ASC) CR, AVG(reward) AS reward
    FROM Input {HOPPING}) SELECT eventid, CR.actionname AS actionname, reward INTO OutputWindow FROM C"""

    own = list(names["windows"]([names["panes"](events[number::3]) for number in range(3)]))
    expected = engine_rows(tmp_path, query, events)
    assert [(end, {**row, "reward": pytest.approx(row["reward"])}) for end, row in own] == expected


def test_exercise_2_a_silent_partition_holds_nothing_back() -> None:
    names = answered("event", "05_watermark", 2)
    windows = names["Windows"](2)
    for event in EVENTS:
        assert windows.feed(1, event) == [], "partition 0 is silent"

    now = names["time_of"](EVENTS[-1])
    assert [end.hour for end, _ in windows.idle(0, now)] == [11] * 3 + [12] * 3 + [13] * 3
    assert windows.idle(0, now - timedelta(hours=5)) == []
    assert windows.reached[0] == now, "a clock does not go back"
