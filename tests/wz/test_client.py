"""The test client: answers, redirects, cookies, clients of one's own.

A test that takes `web` runs on Flask and on wz.
"""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import Client as WerkzeugClient
from werkzeug.test import ClientRedirectError

import wz
from wz import App
from wz.testing import Client

from .conftest import Web


def test_an_answer_is_a_response_of_the_app_s_class(web: Web) -> None:
    class Mine(web.Response):  # type: ignore[name-defined, misc]
        def shouted(self) -> str:
            return str(self.get_data(as_text=True).upper())

    app = web.app()
    app.response_class = Mine
    app.add_url_rule("/", "view", lambda: "hello")

    assert app.test_client().get("/").shouted() == "HELLO"  # type: ignore[attr-defined]


def test_json_is_read_as_the_app_reads_it(web: Web) -> None:
    class Shouting(type(web.app().json)):  # type: ignore[misc]
        def loads(self, s: Any, **options: Any) -> Any:
            return str(super().loads(s, **options)).upper()

    app = web.app()
    app.json = Shouting(app) if web.module is not wz else Shouting()
    app.add_url_rule("/", "view", lambda: web.jsonify("hello"))

    assert app.test_client().get("/").json == "HELLO"


def test_an_answer_has_its_request_and_its_client_the_app(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/x", "view", lambda: "there")
    client = app.test_client()
    answer = client.get("/x?a=b")

    assert client.application is app
    assert (answer.request.path, answer.request.args["a"]) == ("/x", "b")
    assert (answer.text, answer.data, answer.history) == ("there", b"there", ())


def test_it_follows_redirects_and_tells_the_history(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/a", "a", lambda: web.redirect("/b", 307), methods=["POST"])
    app.add_url_rule("/b", "b", lambda: web.redirect("/c?d=e", 303), methods=["POST"])
    app.add_url_rule("/c", "c", lambda: f"{web.request.method} {web.request.remote_addr}")
    client = app.test_client()

    answer = client.post("/a", data="abc", follow_redirects=True)
    assert answer.text == "GET 127.0.0.1"
    assert [(each.status_code, each.request.path) for each in answer.history] == [(307, "/a"), (303, "/b")]
    assert answer.request.full_path == "/c?d=e"
    assert client.post("/a").status_code == 307


def test_redirects_that_are_not_followed(web: Web) -> None:
    app = web.app()
    app.config["SERVER_NAME"] = "example.com"
    app.add_url_rule("/round", "round", lambda: web.redirect("/round"))
    app.add_url_rule("/away", "away", lambda: web.redirect("http://other.test/"))
    app.add_url_rule("/down", "down", lambda: web.redirect("http://api.example.com/"))
    app.add_url_rule("/", "index", lambda: web.request.host)
    client = app.test_client()

    with pytest.raises(ClientRedirectError):
        client.get("/round", follow_redirects=True)
    for path, reason in (("/away", "external"), ("/down", "subdomain")):
        with pytest.raises(RuntimeError, match=reason):
            client.get(path, follow_redirects=True)
    down = app.test_client(allow_subdomain_redirects=True).get("/down", follow_redirects=True)
    assert down.text == "api.example.com"


def test_an_unhandled_exception_reaches_the_test(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/", "view", lambda: 1 / 0)
    client = app.test_client()

    assert client.get("/").status_code == 500
    app.testing = True
    with pytest.raises(ZeroDivisionError):
        client.get("/")
    app.config["PROPAGATE_EXCEPTIONS"] = False
    assert client.get("/").status_code == 500


# Cookies.


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
    cookie = client.get_cookie("name")
    assert cookie is not None
    assert (cookie.value, cookie.path, cookie.domain) == ("ann", "/", "localhost")
    client.delete_cookie("name")
    assert client.get("/get").text == "nobody"
    client.set_cookie("name", "bob")
    assert client.get("/get").text == "bob"
    other = app.test_client(use_cookies=False)
    other.get("/set")
    assert other.get("/get").text == "nobody"


def test_a_cookie_belongs_to_a_domain_and_a_path(web: Web) -> None:
    app = web.app()
    for path in ("/", "/shop/"):
        app.add_url_rule(path, path.strip("/") or "index", lambda: dict(web.request.cookies))
    client = app.test_client()
    client.set_cookie("a", "1", domain="example.com", origin_only=False)
    client.set_cookie("b", "2", path="/shop")

    assert client.get("/").json == {}
    assert client.get("/shop/").json == {"b": "2"}
    assert client.get("http://api.example.com/").json == {"a": "1"}


# Other clients.


def test_an_app_may_have_a_class_of_clients(web: Web) -> None:
    theirs: Any = Client if web.module is wz else web.submodule("testing").FlaskClient

    class CustomClient(theirs):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self._authentication = kwargs.pop("authentication")
            super().__init__(*args, **kwargs)

        def open(self, *args: Any, **kwargs: Any) -> Any:
            kwargs.setdefault("headers", {"Authorization": self._authentication})
            return super().open(*args, **kwargs)

    app = web.app()
    app.add_url_rule("/", "view", lambda: web.request.headers["Authorization"])
    assert app.test_client_class is None
    app.test_client_class = CustomClient

    assert app.test_client(authentication="Bearer x").get("/").text == "Bearer x"
    assert web.app().test_client_class is None


def test_a_class_of_apps_may_have_a_class_of_clients() -> None:
    class Mine(Client): ...

    class Shop(App):
        test_client_class = Mine

    assert type(Shop("shop").test_client()) is Mine


def test_any_application_can_have_the_client() -> None:
    app = App("test")
    app.add_url_rule("/x", "view", lambda: wz.request.url)
    wrapped = Client(app.wsgi_app)

    assert wrapped.get("/x", base_url="http://example.com").text == "http://example.com/x"
    with pytest.raises(RuntimeError, match="a client of the app itself, not of a method"), wrapped:
        pass
    with pytest.raises(RuntimeError, match="a client of the app itself"), wrapped.session_transaction():
        pass


def test_werkzeug_s_own_client_is_enough() -> None:
    app = App("test")
    app.add_url_rule("/x", "view", lambda: wz.request.url)

    assert WerkzeugClient(app).get("/x").text == "http://localhost/x"
