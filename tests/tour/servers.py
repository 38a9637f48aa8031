"""gunicorn and nginx as they come, without the configuration of this service, for the applications of the tour."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import Popen

from deploy import servers
from wz.live_server import LiveServer

from .. import stack


@contextmanager
def gunicorn(
    folder: Path, *options: object, ready: bool = True, **variables: str
) -> Iterator[tuple[Popen[bytes], str]]:
    """Run gunicorn, on a socket in `folder`; yield its master and its address.

    It is up when it answers 200 at /readyz, or, for an application that does not, `ready=False`, when it listens.
    """
    socket, log = folder / "gunicorn.sock", folder / "gunicorn.log"
    where = ["--bind", f"unix:{socket}", "--pid", folder / "gunicorn.pid", "--no-control-socket"]
    command = [sys.executable, "-m", "gunicorn", *where, *options]
    server = LiveServer(f"unix:{socket}", stack.PATIENCE)

    def is_up() -> bool:
        return stack.answers(server) if ready else "Listening at" in log.read_text()

    with stack.process(command, is_up, variables, folder, log=log) as master:
        try:
            yield master, server.address
        finally:  # SIGTERM would wait for requests that a test has left under way, and for workers that are starting
            with suppress(ProcessLookupError):
                os.killpg(master.pid, signal.SIGKILL)


@contextmanager
def nginx(folder: Path, conf: Path, gunicorn: str, replacements: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run nginx with a stage of step 11, or with one line of it replaced, and yield its HOST:PORT.

    It is before the gunicorn at this HOST:PORT, and its files are in `folder`.
    """
    address, text = f"127.0.0.1:{stack.free_port()}", conf.read_text()
    for old, new in {"127.0.0.1:8080": address, "127.0.0.1:8000": gunicorn, **(replacements or {})}.items():
        assert old in text, f"{conf.name} has no {old}"
        text = text.replace(old, new)
    if os.geteuid() == 0:
        text = f"user root;\n{text}"  # its workers would be nobody, and the folder is root's
    written, pid = folder / conf.name, folder / "nginx.pid"
    written.write_text(text)
    command = [servers.nginx(), "-e", "stderr", "-p", folder, "-c", written]
    with stack.process(command, lambda: pid.exists() and pid.read_text() != "", log=folder / "nginx.log"):
        yield address
