"""Keys from before hash tags: a job that has them goes on after its last row, with its counts and what waits."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis as redis_py

from pipeline.hub import Event
from pipeline.hub.namespace import Hubs
from pipeline.windows.jobs import keys
from pipeline.windows.jobs.registry import JobRegistry
from pipeline.windows.jobs.upgrade import rename_keys

from ..support.running_jobs import end, rows, run, write_job

QUERY = "SELECT n INTO Out FROM Input SELECT n INTO Later FROM Input"
TOML = '[inputs.Input]\nhub = "events"\n[outputs.Later]\ntype = "webhook"\nurl = "http://127.0.0.1:9/"\n'


@pytest.fixture
def registry(redis: redis_py.Redis) -> JobRegistry:
    return JobRegistry(redis, Hubs(redis, {"events": 2}))


def send(registry: JobRegistry, *numbers: int) -> None:
    registry.hubs["events"].append([Event(b'{"n": %d}' % n, "k") for n in numbers])


def with_old_names(redis: redis_py.Redis) -> set[str]:
    """Give all keys that have a job's hash tag the names that they had before there was one."""
    tagged = {key.decode() for key in redis.scan_iter("{job:*")}
    old = {key: key.replace("{", "").replace("}", "") for key in tagged}
    for key, name in old.items():
        redis.rename(key, name)
    return set(old.values())


def test_a_job_of_a_version_before_hash_tags_goes_on_where_it_was(
    redis: redis_py.Redis, registry: JobRegistry, tmp_path: Path
) -> None:
    folder = write_job(tmp_path / "j", QUERY, TOML)
    job = registry.load(folder)
    send(registry, 1, 2)
    run(job)
    end(job)
    old = with_old_names(redis)
    assert {"job:j:checkpoint:0", "job:j:outbox:Later", "job:j:delivery:Later"} <= old
    send(registry, 3)

    rename_keys(registry)
    rename_keys(registry)  # as a second worker does
    while job.step():  # as one of before, which still runs
        pass
    run(again := registry.load(folder))
    end(again)

    assert [row["n"] for _, row in rows(redis)] == [1, 2, 3]
    assert redis.xlen(keys.outbox("j", "Later")) == 3
    assert {key.decode() for key in redis.scan_iter("job:*")} == {keys.job("j")}


def test_what_has_a_name_of_today_stays(redis: redis_py.Redis, registry: JobRegistry, tmp_path: Path) -> None:
    registry.load(write_job(tmp_path / "j", QUERY, TOML))
    redis.hset("job:j:status", "0", "old")
    redis.hset(keys.status("j"), "0", "new")
    rename_keys(registry)

    assert redis.hgetall(keys.status("j")) == {b"0": b"new"}
    assert not redis.exists("job:j:status")
