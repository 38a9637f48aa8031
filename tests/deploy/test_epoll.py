"""The worker whose threads wait for connections themselves, under gunicorn, with an app that says who asked."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wz.testing import LiveServer

from .. import stack

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

THREADS = 4


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Echo the path; below /wait/, once the file of the rest of the path is there."""
    path = environ["PATH_INFO"]
    if path.startswith("/wait/"):
        file = Path(path.removeprefix("/wait"))
        file.with_suffix(".begun").touch()
        stack.until(file.exists)
    body = path.encode() + environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveServer, subprocess.Popen[bytes]]]:
    path = tmp_path_factory.mktemp("epoll") / "gunicorn.sock"
    command = [sys.executable, "-m", "gunicorn", "--worker-class", "deploy.epoll.EpollWorker", "--bind", f"unix:{path}"]
    command += ["--threads", str(THREADS), "--keep-alive", "1", "--no-control-socket", "--log-level", "warning"]
    with stack.process([*command, f"{__name__}:app"], ready=path.exists, cwd=stack.REPOSITORY) as process:
        yield LiveServer(f"unix:{path}", stack.PATIENCE), process


@pytest.fixture
def server(running: tuple[LiveServer, subprocess.Popen[bytes]]) -> LiveServer:
    return running[0]


def ask(connection: HTTPConnection, path: str) -> str:
    connection.request("POST", path, "!" * 3)
    return connection.getresponse().read().decode()


def test_each_connection_gets_its_own_answers(server: LiveServer) -> None:
    wrong: list[str] = []

    def client(number: int) -> None:
        connection = server.connect()
        wrong.extend(path for n in range(20) if ask(connection, path := f"/{number}/{n}") != f"{path}!!!")
        connection.close()

    clients = [threading.Thread(target=client, args=(number,)) for number in range(5 * THREADS)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    assert wrong == []


def test_requests_that_come_together_are_answered_in_order(server: LiveServer) -> None:
    with raw(server) as connection:
        connection.sendall(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % n for n in range(3)))
        received = b""
        while received.count(b"\r\n\r\n/") < 3:
            received += connection.recv(4096)
    places = [received.index(b"\r\n\r\n/%d" % n) for n in range(3)]
    assert places == sorted(places)


def test_a_connection_that_sends_nothing_is_closed_and_holds_no_thread(server: LiveServer) -> None:
    idle = [raw(server) for _ in range(2 * THREADS)]
    half = raw(server)
    half.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")

    with closing(server.connect()) as other:
        assert ask(other, "/others") == "/others!!!"
    assert half.recv(4096).startswith(b"HTTP/1.1 200")
    for connection in (*idle, half):
        assert connection.recv(4096) == b""  # the second of keep-alive is over
        connection.close()


def test_what_is_no_request_ends_its_connection_alone(server: LiveServer) -> None:
    for _ in range(2 * THREADS):
        with raw(server) as connection:
            connection.sendall(b"nonsense\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 400")
    with closing(server.connect()) as other:
        assert ask(other, "/after") == "/after!!!"


def test_a_request_under_way_is_answered_when_the_worker_ends(
    running: tuple[LiveServer, subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    server, process = running
    file = tmp_path / "go"
    with closing(server.connect()) as under_way:
        under_way.request("GET", f"/wait{file}")
        stack.until(file.with_suffix(".begun").exists)

        os.kill(process.pid, signal.SIGTERM)
        stack.until(lambda: not Path(server.address.removeprefix("unix:")).exists())  # no new connections
        file.touch()

        assert under_way.getresponse().read().decode() == f"/wait{file}"
    assert process.wait(stack.ENDS) == 0


def raw(server: LiveServer) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(stack.PATIENCE)
    connection.connect(server.address.removeprefix("unix:"))
    return connection
