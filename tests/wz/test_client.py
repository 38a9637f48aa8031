"""The test client. A test that takes `web` runs on Flask and on wz."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from werkzeug.debug import DebuggedApplication

import wz
from wz import App
from wz.live_server import LiveServer
from wz.session import Sessions, session
from wz.testing import Client

from .conftest import Web


def test_it_keeps_cookies(web: Web) -> None:
    app = web.app()

    @app.get("/set")
    def put() -> Any:
        response = web.make_response("")
        response.set_cookie("name", "ann")
        return response

    app.add_url_rule("/get", "get", lambda: web.request.cookies.get("name", "nobody"))
    client = app.test_client()

    assert client.get("/get").text == "nobody"
    client.get("/set")
    assert client.get("/get").text == "ann"
    client.delete_cookie("name")
    assert client.get("/get").text == "nobody"
    client.set_cookie("name", "bob")
    assert client.get("/get").text == "bob"
    other = app.test_client(use_cookies=False)
    other.get("/set")
    assert other.get("/get").text == "nobody"


def test_it_sends_and_reads_json(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/", "view", lambda: web.jsonify(web.request.get_json()), methods=["POST"])

    assert app.test_client().post("/", json={"a": [1]}).json == {"a": [1]}


def test_it_sends_json_as_the_app_writes_it(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/", "view", lambda: web.jsonify(web.request.get_json()), methods=["POST"])
    value = UUID(int=1)

    assert app.test_client().post("/", json=value).json == str(value)


def test_it_follows_redirects_and_tells_the_history(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/a", "a", lambda: web.redirect("/b"))
    app.add_url_rule("/b", "b", lambda: "there")

    answer = app.test_client().get("/a", follow_redirects=True)
    assert (answer.text, [each.status_code for each in answer.history]) == ("there", [302])
    assert answer.request.path == "/b"


def test_inside_with_the_last_request_stays(web: Web) -> None:
    app = web.app()
    app.before_request(lambda: setattr(web.g, "path", web.request.path))
    app.add_url_rule("/<name>", "view", lambda name: name)

    with app.test_client() as client:
        assert not web.has_request_context()
        for name in ("ann", "bob"):
            client.get(f"/{name}")
            assert (web.request.path, web.g.path) == (f"/{name}", f"/{name}")
            assert web.request.view_args == {"name": name}
            assert web.current_app.name == app.name
    assert not web.has_request_context()


def test_inside_with_the_request_stays_after_an_exception() -> None:
    app = App("test", config={"TESTING": True})
    app.add_url_rule("/fails", "view", lambda: 1 / 0)

    with app.test_client() as client:
        with pytest.raises(ZeroDivisionError):
            client.get("/fails")
        assert wz.request.path == "/fails"
    assert not wz.has_request_context()


def test_inside_with_the_request_after_redirects_stays(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/a", "a", lambda: web.redirect("/b"))
    app.add_url_rule("/b", "b", lambda: "there")

    with app.test_client() as client:
        client.get("/a", follow_redirects=True)
        assert web.request.path == "/b"


def test_with_can_not_be_nested(web: Web) -> None:
    with web.app().test_client() as client, pytest.raises(RuntimeError), client:
        pass


def test_a_session_can_be_read_and_written() -> None:
    app = App("test", config={"SECRET_KEY": "key"})
    Sessions(app)
    app.add_url_rule("/", "view", lambda: {"user": session.get("user"), "visits": session.setdefault("visits", 1)})

    with app.test_client() as client:
        with client.session_transaction() as before:
            before["user"] = "ann"
        assert client.get("/").json == {"user": "ann", "visits": 1}
        assert session["user"] == "ann"
        with client.session_transaction() as after:
            assert after["visits"] == 1


def test_these_need_the_app_itself() -> None:
    client = Client(LiveServer("http://127.0.0.1:1"))

    with pytest.raises(RuntimeError, match="a client of the app itself, not of a LiveServer"), client:
        pass
    with pytest.raises(RuntimeError, match="a client of the app itself"), client.session_transaction():
        pass


def test_an_unhandled_exception_reaches_the_test(web: Web) -> None:
    app = web.app()
    app.testing = True
    app.add_url_rule("/", "view", lambda: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        app.test_client().get("/")


def test_it_asks_the_app_s_own_host(web: Web) -> None:
    app = web.app()
    app.config.update(SERVER_NAME="example.com", PREFERRED_URL_SCHEME="https")
    app.add_url_rule("/", "view", lambda: web.request.url)

    assert app.test_client().get("/").text == "https://example.com/"


@pytest.mark.parametrize("subdomain", ["api"])
def test_a_subdomain_is_a_base_url(subdomain: str) -> None:
    app = App("test", subdomain_matching=True, config={"SERVER_NAME": "example.com"})
    app.add_url_rule("/", "view", lambda: wz.request.host, subdomain=subdomain)

    assert app.test_client().get("/", base_url=f"http://{subdomain}.example.com").text == "api.example.com"


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

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(last_path, ["ann", "bob"])) == ["/ann", "/bob"]
    assert app.request_class is wz.Request


def test_inside_with_the_app_sees_its_own_class_of_requests() -> None:
    class Mine(wz.Request): ...

    app = App("test")
    app.request_class = Mine
    app.add_url_rule("/", "view", lambda: type(wz.request._get_current_object()).__name__)  # type: ignore[attr-defined]

    with app.test_client() as client:
        assert client.get("/").text == "Mine"


def test_the_debugger_s_console_has_the_request_that_failed() -> None:
    app = App("test", config={"TESTING": True})
    torn_down: list[object] = []
    app.teardown_request(torn_down.append)
    app.add_url_rule("/fails", "view", lambda: 1 / 0)
    debugged = DebuggedApplication(app, evalex=True)

    assert Client(debugged).get("/fails", buffered=True).status_code == 500
    assert not wz.has_request_context()
    (context,) = next(iter(debugged.frame_contexts.values()))
    for _ in range(2):  # the console enters it for each line
        with context:
            assert wz.request.path == "/fails"
        assert not wz.has_request_context()
    assert len(torn_down) == 1
