"""What page 2 of the tour says of the environ, over a socket where the server's part in it matters."""

from __future__ import annotations

import runpy
import socket
from pathlib import Path
from typing import Any
from wsgiref.simple_server import make_server

import pytest
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from tests.in_thread import in_thread
from tests.stack import GUNICORN_CONF, PATIENCE
from wz.live_server import LiveServer

from ..deploy.wire import connect
from .servers import gunicorn
from .steps import TOUR, QuietHandler, run
from .test_tour import signed_url


def test_a_path_is_bytes_as_latin_1_and_one_function_reads_them() -> None:
    seen: list[dict[str, Any]] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append(environ)
        start_response("204 No Content", [])
        return []

    with make_server("127.0.0.1", 0, app, handler_class=QuietHandler) as server, in_thread(server):
        Client(LiveServer(f"http://127.0.0.1:{server.server_port}")).get("/Zo%C3%AB%FF?q=%C3%AB")

    assert seen[0]["PATH_INFO"] == "/ZoÃ«ÿ"
    assert seen[0]["QUERY_STRING"] == "q=%C3%AB"
    assert run("02_environ")["text"](seen[0]["PATH_INFO"]) == "/Zoë\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("length", [None, 9])
def test_the_standard_library_s_server_has_no_end_of_a_body(length: int | None) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Length", "9")])
        return [environ["wsgi.input"].read(*filter(None, [length]))]

    server = make_server("127.0.0.1", 0, app, handler_class=QuietHandler)
    with in_thread(server), socket.create_connection(("127.0.0.1", server.server_port)) as client:
        client.sendall(b"PUT / HTTP/1.0\r\nContent-Length: 9\r\n\r\ntwentyone")
        if length is None:
            client.settimeout(0.2)
            with pytest.raises(TimeoutError):  # both wait for each other
                client.recv(100)
            client.shutdown(socket.SHUT_WR)  # this is an end
        client.settimeout(PATIENCE)
        answer = b""
        while part := client.recv(1000):
            answer += part

    assert answer.endswith(b"twentyone")


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        pytest.param([], b"HTTP/1.1 201", id="gunicorn as it comes"),
        pytest.param(["--forwarder-headers", ""], b"HTTP/1.1 404", id="as in this service"),
    ],
)
def test_a_client_may_say_where_an_application_is_mounted(options: list[str], answer: bytes, tmp_path: Path) -> None:
    served = ("--chdir", TOUR, *options, "02_environ:app")
    with gunicorn(tmp_path, *served, ready=False) as (_, address), connect(address) as client:
        client.sendall(b"POST /any/events/messages HTTP/1.1\r\nHost: hub.test\r\nSCRIPT_NAME: /any\r\n\r\n")

        assert client.recv(1000).startswith(answer)


def test_this_service_lets_nobody_say_it() -> None:
    assert runpy.run_path(str(GUNICORN_CONF))["forwarder_headers"] == ""


def test_what_mounts_an_application_sets_script_name() -> None:
    nowhere = run("01_function")["app"]
    client = Client(DispatcherMiddleware(nowhere, {"/v1": run("02_environ")["app"]}))

    answer = client.post("/v1/events/messages", base_url="http://hub.test")
    assert signed_url(answer.json["authorization"]) == "http://hub.test/v1/events/messages"
