"""A job whose rows go to a file, a hub and a webhook, all the way from its folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as redis_py

from pipeline.hub import Event
from pipeline.hub.namespace import Hubs
from pipeline.windows.jobs import task
from pipeline.windows.jobs.job import Job
from pipeline.windows.jobs.opened import Pacing

from ...upstream import ScriptedUpstream, scripted_upstream
from ..support.running_jobs import load

QUERY = """
WITH Sums AS (SELECT k, SUM(n) AS n FROM Input GROUP BY k, TumblingWindow(second, 10))
SELECT * INTO Lines FROM Sums
SELECT * INTO Events FROM Sums
SELECT * INTO Posts FROM Sums
SELECT * INTO Rows FROM Sums
"""
TOML = """
[inputs.Input]
hub = "events"
[outputs.Lines]
type = "file"
file = "rows.ndjson"
[outputs.Events]
type = "hub"
hub = "sums"
partition_key = "k"
[outputs.Posts]
type = "webhook"
url = "{url}/hook"
[outputs.Rows]
type = "stream"
"""


@pytest.fixture
def hubs(redis: redis_py.Redis) -> Hubs:
    return Hubs(redis, {"events": 2, "sums": 2})


@pytest.fixture
def endpoint() -> Iterator[ScriptedUpstream]:
    with scripted_upstream() as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path, endpoint: ScriptedUpstream) -> Path:
    (folder := tmp_path / "sums").mkdir()
    (folder / "query.asaql").write_text(QUERY)
    (folder / "job.toml").write_text(TOML.format(url=endpoint.target.url))
    return folder


#: Rows of 40 events. The first event ends a window; after it there are three keys in each of four windows.
WINDOWS = 13


def log(hubs: Hubs, count: int = 40) -> None:
    for n in range(count):
        event = Event(b'{"k": "%d", "n": %d}' % (n % 3, n), str(n % 3))
        hubs["events"].append([event], enqueued_ms=1_000_000_000_000 + 1000 * n)


def run(job: Job) -> None:
    while sum([worker.step() for worker in job.workers]):
        pass


def stop(job: Job) -> None:
    for worker in job.workers:
        worker.stop()


@pytest.mark.cluster
def test_the_same_rows_are_written_everywhere_once(
    redis: redis_py.Redis, hubs: Hubs, folder: Path, endpoint: ScriptedUpstream
) -> None:
    log(hubs)
    for turns in (1, 2, 3, 50):  # workers that come and go
        job = load(folder, redis, hubs, pacing=Pacing(batch=3, snapshot_seconds=0), beat=0.0)
        for _ in range(turns):
            for worker in job.workers:
                worker.step()
        stop(job)
    job = load(folder, redis, hubs, beat=0.0)
    run(job)
    stop(job)

    rows = [fields[b"r"].decode() for _, fields in redis.xrange("output:Rows")]
    expected = sorted(map(str, map(json.loads, rows)))
    posts = [item["row"] for request in endpoint.received for item in json.loads(request.body)]
    events = [json.loads(stored.event.body) for p in range(2) for stored in hubs["sums"].read(p)]
    lines = [json.loads(line) for line in (folder / "rows.ndjson").read_text().splitlines()]
    assert len(expected) == WINDOWS
    assert [sorted(map(str, found)) for found in (lines, events, posts)] == [expected] * 3


@pytest.mark.cluster
def test_a_receiver_that_is_away_holds_the_job_back_and_not_more(
    redis: redis_py.Redis, hubs: Hubs, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task, "MOST_WAITING", 2)
    log(hubs)
    job = load(folder, redis, hubs, pacing=Pacing(batch=3, snapshot_seconds=0), beat=0.0)
    while job.step():
        pass
    assert 2 <= redis.xlen("{job:sums}:outbox:Lines") < WINDOWS
    run(job)
    stop(job)

    assert len((folder / "rows.ndjson").read_text().splitlines()) == WINDOWS
