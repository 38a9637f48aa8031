"""What connections go through with production's worker, and with the one for where there is no epoll.

Both run in gunicorn, one process each, with an app that echoes the path, or waits until a file is there.
"""

from __future__ import annotations

import inspect
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from gunicorn.config import Config
from gunicorn.workers import gthread
from gunicorn.workers.gthread import TConn, ThreadWorker

from wz.live_server import LiveServer

from .. import stack

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

THREADS = 4
WORKERS = {"epoll": "deploy.epoll.EpollWorker", "gthread": "deploy.worker.Worker"}
if not hasattr(select, "epoll"):
    del WORKERS["epoll"]
ONLY_EPOLL = pytest.mark.parametrize("running", [kind for kind in WORKERS if kind == "epoll"], indirect=True)
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"

CONF = """
def post_worker_init(worker):
    from tests.deploy import test_epoll

    test_epoll.worker = worker
"""

worker: Any = None  # in the worker, itself


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Echo the path and the body, but leave /unread's; below /wait/, once the file of the rest of the path is there."""
    path = environ["PATH_INFO"]
    if path == "/exit":
        sys.exit(3)
    if path.startswith("/wait/"):
        file = Path(path.removeprefix("/wait"))
        (file.parent / f"begun-{threading.get_ident()}").touch()
        stack.until(file.exists)
    body = path.encode() + (b"" if path == "/unread" else environ["wsgi.input"].read())
    if path == "/state":
        state = {name: len(getattr(worker, name, ())) for name in ("_waiting", "_parked")}
        state |= {"connections": worker.nr_conns, "busy": getattr(worker, "_busy", 1)}
        body = json.dumps(state).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


@dataclass(frozen=True)
class Running:
    server: LiveServer
    process: subprocess.Popen[bytes]
    log: Path

    def ask(self, path: str) -> str:
        with closing(self.server.connect()) as connection:
            return ask(connection, path)

    def raw(self, data: bytes = b"") -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(stack.PATIENCE)
        connection.connect(self.server.address.removeprefix("unix:"))
        connection.sendall(data)
        return connection

    def is_idle(self) -> bool:
        """Say whether the worker has no connection but the one that asks, and no request but that."""
        state = json.loads(self.ask("/state").removesuffix("!!!"))
        return (state["connections"], state["busy"], state["_waiting"], state["_parked"]) == (1, 1, 0, 0)


@contextmanager
def run(kind: str, folder: Path, *options: str) -> Iterator[Running]:
    path, log = folder / "gunicorn.sock", folder / "log"
    (folder / "conf.py").write_text(CONF)
    command = [sys.executable, "-m", "gunicorn", "--config", str(folder / "conf.py"), "--bind", f"unix:{path}"]
    command += ["--worker-class", WORKERS[kind], "--threads", str(THREADS), "--keep-alive", "1", "--no-control-socket"]
    command += ["--log-level", "warning", "--http-parser", "python", *options, f"{__name__}:app"]
    server = LiveServer(f"unix:{path}", stack.PATIENCE)
    is_up = partial(stack.answers, server, "/ready")
    with stack.process(command, ready=is_up, cwd=stack.REPOSITORY, log=log) as process:
        yield Running(server, process, log)


@pytest.fixture(scope="module", params=WORKERS)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with run(request.param, tmp_path_factory.mktemp(request.param)) as running:
        yield running


def ask(connection: HTTPConnection, path: str) -> str:
    connection.request("POST", path, "!" * 3)
    return connection.getresponse().read().decode()


def begun(folder: Path) -> int:
    """Return how many threads have a request that waits for a file in this folder."""
    return len(list(folder.glob("begun-*")))


def bodies(connection: socket.socket, count: int) -> list[bytes]:
    """Read so many answers, fewer if the connection is closed, and return the paths that they echo."""
    received = b""
    while received.count(b"\r\n\r\n/") < count:
        data = connection.recv(4096)
        if not data:
            break
        received += data
    return [part.partition(b"HTTP/1.1")[0] for part in received.split(b"\r\n\r\n")[1:]]


def test_each_connection_gets_its_own_answers(running: Running) -> None:
    wrong: list[str] = []

    def client(number: int) -> None:
        with closing(running.server.connect()) as connection:
            wrong.extend(path for n in range(20) if ask(connection, path := f"/{number}/{n}") != f"{path}!!!")

    with ThreadPoolExecutor(5 * THREADS) as clients:
        list(clients.map(client, range(5 * THREADS)))
    assert wrong == []


def test_requests_that_come_together_are_answered_in_order(running: Running) -> None:
    paths = [b"/%d" % n for n in range(3 * THREADS)]
    with running.raw(b"".join(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path for path in paths)) as connection:
        assert bodies(connection, len(paths)) == paths


@pytest.mark.parametrize(
    ("header", "body"),
    [
        pytest.param(b"Content-Length: 27", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", id="of a length"),
        pytest.param(b"Transfer-Encoding: chunked", b"1\r\n\n\r\n4\r\nGET \r\n0\r\n\r\n", id="in chunks"),
    ],
)
def test_what_the_app_leaves_of_a_body_is_not_the_next_request(running: Running, header: bytes, body: bytes) -> None:
    head = b"POST /unread HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n" % header
    following = b"POST /next HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n!"
    with running.raw(head + body + following) as connection:
        assert bodies(connection, 2) == [b"/unread", b"/next!"]
    with running.raw(head) as connection:
        assert bodies(connection, 1) == [b"/unread"]
        connection.sendall(body + following)
        assert bodies(connection, 1) == [b"/next!"]


def test_a_connection_that_sends_nothing_is_closed_and_holds_no_thread(running: Running) -> None:
    idle = [running.raw() for _ in range(2 * THREADS)]
    kept = running.raw(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")

    assert running.ask("/others") == "/others!!!"
    assert kept.recv(4096).startswith(b"HTTP/1.1 200")
    for connection in (*idle, kept):
        assert connection.recv(4096) == b""  # the second of keep-alive is over
        connection.close()


def test_what_is_no_request_ends_its_connection_alone(running: Running) -> None:
    for _ in range(2 * THREADS):
        with running.raw(b"nonsense\r\n\r\n") as connection:
            assert connection.recv(4096).startswith(b"HTTP/1.1 400")
    assert running.ask("/after") == "/after!!!"


def test_connections_that_come_and_go_leave_nothing_behind(running: Running) -> None:
    """Closed or reset: before a request, within it, after it, and before its answer."""
    sent = [
        b"",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx",
    ]
    for number in range(1000):
        connection = running.raw(sent[number % len(sent)])
        if number % 3:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if number % 7 == 0:
            connection.shutdown(socket.SHUT_WR)
        connection.close()
    stack.until(running.is_idle)


@ONLY_EPOLL
def test_what_an_app_raises_ends_no_thread(running: Running) -> None:
    """With gthread, it ends the process."""
    for _ in range(2 * THREADS):
        with running.raw(b"GET /exit HTTP/1.1\r\nHost: a\r\n\r\n") as connection:
            assert connection.recv(4096).startswith(b"HTTP/1.1 500")
    stack.until(running.is_idle)


@ONLY_EPOLL
def test_a_health_check_is_answered_while_all_threads_are_busy_and_nothing_else_is(
    running: Running, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    count = 5 * THREADS
    with ThreadPoolExecutor(count) as clients, ExitStack() as closed:
        answers = [clients.submit(running.ask, f"/wait{go}") for _ in range(count)]
        stack.until(lambda: begun(tmp_path) == THREADS)
        kept = closed.enter_context(running.raw())
        for _ in range(3):
            kept.sendall(HEALTH)
            assert bodies(kept, 1) == [b"/healthz"]
        half = closed.enter_context(running.raw(b"GET /healthz HTTP/1.1\r\n"))
        both = closed.enter_context(running.raw(HEALTH + b"GET /behind HTTP/1.1\r\nHost: a\r\n\r\n"))
        assert bodies(both, 1)[0] == b"/healthz"
        with running.raw(HEALTH) as other:
            assert bodies(other, 1) == [b"/healthz"]
        assert begun(tmp_path) == THREADS
        assert not any(answer.done() for answer in answers)
        go.touch()
        assert {answer.result() for answer in answers} == {f"/wait{go}!!!"}
        assert bodies(both, 1) == [b"/behind"]
        half.close()
    stack.until(running.is_idle)


@pytest.mark.parametrize("kind", WORKERS)
def test_as_many_connections_as_there_may_be_wait_for_the_others_to_end(kind: str, tmp_path: Path) -> None:
    with run(kind, tmp_path, "--worker-connections", "8", "--keep-alive", "5") as running:
        idle = [running.raw() for _ in range(20)]
        later = running.raw(b"GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
        for connection in idle:
            connection.close()
        assert bodies(later, 1) == [b"/later"]
        later.close()
        stack.until(running.is_idle)


@pytest.mark.skipif("epoll" not in WORKERS, reason="gthread ends the process")
def test_a_worker_without_a_free_descriptor_goes_on(tmp_path: Path) -> None:
    with run("epoll", tmp_path) as running:
        (pid,) = Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children").read_text().split()
        taken = len(os.listdir(f"/proc/{pid}/fd"))
        subprocess.run(["prlimit", f"--pid={pid}", f"--nofile={taken + 4}"], check=True)
        many = [running.raw() for _ in range(10)]
        stack.until(lambda: "No file descriptor is free" in running.log.read_text())
        for connection in many:
            connection.close()
        assert running.ask("/after") == "/after!!!"


@pytest.mark.parametrize("kind", WORKERS)
def test_what_is_under_way_is_answered_when_the_worker_ends(kind: str, tmp_path: Path) -> None:
    """What waits for a thread as well. Idle connections are closed."""
    go = tmp_path / "go"
    with run(kind, tmp_path, "--keep-alive", "60") as running:
        connections = [running.raw(b"GET /kept HTTP/1.1\r\nHost: a\r\n\r\n") for _ in range(3 * THREADS)]
        assert [bodies(connection, 1) for connection in connections] == [[b"/kept"]] * len(connections)
        *asking, idle = connections
        for connection in asking:
            connection.sendall(f"GET /wait{go} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        stack.until(lambda: begun(tmp_path) == THREADS)

        os.kill(running.process.pid, signal.SIGTERM)
        stack.until(lambda: not Path(running.server.address.removeprefix("unix:")).exists())  # no new connections
        go.touch()

        assert [bodies(connection, 1) for connection in asking] == [[f"/wait{go}".encode()]] * len(asking)
        assert idle.recv(1) == b""
        assert running.process.wait(stack.ENDS) == 0
        for connection in connections:
            connection.close()


@pytest.mark.parametrize("kind", WORKERS)
def test_half_a_request_does_not_keep_a_worker_from_ending(kind: str, tmp_path: Path) -> None:
    with run(kind, tmp_path, "--graceful-timeout", "1") as running:
        half = running.raw(b"GET / HTTP/1.1\r\n")
        assert running.ask("/") == "/!!!"
        os.kill(running.process.pid, signal.SIGTERM)
        assert running.process.wait(stack.ENDS) == 0
        half.close()


def test_what_is_used_of_gthread_is_there() -> None:
    """The names are gunicorn's own and could change: deploy/epoll.py then needs another look."""
    source = inspect.getsource(ThreadWorker)
    for name in (
        "self.nr_conns",
        "self.method_queue.defer(",
        "self.set_accept_enabled(True)",
        "self.murder_keepalived(force=True)",
        "self._cap_keepalive(",
        "conn.parser.unreader.buf.getvalue()",
        "if can_accept != self._accepting:",
    ):
        assert name in source
    assert gthread.STOP_KEEPALIVE_LINGER > 0  # type: ignore[attr-defined]
    with socket.socket() as client:
        conn = TConn(Config(), client, "", "")
    assert {"sock", "timeout", "data_ready", "parser"} <= vars(conn).keys()
    assert list(inspect.signature(ThreadWorker.handle).parameters) == ["self", "conn"]
