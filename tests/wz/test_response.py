"""wz's short ways to an answer send the same as Werkzeug's Response that is made by hand from the same value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from wsgiref.validate import validator

import msgspec
import pytest
from werkzeug.datastructures import Headers
from werkzeug.exceptions import NotFound
from werkzeug.test import create_environ
from werkzeug.wrappers import Response as WerkzeugResponse

import wz
from wz import App, Response

from .conftest import Web

Answer = tuple[str, list[tuple[str, str]], bytes]


class Point(msgspec.Struct):
    x: int
    y: float


def ask(app: Any, method: str = "GET", **environ: Any) -> Answer:
    """Call a WSGI application as a server does, and check it against PEP 3333."""
    sent: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        sent[:] = [status, headers]
        return lambda data: None

    result = validator(app)(create_environ("/", method=method) | environ, start_response)
    try:
        body = b"".join(result)
    finally:
        result.close()  # type: ignore[attr-defined]
    status, headers = sent
    return status, sorted(headers), body


def wz_answer(make: Callable[[], Any], method: str = "GET", *, hook: bool = False, **environ: Any) -> Answer:
    app = App("test")
    app.add_url_rule("/", "view", lambda: make(), methods=[method])
    if hook:
        app.after_request(lambda response: response)
    return ask(app, method, **environ)


def werkzeug_answer(response: WerkzeugResponse, method: str = "GET", **environ: Any) -> Answer:
    status, headers, body = ask(_typeless(response), method, **environ)
    return status, headers, body


def _typeless(response: WerkzeugResponse) -> Any:
    """Werkzeug's answer, without the Content-Type that it sends with 204: wsgiref.validate refuses it, wz drops it."""

    def app(environ: Any, start_response: Any) -> Any:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            if status.startswith("204"):
                headers = [(name, value) for name, value in headers if name != "Content-Type"]
            return start_response(status, headers)

        return response(environ, start)

    return app


def html(body: Any = b"", status: Any = None, headers: Any = None, **options: Any) -> WerkzeugResponse:
    return WerkzeugResponse(body, status, headers, **({"mimetype": "text/html"} | options))


def as_json(text: bytes, status: Any = None, headers: Any = None) -> WerkzeugResponse:
    response = WerkzeugResponse(text, status, mimetype="application/json")
    response.headers.update(headers or {})
    return response


def with_cookie(cls: type[WerkzeugResponse]) -> WerkzeugResponse:
    response = cls("cookie", mimetype="text/html")
    response.set_cookie("a", "b", max_age=5, httponly=True, samesite="Lax")
    response.delete_cookie("c", path="/x")
    return response


def tagged(cls: type[WerkzeugResponse]) -> WerkzeugResponse:
    response = cls(b"tagged", mimetype="text/html")
    response.set_etag("v1")
    response.cache_control.max_age = 60
    response.vary.add("Accept")
    return response


def multiple(cls: type[WerkzeugResponse]) -> WerkzeugResponse:
    response = cls("x", mimetype="text/html")
    response.headers.add("X-A", "1")
    response.headers.add("X-A", "2")
    response.headers["Link"] = "<é>".encode().decode("latin-1")
    return response


def plain(cls: type[WerkzeugResponse]) -> WerkzeugResponse:
    response = cls("x")
    response.headers = {"X-A": "b", "Content-Type": "text/x"}  # type: ignore[assignment]
    return response


#: id -> what a view returns, and the same as a Response of Werkzeug's.
RETURNS: dict[str, tuple[Callable[[], Any], Callable[[], WerkzeugResponse]]] = {
    "dict": (lambda: {"a": 1}, lambda: as_json(b'{"a":1}')),
    "list": (lambda: [1, "é"], lambda: as_json('[1,"é"]'.encode())),
    "an empty dict": (dict, lambda: as_json(b"{}")),
    "Struct": (lambda: Point(1, 2.5), lambda: as_json(b'{"x":1,"y":2.5}')),
    "dict and status": (lambda: ({}, 201), lambda: as_json(b"{}", 201)),
    "dict and 204": (lambda: ({}, 204), lambda: as_json(b"{}", 204)),
    "dict and 304": (lambda: ({}, 304), lambda: as_json(b"{}", 304)),
    "dict and headers": (lambda: ({}, {"X-A": "b"}), lambda: as_json(b"{}", None, {"X-A": "b"})),
    "dict, status line, headers": (
        lambda: ([], "202 Later", [("X-A", "b"), ("X-A", "c")]),
        lambda: as_json(b"[]", "202 Later", [("X-A", "b"), ("X-A", "c")]),
    ),
    "dict and a length that is told": (
        lambda: ({}, {"Content-Length": "2"}),
        lambda: as_json(b"{}", None, {"Content-Length": "2"}),
    ),
    "str": (lambda: "é", lambda: html("é")),
    "an empty str": (lambda: "", lambda: html("")),
    "bytes": (lambda: b"\xff", lambda: html(b"\xff")),
    "bytearray": (lambda: bytearray(b"ab"), lambda: html(b"ab")),
    "str and 204": (lambda: ("gone", 204), lambda: html("gone", 204)),
    "str and 304": (lambda: ("", 304), lambda: html("", 304)),
    "str and 205": (lambda: ("", 205), lambda: html("", 205)),
    "a status that has no name": (lambda: ("x", 299), lambda: html("x", 299)),
    "a status line of a number": (lambda: ("x", "201"), lambda: html("x", "201")),
    "418": (lambda: ("x", 418), lambda: html("x", 418)),
    "500 without an exception": (lambda: ("x", 500), lambda: html("x", 500)),
    "a generator of str": (lambda: (part for part in "aé"), lambda: html(part for part in "aé")),
    "a generator of bytes": (lambda: iter([b"a", b"", b"b"]), lambda: html(iter([b"a", b"", b"b"]))),
    "an empty generator": (lambda: iter(()), lambda: html(iter(()))),
    "a generator and 204": (lambda: (iter([b"a"]), 204), lambda: html(iter([b"a"]), 204)),
    "Response": (lambda: Response("x"), lambda: html("x")),
    "Response of a list": (lambda: Response([b"a", b"b"]), lambda: html([b"a", b"b"])),
    "Response of nothing": (lambda: Response(), html),
    "Response, no type": (lambda: Response("x", headers=[]), lambda: html("x")),
    "Werkzeug's Response": (lambda: WerkzeugResponse("x"), lambda: WerkzeugResponse("x")),
    "Werkzeug's Response, 204": (lambda: Response("", 204), lambda: html("", 204)),
    "a relative Location": (
        lambda: Response("", 302, {"Location": "/é b?c=d"}),
        lambda: html("", 302, {"Location": "/é b?c=d"}),
    ),
    "a Location in small letters": (
        lambda: ("", 201, {"location": "next/é"}),
        lambda: html("", 201, {"location": "next/é"}),
    ),
    "a Content-Location": (
        lambda: ({}, {"Content-Location": "/é"}),
        lambda: as_json(b"{}", None, {"Content-Location": "/é"}),
    ),
    "cookies": (lambda: with_cookie(Response), lambda: with_cookie(WerkzeugResponse)),
    "an entity tag": (lambda: tagged(Response), lambda: tagged(WerkzeugResponse)),
    "headers that are there twice": (lambda: multiple(Response), lambda: multiple(WerkzeugResponse)),
    "headers that are a dict": (lambda: plain(Response), lambda: plain(WerkzeugResponse)),
    "a type of its own": (lambda: ("x", {"Content-Type": "text/x"}), lambda: html("x", content_type="text/x")),
    "JSON of a type of its own": (
        lambda: ({}, {"Content-Type": "application/ld+json"}),
        lambda: as_json(b"{}", None, {"Content-Type": "application/ld+json"}),
    ),
    "a WSGI application": (lambda: html("x").__call__, lambda: html("x")),
    "an HTTP error's response": (lambda: NotFound().get_response(), lambda: NotFound().get_response()),
}


@pytest.mark.parametrize("hook", [False, True], ids=["", "with a hook"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
@pytest.mark.parametrize(("make", "by_hand"), RETURNS.values(), ids=RETURNS)
def test_an_answer(make: Callable[[], Any], by_hand: Callable[[], WerkzeugResponse], method: str, hook: bool) -> None:
    assert wz_answer(make, method, hook=hook) == werkzeug_answer(by_hand(), method)


@pytest.mark.parametrize(
    "condition",
    [
        pytest.param({"HTTP_IF_NONE_MATCH": '"v1"'}, id="not modified"),
        pytest.param({"HTTP_IF_NONE_MATCH": '"v2"'}, id="modified"),
        pytest.param({"HTTP_IF_MATCH": '"v2"'}, id="precondition failed"),
        pytest.param({"HTTP_RANGE": "bytes=1-3"}, id="a range"),
        pytest.param({"HTTP_RANGE": "bytes=1-3", "HTTP_IF_RANGE": '"v2"'}, id="a range of another version"),
        pytest.param({}, id="unconditional"),
    ],
)
def test_conditional_answers(condition: dict[str, Any]) -> None:
    environ = create_environ() | condition

    def make(cls: type[WerkzeugResponse]) -> WerkzeugResponse:
        response = tagged(cls)
        response.headers["Date"] = "Thu, 01 Jan 1970 00:00:00 GMT"
        return response.make_conditional(environ, accept_ranges=True, complete_length=6)

    assert wz_answer(lambda: make(Response), hook=False, **condition) == werkzeug_answer(
        make(WerkzeugResponse), **condition
    )


class Stream:
    """An iterator that records whether it was closed."""

    def __init__(self, *parts: bytes | Exception) -> None:
        self.parts = iter(parts)
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        part = next(self.parts)
        if isinstance(part, Exception):
            raise part
        return part

    def close(self) -> None:
        self.closed += 1


def serve(app: Any, method: str = "GET", *, parts: int | None = None) -> list[bytes]:
    """Read so many parts of the body, all by default, and close it."""
    result = app(create_environ("/", method=method), lambda status, headers, exc_info=None: lambda data: None)
    try:
        return [part for _, part in zip(range(1000 if parts is None else parts), result, strict=False)]
    finally:
        close = getattr(result, "close", None)
        if close is not None:
            close()


def app_of(value: Any) -> App:
    app = App("test")
    app.add_url_rule("/", "view", lambda: value)
    return app


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("status", [200, 204, 304])
def test_a_stream_is_closed_once(method: str, status: int) -> None:
    stream, theirs = Stream(b"a", b"b"), Stream(b"a", b"b")

    body = serve(app_of((stream, status)), method)

    assert (body, stream.closed) == (serve(html(theirs, status), method), theirs.closed)
    assert stream.closed == 1


def test_a_stream_is_closed_when_the_client_goes() -> None:
    stream = Stream(b"a", b"b", b"c")

    assert serve(app_of(stream), parts=1) == [b"a"]
    assert stream.closed == 1
    assert next(stream) in (b"b", b"c")


def test_a_stream_is_not_read_ahead() -> None:
    asked = []

    def stream() -> Iterator[str]:
        for part in "abc":
            asked.append(part)
            yield part

    result = iter(app_of(stream())(create_environ("/"), lambda status, headers, exc_info=None: lambda data: None))

    assert not asked
    assert next(result) == b"a"
    assert asked == ["a"]


def test_an_exception_within_a_stream_reaches_the_server_and_the_stream_is_closed() -> None:
    stream = Stream(b"a", ValueError("half-way"))

    with pytest.raises(ValueError, match="half-way"):
        serve(app_of(stream))

    assert stream.closed == 1


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_functions_to_be_called_on_close_are_called(method: str) -> None:
    closed = []
    response = Response("x")
    response.call_on_close(lambda: closed.append(1))

    serve(app_of(response), method)

    assert closed == [1]


def test_a_response_may_be_sent_twice() -> None:
    app = app_of(Response("x", headers={"X-A": "b"}))

    assert ask(app) == ask(app) == werkzeug_answer(html("x", headers={"X-A": "b"}))


def test_headers_changed_by_the_server_change_no_later_answer() -> None:
    app = app_of({"a": 1})
    first: list[Any] = []

    def start_response(status: str, headers: list[Any], exc_info: Any = None) -> Callable[[bytes], None]:
        first.append(list(headers))
        headers.append(("X-Server", "changed"))
        return lambda data: None

    for _ in range(2):
        app(create_environ("/"), start_response)

    assert first[0] == first[1]


class Shouting(Response):
    """Overrides one of Werkzeug's steps, so that this step must be taken."""

    def get_app_iter(self, environ: Any) -> Any:
        return [part.upper() for part in self.iter_encoded()]


class Signed(Response):
    def get_wsgi_headers(self, environ: Any) -> Headers:
        headers = super().get_wsgi_headers(environ)
        headers["X-Signed"] = "yes"
        return headers


def test_a_subclass_s_steps_are_taken() -> None:
    assert ask(app_of(Shouting("loud")))[2] == b"LOUD"
    assert ("X-Signed", "yes") in ask(app_of(Signed("x")))[1]


def test_a_hook_may_return_another_response() -> None:
    app = app_of({"a": 1})
    app.after_request(lambda response: Signed(response.get_data(), 202, mimetype="application/json"))

    status, headers, body = ask(app)

    assert (status, body) == ("202 ACCEPTED", b'{"a":1}')
    assert ("X-Signed", "yes") in headers


def test_an_answer_without_content_has_no_type(web: Web) -> None:
    app = web.app()
    app.get("/text")(lambda: ("", 204))
    app.get("/response", endpoint="response")(lambda: web.Response(status=204))

    types = [web.client(app).get(path).headers.get("Content-Type") for path in ("/text", "/response")]

    assert types == [None if web.module is wz else "text/html; charset=utf-8"] * 2
