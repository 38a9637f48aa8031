"""Each step's file serves by itself: `python docs/tour/05_errors.py`."""

from __future__ import annotations

from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIServer, make_server

import pytest
from werkzeug.test import Client

from tests.stack import PATIENCE
from wz.live_server import LiveServer

from .steps import STEPS, TOUR, QuietHandler, run

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

FILES = [name for name in STEPS if "make_server" in (TOUR / f"{name}.py").read_text()]


class Server(WSGIServer):
    def serve_forever(self, poll_interval: float = 0.02) -> None:
        super().serve_forever(poll_interval)


@pytest.mark.parametrize("name", FILES)
def test_it_serves_what_it_prints(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started: SimpleQueue[WSGIServer] = SimpleQueue()

    def make(host: str, port: int, app: WSGIApplication) -> WSGIServer:
        assert port == 8000
        server = make_server(host, 0, app, Server, QuietHandler)  # any port that is free
        started.put(server)
        return server

    monkeypatch.setattr("wsgiref.simple_server.make_server", make)
    file = Thread(target=run, args=(name, "__main__"))
    file.start()
    with started.get(timeout=PATIENCE) as server:
        try:
            url = urlsplit(capsys.readouterr().out.strip())
            answer = Client(LiveServer(f"http://127.0.0.1:{server.server_port}", PATIENCE)).get(url.path)
        finally:
            server.shutdown()
            file.join()

    assert (url.scheme, url.netloc) == ("http", "127.0.0.1:8000")
    assert answer.status_code == 200


def test_the_two_frameworks_have_servers_of_their_own() -> None:
    assert set(STEPS) - set(FILES) == {"12_wz", "in_flask"}
