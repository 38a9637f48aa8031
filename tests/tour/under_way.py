"""Requests that are under way for as long as a test likes, to the applications of steps 10 and 11."""

from __future__ import annotations

import http.client
import os
import select
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import Popen

from deploy import servers
from wz.live_server import LiveServer

from .. import stack
from ..deploy.wire import connect

TOUR = stack.REPOSITORY / "docs" / "tour"
GUNICORN = TOUR / "10_gunicorn"
NGINX = TOUR / "11_nginx"

#: Seconds for which nothing comes from who can't answer. What is awaited otherwise has all the time it needs.
SILENCE = 0.2


class UnderWay:
    """A request whose body is half there. Its answer has begun; when, and in which process, its first line says."""

    def __init__(self, address: str, path: str = "/") -> None:
        self.sock = connect(address)
        self.sock.sendall(f"POST {path} HTTP/1.1\r\nHost: tour\r\nContent-Length: 2\r\n\r\n1".encode())
        self.response = http.client.HTTPResponse(self.sock, method="POST")

    def begun(self) -> bytes:
        """Wait for the first line of the answer."""
        self.response.begin()
        return self.response.readline()

    def process(self) -> int:
        return int(self.begun().split()[1].rstrip(b","))

    def is_silent(self) -> bool:
        """Say whether nothing has come, and the connection is open."""
        return not select.select([self.sock], [], [], SILENCE)[0]

    def end(self) -> bytes:
        """Send the rest of the body, and return the rest of the answer, until `with` or garbage closes the connection.

        Raises `http.client.IncompleteRead` or OSError if the server ends it before its end.
        """
        self.sock.sendall(b"2")
        return self.rest()

    def rest(self) -> bytes:
        return self.response.read()

    def close(self) -> None:
        self.response.close()
        self.sock.close()

    def __enter__(self) -> UnderWay:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


@contextmanager
def gunicorn(
    folder: Path, *options: object, ready: bool = True, **variables: str
) -> Iterator[tuple[Popen[bytes], str]]:
    """Run gunicorn, on a socket in `folder`; yield its master and its address.

    It is up when it answers, or, for an application that does not end its answers, `ready=False`, when it listens.
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
