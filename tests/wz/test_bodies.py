"""A body that is read at once is what Werkzeug's streams would have read; what does not come whole is refused."""

from __future__ import annotations

import io
import socket
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest
from werkzeug.test import create_environ
from werkzeug.wrappers import Request as WerkzeugRequest

from wz import App, Request
from wz.live_server import LiveServer

from ..client import validated
from ..stack import answers, process
from .test_request import outcome

Read = Callable[[WerkzeugRequest], Any]

READERS: dict[str, Read] = {
    "get_data": lambda request: [request.get_data(), request.get_data(), request.stream.read()],
    "get_data as text": lambda request: request.get_data(as_text=True),
    "data": lambda request: [request.data, request.data, request.get_data(), request.stream.read()],
    "get_json": lambda request: [request.get_json(force=True), request.get_data()],
    "json, then form": lambda request: [request.json, dict(request.form), dict(request.files)],
    "data, then form": lambda request: [request.data, dict(request.form), request.stream.read()],
    "form, then data": lambda request: [dict(request.form), request.data, request.get_data()],
    "get_data, then form": lambda request: [request.get_data(), dict(request.form)],
    "stream, then data": lambda request: [request.stream.read(2), request.get_data(), request.data],
    "get_data after a failure": lambda request: [
        outcome(lambda request: request.get_data(), request) for _ in range(2)
    ],
}
BODIES = [b"", b'{"a": [1, 2]}', b"a=1&b=2", b"x" * 40]
TYPES = ["application/json", "application/x-www-form-urlencoded", "text/plain"]


class Broken(io.BytesIO):
    """An input whose client has gone."""

    def read(self, *_: Any) -> bytes:
        raise OSError("gone")

    readinto = read  # type: ignore[assignment]


class Slow(io.BytesIO):
    """An input that gives three bytes at a time."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size, 3) if size and size > 0 else size)

    def readinto(self, buffer: Any, /) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


@pytest.mark.parametrize("limit", [None, 0, 7, 100], ids=lambda limit: f"limit {limit}")
@pytest.mark.parametrize("terminated", [False, True], ids=["", "the server ends it"])
@pytest.mark.parametrize("made", [io.BytesIO, Broken, Slow])
@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_it_is_read_as_werkzeug_reads_it(
    read: Read, made: Callable[[bytes], Any], terminated: bool, limit: int | None
) -> None:
    """Where the server ends a body that is not longer than was told, as Werkzeug reads it where it does not."""
    for body, media_type, more in product(BODIES, TYPES, (0, 5) if terminated else (-2, 0, 5)):
        if terminated and made is Broken and not (body or more):
            continue  # an input that ends is read even if nothing was told of it
        length = str(max(0, len(body) + more))
        environ = create_environ("/", method="POST") | {"CONTENT_TYPE": media_type, "CONTENT_LENGTH": length}
        ends = {"wsgi.input_terminated": True} if terminated else {}
        answers = []
        for cls, told in ((Request, environ | ends), (WerkzeugRequest, environ)):
            request = cls(told | {"wsgi.input": made(body)}, populate_request=False)
            request.max_content_length = limit
            answers.append(outcome(read, request))
        ours, theirs = answers
        assert ours == theirs, (body, media_type, length)


def test_an_empty_body_needs_no_input() -> None:
    request = Request(create_environ("/", method="POST") | {"CONTENT_LENGTH": "0", "wsgi.input": None})

    assert request.get_data() == b""


def test_a_body_that_the_server_decoded_is_whole_or_too_large() -> None:
    """Its Content-Length is that of the body as it was sent."""
    environ = create_environ("/", method="POST") | {"CONTENT_LENGTH": "5", "wsgi.input_terminated": True}
    for made, limit in product((io.BytesIO, Slow), (None, 7, 6)):
        request = Request(environ | {"wsgi.input": made(b"decoded")})
        request.max_content_length = limit
        expected = ("raised", 413) if limit == 6 else b"decoded"
        assert outcome(lambda request: request.get_data(), request) == expected


@pytest.mark.parametrize("read", [lambda request: request.get_data(), lambda request: request.stream.read()])
@pytest.mark.parametrize("limit", [None, 100])
def test_a_body_that_may_have_been_decoded_may_be_shorter_than_it_was_sent(read: Read, limit: int | None) -> None:
    environ = create_environ("/", method="POST", headers={"Content-Encoding": "gzip"})
    request = Request(environ | {"CONTENT_LENGTH": "50", "wsgi.input_terminated": True, "wsgi.input": Slow(b"decoded")})
    request.max_content_length = limit

    assert outcome(read, request) == b"decoded"


class Point(msgspec.Struct):
    x: int


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        pytest.param({}, 200, id="whole"),
        pytest.param({"wsgi.input": Slow(b'{"x": 1}')}, 200, id="in pieces"),
        pytest.param({"CONTENT_LENGTH": "9"}, 400, id="cut off"),
        pytest.param({"wsgi.input": Broken()}, 400, id="unreadable"),
        pytest.param({"HTTP_TRANSFER_ENCODING": "chunked"}, 400, id="in chunks that the server does not decode"),
    ],
)
def test_a_typed_body_is_read_likewise(changes: dict[str, Any], status: int) -> None:
    app = App("test")

    @app.post("/")
    def view(body: Point) -> Point:
        return body

    environ = create_environ("/", method="POST", data=b'{"x": 1}', content_type="application/json")
    answer = validated(app).open("/", environ_overrides=environ | changes, method="POST")
    assert answer.status_code == status


PROGRAM = """
from wz import App

app = App("program")

@app.get("/ready")
def ready():
    return "ready"

@app.post("/data")
def data(request):
    return request.get_data()

@app.post("/stream")
def stream(request):
    return request.stream.read()

@app.post("/form")
def form(request):
    return dict(request.form)
"""
LENGTH, CHUNKS = b"Content-Length: 9", b"Transfer-Encoding: chunked"


def test_what_gunicorn_does_not_get_whole_is_refused(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    path = tmp_path / "g.sock"
    server = LiveServer(f"unix:{path}")
    command = [sys.executable, "-m", "gunicorn", "-b", f"unix:{path}", "-k", "gthread", "program:app"]

    def status(target: str, framing: bytes, body: bytes) -> int:
        """Send a request whose client says at the body's end that it sends no more."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            head = f"POST {target} HTTP/1.1\r\nHost: a\r\nContent-Type: {TYPES[1]}\r\nConnection: close\r\n"
            connection.sendall(head.encode() + framing + b"\r\n\r\n" + body)
            connection.shutdown(socket.SHUT_WR)
            return int(connection.makefile("rb").readline().split()[1])

    with process(command, ready=lambda: answers(server, "/ready"), cwd=tmp_path, log=tmp_path / "log"):
        for target in ("/data", "/stream", "/form"):
            assert status(target, LENGTH, b"a=1&b=200") == 200
            assert status(target, LENGTH, b"a=1&b=2") == 400
            assert status(target, CHUNKS, b"7\r\na=1&b=2\r\n0\r\n\r\n") == 200
            assert status(target, CHUNKS, b"7\r\na=1&b=2\r\n") == 400
            assert status(target, CHUNKS, b"9\r\na=1&b=2") == 400
            assert status(target, CHUNKS, b"x\r\na=1&b=2\r\n0\r\n\r\n") == 400
