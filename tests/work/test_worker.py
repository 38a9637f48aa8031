"""`wz worker` as a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest
import redis as redis_py

from pipeline.hub import Event
from pipeline.hub.consumer_group import ConsumerGroup
from pipeline.hub.namespace import Hubs
from pipeline.settings import Settings
from pipeline.store.client import redis_client
from pipeline.windows.jobs import keys
from pipeline.windows.jobs.definition import Definition
from pipeline.windows.jobs.erase import is_run
from pipeline.windows.jobs.outputs import StreamOutput, UnknownOutput
from pipeline.windows.jobs.registry import JobRegistry
from pipeline.work.worker import Task, _loop, run

from ..stack import PATIENCE, REPOSITORY, ROOT, redis_server, until
from ..windows.support import example
from ..windows.support.running_jobs import write_job


@pytest.fixture
def environ(settings: Settings) -> dict[str, str]:
    return {
        **os.environ,
        "WZ_ENVIRONMENT": settings.environment,
        "WZ_REDIS_URL": settings.redis_url,
        "WZ_CONNECTION_STRING": str(ROOT),
        "WZ_HUBS": "events:4",
        "WZ_JOBS": str(REPOSITORY / "jobs"),
    }


@contextmanager
def start(environ: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run a worker; a test that fails does not wait for its end."""
    command = [sys.executable, "-m", "wz", "worker"]
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY) as worker:
        try:
            yield worker
        finally:
            worker.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_worker_runs_the_jobs_until_it_is_told_to_stop(
    redis: redis_py.Redis, settings: Settings, environ: dict[str, str], number: int
) -> None:
    hub = Hubs(redis, settings.hubs)["events"]
    for at, columns in example.EVENTS:
        hub.append([example.event(columns)], enqueued_ms=example.enqueued_ms(at))

    def rows() -> int:
        try:
            return len(StreamOutput(redis, "OutputWindow").read())
        except UnknownOutput:
            return 0

    with start(environ) as worker:
        until(lambda: rows() == len(example.WINDOW_ROWS))
        worker.send_signal(number)
        _, log = worker.communicate(timeout=PATIENCE)

    assert worker.returncode == 0
    assert "Traceback" not in log
    assert list(redis.scan_iter("*:lease:*")) == []


def test_the_worker_runs_jobs_that_are_put_while_it_runs(
    redis: redis_py.Redis, settings: Settings, environ: dict[str, str]
) -> None:
    hubs = Hubs(redis, settings.hubs)
    registry = JobRegistry(redis, hubs)
    with start(environ) as worker:
        until(lambda: "context_reward" in registry.all())
        document = {"inputs": {"Input": {"hub": "events"}}, "outputs": {"Out": {"type": "stream"}}}
        registry.put("j", Definition("SELECT n INTO Out FROM Input", document))
        hubs["events"].append([Event(b'{"n": 1}')])
        until(lambda: len(StreamOutput(redis, "Out").read()) == 1)
        registry.delete("j")
        until(lambda: not is_run(registry.redis, "j"))
        worker.terminate()
        _, log = worker.communicate(timeout=PATIENCE)

    assert "Traceback" not in log


def test_a_killed_worker_is_followed_by_another_and_no_row_is_lost_or_doubled(
    redis: redis_py.Redis, settings: Settings, environ: dict[str, str]
) -> None:
    hub = Hubs(redis, settings.hubs)["events"]
    for at, columns in example.EVENTS[:4]:
        hub.append([example.event(columns)], enqueued_ms=example.enqueued_ms(at))
    with start(environ) as killed:
        until(lambda: redis.exists("output:Output") == 1)
        killed.kill()
        killed.communicate()
    for at, columns in example.EVENTS[4:]:
        hub.append([example.event(columns)], enqueued_ms=example.enqueued_ms(at))

    with start(environ) as worker:
        until(lambda: len(StreamOutput(redis, "Output").read()) >= 8)
        worker.terminate()
        worker.communicate(timeout=PATIENCE)

    entries = StreamOutput(redis, "Output").read()
    assert len(entries) == 8


def test_a_paused_worker_is_followed_by_another_and_doubles_no_row_when_it_goes_on(
    redis: redis_py.Redis, settings: Settings, environ: dict[str, str]
) -> None:
    """Its keeper is paused with it, so that its leases end."""
    hubs = Hubs(redis, settings.hubs)
    registry = JobRegistry(redis, hubs)
    document = {"inputs": {"Input": {"hub": "events"}}, "outputs": {"Out": {"type": "stream"}}}
    registry.put("j", Definition("SELECT n INTO Out FROM Input", document))
    alone = environ | {"WZ_JOBS": ""}
    leases = [keys.lease("j", str(partition)) for partition in range(4)]

    def owners() -> set[int]:
        """Return the processes that have the tasks, 0 for those that nobody has."""
        return {int(owner.split(b"-")[-2]) if owner else 0 for owner in held()}

    def held() -> list[bytes | None]:
        return cast("list[bytes | None]", redis.mget(leases))

    def rows() -> int:
        return len(StreamOutput(redis, "Out").read())

    with start(alone) as paused, start(alone) as other:
        until(lambda: owners() == {paused.pid, other.pid})
        paused.send_signal(signal.SIGSTOP)
        its = [lease for lease, owner in zip(leases, held(), strict=True) if b"-%d-" % paused.pid in (owner or b"")]
        for lease in its:
            redis.pexpire(lease, 1)  # as time would
        for worker, _ in redis.zscan_iter(keys.workers("j")):
            if b"-%d-" % paused.pid in worker:
                redis.zrem(keys.workers("j"), worker)
        for partition in range(4):
            hubs["events"].append([Event(b'{"n": 1}')], partition=partition)
        until(lambda: rows() == 4)
        assert owners() == {other.pid}

        paused.send_signal(signal.SIGCONT)
        until(lambda: owners() == {paused.pid, other.pid})
        for partition in range(4):
            hubs["events"].append([Event(b'{"n": 2}')], partition=partition)
        until(lambda: rows() >= 8)
        for worker in (paused, other):
            worker.terminate()
            worker.communicate(timeout=PATIENCE)
    assert rows() == 8


def test_a_worker_starts_although_a_job_is_broken_and_runs_it_once_it_is_mended(
    redis: redis_py.Redis, settings: Settings, environ: dict[str, str], tmp_path: Path
) -> None:
    hubs = Hubs(redis, settings.hubs)
    registry = JobRegistry(redis, hubs)
    write_job(tmp_path / "good", "SELECT n INTO Good FROM Input", '[inputs.Input]\nhub = "events"\n', "Good")
    write_job(tmp_path / "bad", "SELECT nope( FROM", '[inputs.Input]\nhub = "later"\n')
    hubs["events"].append([Event(b'{"n": 1}')])

    def rows(name: str) -> int:
        try:
            return len(StreamOutput(redis, name).read())
        except UnknownOutput:
            return 0

    def reason() -> str:
        bad = registry.all().get("bad")
        return "" if bad is None else registry.progress("bad", bad).reason or ""

    with start(environ | {"WZ_JOBS": str(tmp_path)}) as worker:
        until(lambda: rows("Good") == 1)
        until(lambda: "query.asaql: 1:14" in reason())
        (tmp_path / "bad" / "query.asaql").write_text("SELECT n INTO Out FROM Input")
        until(lambda: "there is no hub 'later'" in reason())
        hubs.create("later", hubs.description("events"))
        hubs["later"].append([Event(b'{"n": 1}')])
        until(lambda: rows("Out") == 1)
        worker.terminate()
        _, log = worker.communicate(timeout=PATIENCE)

    assert worker.returncode == 0
    assert log.count("job bad can't begin") == 2  # once for each reason
    assert "Traceback" not in log


def test_a_relay_that_was_taken_away_is_told_of(
    redis: redis_py.Redis, settings: Settings, environ: dict[str, str]
) -> None:
    ConsumerGroup(Hubs(redis, settings.hubs)["events"], "$relay").attach()

    with start({**environ, "WZ_JOBS": ""}) as worker:
        until(lambda: redis.exists("hubs:retention") == 1)
        worker.terminate()
        _, log = worker.communicate(timeout=PATIENCE)

    assert "hub events keeps all events for a relay" in log
    assert "`wz hub detach events '$relay'`" in log


@pytest.mark.parametrize(
    ("hubs", "rest"), [("events:none", "as in events:4"), ("events:0", "1 to 1024 partitions")], ids=["read", "checked"]
)
def test_a_setting_that_is_wrong_is_one_line(environ: dict[str, str], hubs: str, rest: str) -> None:
    with start({**environ, "WZ_HUBS": hubs}) as worker:
        _, log = worker.communicate(timeout=PATIENCE)

    assert worker.returncode == 4  # systemd and the like need not try again
    assert log == f"Error: WZ_HUBS: '{hubs}': write name:partitions, {rest}\n"


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        pytest.param(
            {"WZ_UPSTREAM": str(ROOT)},
            f"WZ_UPSTREAM: {ROOT.host}:443 is this service, so the hub events would be relayed to itself",
            id="this service",
        ),
        pytest.param(
            {"WZ_UPSTREAM": str(ROOT).replace(ROOT.host, "up.example.com"), "HTTPS_PROXY": "socks5://user:secret@p:1"},
            "HTTPS_PROXY: write http://[user:password@]host:port, or https:// for a proxy that speaks TLS",
            id="no proxy",
        ),
    ],
)
def test_an_upstream_that_can_t_be_is_one_line(
    redis: redis_py.Redis, environ: dict[str, str], variables: dict[str, str], message: str
) -> None:
    with start({**environ, **variables}) as worker:
        _, log = worker.communicate(timeout=PATIENCE)

    assert (worker.returncode, log) == (4, f"Error: {message}\n")


def test_a_worker_waits_for_redis_and_says_so_at_once(tmp_path: Path, environ: dict[str, str]) -> None:
    url = f"unix://{tmp_path / 'redis.sock'}"
    with start({**environ, "WZ_REDIS_URL": url, "WZ_LOG_FORMAT": "text"}) as worker:
        first = worker.stderr.readline()
        with redis_server(tmp_path):
            client = redis_client(Settings(environment="test", redis_url=url, connection_string=ROOT))
            until(lambda: client.exists("hubs:retention") == 1)
            worker.terminate()
            worker.communicate(timeout=PATIENCE)

    assert f"Redis at {tmp_path / 'redis.sock'} can't be reached: " in first
    assert "; this worker waits for it" in first
    assert worker.returncode == 0


def test_a_worker_says_that_its_password_is_refused(tmp_path: Path, environ: dict[str, str]) -> None:
    url = f"unix://:wrong@{tmp_path / 'redis.sock'}"
    with redis_server(tmp_path, "--requirepass", "right"), start({**environ, "WZ_REDIS_URL": url}) as worker:
        first = worker.stderr.readline()

    assert "refuses the password" in first
    assert "; this worker waits for it" in first


class Counting:
    """A task that records when it was stopped."""

    name = "counting"

    def __init__(self) -> None:
        self.stepped = threading.Event()
        self.stopped = threading.Event()

    def step(self) -> int:
        self.stepped.set()
        return 0

    def stop(self) -> None:
        self.stopped.set()


def test_a_task_that_is_found_later_is_started_and_one_that_is_gone_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.work.worker.FIND", 0.01)
    first, second, stop = Counting(), Counting(), threading.Event()
    found: list[Task] = [first]
    runner = threading.Thread(target=run, args=(lambda: list(found), stop))
    runner.start()
    assert first.stepped.wait(PATIENCE)

    found[:] = [second]

    assert second.stepped.wait(PATIENCE)
    assert first.stopped.wait(PATIENCE)
    assert not second.stopped.is_set()
    stop.set()
    runner.join(PATIENCE)
    assert second.stopped.is_set()


class Hanging:
    """A task whose step does not return until it is released."""

    name = "hanging"

    def __init__(self) -> None:
        self.stepped = threading.Event()
        self.let_go = threading.Event()

    def step(self) -> int:
        self.stepped.set()
        self.let_go.wait()
        return 0

    def stop(self) -> None:
        pass


@pytest.mark.parametrize("is_gone", [False, True], ids=["while it is wanted", "when it is not returned any more"])
def test_a_task_that_hangs_does_not_keep_the_worker_from_ending(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, is_gone: bool
) -> None:
    monkeypatch.setattr("pipeline.work.worker.FIND", 0.01)
    monkeypatch.setattr("pipeline.work.worker.END_SECONDS", 0.2)
    hanging, counting, stop = Hanging(), Counting(), threading.Event()
    found: list[Task] = [hanging, counting]
    looks: list[list[Task]] = []

    def find() -> list[Task]:
        looks.append(list(found))
        return looks[-1]

    runner = threading.Thread(target=run, args=(find, stop))
    runner.start()
    assert hanging.stepped.wait(PATIENCE)
    assert counting.stepped.wait(PATIENCE)
    if is_gone:
        found.remove(hanging)
        until(lambda: looks[-3:] == [[counting]] * 3)  # the worker has looked, and looked again

    stop.set()
    runner.join(PATIENCE)

    assert not runner.is_alive()
    assert counting.stopped.is_set()
    assert [record.getMessage() for record in caplog.records] == ["not ended after 0 s, and abandoned: hanging"]
    hanging.let_go.set()


def test_a_search_that_hangs_does_not_keep_the_worker_from_ending(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pipeline.work.worker.FIND", 0.01)
    monkeypatch.setattr("pipeline.work.worker.END_SECONDS", 0.2)
    counting, late, stop = Counting(), Counting(), threading.Event()
    searching, let_go = threading.Event(), threading.Event()

    def find() -> list[Task]:
        if not counting.stepped.is_set():
            return [counting]
        searching.set()
        let_go.wait()
        return [counting, late]

    runner = threading.Thread(target=run, args=(find, stop))
    runner.start()
    assert searching.wait(PATIENCE)

    stop.set()
    runner.join(PATIENCE)

    assert not runner.is_alive()
    assert counting.stopped.is_set()
    assert [record.getMessage() for record in caplog.records] == [
        "not ended after 0 s, and abandoned: the search for tasks"
    ]
    [search] = [thread for thread in threading.enumerate() if thread.name == "the search for tasks"]
    let_go.set()
    search.join(PATIENCE)
    assert not late.stepped.is_set()


@pytest.mark.parametrize("error", [redis_py.ConnectionError("away"), ValueError("wrong")])
def test_an_error_of_the_first_search_ends_the_worker(error: Exception) -> None:
    def find() -> list[Task]:
        raise error

    with pytest.raises(type(error), match=str(error)):
        run(find, threading.Event())


def test_a_worker_with_a_task_that_hangs_ends_on_sigterm() -> None:
    script = """
import signal, threading
from pipeline.work import worker

class Hanging:
    name = "hanging"
    def step(self):
        print("stepped", flush=True)
        threading.Event().wait()
    def stop(self):
        pass

task, stop = Hanging(), threading.Event()
worker.END_SECONDS = 0.2
signal.signal(signal.SIGTERM, lambda *_: stop.set())
worker.run(lambda: [task], stop)
"""
    command = [sys.executable, "-c", script]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=REPOSITORY) as worker:
        try:
            assert worker.stdout.readline() == "stepped\n"
            worker.terminate()
            _, log = worker.communicate(timeout=PATIENCE)
        finally:
            worker.kill()

    assert worker.returncode == 0
    assert log == "not ended after 0 s, and abandoned: hanging\n"


class Hurried(threading.Event):
    """Tells a task to stop after it has waited eight times, which takes no time."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        if len(self.waits) == 8:
            self.set()
        return self.is_set()


def test_a_task_that_fails_is_tried_again_after_waits_of_half_a_second_to_ten() -> None:
    class Failing:
        name = "failing"

        def step(self) -> int:
            raise ValueError

        def stop(self) -> None:
            pass

    stop = Hurried()
    _loop(Failing(), stop)

    for wait, least in zip(stop.waits, (0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0), strict=True):
        assert least <= wait <= least * 1.25
