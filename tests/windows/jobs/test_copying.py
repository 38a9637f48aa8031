"""A copy of a job goes on with the state that the job had, and neither takes anything from the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py

from pipeline.errors import PipelineError
from pipeline.hub import Event
from pipeline.hub.group_registry import ConsumerGroups
from pipeline.hub.namespace import Hubs
from pipeline.store import OutOfMemoryError
from pipeline.windows.jobs import keys
from pipeline.windows.jobs.copying import copy_job
from pipeline.windows.jobs.definition import Definition
from pipeline.windows.jobs.finding import JobFinder
from pipeline.windows.jobs.job import Job
from pipeline.windows.jobs.job_toml import InvalidJob
from pipeline.windows.jobs.outputs import list_outputs
from pipeline.windows.jobs.registry import JobExists, JobInUse, JobRegistry, UnknownJob

from ...full import full
from ..support.running_jobs import read_status, rows, run, stop, write_job

COUNTS = "SELECT n, COUNT(*) AS m INTO Out FROM Input TIMESTAMP BY t GROUP BY n, TumblingWindow(second, 10)"


@pytest.fixture
def hubs(redis: redis_py.Redis) -> Hubs:
    hubs = Hubs(redis, {"events": 2, "others": 1})
    hubs.declare()
    return hubs


@pytest.fixture
def registry(redis: redis_py.Redis, hubs: Hubs) -> JobRegistry:
    return JobRegistry(redis, hubs)


@pytest.fixture
def work(registry: JobRegistry) -> Iterator[Callable[[], None]]:
    finder = JobFinder(registry, beat=0.0)
    ran: set[Job] = set()

    def work() -> None:
        for job in finder.jobs():
            ran.add(job)
            job.opened.reports._next.clear()
            run(job)

    yield work
    for job in ran:
        stop(job)


def definition(query: str, out: str = "Out", **document: Any) -> Definition:
    tables = {"inputs": {"Input": {"hub": "events"}}, "outputs": {out: {"type": "stream"}}}
    return Definition(query, {**tables, "time": {"late_arrival": -1}, **document})


def send(hubs: Hubs, *seconds: int) -> None:
    """Send an event of each of these seconds to each partition; only events move the time."""
    for second in seconds:
        for partition in (0, 1):
            body = b'{"n": 1, "t": "2024-05-01T00:00:%02dZ"}' % second
            hubs["events"].append([Event(body)], partition=partition)


@pytest.mark.cluster
@pytest.mark.parametrize("is_saved", [True, False], ids=["saved", "since its last snapshot"])
def test_a_copy_goes_on_with_the_state(
    registry: JobRegistry, hubs: Hubs, work: Callable[[], None], redis: redis_py.Redis, is_saved: bool
) -> None:
    registry.put("j", definition(f"{COUNTS} /* INTO Out */"))
    send(hubs, 1, 11, 12)
    (job,) = (jobs := JobFinder(registry, beat=0.0)).jobs()
    run(job)
    if is_saved:  # then the copy needs none of the events before
        stop(job)
        for partition in (0, 1):
            redis.xtrim(hubs["events"].keys[partition].events, maxlen=0)
    copy_job(registry, "j", "k")
    assert registry.get("k").definition.query == COUNTS.replace("INTO Out", "INTO [Out_k]") + " /* INTO Out */"
    stop(job)
    del jobs
    send(hubs, 13, 21)
    work()

    before = ("2024-05-01T00:00:10.0000000Z", {"n": 1, "m": 2})
    after = ("2024-05-01T00:00:20.0000000Z", {"n": 1, "m": 6})
    assert rows(redis) == [before, after]
    assert rows(redis, "Out_k") == [after]
    totals = [read_status(redis, name) for name in ("j", "k")]
    assert [each.rows for each in totals if each is not None] == [{"Out": 2}, {"Out_k": 1}]


@pytest.mark.cluster
def test_a_copy_with_another_query_begins_after_the_last_row(
    registry: JobRegistry, hubs: Hubs, work: Callable[[], None], redis: redis_py.Redis
) -> None:
    registry.put("j", definition(COUNTS))
    send(hubs, 1, 11, 12)
    work()
    copy_job(registry, "j", "k", definition(COUNTS.replace("COUNT(*)", "2 * COUNT(*)").replace("Out", "New"), "New"))
    send(hubs, 21)
    work()

    assert [row["m"] for _, row in rows(redis)] == [2, 4]
    assert [row["m"] for _, row in rows(redis, "New")] == [8]


@pytest.mark.cluster
def test_hubs_keep_for_a_copy_what_they_keep_for_the_job(
    registry: JobRegistry, hubs: Hubs, work: Callable[[], None], redis: redis_py.Redis
) -> None:
    registry.put("j", definition(COUNTS))
    send(hubs, 1, 11)
    work()
    copy_job(registry, "j", "k")

    for partition in (0, 1):
        its = hubs["events"].keys[partition]
        assert redis.smembers(its.attached) == {b"job:j", b"job:k"}
        assert redis.hget(its.offsets, "job:k") == redis.hget(its.offsets, "job:j")


def test_a_folder_s_job_is_copied_to_one_that_is_put(
    registry: JobRegistry, hubs: Hubs, work: Callable[[], None], redis: redis_py.Redis, tmp_path: Path
) -> None:
    write_job(tmp_path / "j", COUNTS, '[time]\nlate_arrival = -1\n[inputs.Input]\nhub = "events"\n')
    send(hubs, 1, 11)
    (job,) = JobFinder(registry, tmp_path, beat=0.0).jobs()
    run(job)
    copy_job(registry, "j", "k")
    stop(job)
    send(hubs, 21)
    work()

    assert not registry.get("k").folder
    assert [row["m"] for _, row in rows(redis, "Out_k")] == [2]


BOARD = {"from": "Out", "board": "b", "member": "n", "score": "m", "mode": "add"}
OWN_GROUP = {"Input": {"hub": "events", "consumer_group": "g"}}


@pytest.mark.parametrize(
    ("put", "new", "made", "error", "message"),
    [
        pytest.param(definition(COUNTS), "j", None, JobExists, "there is already a job 'j'", id="its own name"),
        pytest.param(definition(COUNTS), "a b", None, InvalidJob, "not a job's name", id="no name"),
        pytest.param(
            definition(COUNTS, boards=[BOARD]), "k", None, InvalidJob, "the board b can't be written by two", id="board"
        ),
        pytest.param(
            definition(COUNTS, outputs={"Out": {"type": "webhook", "url": "http://127.0.0.1:9/"}}), "k", None,
            InvalidJob, "Out can't be written by two jobs", id="webhook",
        ),
        pytest.param(
            definition(COUNTS), "k", definition(COUNTS), PipelineError, "'Out' is written by the job 'j'", id="output"
        ),
        pytest.param(
            definition(COUNTS, inputs=OWN_GROUP), "k",
            definition(COUNTS.replace("Out", "New"), "New", inputs=OWN_GROUP),
            InvalidJob, "j reads as this consumer group", id="consumer group",
        ),
        pytest.param(definition(COUNTS), "k", definition("SELECT", "New"), InvalidJob, "1:7", id="wrong query"),
    ],
)  # fmt: skip
def test_what_can_t_be_copied_is_refused_and_leaves_nothing(
    registry: JobRegistry,
    hubs: Hubs,
    redis: redis_py.Redis,
    put: Definition,
    new: str,
    made: Definition | None,
    error: type[Exception],
    message: str,
) -> None:
    ConsumerGroups(hubs["events"]).create("g")
    registry.put("j", put)
    before = {key: redis.dump(key) for key in redis.scan_iter("*")}
    with pytest.raises(error, match=message):
        copy_job(registry, "j", new, made)

    assert {key: redis.dump(key) for key in redis.scan_iter("*")} == before


def test_a_name_that_a_worker_still_has_is_refused(registry: JobRegistry, work: Callable[[], None]) -> None:
    for name in ("j", "k"):
        registry.put(name, definition(COUNTS.replace("Out", name), name))
    work()
    registry.delete("k")
    with pytest.raises(JobInUse, match="try again in a few seconds"):
        copy_job(registry, "j", "k")


def test_a_job_that_never_began_has_nothing_to_copy(registry: JobRegistry, tmp_path: Path) -> None:
    write_job(tmp_path / "bad", "SELECT", "")
    JobFinder(registry, tmp_path).jobs()
    with pytest.raises(InvalidJob, match="bad could never begin"):
        copy_job(registry, "bad", "k")
    with pytest.raises(UnknownJob):
        copy_job(registry, "none", "k")


def test_a_copy_for_which_there_is_no_room_leaves_nothing(
    registry: JobRegistry, hubs: Hubs, work: Callable[[], None], redis: redis_py.Redis
) -> None:
    registry.put("j", definition(COUNTS))
    send(hubs, 1, 11)
    work()

    class Filled(JobRegistry):
        """The store is full once the copy's outputs are declared."""

        def record_of(self, *args: Any, **named: Any) -> Any:
            filled.__enter__()
            return super().record_of(*args, **named)

    filled = full(redis)
    with pytest.raises(OutOfMemoryError):
        copy_job(Filled(redis, hubs), "j", "k")
    filled.__exit__(None, None, None)

    assert sorted(registry.all()) == ["j"]
    assert list(redis.scan_iter("job:k*")) == []
    assert redis.smembers(hubs["events"].keys[0].attached) == {keys.group_of("j").encode()}
    assert [each.job for each in list_outputs(redis)] == ["j", None]
