"""What page 1 of the tour says of servers and of state."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from socketserver import ThreadingMixIn
from threading import Barrier
from wsgiref.simple_server import WSGIServer, make_server

import pytest
from werkzeug.test import Client

from tests.docs.markdown import blocks
from tests.in_thread import in_thread
from tests.stack import PATIENCE
from wz.live_server import LiveServer

from ..deploy.wire import connect
from .servers import gunicorn
from .steps import TOUR, QuietHandler, run
from .test_tour import ANN


def test_gunicorn_runs_the_least_that_there_is(tmp_path: Path) -> None:
    (tmp_path / "least.py").write_text(next(blocks(TOUR / "01_function.md", "python")).source)

    with gunicorn(tmp_path, "least:app", ready=False) as (_, address):
        assert Client(LiveServer(address, PATIENCE)).get("/").status_code == 204


class ThreadingServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True


def test_an_application_may_be_called_twice_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    module = run("01_function")
    both = Barrier(2, timeout=PATIENCE)  # lets nobody through before a second is there
    monkeypatch.setattr(module["boards"], "top", lambda board, limit: both.wait())

    server = make_server("127.0.0.1", 0, module["app"], ThreadingServer, QuietHandler)
    with in_thread(server), ThreadPoolExecutor(2) as pool:
        client = LiveServer(f"http://127.0.0.1:{server.server_port}", PATIENCE)
        answers = pool.map(lambda _: Client(client).get("/boards/points/top").text, range(2))

        assert sorted(answers) == ["0", "1"]


def test_each_worker_has_boards_of_its_own(tmp_path: Path) -> None:
    options = ("--workers", "2", "--chdir", TOUR, "01_function:app")
    with gunicorn(tmp_path, *options, ready=False) as (_, address), connect(address) as held:
        held.sendall(f"GET {ANN} HTTP/1.0\r\n".encode())  # one worker waits for the rest, so the other answers
        other = Client(LiveServer(address, PATIENCE)).put(ANN, json={"score": 12.5})
        held.sendall(b"\r\n")

        assert other.json == {"member": "ann", "score": 12.5, "rank": 0}
        assert held.recv(100).startswith(b"HTTP/1.1 500"), "it knows no ann, and step 1 catches nothing"
