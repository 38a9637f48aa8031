"""New code replaces the old while requests come in, and none fails; a version that can't start replaces nothing.

The versions are modules that the test writes. One waits, before it is imported, for the file `go`: so a test can look
at the service while a new worker is starting, for however long it likes.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sysconfig
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from deploy import servers
from deploy.serve import read_status
from pipeline.settings import Settings
from wz.live_server import LiveServer

from .. import stack
from ..client import ServerlikeClient

VERSION = """
import pathlib, time
{app}

while {waits} and not pathlib.Path("go").exists():
    time.sleep(0.01)
{more}

@app.after_request
def say_version(response):
    response.headers["X-Version"] = "{name}"
    return response
"""
SERVICE = "from handlers.wsgi import app"
LIGHT = """
from wz import App

app = App("version")

@app.get("/healthz")
def health(request):
    return "ok"

@app.get("/readyz")
def ready(request):
    return "ok"

@app.post("/boards/b/members/ann/rewards")
def add_reward(request):
    return "ok"
"""
#: The first of two workers makes `one` and goes on; the second finds it there, and fails.
FAILS_AS_THE_SECOND = """
try:
    pathlib.Path("one").touch(exist_ok=False)
except FileExistsError:
    while not pathlib.Path("go").exists():
        time.sleep(0.01)
    pathlib.Path("tried").touch()
    raise SystemExit(4)
"""
#: Without bytecode: Python takes a version's for the next one's if both are written within a second and are as long.
CONF = f"""
import runpy, sys
sys.dont_write_bytecode = True
globals().update(runpy.run_path("{stack.REPOSITORY}/deploy/gunicorn.conf.py"))
pythonpath += ",."
wsgi_app = "version:app"
"""
#: Without what only the service itself has, for which each new worker would import all of it.
LIGHT_CONF = f"{CONF}\ndel post_worker_init\n"


@dataclass
class Service:
    """The service with a version that the test writes, in a folder of its own, and the commands that it is sent."""

    folder: Path
    server: LiveServer
    app: str
    answers: Counter[str] = field(default_factory=Counter)

    def deploy(self, name: str, *, waits: bool = False, more: str = "") -> None:
        if waits:
            (self.folder / "go").unlink(missing_ok=True)
        (self.folder / "version.py").write_text(VERSION.format(app=self.app, name=name, waits=waits, more=more))

    def let_go(self) -> None:
        (self.folder / "go").touch()

    def configure(self, more: str) -> None:
        (self.folder / "conf.py").write_text((LIGHT_CONF if self.app == LIGHT else CONF) + more)

    @property
    def master(self) -> int:
        return int((self.folder / "gunicorn.pid").read_text())

    @property
    def workers(self) -> set[int]:
        return children(self.master)

    @property
    def status(self) -> dict[str, object]:
        return read_status(self.folder / "reload.status")

    def hang_up(self) -> None:
        before = self.status.get("reload", 0)
        os.kill(self.master, signal.SIGHUP)
        stack.until(lambda: self.status.get("reload", 0) != before)

    def ends(self, state: str) -> None:
        """Wait until the reload has ended, which must be in this way."""
        stack.until(lambda: self.status["state"] != "begins")
        assert self.status["state"] == state

    def wz_reload(self) -> subprocess.CompletedProcess[str]:
        wz = Path(sysconfig.get_path("scripts")) / "wz"
        environ = {**os.environ, "WZ_SOCKET": str(self.folder / "gunicorn.sock")}
        return subprocess.run([wz, "reload"], cwd=stack.REPOSITORY, env=environ, capture_output=True, text=True)

    def version(self) -> str:
        return ServerlikeClient(self.server).get("/healthz").headers["X-Version"]

    @contextmanager
    def asked(self, clients: int = 3) -> Iterator[None]:
        """Send requests, one after the other, while the block runs, and count the answers by status and version."""
        self.answers = Counter()
        end = threading.Event()
        threads = [threading.Thread(target=self._ask, args=(number, end)) for number in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            end.set()
            for thread in threads:
                thread.join()

    def _ask(self, number: int, end: threading.Event) -> None:
        count = 0
        while not end.wait(0.005):  # some time for the servers, as the machine may have one core
            client, token = ServerlikeClient(self.server), {"Authorization": stack.token()}
            count += 1
            try:
                if count % 2:
                    answer = client.get("/healthz")
                else:
                    reward = {"reward": 1, "event": f"{number}-{count}"}
                    answer = client.post("/boards/b/members/ann/rewards", json=reward, headers=token)
                self.answers[f"{answer.status_code} {answer.headers['X-Version']}"] += 1
            except Exception as exc:
                self.answers[repr(exc)] += 1

    def goes_on(self, version: str) -> None:
        """Wait until some more requests were answered, by this version."""
        key = f"200 {version}"
        before = self.answers[key]
        stack.until(lambda: self.answers[key] >= before + 20)

    def all_were_answered(self) -> bool:
        return all(answer.startswith("200 ") for answer in self.answers)


def read_pid(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except FileNotFoundError:
        return None


def children(pid: int) -> set[int]:
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


@contextmanager
def serving(folder: Path, settings: Settings, app: str = LIGHT) -> Iterator[Service]:
    service = Service(folder, LiveServer(f"unix:{folder / 'gunicorn.sock'}", stack.PATIENCE), app)
    service.deploy("first")
    service.configure("")
    with stack.gunicorn(folder, settings, conf=folder / "conf.py"):
        stack.until(lambda: len(service.workers) == 2)
        yield service


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, server_settings: Settings) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("service"), stack.emptied(server_settings)) as service:
        yield service


@pytest.fixture
def service(running: Service) -> Iterator[Service]:
    """A service with two workers, which the test before may have used; after the test all is as it was."""
    yield running
    running.let_go()
    running.deploy("first")
    running.configure("")
    running.hang_up()
    running.ends("done")
    stack.until(lambda: len(running.workers) == 2)


def test_old_workers_answer_until_the_new_ones_do(service: Service) -> None:
    old = service.workers
    service.deploy("second", waits=True)

    with service.asked():
        service.hang_up()
        stack.until(lambda: bool(service.workers - old))
        service.goes_on("first")
        assert old < service.workers
        service.let_go()
        service.ends("done")
        service.goes_on("second")

    assert service.all_were_answered(), service.answers
    assert service.status == {"reload": service.status["reload"], "state": "done", "new": 2, "of": 2, "detail": ""}
    stack.until(lambda: not old & service.workers)


def test_wz_reload_returns_when_all_are_new(service: Service) -> None:
    service.deploy("second")

    done = service.wz_reload()

    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "2 of 2 workers are new"), done.stderr
    assert service.version() == "second"


def test_a_version_that_does_not_start_replaces_nothing(service: Service) -> None:
    old = service.workers
    service.deploy("broken", more="raise ImportError('no such version')")

    with service.asked():
        done = service.wz_reload()
        service.goes_on("first")

    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        1,
        "Error: 0 of 2 workers are new: a new worker did not come up: see the log. The old ones go on",
    )
    assert service.all_were_answered(), service.answers
    assert service.workers == old


def test_a_worker_that_dies_while_the_code_is_broken_takes_nobody_along(service: Service) -> None:
    killed, left = sorted(service.workers)
    service.deploy("broken", more="pathlib.Path(f'tried-{time.monotonic_ns()}').touch(); raise ImportError")

    with service.asked(clients=1):
        os.kill(killed, signal.SIGKILL)
        stack.until(lambda: len(list(service.folder.glob("tried-*"))) >= 2)
        service.goes_on("first")
        assert left in service.workers
        service.deploy("mended")  # which is found without a reload, too, but after a pause
        assert service.wz_reload().returncode == 0
        service.goes_on("mended")

    failed = [answer for answer in service.answers.elements() if not answer.startswith("200 ")]
    assert len(failed) <= 1  # the one that the killed worker may have had


@pytest.mark.parametrize("count", [3, 1])
def test_the_number_of_workers_changes(service: Service, count: int) -> None:
    old = service.workers
    service.deploy("second")
    service.configure(f"workers = {count}")

    with service.asked():
        service.hang_up()
        service.ends("done")

    assert service.all_were_answered(), service.answers
    stack.until(lambda: len(service.workers) == count and not service.workers & old)


def test_three_reloads_at_once_end_with_the_last_version(service: Service) -> None:
    old = service.workers
    with service.asked():
        for name in ("second", "third"):
            service.deploy(name, waits=True)
            before = service.workers
            service.hang_up()
            stack.until(lambda before=before: bool(service.workers - before))  # type: ignore[misc]
        service.deploy("fourth")
        service.hang_up()
        service.let_go()
        service.ends("done")
        service.goes_on("fourth")

    assert service.all_were_answered(), service.answers
    stack.until(lambda: len(service.workers) == 2 and not service.workers & old)
    assert {service.version() for _ in range(10)} == {"fourth"}


def test_a_configuration_that_can_t_be_read_changes_nothing(service: Service) -> None:
    old = service.workers
    service.deploy("second")
    service.configure("threads = 'many'")

    done = service.wz_reload()

    assert done.returncode == 1
    assert "the configuration can't be read" in done.stderr
    assert service.workers == old
    assert service.version() == "first"
    os.kill(min(old), signal.SIGKILL)  # what takes its place has the configuration from before
    stack.until(lambda: len(service.workers - old) == 1)
    stack.until(lambda: service.version() == "second")


def test_workers_that_had_their_requests_are_replaced_without_a_gap(service: Service) -> None:
    service.configure("max_requests = 20; max_requests_jitter = 5")
    service.hang_up()
    service.ends("done")
    service.deploy("second", waits=True)
    worn = service.workers

    with service.asked():
        stack.until(lambda: bool(service.workers - worn))
        service.goes_on("first")
        service.configure("")  # what replaces them lasts
        service.let_go()
        stack.until(lambda: not service.workers & worn)

    assert service.all_were_answered(), service.answers


def test_one_of_the_first_workers_that_fails_does_not_end_the_other(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "conf.py").write_text(LIGHT_CONF)
    version = VERSION.format(app=LIGHT, name="first", waits=False, more=FAILS_AS_THE_SECOND)
    (tmp_path / "version.py").write_text(version)
    with stack.gunicorn(tmp_path, settings, conf=tmp_path / "conf.py") as server:
        service = Service(tmp_path, server, LIGHT)
        service.let_go()
        stack.until((tmp_path / "tried").exists)
        with service.asked(clients=1):
            service.goes_on("first")

    assert service.all_were_answered(), service.answers


def test_a_first_worker_that_fails_ends_the_master_with_its_status(tmp_path: Path, settings: Settings) -> None:
    conf = tmp_path / "conf.py"
    conf.write_text(CONF)
    (tmp_path / "version.py").write_text("raise SystemExit(4)")

    for _ in range(3):  # the others fail while the first ends all, more or less at the same time
        with (
            pytest.raises(RuntimeError, match="ended with status 4"),
            stack.gunicorn(tmp_path, settings, conf, WEB_CONCURRENCY="4"),
        ):
            pass


def test_it_ends_while_a_new_worker_starts(tmp_path: Path, settings: Settings) -> None:
    with serving(tmp_path, settings) as service:
        service.deploy("second", waits=True)
        old = service.workers
        service.hang_up()
        stack.until(lambda: bool(service.workers - old))
        master, (starting,) = service.master, service.workers - old
        os.kill(master, signal.SIGTERM)
        stack.until(lambda: children(master) <= {starting})  # which ends at once if it has only just been forked
        service.let_go()
        stack.until(lambda: not Path(f"/proc/{starting}").exists())


def test_a_second_master_takes_over_and_counts_on(tmp_path: Path, settings: Settings) -> None:
    with serving(tmp_path, settings, SERVICE) as service:
        client, token = ServerlikeClient(service.server), {"Authorization": stack.token()}
        for _ in range(5):
            client.get("/healthz")
        first, pid_file = service.master, tmp_path / "gunicorn.pid"

        with service.asked(clients=1):
            service.deploy("second")
            os.kill(first, signal.SIGUSR2)
            service.goes_on("second")
            before = sum(service.answers.values())
            os.kill(first, signal.SIGTERM)
            stack.until(lambda: read_pid(pid_file) not in (None, first))
            service.goes_on("second")

        assert service.all_were_answered(), service.answers
        counts = re.findall(r'count\{method="GET",route="/healthz".* (\d+)', client.get("/metrics", headers=token).text)
        assert int(counts[0]) >= 5 + before // 2
        assert service.wz_reload().returncode == 0
        os.kill(service.master, signal.SIGTERM)  # the block ends the first
        stack.until(lambda: not pid_file.exists())


def test_the_service_is_reloaded_while_redis_is_away(tmp_path: Path) -> None:
    socket = tmp_path / "redis.sock"
    command = [servers.redis_server(), "--port", "0", "--unixsocket", socket, "--save", "", "--dir", tmp_path]
    settings = Settings(environment="test", redis_url=f"unix://{socket}", connection_string=stack.ROOT)
    with stack.process(command, ready=socket.exists) as redis, serving(tmp_path, settings, SERVICE) as service:
        redis.terminate()
        redis.wait()
        with service.asked(clients=2):
            service.hang_up()
            service.ends("done")
        assert {answer[:3] for answer in service.answers} <= {"200", "503"}, service.answers
        with stack.process(command, ready=socket.exists):
            stack.until(partial(serves, service))


def serves(service: Service) -> bool:
    """Say whether all of some requests are answered, by whichever of the workers."""
    with service.asked(clients=2):
        service.goes_on("first")
    return service.all_were_answered()
