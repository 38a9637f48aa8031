"""`wz job`, over the jobs of a service."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
import redis as redis_py
from click.testing import CliRunner, Result

from pipeline.commands.job import job as command
from pipeline.hub import Event
from pipeline.hub.namespace import Hubs
from pipeline.settings import Settings
from pipeline.windows.jobs.finding import JobFinder
from pipeline.windows.jobs.job import Job
from pipeline.windows.jobs.outputs import StreamOutput
from pipeline.windows.jobs.registry import JobRegistry

from ..stack import ROOT
from ..windows.support.example import EVENTS, JOB, event
from ..windows.support.running_jobs import run, write_job

Wz = Callable[..., Result]


@pytest.fixture
def hubs(redis: redis_py.Redis) -> Hubs:
    hubs = Hubs(redis, {"events": 2})
    hubs.declare()
    return hubs


@pytest.fixture
def wz(hubs: Hubs, settings: Settings) -> Wz:
    env = {
        "WZ_ENVIRONMENT": settings.environment,
        "WZ_REDIS_URL": settings.redis_url,
        "WZ_CONNECTION_STRING": str(ROOT),
    }
    return lambda *args: CliRunner().invoke(command, [str(arg) for arg in args], env=env)


@pytest.fixture
def work(redis: redis_py.Redis, hubs: Hubs) -> Iterator[Callable[[], None]]:
    """Do what a worker does, until there is nothing to do."""
    found = JobFinder(JobRegistry(redis, hubs))

    ran: list[Job] = []

    def turns() -> None:
        jobs = found.jobs()
        for job in set(ran).difference(jobs):
            job.stop()
        ran[:] = jobs
        for job in jobs:
            run(job)

    yield turns
    for job in ran:
        job.stop()


def rows(result: Result) -> list[list[str]]:
    assert result.exit_code == 0, result.output
    return [line.split() for line in result.output.splitlines()]


def test_a_job_is_put_listed_run_watched_and_deleted(
    redis: redis_py.Redis, hubs: Hubs, wz: Wz, work: Callable[[], None]
) -> None:
    assert wz("put", JOB).output == "made\n"
    assert wz("put", JOB).output == "changed\n"
    assert rows(wz("list")) == [["job", "of"], ["context_reward", "put"]]
    assert rows(wz("status"))[1] == ["context_reward", "no_worker", "-", "-", "-", "-"]

    hubs["events"].append([event(columns) for _, columns in EVENTS])
    work()

    name, state, _, lag, count, faults = rows(wz("status"))[1]
    assert (name, state, lag, count, faults) == ("context_reward", "running", "0", "8", "0")
    shown = wz("status", "context_reward").output
    assert "\ntask   watermark" in shown
    assert "Output " in shown
    assert "Delete it?" in wz("delete", "context_reward").output
    assert wz("delete", "context_reward", "--yes").exit_code == 0
    assert rows(wz("list")) == [["job", "of"]]
    assert len(StreamOutput(redis, "Output").read()) == 8


def test_the_status_says_what_waits_for_which_window(
    wz: Wz, hubs: Hubs, work: Callable[[], None], tmp_path: Path
) -> None:
    query = "SELECT k, COUNT(*) AS n INTO Out FROM Input GROUP BY k, TumblingWindow(day, 1)"
    wz("put", write_job(tmp_path / "daily", query, '[inputs.Input]\nhub = "events"\n'))
    hubs["events"].append([Event(b'{"k": 1}'), Event(b'{"k": 1}'), Event(b'{"k": 2}')], partition=0)
    work()

    shown = rows(wz("status", "daily"))
    place = shown.index(["in", "a", "window", "of", "that", "ends", "rows", "by", "events", "groups"])
    step, end, due, *counts = shown[place + 1]
    assert (step, end, counts) == ("Out", due, ["3", "2"])
    assert end.endswith("T00:00:00Z")


def test_the_last_faults_of_a_job_are_shown(wz: Wz, hubs: Hubs, work: Callable[[], None], tmp_path: Path) -> None:
    wz("put", write_job(tmp_path / "plain", "SELECT n INTO Out FROM Input", '[inputs.Input]\nhub = "events"\n'))
    hubs["events"].append([Event(b"not JSON")], partition=1)
    work()

    (_, total, _, _, (time, kind, event, *why)) = rows(wz("faults", "plain"))
    assert total[:2] == ["input_errors", "1"]
    assert (kind, event.rpartition("/")[0]) == ("input_errors", "events/1")
    assert time.endswith("Z")
    assert " ".join(why).startswith("the body is not JSON")
    assert "there is no job 'none'" in wz("faults", "none").output
    assert ["input_errors", time, *why] in rows(wz("status", "plain"))
    (line,) = wz("faults", "plain", "--json", "--kind", "input_errors").output.splitlines()
    assert msgspec.json.decode(line)["body"] == "not JSON"
    assert wz("faults", "plain", "--json", "--kind", "row_errors").output == ""


def test_a_job_is_stopped_and_started(wz: Wz, work: Callable[[], None]) -> None:
    wz("put", JOB)
    assert wz("stop", "context_reward").exit_code == 0
    work()
    lines = wz("status").output.splitlines()
    assert lines[1].split()[1] == "stopped"
    assert "`wz job start context_reward` lets it go on" in lines[2]

    wz("start", "context_reward")
    work()
    assert rows(wz("status"))[1][1] == "running"


def test_a_job_is_restarted(
    redis: redis_py.Redis, wz: Wz, hubs: Hubs, work: Callable[[], None], tmp_path: Path
) -> None:
    wz("put", write_job(tmp_path / "plain", "SELECT n INTO Out FROM Input", '[inputs.Input]\nhub = "events"\n'))
    hubs["events"].append([Event(b'{"n": 1}')])
    work()
    wz("stop", "plain")
    work()
    assert wz("restart", "plain", "--from", "2024-05-01T11:00:00Z").exit_code == 0
    work()

    assert len(StreamOutput(redis, "Out").read()) == 2
    refused = wz("restart", "plain", "--from", "noon")
    assert (refused.exit_code, "start: 'noon' is not" in refused.output) == (1, True)


def test_a_job_is_copied(redis: redis_py.Redis, wz: Wz, hubs: Hubs, work: Callable[[], None], tmp_path: Path) -> None:
    hub = '[inputs.Input]\nhub = "events"\n'
    wz("put", write_job(tmp_path / "plain", "SELECT n INTO Out FROM Input", hub))
    hubs["events"].append([Event(b'{"n": 1}')])
    work()
    assert wz("copy", "plain", "same").exit_code == 0
    other = write_job(tmp_path / "new", "SELECT n + 1 AS n INTO New FROM Input", hub, "New")
    assert wz("copy", "plain", "other", "--of", other).exit_code == 0
    hubs["events"].append([Event(b'{"n": 2}')])
    work()

    its = {name: [bytes(each.row) for each in StreamOutput(redis, name).read()] for name in ("Out", "Out_same", "New")}
    assert its == {"Out": [b'{"n":1}', b'{"n":2}'], "Out_same": [b'{"n":2}'], "New": [b'{"n":3}']}
    assert "there is already a job 'same'" in wz("copy", "plain", "same").output


def test_an_error_in_the_query_is_shown_with_its_line(wz: Wz, tmp_path: Path) -> None:
    (tmp_path / "job.toml").write_text('[inputs.Input]\nhub = "events"\n[outputs.Sums]\ntype = "stream"\n')
    (tmp_path / "query.asaql").write_text(
        "SELECT SUMM(a) AS s INTO Sums\nFROM Input GROUP BY TumblingWindow(second, 10)"
    )

    result = wz("put", tmp_path)

    assert result.exit_code == 1
    assert result.output == (
        f"Error: {tmp_path.name}/query.asaql: 1:8: there is no function SUMM; did you mean SUM?\n"
        "  SELECT SUMM(a) AS s INTO Sums\n"
        "         ^\n"
    )
    assert rows(wz("list")) == [["job", "of"]]


def test_a_job_that_fails_says_why(wz: Wz, hubs: Hubs, work: Callable[[], None]) -> None:
    wz("put", JOB)
    hubs.delete("events")
    work()

    output = wz("status").output

    assert rows(wz("status"))[1][:2] == ["context_reward", "failed"]
    assert "context_reward: " in output
    assert "there is no hub 'events'" in output


@pytest.mark.parametrize(
    ("args", "message"),
    [
        pytest.param(
            ("status", "nothing"), "there is no job 'nothing'; `wz job list` shows which there are", id="status"
        ),
        pytest.param(("stop", "nothing"), "there is no job 'nothing'", id="stop"),
        pytest.param(("start", "nothing"), "there is no job 'nothing'", id="start"),
        pytest.param(("restart", "nothing", "--from", "last"), "there is no job 'nothing'", id="restart"),
        pytest.param(("copy", "nothing", "new"), "there is no job 'nothing'", id="copy"),
        pytest.param(("delete", "nothing", "--yes"), "there is no job 'nothing'", id="delete"),
    ],
)
def test_a_job_that_is_not_there(wz: Wz, args: tuple[str, ...], message: str) -> None:
    result = wz(*args)

    assert (result.exit_code, message in result.output) == (1, True)


def test_a_job_with_files_can_not_be_put(wz: Wz, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(JOB, tmp_path / "filed"))
    config = folder / "job.toml"
    config.write_text(config.read_text().replace('hub = "events"', 'file = "events.ndjson"'))

    result = wz("put", folder)

    assert result.exit_code == 1
    assert "[inputs.Input]" in result.output
