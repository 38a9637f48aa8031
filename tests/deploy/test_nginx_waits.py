"""How long nginx waits, for a client and for gunicorn, and what is said then. Its limits are made shorter here."""

from __future__ import annotations

import re
import select
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from deploy import servers
from deploy.nginx import render_nginx
from pipeline.boards import Boards
from pipeline.settings import Settings

from .. import stack
from .wire import connect, exchange


@contextmanager
def nginx(folder: Path, limit: str) -> Iterator[str]:
    """Run nginx, alone, with one of its time-outs shortened to a second; yields its address."""
    port, conf, pid = stack.free_port(), folder / "nginx.conf", folder / "nginx.pid"
    text, found = re.subn(
        rf"^( *{limit}) \d+s;", r"\1 1s;", render_nginx(folder, f"127.0.0.1:{port}"), flags=re.MULTILINE
    )
    assert found
    conf.write_text(text)
    with stack.process(
        [servers.nginx(), "-e", "stderr", "-c", conf], ready=lambda: pid.exists() and pid.read_text() != ""
    ):
        yield f"http://127.0.0.1:{port}"


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {stack.HOST}\r\nAuthorization: {stack.token()}\r\n\r\n".encode()


def test_a_client_that_sends_its_header_too_slowly_is_told_nothing(tmp_path: Path) -> None:
    with nginx(tmp_path, "client_header_timeout") as address, connect(address) as client:
        client.sendall(get("/healthz")[:-2])
        answer = b""
        with suppress(ConnectionResetError):
            answer = client.recv(4096)

    assert answer == b""


def test_a_full_backlog_is_an_answer_at_once(tmp_path: Path) -> None:
    with ExitStack() as closed:
        listener = closed.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(tmp_path / "gunicorn.sock"))
        listener.listen(1)  # and nobody accepts
        address = closed.enter_context(nginx(tmp_path, "proxy_connect_timeout"))
        is_full = False
        while not is_full:
            waiting = closed.enter_context(socket.socket(socket.AF_UNIX))
            waiting.setblocking(False)
            is_full = waiting.connect_ex(str(tmp_path / "gunicorn.sock")) != 0
        answer = exchange(address, get("/boards/points/members/ann"))

    assert answer is not None
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert "nothing was done: try again" in answer.detail


def test_a_request_that_takes_too_long_may_have_been_carried_out(tmp_path: Path) -> None:
    body = b'{"reward": 1}'
    head = f"POST /boards/b/members/ann/rewards HTTP/1.1\r\nHost: {stack.HOST}\r\nContent-Length: {len(body)}\r\n"
    with (
        stack.redis_server(tmp_path) as (redis, url),
        nginx(tmp_path, "proxy_read_timeout") as address,
    ):
        # Redis hangs, and the service waits for it longer than nginx does for the service.
        settings = Settings(
            environment="test",
            redis_url=f"{url}?socket_timeout={stack.PATIENCE:g}",
            connection_string=stack.ROOT,
            hosts=frozenset({stack.HOST}),
        )
        with stack.gunicorn(tmp_path, settings, WEB_CONCURRENCY="1"):
            redis.send_signal(signal.SIGSTOP)
            request = f"{head}Authorization: {stack.token()}\r\nContent-Type: application/json\r\n\r\n".encode() + body
            answer = exchange(address, request)
            redis.send_signal(signal.SIGCONT)
            board = Boards.from_settings(settings)["b"]
            stack.until(lambda: board.summary().count == 1)  # it was, this time

    assert answer is not None
    assert answer.status == 504
    assert "Retry-After" not in answer.headers
    assert "may have been carried out" in answer.detail


def test_a_client_that_does_not_read_is_left(tmp_path: Path, server_settings: Settings) -> None:
    """Meanwhile it does not hold gunicorn's only thread: nginx has the answer."""
    with (
        stack.gunicorn(tmp_path, server_settings, WEB_CONCURRENCY="1", GUNICORN_CMD_ARGS="--threads 1"),
        nginx(tmp_path, "send_timeout") as address,
        closing(connect(address)) as client,
    ):
        client.sendall(get("/openapi.json") * 300)  # far more than the kernel keeps for who does not read
        poll = select.poll()
        poll.register(client, 0)  # errors and hang-ups are told in any case
        other = exchange(address, get("/boards/none/members/ann"))
        stack.until(lambda: bool(poll.poll(0)))

    assert other is not None
    assert other.status == 404
