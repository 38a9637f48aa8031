"""A definition is tried over the last events of its hubs: it shows what would come, and changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
import redis as redis_py

from pipeline.hub import Event
from pipeline.hub.namespace import Hubs
from pipeline.windows.jobs.definition import Definition
from pipeline.windows.jobs.job_toml import InvalidJob
from pipeline.windows.jobs.registry import JobRegistry
from pipeline.windows.language.values import to_json
from pipeline.windows.local import trial as trials
from pipeline.windows.local.trial import EVENTS, KEPT, Trial, try_out
from pipeline.windows.operators.faults import INPUT

from ..support.example import enqueued_ms

COUNTS = "SELECT k, COUNT(*) AS n INTO Counts FROM Input GROUP BY k, TumblingWindow(minute, 10)"


@pytest.fixture
def registry(redis: redis_py.Redis) -> JobRegistry:
    return JobRegistry(redis, Hubs(redis, {"events": 2, "others": 1}))


def tried(registry: JobRegistry, query: str, **document: Any) -> Trial:
    inputs = {"Input": {"hub": "events"}}
    outputs = {name: {"type": "stream"} for name in ("Counts",)}
    definition = Definition(query, {"inputs": inputs, "outputs": outputs, **document})
    return try_out("t", definition, registry)[1]


def rows(trial: Trial) -> list[bytes]:
    return [to_json(row.columns) for row in trial.last["Counts"]]


def test_rows_faults_and_what_would_wait_are_told_and_nothing_is_changed(
    registry: JobRegistry, redis: redis_py.Redis
) -> None:
    hub = registry.hubs["events"]
    hub.append([Event(b'{"k": "a"}'), Event(b'{"k": "a"}'), Event(b"x")], partition=0, enqueued_ms=enqueued_ms("10:01"))
    hub.append([Event(b'{"k": "b"}')], partition=1, enqueued_ms=enqueued_ms("10:02"))
    hub.append([Event(b'{"k": "c"}')], partition=1)  # now
    before = {key: redis.dump(key) for key in redis.scan_iter()}
    trial = tried(registry, COUNTS)

    assert (trial.events, trial.rows, trial.is_cut) == (5, {"Counts": 2}, False)
    assert rows(trial) == [b'{"k":"a","n":2}', b'{"k":"b","n":1}']
    assert trial.faults.counts == {INPUT: 1}
    ((waiting,),) = trial.waiting.values()
    assert (waiting.events, waiting.groups) == (1, 1)
    assert {key: redis.dump(key) for key in redis.scan_iter()} == before


def test_columns_that_no_event_has_are_warned_of(registry: JobRegistry) -> None:
    registry.hubs["events"].append([Event(b'{"k": "a", "X": null}'), Event(b"x")])

    trial = tried(registry, "SELECT k, x, y INTO Counts FROM Input WHERE EventEnqueuedUtcTime > '2024-05-01'")

    assert [(each.line, each.column, each.message) for each in trial.warnings] == [
        (1, 14, "none of 1 events of Input has a column y")
    ]


def test_the_newest_events_are_taken_and_the_last_rows_are_kept(registry: JobRegistry) -> None:
    for number in range(6):
        registry.hubs["events"].append(
            [Event(b'{"n": %d}' % (250 * number + place)) for place in range(250)], partition=number % 2
        )
    trial = tried(registry, "SELECT n INTO Counts FROM Input")

    assert (trial.events, trial.rows["Counts"]) == (EVENTS, EVENTS)
    assert len(trial.last["Counts"]) == KEPT
    assert rows(trial)[-1] == b'{"n":1499}'


def test_inputs_of_several_hubs_meet(registry: JobRegistry) -> None:
    for hub in ("events", "others"):
        registry.hubs[hub].append([Event(b'{"k": "a"}')], enqueued_ms=enqueued_ms("10:01"))
    query = (
        "WITH Both AS (SELECT k FROM Input UNION SELECT k FROM Other) "
        "SELECT k, COUNT(*) AS n INTO Counts FROM Both GROUP BY k, TumblingWindow(minute, 10)"
    )
    inputs = {"Input": {"hub": "events"}, "Other": {"hub": "others"}}

    assert rows(tried(registry, query, inputs=inputs)) == [b'{"k":"a","n":2}']


def test_a_query_that_gives_too_many_rows_is_ended(registry: JobRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "MOST_ROWS", 1_000)
    registry.hubs["events"].append([Event(b'{"k": "a"}')], enqueued_ms=enqueued_ms("10:01"))
    query = "SELECT k, COUNT(*) AS n INTO Counts FROM Input GROUP BY k, HoppingWindow(Duration(day, 1), Hop(second, 1))"
    trial = tried(registry, query)

    assert trial.is_cut
    assert trial.rows["Counts"] < 2_000


@pytest.mark.parametrize(
    ("query", "inputs", "field"),
    [
        pytest.param("SELECT", {"Input": {"hub": "events"}}, "query", id="the query"),
        pytest.param(COUNTS, {"Input": {"hub": "none"}}, "inputs.Input", id="no such hub"),
        pytest.param(COUNTS, {"Input": {"file": "x.ndjson"}}, "inputs.Input", id="a file"),
    ],
)
def test_what_can_t_be_run_is_refused(registry: JobRegistry, query: str, inputs: Any, field: str) -> None:
    with pytest.raises(InvalidJob) as caught:
        tried(registry, query, inputs=inputs)
    assert caught.value.field == field


def test_a_hash_of_the_service_s_is_not_read(registry: JobRegistry) -> None:
    query = "SELECT r.a INTO Counts FROM Input i JOIN Ref r ON i.k = r.field"
    inputs = {"Input": {"hub": "events"}, "Ref": {"reference": {"hash": "namespace:rules"}}}
    with pytest.raises(InvalidJob, match="must begin with reference:"):
        tried(registry, query, inputs=inputs)
