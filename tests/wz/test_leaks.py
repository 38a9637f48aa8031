"""Nothing is left of a request: no memory, and no cycle that only the garbage collector would find.

WZ_REQUESTS=1000000 pytest tests/wz/test_leaks.py    for a long run
"""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from werkzeug.exceptions import HTTPException
from werkzeug.test import create_environ

from wz import App, Blueprint, abort
from wz.sessions import Sessions, session_of
from wz.tracing import Tracer

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

REQUESTS = int(os.environ.get("WZ_REQUESTS", 2_500))
WARM_UP = 500
#: Blocks of memory by which the interpreter's own caches may grow, however many requests there are.
SLACK = 500


class Body(msgspec.Struct):
    n: int
    tags: list[str]


class Broken(Exception):
    pass


@pytest.fixture
def app() -> App:
    app = App("tests.wz.leaks", config={"SECRET_KEY": "key"})  # a name, and so a logger, of its own
    app.logger.disabled = True  # pytest keeps the log records of a 500
    Sessions(app, savers=())
    hooked = Blueprint("hooked", url_prefix="/hooked")

    @app.get("/boards/<board>/members/<int:n>")
    def member(board: str, n: int) -> dict[str, Any]:
        return {"board": board, "n": n}

    @app.get("/text/<path:rest>")
    def text(request: Any, rest: str) -> str:
        return str(rest + request.args.get("q", "") + request.headers.get("Accept", "") + request.url)

    @app.post("/body")
    def body(request: Any, body: Body) -> Any:
        return body, 201

    @app.get("/session")
    def session(request: Any) -> dict[str, Any]:
        return dict(session_of(request))

    @app.get("/stream")
    def stream() -> Iterator[str]:
        return (part for part in ("a", "b"))

    @app.get("/folder/")
    def folder() -> str:
        return ""

    @app.get("/abort")
    def aborted() -> None:
        abort(409, "no")

    @app.get("/broken")
    def broken() -> None:
        raise Broken("always")

    @app.get("/handled")
    def handled() -> None:
        raise LookupError

    @app.errorhandler(LookupError)
    def answer(exc: LookupError) -> tuple[str, int]:
        return "handled", 410

    @hooked.before_request
    def before(request: Any) -> None:
        request.g.started = True

    @hooked.after_request
    def after(request: Any, response: Any) -> Any:
        response.headers["X-Hook"] = str(request.g.started)
        return response

    @hooked.teardown_request
    def teardown(error: BaseException | None) -> None:
        pass

    @hooked.get("/<name>")
    def greet(name: str) -> dict[str, str]:
        return {"name": name}

    app.register(hooked)
    return app


def caller(app: WSGIApplication, environ: dict[str, Any], body: bytes = b"", status: int = 200) -> Callable[[], None]:
    """Return a function that makes one request, as a server does, and keeps no reference to it."""

    def start_response(line: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        if not line.startswith(str(status)):
            raise AssertionError(line)
        return _write

    def call() -> None:
        result = app(environ | {"wsgi.input": io.BytesIO(body)}, start_response)
        for _ in result:
            pass
        close = getattr(result, "close", None)
        if close is not None:
            close()

    return call


def _write(data: bytes) -> None:
    raise AssertionError("nobody calls write()")


def left_by_map(app: App, environ: dict[str, Any]) -> int:
    """Objects in the cycle that each `match` of Werkzeug's Map leaves: its matcher's closure, which calls itself."""

    def match() -> None:
        with suppress(HTTPException):
            app.url_map.bind_to_environ(environ).match()

    match()
    gc.collect()
    match()
    return gc.collect()


BODY = b'{"n": 1, "tags": ["a"]}'
WRONG = b'{"n": "one", "tags": []}'
POST = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/json"}
KINDS: list[Any] = [
    pytest.param("/boards/go/members/7", 200, b"", {}, id="JSON"),
    pytest.param("/boards/go/members/7", 200, b"", {"REQUEST_METHOD": "HEAD"}, id="HEAD"),
    pytest.param("/boards/go/members/7", 200, b"", {"REQUEST_METHOD": "OPTIONS"}, id="OPTIONS"),
    pytest.param("/text/a/b?q=x", 200, b"", {}, id="text, query, headers"),
    pytest.param("/hooked/ann", 200, b"", {}, id="hooks"),
    pytest.param("/body", 201, BODY, POST, id="a typed body"),
    pytest.param("/body", 422, WRONG, POST, id="a body that is refused"),
    pytest.param("/session", 200, b"", {"HTTP_COOKIE": "session=e30.a.b"}, id="a forged session"),
    pytest.param("/session", 200, b"", {"HTTP_COOKIE": "session=e30"}, id="a session that is cut off"),
    pytest.param("/stream", 200, b"", {}, id="a stream"),
    pytest.param("/folder", 308, b"", {}, id="a redirect"),
    pytest.param("/nowhere", 404, b"", {}, id="404"),
    pytest.param("/nowhere", 404, b"", {"HTTP_ACCEPT": "text/html"}, id="404 as HTML"),
    pytest.param("/boards/go/members/7", 405, b"", {"REQUEST_METHOD": "DELETE"}, id="405"),
    pytest.param("/abort", 409, b"", {}, id="abort"),
    pytest.param("/handled", 410, b"", {}, id="an error handler"),
    pytest.param("/broken", 500, b"", {}, id="500"),
]


@pytest.fixture(scope="module", autouse=True)
def frozen() -> None:
    """Look at nothing again of what other tests have left, which takes longer than all requests of a test."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize(("path", "status", "body", "more"), KINDS)
def test_nothing_is_left_of_a_request(app: App, path: str, status: int, body: bytes, more: dict[str, str]) -> None:
    environ = create_environ(path) | more | {"CONTENT_LENGTH": str(len(body))}
    call = caller(app, environ, body, status)
    short = app.url_map.compiled.match(environ) is not None and environ["REQUEST_METHOD"] != "OPTIONS"
    by_werkzeug = 0 if short else left_by_map(app, environ)
    for _ in range(WARM_UP):
        call()
    gc.collect()

    # The cycles that Map leaves would fill the memory, since nothing is collected meanwhile.
    requests = min(REQUESTS, 20_000) if by_werkzeug else REQUESTS

    before = sys.getallocatedblocks()
    for _ in range(requests):
        call()
    garbage = gc.collect() / requests
    blocks = sys.getallocatedblocks() - before

    assert garbage < by_werkzeug + 0.01, "there are cycles: objects a request"
    assert blocks < SLACK, f"{blocks / requests:.2f} blocks a request"


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize(("path", "status", "body", "more"), KINDS)
def test_nothing_is_left_of_a_traced_request(
    app: App, path: str, status: int, body: bytes, more: dict[str, str]
) -> None:
    environ = create_environ(path) | more | {"CONTENT_LENGTH": str(len(body))}
    call = caller(Tracer(app, lambda recording: None), environ, body, status)
    short = app.url_map.compiled.match(environ) is not None and environ["REQUEST_METHOD"] != "OPTIONS"
    by_werkzeug = 0 if short else left_by_map(app, environ)
    for _ in range(WARM_UP):
        call()
    gc.collect()

    before = sys.getallocatedblocks()
    for _ in range(1000):
        call()
    garbage = gc.collect() / 1000

    assert garbage < by_werkzeug + 0.01, "there are cycles: objects a request"
    assert sys.getallocatedblocks() - before < SLACK


@pytest.mark.usefixtures("uncollected")
def test_other_hosts_and_paths_fill_no_memory(app: App) -> None:
    """Values that clients choose must not be kept without a limit."""

    def calls(start: int, count: int) -> None:
        for n in range(start, start + count):
            environ = create_environ(f"/boards/{n}/members/{n}") | {"HTTP_HOST": f"h{n}.test", "HTTP_X_A": str(n)}
            caller(app, environ)()

    calls(0, 3000)
    gc.collect()
    before = sys.getallocatedblocks()
    calls(3000, 3000)
    gc.collect()

    assert sys.getallocatedblocks() - before < SLACK
