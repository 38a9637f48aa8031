"""`wz up` as the tests run it: as a user does, in a process of its own."""

from __future__ import annotations

import http.client
import json
import os
import shlex
import shutil
import signal
import stat
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from deploy.orphans import lives
from pipeline.connection_string import ConnectionString
from pipeline.hub.sas import sign
from pipeline.store.clock import machine_time

from ..stack import PATIENCE, REPOSITORY, free_port

WZ = Path(sysconfig.get_path("scripts")) / "wz"

#: Settings with which `wz up` starts soonest: one process of gunicorn, and no job.
SMALL = {"WEB_CONCURRENCY": "1", "WZ_JOBS": ""}


@dataclass
class Up:
    process: subprocess.Popen[bytes]
    port: int
    state: Path
    log: Path

    @property
    def text(self) -> str:
        return self.log.read_text()

    @property
    def last_line(self) -> str:
        return self.text.splitlines()[-1]

    def wait_for(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert self.process.poll() is None, f"ended with status {self.process.returncode}:\n{self.text}"
            assert time.monotonic() < deadline, f"too slow:\n{self.text}"
            time.sleep(0.05)

    def descendants(self) -> set[int]:
        """All processes that came from this one, itself excluded, in whatever session."""
        return {child.pid for child in psutil.Process(self.process.pid).children(recursive=True)}

    @property
    def authorization(self) -> str:
        """The header of a token that may do anything."""
        root = ConnectionString.parse((self.state / "connection-string").read_text())
        return sign(f"{root.url}/", root.key_name, root.key, int(machine_time()) + 3600)

    def get(self, path: str) -> int:
        """Return the status of a GET, or 0 if there is no answer."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as connection:
            try:
                connection.request("GET", path)
                return connection.getresponse().status
            except (OSError, http.client.HTTPException):
                return 0


def spawn(
    tmp_path: Path,
    *options: str,
    port: int | None = None,
    state: Path | None = None,
    environ: Mapping[str, str] | None = None,
    checkout: Path = REPOSITORY,
) -> Up:
    """Start `wz up`, by default on a free port, with no settings but `environ`, and without building the guide.

    `checkout` is the folder in which it is started; its code is taken if PYTHONPATH in `environ` names it.
    """
    port = port or free_port()
    state = state or tmp_path / "state"
    log = tmp_path / f"{port}-{time.monotonic_ns()}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [WZ, "up", "--port", str(port), "--state", state, "--no-guide", *options],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=checkout,
            env={**without_settings(), **(environ or {})},
        )
    return Up(process, port, state, log)


@contextmanager
def running(
    tmp_path: Path,
    *options: str,
    state: Path | None = None,
    environ: Mapping[str, str] | None = None,
    checkout: Path = REPOSITORY,
) -> Iterator[Up]:
    """`wz up`, from when it answers to the end of the block, after which nothing that it started is left."""
    up = spawn(tmp_path, *options, state=state, environ=environ, checkout=checkout)
    try:
        up.wait_for(lambda: "wz answers at" in up.text)
        yield up
    finally:
        up.process.terminate()
        up.process.wait(PATIENCE)
        end_what_names(up.state)


def wz(*args: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `wz` in the checkout, with no settings."""
    env = without_settings()
    return subprocess.run([WZ, *args], capture_output=True, text=True, check=False, cwd=REPOSITORY, env=env)


def status(state: Path) -> dict[str, Any]:
    """Return what `wz status --json` says."""
    done = wz("status", "--state", state, "--json")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def without_settings() -> dict[str, str]:
    """Return the variables of this process without the service's."""
    return {name: value for name, value in os.environ.items() if not name.startswith("WZ_")}


def what_names(folder: Path) -> list[psutil.Process]:
    """Return the processes whose command line or open files name something in `folder`."""
    found = []
    for one in psutil.process_iter():
        with suppress(psutil.Error):
            names = [*one.cmdline(), *(file.path for file in one.open_files())]
            if any(f"{folder}/" in name for name in names) and one.status() != psutil.STATUS_ZOMBIE:
                found.append(one)
    return found


def end_what_names(folder: Path) -> None:
    for one in what_names(folder):
        with suppress(psutil.NoSuchProcess):
            one.send_signal(signal.SIGKILL)


def paste(command: str, auth: str) -> tuple[int, bytes]:
    """Run a `curl -i` line as a shell with `auth` does, or send what it says without curl. Returns status and body."""
    if shutil.which("curl"):
        env = {**os.environ, "auth": auth}
        output = subprocess.run(["sh", "-c", command], capture_output=True, check=True, env=env).stdout
        head, _, body = output.partition(b"\r\n\r\n")
        return int(head.split()[1]), body
    _curl, _i, url, *options, _d, data = shlex.split(command.replace("$auth", auth))
    scheme, _, host, path = url.split("/", 3)
    assert scheme == "http:"
    with closing(http.client.HTTPConnection(host, timeout=PATIENCE)) as connection:
        connection.request("POST", f"/{path}", data, dict(option.split(": ", 1) for option in options[1::2]))
        response = connection.getresponse()
        return response.status, response.read()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def leader(up: Up, name: str) -> int:
    """Return the process id of one that `wz up` has started itself, by a word of its command line."""
    children = psutil.Process(up.process.pid).children()
    (found,) = (child.pid for child in children if any(name in word for word in child.cmdline()[:3]))
    return found


def runs(pid: int) -> bool:
    """Say whether a process runs. One that has ended stays a zombie until the machine's init sees to it."""
    try:
        return lives(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return False
