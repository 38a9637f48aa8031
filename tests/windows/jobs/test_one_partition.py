"""A job over a hub of one partition: one task, and the rows that two stages would give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import redis as redis_py

from pipeline.hub import Event
from pipeline.hub.namespace import Hubs
from pipeline.windows.jobs.definition import read_definition
from pipeline.windows.jobs.exchange import Exchange
from pipeline.windows.jobs.job import Job
from pipeline.windows.jobs.keys import MERGE
from pipeline.windows.jobs.opened import Pacing
from pipeline.windows.jobs.prepare import prepare
from pipeline.windows.planning.topology import topology

from ..support.crashes import Crash, Fuse, die
from ..support.example import enqueued_ms
from ..support.running_jobs import end, load, rows, run, write_job

#: Windows of each kind, not grouped by the partition key, a join, and a window over a window: all need every row.
QUERY = """
WITH Counted AS (SELECT g, COUNT(*) AS n FROM Input GROUP BY g, HoppingWindow(minute, 20, 10))
SELECT g, n INTO Hopping FROM Counted
SELECT MAX(n) AS n INTO Greatest FROM Counted GROUP BY TumblingWindow(minute, 20)
SELECT g, SUM(n) AS n INTO Sliding FROM Input GROUP BY g, SlidingWindow(minute, 10)
SELECT COUNT(*) AS n INTO Sessions FROM Input GROUP BY SessionWindow(minute, 4, 30)
SELECT n, LAG(n) OVER (LIMIT DURATION(hour, 1)) AS before INTO Before FROM Input
SELECT a.n AS a, b.n AS b INTO Pairs FROM Input a JOIN Input b ON a.g = b.g AND DATEDIFF(minute, a, b) BETWEEN 1 AND 9
SELECT n INTO Plain FROM Input
"""
OUTPUTS = "Hopping,Greatest,Sliding,Sessions,Before,Pairs,Plain"
TOML = '[inputs.Input]\nhub = "single"\n'

Rows = dict[str, list[tuple[str | None, str]]]
NewJob = Callable[..., Job]


@pytest.fixture
def hubs(redis: redis_py.Redis) -> Hubs:
    return Hubs(redis, {"single": 1, "triple": 3})


@pytest.fixture
def new_job(redis: redis_py.Redis, hubs: Hubs, tmp_path: Path) -> Iterator[NewJob]:
    made: list[Job] = []

    def new(seconds: float = 0.0, stages: int = 1, query: str = QUERY, toml: str = TOML, outputs: str = OUTPUTS) -> Job:
        folder = write_job(tmp_path / "j", query, toml, outputs)
        job = load(folder, redis, hubs, pacing=Pacing(seconds, 3), beat=0.0)
        made.append(job if stages == 1 else in_two_stages(job, folder))
        return made[-1]

    yield new
    for job in made:
        end(job)


def in_two_stages(job: Job, folder: Path) -> Job:
    """Make the job as if the number of partitions were not known, with a version of its own."""
    layout = topology(prepare(read_definition(folder), folder).plan, {})
    stages = (layout.partitioned, layout.merging)
    return Job(replace(job.opened, plan=layout.plan, stages=stages, version="two stages"), beat=0.0)


def log(hubs: Hubs, first: int = 0, last: int = 30) -> None:
    for n in range(first, last):
        minutes = 3 * n + 8 * (n // 7)  # with pauses, in which sessions end
        event = Event(msgspec.json.encode({"g": n % 3, "n": n}))
        hubs["single"].append([event], enqueued_ms=enqueued_ms(f"{10 + minutes // 60}:{minutes % 60:02}"))


def written(redis: redis_py.Redis) -> Rows:
    """Return the rows of each output, sorted."""
    return {name: sorted((end, str(row)) for end, row in rows(redis, name)) for name in OUTPUTS.split(",")}


@pytest.fixture(scope="module")
def made_once() -> list[Rows]:
    return []


@pytest.fixture
def expected(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob, made_once: list[Rows]) -> Rows:
    """Return the rows that a job of two stages makes of the log, and leave nothing but the log in Redis."""
    log(hubs)
    if made_once:
        return made_once[0]
    job = new_job(stages=2)
    assert [task.name for task in job.tasks] == ["0", MERGE]
    run(job)
    job.stop()
    found = written(redis)
    assert all(found.values())
    made_once.append(found)
    redis.flushdb()
    log(hubs)
    return found


def test_it_has_one_task_and_the_rows_of_two_stages(redis: redis_py.Redis, expected: Rows, new_job: NewJob) -> None:
    job = new_job()
    run(job)

    assert [task.name for task in job.tasks] == ["0"]
    assert not redis.exists(Exchange(redis, "j", 0).key, Exchange(redis, "j", 0).watermark_key)
    assert written(redis) == expected


@pytest.mark.parametrize("seconds", [0.0, 1e9], ids=["state saved each turn", "state never saved"])
@pytest.mark.parametrize(("after", "restart"), [(False, True), (True, True), (True, False)])
@pytest.mark.parametrize("nth", [1, 2, 5, 10])
def test_a_crash_at_any_commit_gives_each_row_once(
    redis: redis_py.Redis, expected: Rows, new_job: NewJob, nth: int, after: bool, restart: bool, seconds: float
) -> None:
    job = new_job(seconds)
    Fuse(job, nth, after)
    with pytest.raises(Crash):
        run(job)
    if restart:
        die(job)
        job = new_job(seconds)
    run(job)

    assert written(redis) == expected


@pytest.mark.parametrize("turns", [1, 4, 50])
def test_a_job_that_began_with_two_stages_begins_anew_and_goes_on_after_its_last_row(
    redis: redis_py.Redis, expected: Rows, new_job: NewJob, turns: int
) -> None:
    before = new_job(stages=2)
    for _ in range(turns):
        before.step()
    before.stop()
    job = new_job()
    run(job)

    assert written(redis) == expected
    assert {key.decode() for key in redis.scan_iter("{job:j}:*:merge")} == set()
    assert not redis.exists(Exchange(redis, "j", 0).key, Exchange(redis, "j", 0).watermark_key)


def test_an_input_of_several_partitions_beside_it_is_merged(redis: redis_py.Redis, hubs: Hubs, new_job: NewJob) -> None:
    query = """
    WITH Both AS (SELECT n FROM Input UNION SELECT n FROM Others)
    SELECT SUM(n) AS n INTO Both FROM Both GROUP BY TumblingWindow(minute, 10)
    SELECT COUNT(*) AS n INTO One FROM Input GROUP BY TumblingWindow(minute, 10)
    SELECT COUNT(*) AS n INTO Three FROM Others GROUP BY TumblingWindow(minute, 10)
    """
    log(hubs, 1, 3)
    for n in range(6):
        hubs["triple"].append([Event(b'{"n": 10}')], partition=n % 3, enqueued_ms=enqueued_ms("10:05"))
    job = new_job(query=query, toml=TOML + '[inputs.Others]\nhub = "triple"\n', outputs="One,Three,Both")
    run(job)

    assert [task.name for task in job.tasks] == ["0", "1", "2", MERGE]
    assert [row["n"] for _, row in rows(redis, "One")] == [2]
    assert [row["n"] for _, row in rows(redis, "Three")] == [6]
    assert [row["n"] for _, row in rows(redis, "Both")] == [63]
