"""What dies under `wz up` is started again; what can't live ends it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest
import redis as redis_py

from deploy.servers import nginx

from ..stack import PATIENCE
from .running import SMALL, Up, leader, running, spawn, status, what_names, wz


@pytest.mark.parametrize(
    ("name", "word"), [("worker.1", "wz"), ("web", "serve.py"), ("nginx", "nginx"), ("redis", "server")]
)
def test_what_is_killed_is_started_again(up: Up, name: str, word: str) -> None:
    others = {child.pid for child in psutil.Process(up.process.pid).children()}
    killed = leader(up, word)
    begin = len(up.text)
    os.kill(killed, signal.SIGKILL)

    up.wait_for(lambda: f"{name} was started again" in up.text[begin:])
    up.wait_for(lambda: up.get("/readyz") == 200)

    assert f"{name} ended by SIGKILL" in up.text[begin:]
    assert leader(up, word) != killed
    assert others - {killed} == others & {child.pid for child in psutil.Process(up.process.pid).children()}


def test_its_gunicorn_is_reloaded_from_another_folder(up: Up, tmp_path: Path) -> None:
    def workers() -> set[int]:
        return {row["pid"] for row in status(up.state)["processes"] if row["name"] == "web child"}

    before = workers()
    done = wz("reload", "--state", up.state)

    assert (done.returncode, done.stderr, done.stdout.splitlines()[-1]) == (0, "", "2 of 2 workers are new")
    up.wait_for(lambda: len(workers()) == 2 and not workers() & before)
    done = wz("reload", "--state", tmp_path)
    assert (done.returncode, done.stderr) == (1, f"Error: nothing runs in {tmp_path}; `wz up` starts it\n")


def test_redis_has_all_that_was_acknowledged_when_it_is_there_again(up: Up) -> None:
    socket = str(up.state / "run" / "redis.sock")
    assert redis_py.Redis(unix_socket_path=socket, db=1).set("kept", "1")
    begin = len(up.text)
    os.kill(leader(up, "server"), signal.SIGKILL)
    up.wait_for(lambda: "redis was started again" in up.text[begin:])
    up.wait_for(lambda: up.get("/readyz") == 200)

    assert redis_py.Redis(unix_socket_path=socket, db=1).get("kept") == b"1"


def test_the_pause_doubles_while_it_dies_again_and_what_can_not_heal_ends_all(tmp_path: Path) -> None:
    """An nginx that starts once and never again; then a database that belongs to another environment."""
    once = tmp_path / "once"
    once.write_text(
        f'#!/bin/sh\nif [ -e "{tmp_path}/started" ]; then echo no licence >&2; exit 3; fi\n'
        f'touch "{tmp_path}/started"\nexec "{nginx()}" "$@"\n'
    )
    once.chmod(0o700)
    with running(tmp_path, environ={**SMALL, "WZ_NGINX": str(once)}) as up:
        os.kill(leader(up, "nginx"), signal.SIGKILL)
        up.wait_for(lambda: up.text.count("nginx ended with status 3: no licence; it is started again in") >= 1)
        pauses = [line.rpartition(" in ")[2] for line in up.text.splitlines() if "is started again in" in line]
        assert [float(pause.split()[0]) for pause in pauses[:2]] in ([1.0, 2.0], [1.0, 3.0])  # up to a quarter longer

        redis_py.Redis(unix_socket_path=str(up.state / "run" / "redis.sock"), db=1).set("wz:environment", "production")
        os.kill(leader(up, "serve.py"), signal.SIGKILL)
        assert up.process.wait(PATIENCE) == 1
        assert up.last_line.startswith("Error: web ended with status 4: ")
        assert not what_names(up.state)


def test_a_full_disk_ends_nothing(up: Up) -> None:
    """Neither the log nor what `wz status` reads can be written meanwhile; then both can."""
    supervisor, killed = psutil.Process(up.process.pid), leader(up, "wz")
    others = {child.pid for child in supervisor.children()} - {killed}
    before = supervisor.rlimit(psutil.RLIMIT_FSIZE)
    supervisor.rlimit(psutil.RLIMIT_FSIZE, (1, before[1]))
    try:
        os.kill(killed, signal.SIGKILL)
        up.wait_for(lambda: {child.pid for child in supervisor.children()} - others - {killed})
    finally:
        supervisor.rlimit(psutil.RLIMIT_FSIZE, before)
    begin = len(up.text)
    os.kill(leader(up, "nginx"), signal.SIGKILL)

    up.wait_for(lambda: "nginx was started again" in up.text[begin:])
    up.wait_for(lambda: status(up.state)["ready"])
    assert {row["pid"] for row in status(up.state)["processes"]} == up.descendants() | {up.process.pid}


@pytest.mark.parametrize(("name", "server"), [("WZ_REDIS_SERVER", "redis"), ("WZ_NGINX", "nginx")])
def test_a_server_that_dies_at_start_ends_the_rest(tmp_path: Path, name: str, server: str) -> None:
    dying = tmp_path / "dying"
    dying.write_text("#!/bin/sh\necho no licence >&2\nexit 3\n")
    dying.chmod(0o700)
    up = spawn(tmp_path, environ={name: str(dying)})

    assert up.process.wait(PATIENCE) == 1
    assert up.last_line == f"Error: {server} ended with status 3: no licence"
    assert not what_names(up.state)
