"""A worker's jobs: they come, change and go; and one that is wrong harms itself alone."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis as redis_py

from pipeline.hub.namespace import Hubs
from pipeline.windows.jobs import keys
from pipeline.windows.jobs.definition import Definition
from pipeline.windows.jobs.finding import JobFinder
from pipeline.windows.jobs.job import Job
from pipeline.windows.jobs.progress import JobProgress
from pipeline.windows.jobs.registry import JobInUse, JobRegistry
from pipeline.windows.jobs.states import State

from ..support.running_jobs import run, write_job

QUERY = "SELECT n INTO {} FROM Input"
TOML = '[inputs.Input]\nhub = "events"\n'


@pytest.fixture
def registry(redis: redis_py.Redis) -> JobRegistry:
    return JobRegistry(redis, Hubs(redis, {"events": 2}))


@pytest.fixture
def find(registry: JobRegistry, tmp_path: Path) -> Iterator[Callable[[], list[str]]]:
    """Look for jobs as a worker does, run them until there is nothing to do, and return their names."""
    finder = JobFinder(registry, tmp_path, beat=0.0)
    ran: list[Job] = []

    def find() -> list[str]:
        jobs = finder.jobs()
        for job in set(ran) - set(jobs):
            job.stop()
        ran[:] = jobs
        for job in jobs:
            job.opened.reports._next.clear()
            run(job)
        return [job.name for job in jobs]

    write_job(tmp_path / "good", QUERY.format("Good"), TOML, "Good")
    yield find
    for job in ran:
        job.stop()


def progress(registry: JobRegistry, name: str) -> JobProgress:
    return registry.progress(name, registry.get(name))


def test_jobs_come_change_and_go(registry: JobRegistry, tmp_path: Path) -> None:
    write_job(tmp_path / "one", QUERY.format("A"), TOML, "A")
    finder = JobFinder(registry, tmp_path)
    (one,) = finder.jobs()
    write_job(tmp_path / "two", QUERY.format("B"), TOML, "B")
    assert [job.name for job in finder.jobs()] == ["one", "two"]
    assert finder.jobs()[0] is one

    write_job(tmp_path / "one", QUERY.format("A") + " WHERE n > 1", TOML, "A")
    changed, _ = finder.jobs()
    assert changed is not one

    shutil.rmtree(tmp_path / "two")
    assert finder.jobs() == [changed]


def test_a_function_that_changes_changes_its_job(registry: JobRegistry, tmp_path: Path) -> None:
    pytest.importorskip("quickjs", reason="the extra is not installed: pip install '.[javascript]'")
    (tmp_path / "one" / "functions").mkdir(parents=True)
    source = tmp_path / "one" / "functions" / "same.js"
    source.write_text("x => x")
    write_job(tmp_path / "one", "SELECT UDF.same(n) AS n INTO A FROM Input", TOML, "A")
    finder = JobFinder(registry, tmp_path)
    (one,) = finder.jobs()
    assert finder.jobs() == [one]

    source.write_text("x => x + 1")
    (changed,) = finder.jobs()
    assert changed is not one
    assert changed.opened.version != one.opened.version


def broken_query(folder: Path, registry: JobRegistry) -> Callable[[], object]:
    write_job(folder, "SELECT nope( FROM", TOML)
    return lambda: write_job(folder, QUERY.format("Out"), TOML)


def no_hub(folder: Path, registry: JobRegistry) -> Callable[[], object]:
    write_job(folder, QUERY.format("Out"), '[inputs.Input]\nhub = "later"\n')
    return lambda: registry.hubs.create("later", registry.hubs.description("events"))


def output_taken(folder: Path, registry: JobRegistry) -> Callable[[], object]:
    write_job(folder, QUERY.format("Good"), TOML, "Good")
    return lambda: write_job(folder, QUERY.format("Out"), TOML)


def odd_bytes(folder: Path, registry: JobRegistry) -> Callable[[], object]:
    write_job(folder, QUERY.format("Out"), TOML)
    (folder / "job.toml").write_bytes(b"\xff\xfe\x00")
    return lambda: write_job(folder, QUERY.format("Out"), TOML)


def deep_toml(folder: Path, registry: JobRegistry) -> Callable[[], object]:
    write_job(folder, QUERY.format("Out"), f"x = {'[' * 100_000}\n{TOML}")
    return lambda: write_job(folder, QUERY.format("Out"), TOML)


def odd_settings(folder: Path, registry: JobRegistry) -> Callable[[], object]:
    """An int that JSON does not have, where a record is JSON."""
    write_job(folder, QUERY.format("Out"), f"x = {10**30}\n{TOML}")
    return lambda: write_job(folder, QUERY.format("Out"), TOML)


def toml_is_folder(folder: Path, registry: JobRegistry) -> Callable[[], object]:
    (folder / "job.toml").mkdir(parents=True)

    def mend() -> None:
        (folder / "job.toml").rmdir()
        write_job(folder, QUERY.format("Out"), TOML)

    return mend


def circle(folder: Path, registry: JobRegistry) -> Callable[[], object]:
    folder.symlink_to(folder)

    def mend() -> None:
        folder.unlink()
        write_job(folder, QUERY.format("Out"), TOML)

    return mend


def wrong_name(folder: Path, registry: JobRegistry) -> Callable[[], object]:
    """A folder can't change its name, so this one is another."""
    write_job(folder.with_name("a name"), QUERY.format("Out"), TOML)

    def mend() -> None:
        shutil.rmtree(folder.with_name("a name"))
        write_job(folder, QUERY.format("Out"), TOML)

    return mend


@pytest.mark.parametrize(
    ("breaks", "reason"),
    [
        pytest.param(broken_query, "query.asaql: 1:14: expected a name", id="its query is wrong"),
        pytest.param(no_hub, "[inputs.Input]: there is no hub 'later'", id="its hub is not there"),
        pytest.param(output_taken, "the output 'Good' is written by the job 'good'", id="its output is taken"),
        pytest.param(odd_bytes, "job.toml: can't be read: 'utf-8'", id="its settings are no text"),
        pytest.param(deep_toml, "job.toml: can't be read: maximum recursion depth", id="its settings are too deep"),
        pytest.param(odd_settings, "x is unknown", id="its settings have an int that JSON has not"),
        pytest.param(toml_is_folder, "job.toml: can't be read: [Errno 21]", id="job.toml is a folder"),
        pytest.param(circle, "job.toml: can't be read: [Errno 40]", id="its folder is a link to itself"),
        pytest.param(wrong_name, "'a name' is not a job's name", id="its name can't be"),
    ],
)
def test_a_folder_that_can_t_be_begun_fails_alone_until_it_can(
    breaks: Callable[[Path, JobRegistry], Callable[[], object]],
    reason: str,
    registry: JobRegistry,
    find: Callable[[], list[str]],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    find()
    mend = breaks(tmp_path / "other", registry)
    with caplog.at_level(logging.ERROR):
        assert [find() for _ in range(3)] == [["good"]] * 3

    assert len(caplog.records) == 1  # it is said once, however often it is tried
    (bad,) = registry.all().keys() - {"good"}
    assert progress(registry, bad).state is State.FAILED
    assert reason in (progress(registry, bad).reason or "")
    assert progress(registry, "good").state is State.RUNNING
    with pytest.raises(JobInUse, match="remove the folder first"):
        registry.delete(bad)

    mend()
    assert find() == ["good", "other"]
    assert sorted(registry.all()) == ["good", "other"]
    assert progress(registry, "other")[0:4:3] == (State.RUNNING, None)


def test_an_error_of_the_program_is_that_job_s(
    registry: JobRegistry, find: Callable[[], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_job(tmp_path / "other", QUERY.format("Out"), TOML)
    load = registry.load

    def failing(folder: Path, beat: float) -> object:
        if folder.name == "other":
            raise KeyError("a fault")
        return load(folder, beat)

    monkeypatch.setattr(registry, "load", failing)
    assert find() == ["good"]
    assert progress(registry, "other")[0:4:3] == (State.FAILED, "KeyError: 'a fault'")


def test_a_folder_that_never_began_goes_with_its_folder(
    registry: JobRegistry, find: Callable[[], list[str]], tmp_path: Path, redis: redis_py.Redis
) -> None:
    write_job(tmp_path / "bad", "SELECT", TOML)
    find()
    assert registry.get("bad").definition == Definition("", {})
    shutil.rmtree(tmp_path / "bad")
    find()

    assert sorted(registry.all()) == ["good"]
    assert not redis.exists(keys.errors("bad"))


def test_a_change_that_is_wrong_leaves_the_job_as_it_was_and_says_so(
    registry: JobRegistry, find: Callable[[], list[str]], tmp_path: Path
) -> None:
    find()
    write_job(tmp_path / "good", "SELECT", TOML)
    assert find() == ["good"]
    state, _, _, reason = progress(registry, "good")
    assert state is State.DEGRADED
    assert "query.asaql: 1:7" in (reason or "")

    write_job(tmp_path / "good", QUERY.format("Good"), TOML, "Good")
    find()
    assert progress(registry, "good").state is State.RUNNING


def test_a_folder_whose_name_a_job_has_is_told_of_there(
    registry: JobRegistry, find: Callable[[], list[str]], tmp_path: Path
) -> None:
    outputs = {"inputs": {"Input": {"hub": "events"}}, "outputs": {"Out": {"type": "stream"}}}
    registry.put("same", Definition(QUERY.format("Out"), outputs))
    write_job(tmp_path / "same", QUERY.format("Other"), TOML, "Other")
    assert [find() for _ in range(2)] == [["good", "same"]] * 2  # a job that begins has no errors of before
    state, status, *_ = progress(registry, "same")
    assert state is State.RUNNING
    assert status is not None
    assert status.error is not None
    assert "there is already a job 'same', made over HTTP" in status.error.message

    shutil.rmtree(tmp_path / "same")
    find()
    status = progress(registry, "same").status
    assert status is not None
    assert status.error is None


def test_a_folder_of_jobs_that_can_t_be_read_for_a_while_takes_no_job_away(
    registry: JobRegistry, find: Callable[[], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find()

    def refused(path: Path) -> Iterator[Path]:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "iterdir", refused)  # root may read everything
        assert find() == ["good"]
    assert find() == ["good"]


def test_a_folder_with_any_name_is_told_of(
    registry: JobRegistry, find: Callable[[], list[str]], tmp_path: Path
) -> None:
    os.mkdir(name := os.fsencode(tmp_path) + b"/\xff")
    with open(name + b"/job.toml", "w"):
        pass

    assert find() == ["good"]
    assert progress(registry, "?").state is State.FAILED


def test_a_stopped_job_can_t_be_deleted_while_a_worker_has_its_folder(
    registry: JobRegistry, find: Callable[[], list[str]], tmp_path: Path
) -> None:
    assert find() == ["good"]
    registry.stop("good")
    assert find() == []
    with pytest.raises(JobInUse, match="remove the folder first"):
        registry.delete("good")
    assert find() == []

    shutil.rmtree(tmp_path / "good")
    registry.redis.delete(keys.found("good"))  # as time would
    assert find() == []
    registry.delete("good")
    assert registry.all() == {}


def test_the_name_of_a_function_s_file_may_be_any_bytes(
    registry: JobRegistry, find: Callable[[], list[str]], tmp_path: Path
) -> None:
    functions = write_job(tmp_path / "odd", QUERY.format("Odd"), TOML, "Odd") / "functions"
    functions.mkdir()
    (functions / os.fsdecode(b"\xff.js")).write_text("function main() { return 1 }")

    assert find() == ["good"]
    state, _, _, reason = progress(registry, "odd")
    assert state is State.FAILED
    assert reason is not None
    assert reason.endswith("functions/?.js: the name of a function's file must be UTF-8")
