"""`wz status` and `wz down`, from another terminal."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from ..stack import PATIENCE, REPOSITORY, until
from .running import SMALL, Up, running, runs, spawn, status, what_names, without_settings, wz


def test_every_process_is_shown(up: Up) -> None:
    found = status(up.state)

    assert {row["pid"] for row in found["processes"]} == up.descendants() | {up.process.pid}
    assert [row["name"] for row in found["processes"] if row["parent"] is None] == [
        *("wz up", "redis", "web", "nginx", "worker.1")
    ]
    for row in found["processes"]:
        assert row["state"] == "runs"
        assert row["rss_bytes"] > 2**20
        assert 0 < row["age_seconds"] < 2 * PATIENCE
    assert (found["ready"], found["database"], found["environment"]) == (True, 1, "development")
    assert found["address"] == f"http://127.0.0.1:{up.port}"


def test_it_is_shown_as_a_table(up: Up) -> None:
    done = wz("status", "--state", up.state)
    first, redis, _blank, head, *rows = done.stdout.splitlines()

    assert done.returncode == 0
    assert first == f"http://127.0.0.1:{up.port} (ready), environment development"
    assert redis == f"Redis: unix://{up.state}/run/redis.sock, database 1"
    assert head.split() == ["process", "pid", "age", "RSS", "PSS", "restarts", "state"]
    assert len(rows) == len(up.descendants()) + 1
    assert re.match(r"redis +\d+ +.* (KiB|MiB) .* (runs|waits for the disk)$", rows[1])


def test_a_process_that_is_stopped_by_a_signal_says_so(up: Up) -> None:
    (worker,) = (row["pid"] for row in status(up.state)["processes"] if row["name"] == "worker.1")
    os.kill(worker, signal.SIGSTOP)
    try:
        until(lambda: psutil.Process(worker).status() == psutil.STATUS_STOPPED)
        (row,) = (row for row in status(up.state)["processes"] if row["pid"] == worker)
    finally:
        os.kill(worker, signal.SIGCONT)

    assert row["state"] == "stopped by a signal: kill -CONT it"


def test_it_is_reloaded_from_a_folder_below(tmp_path: Path) -> None:
    """Also when its sockets are elsewhere, as nginx would split the name of the folder."""
    root = tmp_path / "a project"
    below = root / "below"
    below.mkdir(parents=True)
    with running(tmp_path, environ=SMALL, state=root / ".wz") as up:
        old = web_children(up)
        command = [sys.executable, "-c", "from deploy.reload import reload; reload()"]
        env = {**without_settings(), "PYTHONPATH": str(REPOSITORY)}
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=below, env=env)

        assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["1 of 1 workers are new"]), done.stderr
        until(lambda: not any(map(runs, old)))
        new = web_children(up)
        assert wz("reload", "--state", up.state).returncode == 0
        until(lambda: not any(map(runs, new)))


def test_where_nothing_runs(tmp_path: Path) -> None:
    done = wz("status", "--state", tmp_path)

    assert (done.returncode, done.stdout) == (3, f"nothing runs in {tmp_path}; `wz up` starts it\n")
    done = wz("down", "--state", tmp_path)
    assert (done.returncode, done.stderr) == (0, f"nothing runs in {tmp_path}\n")


def test_nobody_else_is_reloaded_by_the_number_of_one_that_has_ended(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "service.json").write_text(json.dumps({"run": str(tmp_path / "run")}))
    with subprocess.Popen(["sleep", "infinity"]) as other:
        (tmp_path / "run" / "gunicorn.pid").write_text(f"{other.pid}\n")
        done = wz("reload", "--state", tmp_path)
        still_there = other.poll() is None
        other.kill()

    assert (done.returncode, done.stderr) == (1, f"Error: nothing runs in {tmp_path}; `wz up` starts it\n")
    assert still_there


def test_what_a_killed_one_has_left_is_named_and_ended(tmp_path: Path) -> None:
    """By `wz down`, and by the next `wz up`; also when a master is gone whose own processes live on."""
    with running(tmp_path, environ=SMALL) as up:
        started = up.descendants()
        up.process.kill()
        up.process.wait()
        (nginx,) = (row["pid"] for row in status(up.state)["processes"] if row["name"] == "nginx" and is_master(row))
        os.kill(nginx, signal.SIGKILL)
        until(lambda: not runs(nginx))
        left = status(up.state)

        assert {row["pid"] for row in left["processes"]} == started - {nginx}
        assert {row["name"] for row in left["processes"]} == {"redis", "web", "nginx", "worker.1"}
        assert left["waits_for"] == "`wz up` was killed, and these were left: `wz down` ends them"
        assert left["ready"] is True

        next_one = spawn(tmp_path, port=up.port, state=up.state, environ=SMALL)
        next_one.wait_for(lambda: "wz answers at" in next_one.text)
        assert "Ending what a killed `wz up` has left: redis (" in next_one.text
        assert not [pid for pid in started if runs(pid)]

        next_one.process.kill()
        next_one.process.wait()
        assert what_names(up.state)
        done = wz("down", "--state", up.state)
        assert "Ending what is left: redis (" in done.stderr
        assert (done.returncode, what_names(up.state)) == (0, [])


def web_children(up: Up) -> set[int]:
    return {row["pid"] for row in status(up.state)["processes"] if row["name"] == "web child"}


def is_master(row: dict[str, Any]) -> bool:
    return any("master" in word for word in psutil.Process(row["pid"]).cmdline())
