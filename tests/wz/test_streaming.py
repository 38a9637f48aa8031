"""Bodies that are sent after the handler returned: what they see, when they are closed, what the teardowns are told.

A test that takes `web` runs on Flask and on wz.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any
from weakref import ref

import pytest
from werkzeug.test import create_environ

import wz
from wz import App
from wz.live_server import LiveServer
from wz.sse import ServerSentEvent, event_stream
from wz.static import send_file
from wz.templates import Templates, stream_template_string
from wz.testing import Client

from ..client import validated
from ..stack import answers, process, until
from .conftest import Web

Told = list[type[BaseException] | None]


class Rows:
    """An iterator that must be closed, as a database's is; it fails after `good` rows, if there are more."""

    def __init__(self, good: int = 2, more: bool = False) -> None:
        self.steps = iter(range(good))
        self.more = more
        self.closed = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        for number in self.steps:
            return str(number)
        if self.more:
            raise KeyError("db")
        raise StopIteration

    def close(self) -> None:
        self.closed += 1


def told_by(app: App) -> Told:
    told: Told = []

    @app.teardown_request
    def tell(error: BaseException | None) -> None:
        told.append(None if error is None else type(error))

    return told


def called(app: App, method: str = "GET", path: str = "/") -> Any:
    """Call an app as a server does, and return the body."""
    return app(create_environ(path, method=method), lambda *_: lambda data: None)


def template(web: Web, rows: Rows) -> Any:
    stream = stream_template_string if web.module is wz else web.stream_template_string
    return stream("{% for row in rows %}{{ row }}{% endfor %}", rows=rows)


KEEPING: dict[str, Callable[[Web, Rows], Any]] = {
    "an iterator": lambda web, rows: web.stream_with_context(rows),
    "a generator": lambda web, rows: web.stream_with_context(row for row in rows),
    "a function that is decorated": lambda web, rows: web.stream_with_context(lambda: rows)(),
    "in a response": lambda web, rows: web.Response(web.stream_with_context(rows)),
    "with a status": lambda web, rows: (web.stream_with_context(rows), 201),
    "a template": template,
}


@pytest.mark.parametrize("form", KEEPING)
@pytest.mark.parametrize(("fails", "last"), [(True, KeyError), (False, None)])
def test_a_stream_that_keeps_the_request_tells_the_teardowns_how_it_ended(
    web: Web, form: str, fails: bool, last: type[KeyError] | None
) -> None:
    app = web.app()
    if web.module is wz:
        Templates(app)
    told = told_by(app)
    app.add_url_rule("/", "rows", lambda: KEEPING[form](web, Rows(more=fails)))

    body = called(app)
    assert told == [None]  # of the answer; what follows is of the stream
    if fails:
        with pytest.raises(KeyError):
            b"".join(body)
    else:
        assert b"".join(body) == b"01"
    body.close()

    assert told == [None, last]


@pytest.mark.parametrize("form", KEEPING)
def test_a_client_that_leaves_ends_the_stream(web: Web, form: str) -> None:
    app = web.app()
    if web.module is wz:
        Templates(app)
    told = told_by(app)
    rows = Rows(10)
    app.add_url_rule("/", "rows", lambda: KEEPING[form](web, rows))

    body = called(app)
    next(iter(body))
    body.close()

    assert told == [None, GeneratorExit]
    if form not in ("a template", "a generator"):  # these hold the rows without closing them
        assert rows.closed


PLAIN: dict[str, Callable[[Web, Rows], Any]] = {
    "an iterator": lambda web, rows: rows,
    "a generator": lambda web, rows: (row for row in rows),
    "in a response": lambda web, rows: web.Response(rows),
    "a WSGI application": lambda web, rows: web.Response(rows).__call__,
}


@pytest.mark.parametrize("form", PLAIN)
def test_a_stream_that_does_not_keep_the_request_comes_after_its_teardowns(web: Web, form: str) -> None:
    app = web.app()
    told = told_by(app)
    rows = Rows(more=True)
    app.add_url_rule("/", "rows", lambda: PLAIN[form](web, rows))

    body = called(app)
    with pytest.raises(KeyError):
        b"".join(body)
    body.close()

    assert told == [None]
    assert rows.closed or form == "a generator"


@pytest.mark.parametrize("form", [form for form in PLAIN if form != "a generator"])
@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_a_plain_body_of_which_nothing_is_asked_for_is_closed(web: Web, form: str, method: str) -> None:
    app = web.app()
    rows = Rows()
    app.add_url_rule("/", "rows", lambda: PLAIN[form](web, rows))

    called(app, method).close()

    assert rows.closed


@pytest.mark.parametrize("status", [200, 204, 304])
@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize("kind", ["a stream", "events"])
def test_a_stream_of_which_nothing_is_asked_for_is_closed_and_torn_down(kind: str, method: str, status: int) -> None:
    app = App("test")
    told = told_by(app)
    rows = Rows()

    @app.get("/")
    def view() -> Any:
        stream = wz.stream_with_context(rows)
        return event_stream(stream) if kind == "events" else (stream, status)

    called(app, method).close()

    assert (rows.closed, told) == (1, [None, None])


def test_an_iterable_is_closed_beside_its_iterator() -> None:
    app = App("test")
    told = told_by(app)
    closed: list[str] = []

    class Cursor:
        def __iter__(self) -> Iterator[str]:
            try:
                yield "a"
                yield "b"
            finally:
                closed.append("iterator")

        def close(self) -> None:
            closed.append("cursor")
            raise OSError("gone")

    app.add_url_rule("/", "rows", lambda: wz.stream_with_context(Cursor()))

    body = called(app)
    next(iter(body))
    with pytest.raises(OSError, match="gone"):
        body.close()

    assert (closed, told) == (["iterator", "cursor"], [None, OSError])


ITERABLES: list[Any] = [
    pytest.param(lambda: ["a", "b"], id="a list"),
    pytest.param(lambda: ("a", "b"), id="a tuple"),
    pytest.param(lambda: "ab", id="text"),
    pytest.param(lambda: {"a": 1, "b": 2}, id="a dict"),
    pytest.param(lambda: map(str, "ab"), id="an iterator"),
    pytest.param(lambda: (letter for letter in "ab"), id="a generator"),
    pytest.param(lambda: type("Old", (), {"__getitem__": lambda self, at: "ab"[at]})(), id="a sequence"),
]


@pytest.mark.parametrize("make", ITERABLES)
@pytest.mark.parametrize("decorated", [True, False])
def test_any_iterable_is_streamed(web: Web, make: Callable[[], Any], decorated: bool) -> None:
    app = web.app()
    app.add_url_rule(
        "/", "v", lambda: web.stream_with_context(make)() if decorated else web.stream_with_context(make())
    )

    assert web.client(app).get("/").text == "ab"


def test_what_is_no_iterable_is_refused() -> None:
    async def later() -> Any:
        yield "a"

    with App("test").test_request_context():
        with pytest.raises(TypeError, match="'async_generator' object is not iterable"):
            wz.stream_with_context(later)()
        with pytest.raises(TypeError, match="'int' object is not iterable"):
            wz.stream_with_context(7)


def test_outside_of_a_request_only_a_function_is_taken(web: Web) -> None:
    app = web.app()

    def paths() -> Iterator[str]:
        yield web.request.path

    stream = web.stream_with_context(paths)
    app.add_url_rule("/x", "x", lambda: stream())

    assert web.client(app).get("/x").text == "/x"
    with pytest.raises(RuntimeError, match=r"outside of|request context"):
        web.stream_with_context("text")


def test_an_iterator_that_has_ended_stays_so() -> None:
    app = App("test")
    told = told_by(app)
    rows = Rows(1, more=True)
    with app.test_request_context():
        stream = wz.stream_with_context(rows)

    assert next(stream) == "0"
    with pytest.raises(KeyError):
        next(stream)
    rows.steps = iter([7])
    assert list(stream) == []
    stream.close()
    assert (told, rows.closed) == ([None, KeyError], 1)


def test_a_stream_that_is_dropped_is_ended_and_one_that_never_began_is_forgotten(web: Web) -> None:
    app = web.app()
    told = told_by(app)
    with app.test_request_context():
        begun, never = web.stream_with_context("ab"), web.stream_with_context("ab")

    next(begun)
    del begun, never
    gc.collect()

    assert told == [None, GeneratorExit]


def test_a_stream_that_failed_keeps_nothing_alive() -> None:
    app = App("test")
    rows = Rows(more=True)
    app.add_url_rule("/", "rows", lambda: wz.stream_with_context(rows))
    with app.test_request_context():
        stream = wz.stream_with_context(rows)

    gc.disable()
    try:
        with pytest.raises(KeyError):
            list(stream)
        gone = ref(stream)
        del stream
        assert gone() is None
    finally:
        gc.enable()


def test_a_file_is_closed_however_it_ends(tmp_path: Path) -> None:
    app = App("test")
    told = told_by(app)
    (tmp_path / "file").write_bytes(b"x" * 100_000)
    files: list[Any] = []

    @app.get("/")
    def view() -> Any:
        files.append((tmp_path / "file").open("rb"))
        return send_file(files[-1], mimetype="text/plain")

    called(app, "HEAD").close()
    called(app).close()
    body = called(app)
    next(iter(body))
    body.close()

    assert [file.closed for file in files] == [True] * 3
    assert told == [None] * 3


def test_failing_events_are_told_and_end_what_they_come_from() -> None:
    app = App("test")
    told = told_by(app)
    rows = Rows(more=True)
    app.add_url_rule("/", "e", lambda: event_stream(wz.stream_with_context(ServerSentEvent(row) for row in rows)))

    with pytest.raises(KeyError):
        _ = validated(app).get("/").data

    assert told == [None, KeyError]


#: A program that notes in a file what happens to it, in each process that serves it.
PROGRAM = """
import json, itertools
from {module} import {app} as App, Response, stream_with_context

app = App(__name__)

def note(what):
    with open("notes", "a") as notes:
        notes.write(json.dumps(what) + "\\n")

class Rows:
    def __init__(self, last):
        self.steps, self.last = itertools.count(), last
    def __iter__(self):
        return self
    def __next__(self):
        number = next(self.steps)
        if number == self.last:
            raise KeyError("db")
        return "x" * 100_000
    def close(self):
        note("closed")

@app.teardown_request
def tell(error):
    note(repr(error))

@app.get("/ready")
def ready():
    return "ready"

@app.get("/fails")
def fails():
    return Response(stream_with_context(Rows(3)))

@app.get("/endless")
def endless():
    return Response(stream_with_context(Rows(-1)))
"""


@pytest.mark.parametrize("module", ["flask", "wz"])
def test_teardowns_are_told_of_failures_and_clients_that_leave_over_gunicorn(module: str, tmp_path: Path) -> None:
    pytest.importorskip(module)
    (tmp_path / "program.py").write_text(PROGRAM.format(module=module, app="Flask" if module == "flask" else "App"))
    notes = tmp_path / "notes"
    server = LiveServer(f"unix:{tmp_path / 'g.sock'}")
    command = [sys.executable, "-m", "gunicorn", "-b", f"unix:{tmp_path / 'g.sock'}", "-k", "gthread", "program:app"]

    def noted(count: int) -> list[str]:
        """Wait for this many notes, and return them; Flask closes twice."""
        until(lambda: len(notes.read_text().splitlines()) >= count)
        found = [json.loads(line) for line in notes.read_text().splitlines()]
        notes.write_text("")
        return [note for number, note in enumerate(found) if note != "closed" or note not in found[:number]]

    with process(command, ready=lambda: answers(server, "/ready"), cwd=tmp_path, log=tmp_path / "log"):
        noted(1)
        with pytest.raises((HTTPException, OSError)):
            _ = Client(server).get("/fails").data
        assert noted(3) == ["None", "closed", "KeyError('db')"]

        connection = server.connect()
        connection.request("GET", "/endless")
        connection.getresponse().read(10)
        connection.close()
        assert noted(3 if module == "wz" else 4) == ["None", "closed", "GeneratorExit()"]

        Client(server).head("/endless")
        assert noted(1 if module == "flask" else 3) == (["None"] if module == "flask" else ["None", "closed", "None"])
