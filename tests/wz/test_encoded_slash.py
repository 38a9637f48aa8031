from __future__ import annotations

from collections.abc import Iterable
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.serving import make_server

from wz import App, Request
from wz.encoded_slash import EncodedSlash, names_in_path, restore_names

from ..client import ServerlikeClient, validated
from ..in_thread import in_thread

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def make() -> App:
    app = App("names")
    app.layers.add("encoded slash", EncodedSlash, below="/things/")
    app.before_request(restore_names)

    @app.route("/things/<name>", methods=["GET", "DELETE"])
    @app.route("/things/<name>/parts/<int:part>")
    @app.route("/others/<name>")
    @app.route("/others/<name>/parts/<int:part>")
    def thing(request: Request, name: str, part: int = 0) -> dict[str, Any]:
        return {"name": name, "part": part, "names": names_in_path(request)}

    return app


@pytest.fixture
def client() -> ServerlikeClient:
    return validated(make())


@pytest.mark.parametrize(
    ("path", "name", "part"),
    [
        ("/things/a", "a", 0),
        ("/things/a/parts/3", "a", 3),
        ("/things/a%2Fb", "a/b", 0),
        ("/things/a%2fb", "a/b", 0),
        ("/things/a%2Fparts%2F3", "a/parts/3", 0),
        ("/things/a%2Fb/parts/3", "a/b", 3),
        ("/things/%2F", "/", 0),
        ("/things/%2Fa%2F%2F", "/a//", 0),
        ("/things//a%2Fb///parts/3", "a/b", 3),
        ("/things/%C3%A9%2F%C3%BC", "é/ü", 0),
        ("/things/a%252Fb", "a%2Fb", 0),
        ("/things/a%2Fb?x=%2F", "a/b", 0),
        ("/things/a?x=%2F", "a", 0),
        ("/things/..%2Fa", "../a", 0),
    ],
)
def test_an_escaped_slash_belongs_to_the_name(client: ServerlikeClient, path: str, name: str, part: int) -> None:
    answer = client.get(path)

    assert (answer.json["name"], answer.json["part"]) == (name, part)
    assert answer.json["names"] == ["things", name, *(["parts", str(part)] if part else [])]


def test_elsewhere_it_is_a_slash_as_wsgi_has_it(client: ServerlikeClient) -> None:
    assert client.get("/others/a%2Fparts%2F3").json["name"] == "a"
    assert client.get("/others/a%2Fb").status_code == 404
    assert client.get("/things%2Fa%2Fb").status_code == 404


@pytest.mark.parametrize(
    "sent",
    [
        "/things/a%2Fb",
        "http://localhost/things/a%2Fb",
        "HTTP://localhost:80/things/a%2Fb?x",
        "/things/a%2Fb#/c",
        "/things/a%2Fb?x=http://h/",
    ],
)
@pytest.mark.parametrize("key", ["RAW_URI", "REQUEST_URI"])
def test_what_a_server_gives(sent: str, key: str) -> None:
    environ = {"RAW_URI": "", "REQUEST_URI": "", key: sent}

    assert ServerlikeClient(make()).get("/things/a/b", environ_overrides=environ).json["name"] == "a/b"


def test_the_development_server_tells_what_was_sent() -> None:
    server = make_server("127.0.0.1", 0, make())
    with in_thread(server):
        connection = HTTPConnection("127.0.0.1", server.server_port)
        answers = {}
        for name in ("a%2Fparts%2F3", "%FF"):
            connection.request("GET", f"/things/{name}")
            answer = connection.getresponse()
            answers[name] = answer.status, answer.read()
        connection.close()

    assert answers["a%2Fparts%2F3"][0] == 200
    assert b'"name":"a/parts/3"' in answers["a%2Fparts%2F3"][1]
    assert answers["%FF"][0] == 400


def test_a_server_that_tells_less_leaves_the_path_as_it_is(client: ServerlikeClient) -> None:
    environ = {"RAW_URI": "", "REQUEST_URI": ""}

    assert client.get("/things/a%2Fparts%2F3", environ_overrides=environ).json["part"] == 3
    assert client.get("/things/%C3%A9", environ_overrides=environ).json["name"] == "é"


@pytest.mark.parametrize("sent", ["/mount/things/a%2Fparts%2F3", "/things/a%2Fparts%2F3"])
def test_an_app_that_is_mounted_sees_its_part_of_the_path(client: ServerlikeClient, sent: str) -> None:
    environ = {"RAW_URI": sent}  # of a server, and of Werkzeug's client
    answer = client.get("/things/a%2Fparts%2F3", base_url="http://localhost/mount/", environ_overrides=environ)

    assert answer.json["name"] == "a/parts/3"


def test_a_path_that_another_layer_has_made_stays() -> None:
    class Shorter:
        def __init__(self, app: WSGIApplication) -> None:
            self.app = app

        def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix("/v1")
            return self.app(environ, start_response)

    app = make()
    app.layers.add("shorter", Shorter)

    assert validated(app).get("/v1/things/a%2Fparts%2F3").json["part"] == 3


@pytest.mark.parametrize("path", ["/things/%FF", "/things/%C3%28", "/things/%ED%A0%80/parts/1", "/things/%C0%AF"])
def test_bytes_that_are_no_text_are_refused(client: ServerlikeClient, path: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.json["field"]) == (400, "name")


def test_such_bytes_are_refused_as_a_server_gives_them(client: ServerlikeClient) -> None:
    for sent, path in (("", "/things/\xff"), ("/things/a%2F%FF", "/things/a/\xff")):
        environ = {"RAW_URI": sent, "REQUEST_URI": "", "PATH_INFO": path}
        assert client.get("/", environ_overrides=environ).status_code == 400


@pytest.mark.parametrize("path", ["/things/%00", "/things/a%00b", "/things/a%00b/parts/1"])
def test_a_nul_that_was_sent_is_no_slash(client: ServerlikeClient, path: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.json["field"]) == (400, "name")


def test_a_nul_beside_a_slash_is_refused_too(client: ServerlikeClient) -> None:
    assert client.get("/things/a%00%2Fb").status_code == 404
    assert client.get("/things/a%00%2Fparts%2F3").status_code == 400


def test_the_character_that_stands_for_such_bytes_is_a_name(client: ServerlikeClient) -> None:
    assert client.get("/things/%EF%BF%BD").json["name"] == "\ufffd"
