"""The test client: what it sends, and what it makes of the answer. A test that takes `web` runs on Flask and on wz.

Inside of `with client:`: test_client_contexts.py. Sessions: test_client_sessions.py. Contexts: test_push_and_pop.py.
"""

from __future__ import annotations

import io
from importlib.metadata import version
from typing import Any
from uuid import UUID

import pytest
from werkzeug.test import Client as WerkzeugClient
from werkzeug.test import ClientRedirectError
from werkzeug.test import EnvironBuilder as WerkzeugEnvironBuilder

import wz
import wz.testing
from wz import App
from wz.testing import Client

from .conftest import Web


def echo(web: Web) -> Any:
    """Return an app that answers each request with what came of it."""
    app = web.app()
    app.testing = True

    @app.route("/", methods=["GET", "POST", "PUT"])
    @app.route("/<path:path>", methods=["GET", "POST", "PUT"])
    def view(path: str = "") -> Any:
        request = web.request
        return {
            "method": request.method,
            "url": request.url,
            "address": request.remote_addr,
            "agent": request.headers.get("User-Agent"),
            "color": request.headers.get("X-Color"),
            "color of the environ": request.environ.get("color"),
            "body": request.get_data(as_text=True),
        }

    return app


def sent(client: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Return what arrived of a request, without what is as it always is."""
    usual = {"method": "GET", "url": "http://localhost/", "address": "127.0.0.1", "body": ""}
    usual["agent"] = f"Werkzeug/{version('werkzeug')}"
    arrived = client.open(*args, **kwargs).json
    return {name: value for name, value in arrived.items() if value != usual.get(name)}


# What is sent.


def test_a_request_comes_from_this_machine(web: Web) -> None:
    answer = echo(web).test_client().get("/").json

    assert (answer["address"], answer["agent"]) == ("127.0.0.1", f"Werkzeug/{version('werkzeug')}")


@pytest.mark.parametrize(
    ("args", "kwargs", "url"),
    [
        pytest.param(("https://other.test/x?a=b",), {}, "https://other.test/x?a=b", id="a whole URL"),
        pytest.param(("//other.test/x",), {}, "http://other.test/x", id="a URL without a scheme"),
        pytest.param(("/x",), {"base_url": "https://other.test/root"}, "https://other.test/root/x", id="base_url"),
        pytest.param(("/x", "https://other.test/"), {}, "https://other.test/x", id="base_url by its place"),
        pytest.param(("/x",), {"subdomain": "api"}, "http://api.localhost/x", id="subdomain"),
        pytest.param(("/x",), {"url_scheme": "https"}, "https://localhost/x", id="url_scheme"),
        pytest.param(("/x",), {"subdomain": "api", "url_scheme": "https"}, "https://api.localhost/x", id="both"),
        pytest.param(
            ("https://other.test/x",),
            {"subdomain": "api", "url_scheme": "http"},
            "https://other.test/x",
            id="URL first",
        ),
        pytest.param(("/x",), {"query_string": {"a": ["1", "2"]}}, "http://localhost/x?a=1&a=2", id="query_string"),
        pytest.param(("/x",), {"headers": {"Host": "other.test"}}, "http://other.test/x", id="a Host header"),
        pytest.param((), {"path": "/x"}, "http://localhost/x", id="path by its name"),
        pytest.param((), {}, "http://localhost/", id="nothing"),
    ],
)
def test_where_a_request_goes(web: Web, args: tuple[str, ...], kwargs: dict[str, Any], url: str) -> None:
    assert echo(web).test_client().get(*args, **kwargs).json["url"] == url


def test_it_asks_the_app_s_own_host(web: Web) -> None:
    app = echo(web)
    app.config.update(SERVER_NAME="example.com:8080", PREFERRED_URL_SCHEME="https", APPLICATION_ROOT="/root")
    client = app.test_client()

    assert client.get("/").json["url"] == "https://example.com:8080/root/"
    assert client.get("/", subdomain="api").json["url"] == "https://api.example.com:8080/root/"
    assert client.get("http://other.test/x").json["url"] == "http://other.test/root/x"


@pytest.mark.parametrize("given", [{"subdomain": "api"}, {"url_scheme": "https"}])
def test_a_base_url_has_a_host_and_a_scheme(web: Web, given: dict[str, str]) -> None:
    """Flask asserts it; wz says which arguments exclude each other."""
    with pytest.raises((TypeError, AssertionError), match="url_scheme"):
        echo(web).test_client().get("/", base_url="http://example.com", **given)


def test_a_subdomain_has_its_own_rules(web: Web) -> None:
    app = web.app(subdomain_matching=True)
    app.config["SERVER_NAME"] = "example.com"
    app.add_url_rule("/", "api", lambda: web.request.host, subdomain="api")
    client = app.test_client()

    for answer in (
        client.get("/", subdomain="api"),
        client.get("http://api.example.com/"),
        client.get("/", base_url="http://api.example.com"),
    ):
        assert answer.text == "api.example.com"
    assert client.get("/").status_code == 404


def test_what_each_environ_begins_with_can_be_changed(web: Web) -> None:
    client = echo(web).test_client()
    client.environ_base["REMOTE_ADDR"] = "192.0.2.1"
    client.environ_base["HTTP_X_COLOR"] = "red"

    assert sent(client) == {"address": "192.0.2.1", "color": "red"}
    assert sent(client, headers={"X-Color": "blue"}) == {"address": "192.0.2.1", "color": "blue"}
    assert sent(client, environ_base={"REMOTE_ADDR": "192.0.2.2", "color": "green"}) == {
        "address": "192.0.2.2",
        "color": "red",
        "color of the environ": "green",
    }
    assert sent(client, environ_overrides={"HTTP_X_COLOR": "grey"}) == {"address": "192.0.2.1", "color": "grey"}
    assert sent(echo(web).test_client()) == {}


def test_a_builder_is_sent_and_can_be_sent_again(web: Web) -> None:
    app = echo(web)
    client = app.test_client()
    builder = web.testing.EnvironBuilder(
        app, "/x", method="PUT", headers={"X-Color": "red"}, environ_base={"REMOTE_ADDR": "192.0.2.1"}
    )

    for answer in (sent(client, builder), sent(client, builder)):
        assert answer == {"method": "PUT", "url": "http://localhost/x", "color": "red", "address": "192.0.2.1"}
    assert sent(client, WerkzeugEnvironBuilder("/x")) == {"url": "http://localhost/x"}


def test_an_environ_is_sent(web: Web) -> None:
    app = echo(web)
    builder = web.testing.EnvironBuilder(app, "/x", method="POST", data=b"abc", headers={"X-Color": "red"})
    environ = builder.get_environ()
    client = app.test_client()
    client.set_cookie("a", "b")

    arrived = sent(client, environ)
    assert arrived == {"method": "POST", "url": "http://localhost/x", "color": "red", "body": "abc"}
    assert "HTTP_COOKIE" not in environ


def test_an_environ_is_sent_whole() -> None:
    """Flask takes from it what its builder knows of."""
    app = echo(Web(wz))
    environ = WerkzeugEnvironBuilder().get_environ() | {"REMOTE_ADDR": "192.0.2.1", "color": "red"}

    assert sent(app.test_client(), environ) == {"address": "192.0.2.1", "color of the environ": "red"}


def test_the_request_of_an_answer_is_sent_again(web: Web) -> None:
    client = echo(web).test_client()
    answer = client.put("/x", headers={"X-Color": "red"})

    assert sent(client, answer.request) == {"method": "PUT", "url": "http://localhost/x", "color": "red"}


def test_a_form_with_a_file(web: Web) -> None:
    app = web.app()

    @app.post("/")
    def view() -> Any:
        with web.request.files["picture"].stream as file:
            return [web.request.form["name"], web.request.files["picture"].filename, file.read().decode()]

    answer = app.test_client().post("/", data={"name": "Ann", "picture": (io.BytesIO(b"png"), "ann.png")})
    assert answer.json == ["Ann", "ann.png", "png"]


def test_json_is_sent_as_the_app_writes_it(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/", "view", lambda: web.jsonify(web.request.get_json()), methods=["POST"])

    assert app.test_client().post("/", json={"a": [1]}).json == {"a": [1]}
    assert app.test_client().post("/", json=UUID(int=1)).json == str(UUID(int=1))


# What is made of the answer.


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


# A client of one's own.


def test_an_app_may_have_a_class_of_clients(web: Web) -> None:
    theirs: Any = web.testing.FlaskClient if web.module is not wz else Client

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
