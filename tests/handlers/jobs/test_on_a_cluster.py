"""Whatever shows a job finds it where its hubs are, and what the console keeps where it always is."""

from __future__ import annotations

import pytest
import redis as redis_py

from pipeline.boards import Boards
from pipeline.console.demo.demo import Demo
from pipeline.console.history_task import History
from pipeline.console.overview import overview
from pipeline.console.workers import workers
from pipeline.hub import Event
from pipeline.hub.namespace import Hubs
from pipeline.settings import Settings
from pipeline.store.client import redis_client
from pipeline.windows.jobs.finding import JobFinder
from pipeline.windows.jobs.outputs import list_outputs
from pipeline.windows.jobs.registry import JobRegistry

from ...windows.support import running_jobs
from ..conftest import ServiceClient

BODY = {
    "query": "SELECT n INTO Rows FROM Input",
    "inputs": {"Input": {"hub": "events"}},
    "outputs": {"Rows": {"type": "stream"}},
}


@pytest.mark.cluster
def test_a_job_is_put_run_shown_and_deleted(client: ServiceClient, redis: redis_py.Redis, settings: Settings) -> None:
    hubs, boards = Hubs(redis, settings.hubs), Boards.from_settings(settings)
    registry = JobRegistry(redis_client(settings), hubs, boards)
    assert client.put("/jobs/j", json=BODY).status_code == 201
    hubs["events"].append([Event(b'{"n": 1}')])
    (job,) = JobFinder(registry, beat=0.0).jobs()
    try:
        running_jobs.run(job)
        assert client.get("/jobs/j").json["state"] == "running"
        assert [entry["row"] for entry in client.get("/outputs/Rows").json["rows"]] == [{"n": 1}]
        assert 'wz_job_rows_total{job_name="j",output="Rows"} 1.0' in client.get("/metrics").text
        task = History(hubs, registry)
        task.step()
        task.stop()
        assert redis_client(settings).exists("console:job-history:j")
        assert set(overview(dict(hubs.items()), registry, registry.all(), []).jobs) == {"j"}
        assert [worker.jobs for worker in workers(redis, {}, ["j"])] == [{"j"}]
    finally:
        running_jobs.stop(job)
    assert [client.delete(path).status_code for path in ("/jobs/j", "/outputs/Rows")] == [204, 204]
    kept = {key.decode() for key in redis.scan_iter("*job*")}
    assert kept <= {"{jobs}:deleted", "jobs:looked", "console:job-history:j"}


@pytest.mark.cluster
def test_the_demo_begins_and_is_deleted(client: ServiceClient, redis: redis_py.Redis, settings: Settings) -> None:
    hubs, boards = Hubs(redis, settings.hubs), Boards.from_settings(settings)
    demo = Demo(hubs, JobRegistry(redis_client(settings), hubs, boards), boards)
    demo.begin(100.0)
    assert client.get("/jobs/demo").status_code == 200
    demo.delete()
    assert (demo.jobs.all(), list_outputs(redis), demo.progress()) == ({}, [], None)
