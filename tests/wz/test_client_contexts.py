"""`with client:`, which keeps the last request current. A test that takes `web` runs on Flask and on wz."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier
from typing import Any

import pytest
from werkzeug.debug import DebuggedApplication

import wz
from wz import App
from wz.live_server import LiveServer
from wz.testing import Client

from .conftest import Web


def test_inside_with_the_last_request_stays(web: Web) -> None:
    app = web.app()
    app.before_request(lambda: setattr(web.g, "path", web.request.path))
    app.add_url_rule("/<name>", "view", lambda name: name)

    with app.test_client() as client:
        assert not web.has_request_context()
        for name in ("ann", "bob"):
            client.get(f"/{name}?vodka=42")
            assert (web.request.path, web.g.path) == (f"/{name}", f"/{name}")
            assert (web.request.view_args, web.request.args["vodka"]) == ({"name": name}, "42")
            assert web.current_app.name == app.name
    assert not web.has_request_context()


def test_a_client_may_be_entered_again(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/", "view", lambda: "")
    client = app.test_client()

    for _ in range(2):
        with client:
            client.get("/")
            assert web.request.path == "/"
        assert not web.has_request_context()
    client.get("/")
    assert not web.has_request_context()


def test_its_teardowns_run_after_the_answer_and_once_more_when_it_goes(web: Web) -> None:
    """So that what the test itself opens in the context is closed."""
    app = web.app()
    told: list[str] = []
    app.teardown_request(lambda exc: told.append(f"request {web.request.path} {web.g.pop('opened', '')}"))
    app.teardown_appcontext(lambda exc: told.append(f"app {exc}"))
    app.add_url_rule("/<name>", "view", lambda name: name)

    with app.test_client() as client:
        client.get("/a")
        assert told == ["request /a ", "app None"]
        web.g.opened = "opened"
        client.get("/b")
        assert told[2:] == ["request /a opened", "app None", "request /b ", "app None"]
    assert told[6:] == ["request /b ", "app None"]


def test_its_teardowns_are_not_told_of_the_test_s_failure(web: Web) -> None:
    app = web.app()
    told: list[Any] = []
    app.teardown_request(told.append)
    app.add_url_rule("/", "view", lambda: "")

    with pytest.raises(KeyError), app.test_client() as client:  # noqa: PT012
        client.get("/")
        raise KeyError
    assert told == [None, None]
    assert not web.has_request_context()


def test_the_request_after_redirects_stays(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/a", "a", lambda: web.redirect("/b"))
    app.add_url_rule("/b", "b", lambda: "there")

    with app.test_client() as client:
        client.get("/a", follow_redirects=True)
        assert web.request.path == "/b"
    assert not web.has_request_context()


def test_the_answer_is_read_inside(web: Web) -> None:
    app = web.app()

    @app.get("/")
    def view() -> Any:
        def generate() -> Any:
            yield str(web.request.path)
            yield str(web.g.name)

        return web.stream_with_context(generate())

    with app.test_client() as client:
        answer = client.get("/")
        web.g.name = "ann"
        assert answer.text == "/ann"


def test_a_request_that_fails_stays_too() -> None:
    """In Flask it does not."""
    app = App("test", config={"TESTING": True})
    app.add_url_rule("/fails", "view", lambda: 1 / 0)

    with app.test_client() as client:
        with pytest.raises(ZeroDivisionError):
            client.get("/fails")
        assert wz.request.path == "/fails"
    assert not wz.has_request_context()


def test_it_can_not_be_nested(web: Web) -> None:
    with web.app().test_client() as client, pytest.raises(RuntimeError, match="nest"), client:
        pass


def test_it_needs_the_app_itself() -> None:
    client = Client(LiveServer("http://127.0.0.1:1"))

    with pytest.raises(RuntimeError, match="a client of the app itself, not of a LiveServer"), client:
        pass


def test_two_threads_with_clients_of_one_app_see_their_own_requests() -> None:
    app = App("test")
    both_answer = Barrier(2)

    @app.get("/<name>")
    def view(name: str) -> str:
        both_answer.wait(10)
        return name

    def last_path(name: str) -> str:
        with app.test_client() as client:
            client.get(f"/{name}")
            both_answer.wait(10)
            return wz.request.path

    before = dict(vars(App)), dict(vars(app))
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(last_path, ["ann", "bob"])) == ["/ann", "/bob"]
    assert (dict(vars(App)), dict(vars(app))) == before


def test_inside_with_the_app_sees_its_own_class_of_requests() -> None:
    class Mine(wz.Request): ...

    app = App("test")
    app.request_class = Mine
    app.add_url_rule("/", "view", lambda: type(wz.request._get_current_object()).__name__)  # type: ignore[attr-defined]

    with app.test_client() as client:
        assert client.get("/").text == "Mine"


def test_the_debugger_s_console_has_the_request_that_failed(web: Web) -> None:
    app = web.app()
    app.testing = True
    torn_down: list[object] = []
    app.teardown_request(torn_down.append)
    app.add_url_rule("/fails", "view", lambda: 1 / 0)
    debugged = DebuggedApplication(app, evalex=True)

    assert Client(debugged).get("/fails", buffered=True).status_code == 500
    assert not web.has_request_context()
    contexts = next(iter(debugged.frame_contexts.values()))
    for line in range(2):  # the console enters them for each
        assert len(torn_down) == 1 + line
        with ExitStack() as console:
            for context in contexts:
                console.enter_context(context)
            assert web.request.path == "/fails"
        assert not web.has_request_context()
    assert [type(error) for error in torn_down] == [ZeroDivisionError, type(None), type(None)]
