"""What the test client sends. A test that takes `web` runs on Flask and on wz."""

from __future__ import annotations

import io
from importlib.metadata import version
from typing import Any
from uuid import UUID

import pytest
from werkzeug.test import EnvironBuilder as WerkzeugEnvironBuilder

import wz

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
    builder = web.submodule("testing").EnvironBuilder(
        app, "/x", method="PUT", headers={"X-Color": "red"}, environ_base={"REMOTE_ADDR": "192.0.2.1"}
    )

    for answer in (sent(client, builder), sent(client, builder)):
        assert answer == {"method": "PUT", "url": "http://localhost/x", "color": "red", "address": "192.0.2.1"}
    assert sent(client, WerkzeugEnvironBuilder("/x")) == {"url": "http://localhost/x"}


def test_an_environ_is_sent(web: Web) -> None:
    app = echo(web)
    builder = web.submodule("testing").EnvironBuilder(app, "/x", method="POST", data=b"abc", headers={"X-Color": "red"})
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
