"""Every key that jobs can make in Redis is listed in jobs/keys.py, and is deleted with them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import redis as redis_py

from pipeline.hub import Event
from pipeline.hub.description import Description
from pipeline.hub.namespace import Hubs
from pipeline.settings import Settings
from pipeline.store.keys import Key
from pipeline.windows.jobs import erase as erase_module
from pipeline.windows.jobs import keys
from pipeline.windows.jobs.finding import JobFinder
from pipeline.windows.jobs.job import Job
from pipeline.windows.jobs.registry import JobRegistry

from ...windows.support import example
from ..conftest import ServiceClient

QUERY = """
WITH Paired AS (
    SELECT a.eventid AS eventid, a.actionname AS action, b.reward AS reward FROM Input a JOIN Other b
    ON a.eventid = b.eventid AND DATEDIFF(hour, a, b) BETWEEN 0 AND 1 LEFT JOIN Named r ON a.eventid = r.field
)
SELECT action, COUNT(*) AS n INTO {name}Rows FROM Paired GROUP BY action, HoppingWindow(hour, 2, 1)
SELECT action, SUM(reward) AS reward INTO {name}Board FROM Paired GROUP BY action, TumblingWindow(hour, 1)
SELECT eventid, LAG(reward) OVER (PARTITION BY eventid LIMIT DURATION(hour, 1)) AS before INTO {name}Events FROM Input
SELECT * INTO {name}Posts FROM Input
"""


def body(name: str, hub: str) -> dict[str, Any]:
    board = {"board": "best", "member": "action", "score": "reward", "mode": "add"}
    return {
        "query": QUERY.format(name=name),
        "inputs": {
            "Input": {"hub": hub},
            "Other": {"hub": hub},
            "Named": {"reference": {"hash": "reference:named"}},
        },
        "outputs": {
            f"{name}Rows": {"type": "stream"},
            f"{name}Board": {"type": "board", **board},
            f"{name}Events": {"type": "hub", "hub": "target"},
            f"{name}Posts": {"type": "webhook", "url": "http://127.0.0.1:9/"},
        },
        "boards": [{"from": f"{name}Rows", **board, "score": "n"}],
        "snapshot": 0,
    }


@pytest.fixture
def registry(redis: redis_py.Redis, settings: Settings) -> JobRegistry:
    registry = JobRegistry(redis, Hubs(redis, settings.hubs))
    registry.hubs.create("single", Description(partitions=1))
    registry.hubs.create("target", Description(partitions=2))
    registry.hubs.create("passing", Description(partitions=1))
    return registry


class Workers:
    """Runs the jobs that were put, as a worker does."""

    def __init__(self, registry: JobRegistry) -> None:
        self._jobs = JobFinder(registry, beat=0.0)
        self._found: set[Job] = set()

    def run(self) -> None:
        for job in self._jobs.jobs():
            self._found.add(job)
            while sum(task.step() for task in job.workers) or len(job.share.held) < len(job.tasks):
                pass

    def stop(self) -> None:
        for job in self._found:
            for task in job.workers:
                task.stop()


@pytest.fixture
def workers(registry: JobRegistry) -> Iterator[Workers]:
    made = Workers(registry)
    yield made
    made.stop()


def found(redis: redis_py.Redis) -> dict[str, Key]:
    """Each key of jobs and outputs, with its entry in jobs/keys.py, which is checked."""
    names = [name.decode() for name in redis.scan_iter("*")]
    by_name = {}
    for name in names:
        if name.strip("{").startswith(("job", "output")):
            (key,) = [key for key in keys.KEYS if pattern(key).fullmatch(name)]
            assert redis.type(name).decode() == key.type, name
            assert (redis.ttl(name) >= 0) is (key.ttl is not None), name
            by_name[name] = key
    return by_name


def pattern(key: Key) -> re.Pattern[str]:
    return re.compile(re.sub("[A-Z]+", "[^:]+", key.pattern))


def test_every_key_is_listed_and_goes_with_its_job_and_its_outputs(
    redis: redis_py.Redis,
    registry: JobRegistry,
    workers: Workers,
    client: ServiceClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    redis.hset("reference:named", "e1", '{"name": "one"}')
    for name, hub in (("two", "events"), ("one", "single"), ("broken", "passing")):
        assert client.put(f"/jobs/{name}", json=body(name, hub)).status_code == 201
    registry.hubs.delete("passing")  # so that a job can't begin, and reports that
    for hub in ("events", "single"):
        for when, columns in example.EVENTS:
            registry.hubs[hub].append([example.event(columns)], enqueued_ms=example.enqueued_ms(when))
        registry.hubs[hub].append([example.event(columns)])  # whose windows stay open
        registry.hubs[hub].append([Event(b"not JSON")])
    workers.run()
    seen = set(found(redis).values())
    assert {"{job:two}:checkpoint:merge", "{job:one}:checkpoint:0"} <= found(redis).keys()
    assert "{job:one}:checkpoint:merge" not in found(redis)

    for name in ("two", "one", "broken"):
        assert client.delete(f"/jobs/{name}").status_code == 204
    seen |= set(found(redis).values())
    workers.stop()  # as a worker does when it notices: it saves its states, and says why it waits
    monkeypatch.setattr(erase_module, "SETTLE_MS", 0)
    erase_module.clean(registry.hubs)
    redis.delete(keys.LOOKED)  # as time would
    assert {name for name in found(redis) if name.strip("{").startswith("job")} == set()
    for name in ("two", "one", "broken"):
        assert client.delete(f"/outputs/{name}Rows").status_code == 204

    assert found(redis) == {}
    assert set(keys.KEYS) - seen == {
        *(key for key in keys.KEYS if "PLACE" in key.pattern),  # test_elsewhere.py makes these
        keys.found,  # test_finding.py makes it
    }
    assert groups(redis) == set()


@pytest.mark.parametrize("name", ["{job:two}:lease:merge", "{job:two}:workers", "{job:two}:delivery-lease:twoPosts"])
def test_a_key_that_ends_by_itself_lasts_as_long_as_its_entry_says(
    redis: redis_py.Redis, workers: Workers, client: ServiceClient, name: str
) -> None:
    redis.hset("reference:named", "e1", '{"name": "one"}')
    client.put("/jobs/two", json=body("two", "events"))
    workers.run()
    seconds = float(str(found(redis)[name].ttl).split(" s ")[0])
    workers.run()  # renews all

    assert (seconds - 2) * 1000 < redis.pttl(name) <= seconds * 1000


def groups(redis: redis_py.Redis) -> set[Any]:
    """The consumer groups of jobs that the hubs know."""
    names: set[Any] = set()
    for key in redis.scan_iter("{hub:*"):
        if key.endswith(b":offsets"):
            names.update(redis.hkeys(key))
        elif key.endswith(b":attached"):
            names.update(redis.smembers(key))
    return {name for name in names if name.startswith(b"job:")}


def test_the_leases_of_a_job_s_group_are_those_of_its_tasks() -> None:
    assert keys.leases_of_group(keys.group_of("j"), 2) == [keys.lease("j", task) for task in ("0", "1", keys.MERGE)]
    assert keys.leases_of_group("$relay", 2) == []
