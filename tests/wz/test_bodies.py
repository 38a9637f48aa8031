"""A body that is read at once is what Werkzeug's streams would have read, whatever the input does."""

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import product
from typing import Any

import msgspec
import pytest
from werkzeug.test import create_environ
from werkzeug.wrappers import Request as WerkzeugRequest

from wz import App, Request

from ..client import validated
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
    for body, media_type, more in product(BODIES, TYPES, (-2, 0, 5)):
        length = str(max(0, len(body) + more))
        environ = create_environ("/", method="POST") | {"CONTENT_TYPE": media_type, "CONTENT_LENGTH": length}
        if terminated:
            environ["wsgi.input_terminated"] = True
        answers = []
        for cls in (Request, WerkzeugRequest):
            request = cls(environ | {"wsgi.input": made(body)}, populate_request=False)
            request.max_content_length = limit
            answers.append(outcome(read, request))
        ours, theirs = answers
        # At its limit, Werkzeug's stream ends without an error, and has one when it is read again, whatever follows.
        is_whole = not (terminated and limit and len(body) >= limit)
        assert ours == theirs or (not is_whole and "413" in repr(answers)), (body, media_type, length)


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
