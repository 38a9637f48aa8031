from __future__ import annotations

import shutil
import threading
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
import redis as redis_py

from pipeline.errors import InvalidValue
from pipeline.hub import Event
from pipeline.hub.namespace import Hubs
from pipeline.hub.retention import trim
from pipeline.hub.runtime import runtime
from pipeline.store import Pipeline
from pipeline.windows.jobs import erase as erase_module
from pipeline.windows.jobs import job as job_module
from pipeline.windows.jobs import keys
from pipeline.windows.jobs.definition import Definition
from pipeline.windows.jobs.finding import JobFinder
from pipeline.windows.jobs.job import Job
from pipeline.windows.jobs.job_toml import InvalidJob
from pipeline.windows.jobs.outputs import OutputTaken, StreamOutput, UnknownOutput, list_outputs
from pipeline.windows.jobs.record import JobRecord
from pipeline.windows.jobs.registry import JobExists, JobInUse, JobRegistry, UnknownJob
from pipeline.windows.jobs.reports import Reports
from pipeline.windows.jobs.state import Checkpoint
from pipeline.windows.jobs.states import MEANINGS, State
from pipeline.windows.language.ticks import parse

from ...stack import REPOSITORY
from ..support.example import JOB
from ..support.running_jobs import end, read_status, stop, write_job


def definition(query: str = "SELECT n INTO Out FROM Input", **document: Any) -> Definition:
    inputs = {"Input": {"hub": "events"}}
    return Definition(query, {"inputs": inputs, "outputs": {"Out": {"type": "stream"}}, **document})


@pytest.fixture
def hubs(redis: redis_py.Redis) -> Hubs:
    return Hubs(redis, {"events": 2, "others": 1})


@pytest.fixture
def registry(redis: redis_py.Redis, hubs: Hubs) -> JobRegistry:
    return JobRegistry(redis, hubs)


def round_trips(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return a list that grows with each round trip of this thread to Redis."""
    trips: list[object] = []
    send, ours = redis_py.Connection.send_packed_command, threading.get_ident()

    def counted(connection: redis_py.Connection, *args: Any, **options: Any) -> None:
        if threading.get_ident() == ours:  # and not the thread that renews leases
            trips.append(args)
        send(connection, *args, **options)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(redis_py.connection.AbstractConnection, "send_packed_command", counted)
    return trips


LATER = parse("2999-01-01T00:00:00Z")
Find = Callable[[], list[Job]]


@pytest.fixture
def find(registry: JobRegistry) -> Iterator[Find]:
    """Look for jobs as a worker does; those that it finds are ended after the test."""
    found: list[Job] = []
    worker = JobFinder(registry, beat=0.0)

    def find() -> list[Job]:
        jobs = worker.jobs()
        found.extend(job for job in jobs if job not in found)
        return jobs

    yield find
    for job in found:
        end(job)


def run(job: Job) -> None:
    while sum(worker.step() for worker in job.workers):
        pass


def send(hubs: Hubs, *numbers: int) -> None:
    hubs["events"].append([Event(b'{"n": %d}' % n, "k") for n in numbers])


def rows(registry: JobRegistry, name: str = "Out") -> list[bytes]:
    return [bytes(entry.row) for entry in StreamOutput(registry.redis, name).read()]


def state(registry: JobRegistry, name: str = "j") -> State:
    job = registry.get(name)
    return registry.progress(name, job).state


def reason(registry: JobRegistry, name: str = "j") -> str | None:
    return registry.progress(name, registry.get(name)).reason


@pytest.mark.cluster
def test_a_job_that_is_put_is_found_and_run(registry: JobRegistry, hubs: Hubs, find: Find) -> None:
    assert registry.put("j", definition())
    assert (list_outputs(registry.redis)[0].job, state(registry)) == ("j", State.NO_WORKER)
    send(hubs, 1, 2)
    (job,) = find()
    run(job)

    assert rows(registry) == [b'{"n":1}', b'{"n":2}']
    assert find() == [job]
    assert state(registry) is State.RUNNING


@pytest.mark.cluster
def test_a_job_that_is_put_again_goes_on_where_it_was(registry: JobRegistry, hubs: Hubs, find: Find) -> None:
    registry.put("j", definition())
    send(hubs, 1)
    (first,) = find()
    run(first)
    stop(first)
    assert not registry.put("j", definition("SELECT n, n + 1 AS m INTO Out FROM Input"))
    send(hubs, 2)
    (second,) = find()
    run(second)

    assert second is not first
    assert rows(registry) == [b'{"n":1}', b'{"n":2,"m":3}']


def test_a_job_that_is_stopped_keeps_its_state_and_its_place(registry: JobRegistry, hubs: Hubs, find: Find) -> None:
    registry.put("j", definition("SELECT n, COUNT(*) AS m INTO Out FROM Input GROUP BY n, TumblingWindow(day, 1)"))
    send(hubs, 1)
    (job,) = find()
    run(job)
    registry.stop("j")

    assert find() == []
    stop(job)  # as a worker does
    assert (state(registry), registry.get("j").stopped is not None) == (State.STOPPED, True)
    assert attached(hubs) == {"job:j"}

    before = Checkpoint(registry.redis, "j", "merge").load().commits
    registry.start("j")
    (again,) = find()
    run(again)
    assert (again is not job, state(registry), registry.get("j").stopped) == (True, State.RUNNING, None)
    assert Checkpoint(registry.redis, "j", "merge").load().commits >= before  # it has not begun anew


def test_a_job_that_is_stopped_stays_so_when_it_is_changed(registry: JobRegistry, find: Find) -> None:
    registry.put("j", definition())
    registry.stop("j")
    first = registry.get("j").stopped
    registry.stop("j")
    registry.put("j", definition("SELECT n + 1 AS n INTO Out FROM Input"))

    assert registry.get("j").stopped == first
    assert find() == []


def test_a_job_that_failed_and_was_stopped_does_not_count_as_failed(registry: JobRegistry, find: Find) -> None:
    registry.put("j", definition())
    Reports(registry.redis, "j").error("0", "it broke", parse("2024-05-01T11:00:00Z"))
    assert state(registry) is State.FAILED
    registry.stop("j")

    assert state(registry) is State.STOPPED


def test_a_folder_s_job_is_stopped_and_started(registry: JobRegistry, tmp_path: Path) -> None:
    write_job(tmp_path / "j", "SELECT n INTO Out FROM Input", '[inputs.Input]\nhub = "events"\n')
    folders = JobFinder(registry, tmp_path)
    (first,) = folders.jobs()
    registry.stop("j")
    assert list(folders.jobs()) == []
    registry.start("j")

    (second,) = folders.jobs()
    assert second is not first


@pytest.mark.parametrize("what", ["stop", "start", "delete"])
def test_a_job_that_there_is_not_is_neither_stopped_nor_started(registry: JobRegistry, what: str) -> None:
    with pytest.raises(UnknownJob):
        getattr(registry, what)("j")


def test_the_progress_of_many_jobs_takes_two_round_trips(
    registry: JobRegistry, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        out = {f"Out{number}": {"type": "stream"}}
        registry.put(f"j{number}", definition(f"SELECT n INTO Out{number} FROM Input", outputs=out))
    for job in find():
        run(job)
    found = registry.all()
    trips = round_trips(monkeypatch)
    progress = registry.progress_of(found)

    assert len(trips) == 2
    assert {each.state for each in progress.values()} == {State.RUNNING}


T = TypeVar("T")


class Overtaken(JobRegistry):
    """Another process changes the job right after its record was read for the first time."""

    is_overtaken = False

    def _transact(self, name: str, queue: Callable[[Pipeline, JobRecord | None], T]) -> T:
        def overtaken(pipe: Pipeline, job: JobRecord | None) -> T:
            if not self.is_overtaken:
                self.is_overtaken = True
                JobRegistry(self.redis, self.hubs).put("j", definition("SELECT n + 1 AS n INTO Out FROM Input"))
            return queue(pipe, job)

        return super()._transact(name, overtaken)


def test_a_job_that_another_process_made_meanwhile_is_not_made_again(redis: redis_py.Redis, hubs: Hubs) -> None:
    registry = Overtaken(redis, hubs)

    assert not registry.put("j", definition())
    assert registry.get("j").definition == definition()


def test_a_job_that_was_changed_meanwhile_is_deleted_as_it_is_now(redis: redis_py.Redis, hubs: Hubs) -> None:
    JobRegistry(redis, hubs).put("j", definition())
    registry = Overtaken(redis, hubs)
    registry.delete("j")

    assert registry.all() == {}
    assert b"n + 1 AS n" in redis.hgetall(keys.DELETED)[b"j"]


def test_a_time_of_toml_is_understood_by_workers(registry: JobRegistry, find: Find) -> None:
    registry.put("j", definition(start=datetime.fromisoformat("2024-05-01T13:00:00+02:00")))

    assert [job.start for job in find()] == ["2024-05-01T11:00:00.0000000Z"]


def test_outputs_that_a_job_has_no_more_stay_to_be_read(registry: JobRegistry) -> None:
    registry.put("j", definition())
    registry.put("j", definition("SELECT n INTO New FROM Input", outputs={"New": {"type": "stream"}}))

    assert [(output.name, output.job) for output in list_outputs(registry.redis)] == [("New", "j"), ("Out", None)]


@pytest.mark.cluster
def test_a_hub_that_a_job_has_left_keeps_nothing_for_it(registry: JobRegistry, hubs: Hubs, find: Find) -> None:
    registry.put("j", definition())
    (job,) = find()
    run(job)
    assert attached(hubs) == {"job:j"}
    registry.put("j", definition(inputs={"Input": {"hub": "others"}}))

    assert attached(hubs) == set()


def attached(hubs: Hubs, name: str = "events") -> set[str]:
    return {group.name for part in runtime(hubs[name]) for group in part.groups if group.attached}


@pytest.mark.parametrize(
    ("name", "made", "field"),
    [
        pytest.param("a b", definition(), "name", id="the name"),
        pytest.param("j", definition("SELECT"), "query", id="the query"),
        pytest.param("j", definition(inputs={"Input": {"hub": "none"}}), "inputs.Input", id="no such hub"),
        pytest.param("j", definition(inputs={"Input": {"file": "x.ndjson"}}), "inputs.Input", id="a file to read"),
        pytest.param(
            "j", definition(outputs={"Out": {"type": "file", "file": "x"}}), "outputs.Out", id="a file to write"
        ),
        pytest.param(
            "j", definition(outputs={"Out": {"type": "hub", "hub": "Events"}}), "outputs.Out", id="a hub it reads"
        ),
        pytest.param("j", definition(outputs={"Out": {"type": "webhook", "url": "x"}}), "outputs.Out", id="no webhook"),
        pytest.param(
            "j",
            definition(
                "SELECT r.a INTO Out FROM Input i JOIN Ref r ON i.n = r.field",
                inputs={"Input": {"hub": "events"}, "Ref": {"reference": {"hash": "namespace:rules"}}},
            ),
            "inputs.Ref",
            id="a hash of the service's",
        ),
    ],
)
def test_what_can_t_be_run_is_refused_and_leaves_nothing(
    registry: JobRegistry, name: str, made: Definition, field: str
) -> None:
    with pytest.raises(InvalidJob) as caught:
        registry.put(name, made)

    assert caught.value.field == field
    assert (registry.all(), list_outputs(registry.redis)) == ({}, [])


def test_an_output_of_another_job_refuses_all_of_them(registry: JobRegistry) -> None:
    registry.put("j", definition())
    both = {"New": {"type": "stream"}, "Out": {"type": "stream"}}
    with pytest.raises(OutputTaken, match="'Out' is written by the job 'j'"):
        registry.put("k", definition("SELECT n INTO New FROM Input SELECT n INTO Out FROM Input", outputs=both))

    assert [(output.name, output.job) for output in list_outputs(registry.redis)] == [("Out", "j")]


@pytest.mark.cluster
def test_a_deleted_job_leaves_its_rows_and_nothing_else(
    registry: JobRegistry, hubs: Hubs, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    grouped = "SELECT key, COUNT(*) AS n INTO Out FROM Input GROUP BY key, TumblingWindow(second, 1)"
    hook = {"Hook": {"type": "webhook", "url": "http://127.0.0.1:9/"}, "Out": {"type": "stream"}}
    registry.put("j", definition(f"{grouped} SELECT n INTO Hook FROM Input", outputs=hook))
    hubs["events"].append([Event(b'{"n": 1}', "k")], enqueued_ms=1_000_000)
    (job,) = find()
    run(job)
    assert (rows(registry), attached(hubs)) == ([b'{"key":null,"n":1}'], {"job:j"})
    job.step()
    registry.delete("j")
    stop(job)  # as a worker does when it finds out: it saves its state

    monkeypatch.setattr(erase_module, "SETTLE_MS", 0)
    assert find() == []
    assert rows(registry) == [b'{"key":null,"n":1}']
    assert attached(hubs) == set()
    registry.redis.delete(keys.LOOKED)  # as time would
    kept = {key.decode() for key in registry.redis.scan_iter("*")}
    assert {key for key in kept if key.startswith("job")} == set()
    assert trim(hubs["events"], 0) + trim(hubs["events"], 1) == 1
    with pytest.raises(UnknownJob):
        registry.delete("j")


@pytest.mark.cluster
def test_a_deleted_job_that_is_still_run_writes_nothing(registry: JobRegistry, hubs: Hubs, find: Find) -> None:
    registry.put("j", definition())
    (job,) = find()
    job.step()
    registry.delete("j")
    send(hubs, 1)
    run(job)

    assert rows(registry) == []


@pytest.mark.cluster
def test_a_job_is_purged_again_when_no_worker_can_have_it(
    registry: JobRegistry, hubs: Hubs, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.put("j", definition())
    (job,) = find()
    registry.delete("j")
    job.step()  # it was just about to begin
    assert attached(hubs) == {"job:j"}
    monkeypatch.setattr(erase_module, "SETTLE_MS", 0)
    find()
    assert attached(hubs) == {"job:j"}  # a worker may still run it
    end(job)
    find()

    assert attached(hubs) == set()


@pytest.mark.cluster
def test_a_new_job_of_a_deleted_one_s_name_begins_anew(registry: JobRegistry, hubs: Hubs, find: Find) -> None:
    registry.put("j", definition())
    send(hubs, 1)
    (first,) = find()
    run(first)
    registry.delete("j")
    registry.put("j", definition())
    stop(first)
    (second,) = find()
    run(second)

    assert rows(registry) == [b'{"n":1}'] * 2
    assert registry.redis.hgetall(keys.DELETED) == {}


@pytest.mark.cluster
def test_an_output_is_deleted_by_itself(registry: JobRegistry) -> None:
    registry.put("j", definition())
    registry.delete("j")
    StreamOutput(registry.redis, "Out").delete()

    with pytest.raises(UnknownOutput):
        rows(registry)


def test_a_job_that_can_t_begin_has_failed_until_it_can(registry: JobRegistry, hubs: Hubs, find: Find) -> None:
    registry.put("j", definition(inputs={"Input": {"hub": "others"}}))
    hubs.delete("others")
    assert find() == []
    status = read_status(registry.redis, "j")
    assert status is not None
    assert "there is no hub 'others'" in status.error.message
    assert state(registry) is State.FAILED

    hubs.create("others", hubs.description("events"))
    (job,) = find()
    job.step()
    assert state(registry) is State.RUNNING


def test_a_job_starts_once_a_worker_looks_for_jobs(registry: JobRegistry, find: Find) -> None:
    registry.put("j", definition())
    registry.look()
    assert state(registry) is State.STARTING
    (job,) = find()
    job.share.partitions()
    registry.redis.delete(keys.LOOKED)  # as time would
    assert state(registry) is State.STARTING
    job.step()
    assert state(registry) is State.RUNNING
    registry.stop("j")
    assert state(registry) is State.STOPPING
    stop(job)
    assert state(registry) is State.STOPPED
    registry.start("j")
    registry.redis.delete(keys.LOOKED)  # as time would
    assert state(registry) is State.NO_WORKER


@pytest.mark.parametrize("stopped", [True, False])
def test_a_delivery_that_waits_or_has_stopped_degrades_its_job(
    registry: JobRegistry, find: Find, stopped: bool
) -> None:
    hook = {"Out": {"type": "webhook", "url": "http://127.0.0.1:9/"}}
    registry.put("j", definition(outputs=hook))
    (job,) = find()
    job.step()
    job.deliveries[0].outbox.note("403", stopped=stopped)

    assert state(registry) is State.DEGRADED
    assert reason(registry) == f"Out {'has stopped' if stopped else 'waits'}: 403"


def test_a_task_that_fails_while_others_run_degrades_its_job(registry: JobRegistry, find: Find) -> None:
    registry.put("j", definition())
    (job,) = find()
    job.step()
    for task, expected in (("0", State.DEGRADED), ("1", State.FAILED)):
        job.opened.reports.error(task, "it broke", LATER)
        assert state(registry) is expected
    assert reason(registry) == "task 0 fails: it broke; task 1 fails: it broke"


def test_a_merging_task_that_fails_is_a_failure(registry: JobRegistry, find: Find) -> None:
    registry.put("j", definition("SELECT n, COUNT(*) AS m INTO Out FROM Input GROUP BY n, TumblingWindow(day, 1)"))
    (job,) = find()
    job.step()
    job.opened.reports.error(keys.MERGE, "it broke", LATER)

    assert state(registry) is State.FAILED


def test_many_faults_degrade_a_job_for_a_minute(
    registry: JobRegistry, hubs: Hubs, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.put("j", definition())
    (job,) = find()
    for sent, expected in (([b"?"], State.DEGRADED), ([b'{"n": 1}'] * 18, State.DEGRADED), ([b"{}"], State.RUNNING)):
        hubs["events"].append([Event(body) for body in sent], partition=0)
        job.opened.reports._next.clear()
        run(job)
        assert state(registry) is expected, reason(registry)

    hubs["events"].append([Event(b"?")] * 5, partition=0)
    job.opened.reports._next.clear()
    run(job)
    assert reason(registry) == "6 faults in a minute, at 25 events"
    for recent in job.opened.reports._recent.values():
        recent._totals = deque((at - 61, events, faults) for at, events, faults in recent._totals)  # as time would
    job.opened.reports._next.clear()
    run(job)
    assert state(registry) is State.RUNNING


def test_an_error_while_a_job_begins_is_a_failure(
    registry: JobRegistry, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.put("j", definition())
    (job,) = find()

    def fails(*args: object) -> None:
        raise KeyError("a fault")

    with monkeypatch.context() as patch:
        patch.setattr(job_module, "begin", fails)
        with pytest.raises(KeyError):
            job.step()
    assert (state(registry), reason(registry)) == (State.FAILED, "KeyError: 'a fault'")
    job.step()
    assert state(registry) is State.RUNNING


def test_the_page_on_windows_has_the_states() -> None:
    page = (REPOSITORY / "docs" / "windows.md").read_text()

    for each, meaning in MEANINGS.items():
        assert f"| `{each}` | {meaning} |" in page


@pytest.mark.parametrize("start", ["2024-05-01T00:00:02Z", "now", "last"])
def test_a_job_is_restarted(registry: JobRegistry, hubs: Hubs, find: Find, start: str) -> None:
    """It begins anew once: from a time, from now, or after its last row, and then goes on."""
    counts = "SELECT COUNT(*) AS n INTO Out FROM Input GROUP BY TumblingWindow(second, 1)"
    registry.put("j", definition(counts, inputs={"Input": {"hub": "others"}}))

    def send(*seconds: int) -> None:
        for second in seconds:
            hubs["others"].append([Event(b"{}")], enqueued_ms=1_714_521_600_000 + second * 1000 + 500)

    send(0, 1, 2)
    (job,) = find()
    run(job)
    assert len(rows(registry)) == 3
    stop(job)
    registry.stop("j")
    registry.restart("j", start)
    (again,) = find()
    run(again)
    assert len(rows(registry)) == (5 if start.startswith("20") else 3)
    again.stop()

    registry.put("j", definition(counts, inputs={"Input": {"hub": "others"}}))
    (third,) = find()
    run(third)
    assert len(rows(registry)) == (5 if start.startswith("20") else 3)


def test_a_worker_that_has_not_heard_of_a_restart_does_not_undo_it(
    registry: JobRegistry, hubs: Hubs, find: Find
) -> None:
    registry.put("j", definition())
    late = registry.open("j", registry.get("j"), beat=0.0)
    registry.restart("j", "last")
    old = registry.open("j", registry.get("j"), beat=0.0)
    registry.restart("j", "2024-05-01T00:00:00Z")
    (job,) = find()
    send(hubs, 1)
    run(job)
    stop(job)
    for other in (late, old):
        run(other)
        other.stop()

    assert rows(registry) == [b'{"n":1}']


def test_a_folder_s_job_is_restarted(registry: JobRegistry, hubs: Hubs, tmp_path: Path) -> None:
    write_job(tmp_path / "j", "SELECT n INTO Out FROM Input", '[inputs.Input]\nhub = "events"\n')
    finder = JobFinder(registry, tmp_path, beat=0.0)
    send(hubs, 1)
    (job,) = finder.jobs()
    run(job)
    stop(job)
    registry.restart("j", "2024-05-01T00:00:00Z")
    (again,) = finder.jobs()
    run(again)
    again.stop()

    assert rows(registry) == [b'{"n":1}'] * 2
    assert finder.jobs() == [again]


def test_a_time_that_is_none_restarts_nothing(registry: JobRegistry) -> None:
    registry.put("j", definition())
    before = registry.get("j")
    with pytest.raises(InvalidValue, match=r"start: 'noon' is not \"last\", \"now\" or a UTC time"):
        registry.restart("j", "noon")
    assert registry.get("j") == before


def test_the_jobs_of_folders_are_listed_and_can_t_be_put(registry: JobRegistry, tmp_path: Path) -> None:
    shutil.copytree(JOB, folder := tmp_path / "shipped")
    job = registry.load(folder)
    with pytest.raises(JobExists, match="which is a folder of a worker"):
        registry.put("shipped", definition())
    assert [(name, found.folder) for name, found in registry.all().items()] == [("shipped", True)]
    assert [output.name for output in list_outputs(registry.redis)] == ["Output", "OutputWindow"]

    job.step()
    with pytest.raises(JobInUse):
        registry.delete("shipped")
    end(job)
    registry.delete("shipped")
    assert registry.all() == {}


def test_a_folder_can_t_have_the_name_of_a_job_made_over_http(registry: JobRegistry, tmp_path: Path) -> None:
    registry.put("shipped", definition())
    shutil.copytree(JOB, folder := tmp_path / "shipped")

    with pytest.raises(JobExists, match="made over HTTP"):
        registry.load(folder)
    assert [output.name for output in list_outputs(registry.redis)] == ["Out"]


def test_a_folder_waits_for_the_job_that_has_its_name(registry: JobRegistry, tmp_path: Path) -> None:
    """A worker that did not start for it would leave nobody to delete that job."""
    hub = '[inputs.Input]\nhub = "events"\n'
    write_job(tmp_path / "first", "SELECT n INTO First FROM Input", hub, "First")
    write_job(tmp_path / "shipped", "SELECT n INTO Shipped FROM Input", hub, "Shipped")
    registry.put("shipped", definition())
    finder = JobFinder(registry, tmp_path)

    assert [[job.name for job in finder.jobs()] for _ in range(2)] == [["first", "shipped"]] * 2
    registry.delete("shipped")
    assert [job.name for job in finder.jobs()] == ["first", "shipped"]
    assert registry.get("shipped").folder
