"""Any request is answered alike by the short ways and by Werkzeug's own, which an unknown Werkzeug would make wz take.

WZ_EXAMPLES=20000 pytest tests/wz/test_short_ways.py    for a long run, with another seed each time
"""

from __future__ import annotations

import io
import os
import random
from typing import Any

import msgspec
import pytest
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.test import create_environ, run_wsgi_app

from wz import App, Blueprint, Request, Response, compat

EXAMPLES = os.environ.get("WZ_EXAMPLES")


class Score(msgspec.Struct):
    board: str
    value: float
    tags: list[str] = []


class Page(msgspec.Struct):
    member: str = "x"
    limit: int = 10
    on: bool = False


class Lists(msgspec.Struct):
    a: list[int] = []
    b: str = ""


def boom() -> None:
    raise ValueError("boom")


def take(body: Score) -> Any:
    return body, 201


def page(query: Page) -> Page:
    return query


def lists(query: Lists) -> Lists:
    return query


def read(request: Request) -> dict[str, Any]:
    data = request.get_data()
    return {"data": data.decode("latin-1"), "rest": request.stream.read().decode("latin-1"), "form": [*request.form]}


def make(kind: str) -> App:
    """Return one of five programs with the same views."""
    app = App("tests.wz.short_ways")  # a name, and so a logger, of its own
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.logger.disabled = True
    if kind == "limit":
        app.config["MAX_CONTENT_LENGTH"] = 40
    if kind == "hooks":
        app.before_request(lambda request: None)

        @app.after_request
        def mark(request: Request, response: Response) -> Response:
            error = request.routing_exception
            response.headers["X-Hook"] = str(error and error.code)
            return response

    if kind == "errors":
        app.register_error_handler(404, lambda exc: (f"none: {exc.name}", 404))
        app.register_error_handler(ValueError, lambda exc: ({"bad": str(exc)}, 400))
    if kind == "teardown":
        app.teardown_request(lambda exc: None)
    inner = Blueprint("inner", url_prefix="/inner")
    inner.after_request(lambda response: response)
    inner.add_url_rule("/<x>", "x", lambda x: {"x": x})
    inner.add_url_rule("/<a>-<b>/<int:n>", "ab", lambda a, b, n: [a, b, n])
    app.register(inner)
    for rule, view, methods in (
        ("/", lambda: "root é", ["GET"]),
        ("/b/<board>/m/<member>", lambda board, member: {"b": board, "m": member}, ["GET"]),
        ("/b/<name>/n/<int:member>", lambda name, member: {"b": name, "n": member}, ["GET", "DELETE"]),
        ("/b/<first>/n/<second>", lambda first, second: [first, second], ["PUT"]),
        ("/b/new/m/x", lambda: ({"s": 1}, 202), ["PUT"]),
        ("/folder/", lambda: b"raw", ["GET"]),
        ("/text", lambda: ("x", {"X-A": "b"}), ["GET"]),
        ("/p/<path:p>", lambda p: (p, 200), ["GET"]),
        ("/204", lambda: ({}, 204), ["GET"]),
        ("/304", lambda: ("", 304), ["GET"]),
        ("/299", lambda: ([1], 299), ["GET"]),
        ("/stream", lambda: iter(["a", "b"]), ["GET"]),
        ("/boom", boom, ["GET"]),
        ("/scores", take, ["POST"]),
        ("/read", read, ["POST"]),
        ("/page", page, ["GET"]),
        ("/lists", lists, ["GET"]),
    ):
        app.add_url_rule(rule, f"view {rule}", view, methods=methods)
    app.add_url_rule("/loose/", "loose", lambda: "loose", strict_slashes=False)
    return app


KINDS = ["plain", "hooks", "errors", "teardown", "limit"]
METHODS = ["GET", "GET", "GET", "POST", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "get"]
PARTS = [*("b", "go", "m", "ann", "n", "7", "x7", "007", "new", "x", "folder", "loose", "p", "inner", "a-b", "a-b-c")]
PARTS += ["", "\xe9", "é".encode().decode("latin-1"), "%41"]
PATHS = [*("/", "/b/go/m/ann", "/b/go/n/7", "/b/go/n/x", "/b/new/m/x", "/folder/", "/folder", "/loose", "/loose/")]
PATHS += [*("/p/a/b", "/204", "/304", "/299", "/boom", "/text", "/stream", "/inner/x", "/inner/a-b/7", "/nowhere")]
PATHS += ["/scores", "/read", "/page", "/lists"] * 3
BODIES = [b"", b'{"board":"a","value":1.5}', b'{"board":"a","value":"no"}', b"{", b"a=1&b=2", b"\xff\xfe", b"x" * 50]
QUERIES = [*("", "member=ann&limit=3&on=true", "member=a%20b", "member=a+b&limit=x", "limit", "limit=", "&&member=q&")]
QUERIES += ["member=a&member=b", "a=1&a=2&b=x", "a=1", "=x", "a=b=c", "member=\xe9", "member=a;limit=2"]
TYPES = ["application/json", "application/json; charset=utf-8", "text/plain", "application/x-www-form-urlencoded"]
ACCEPTED = ["text/html", "*/*", "application/json", "text/html,application/json;q=0.9"]


def draw(chance: random.Random) -> tuple[dict[str, Any], bytes]:
    """Return an environ, a third of whose paths are of random parts, and a body."""
    body = chance.choice(BODIES)
    environ = create_environ("/", method=chance.choice(METHODS))
    drawn = "/" + "/".join(chance.choices(PARTS, k=chance.randint(1, 5)))
    environ["PATH_INFO"] = chance.choice([chance.choice(PATHS), chance.choice(PATHS), drawn])
    if environ["PATH_INFO"] in ("/scores", "/read") and chance.random() < 0.8:
        environ["REQUEST_METHOD"] = "POST"
    environ["QUERY_STRING"] = chance.choice(QUERIES)
    environ["CONTENT_TYPE"] = chance.choice(TYPES)
    size = len(body)
    length = chance.choice([*[str(size)] * 5, None, "", "x", "-1", str(size + 5), str(max(0, size - 2)), "9" * 30, "٣"])
    if length is not None:
        environ["CONTENT_LENGTH"] = length
    if chance.random() < 0.1:
        environ["HTTP_TRANSFER_ENCODING"] = "chunked"
    if chance.random() < 0.3:
        environ["HTTP_ACCEPT"] = chance.choice(ACCEPTED)
    if chance.random() < 0.1:
        environ["HTTP_HOST"] = chance.choice(["a.test", "a b", "", "localhost:80"])
    return environ, body


def answer_of(app: App, environ: dict[str, Any], body: bytes) -> Any:
    parts, status, headers = run_wsgi_app(app, environ | {"wsgi.input": io.BytesIO(body)}, buffered=True)
    allowed = sorted(headers.pop("Allow", "").split(", "))  # Map's are in no order
    return status, sorted(headers), allowed, b"".join(parts)


def test_both_ways_answer_any_request_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(None if EXAMPLES else 14)
    short, long = ({kind: make(kind) for kind in KINDS} for _ in range(2))
    statuses: set[str] = set()
    for _ in range(int(EXAMPLES or 1500)):
        kind, (environ, body) = chance.choice(KINDS), draw(chance)
        monkeypatch.setattr(compat, "AVAILABLE", True)
        expected = answer_of(short[kind], environ, body)
        monkeypatch.setattr(compat, "AVAILABLE", False)
        assert answer_of(long[kind], environ, body) == expected, (kind, environ, body)
        statuses.add(expected[0][:3])
    assert statuses >= {"200", "201", "202", "204", "299", "304", "308", "400", "404", "405", "413", "422", "500"}
    assert short["plain"].url_map.compiled._hosts
    assert not long["plain"].url_map.compiled._hosts


class Reversed(Request):
    """Reads the query string in a way of its own."""

    @property
    def args(self) -> ImmutableMultiDict[str, str]:
        return ImmutableMultiDict([(name, value[::-1]) for name, value in super().args.items(multi=True)])


class Elsewhere(Request):
    """Takes the query string from another place."""

    query_string = b"member=elsewhere"


@pytest.mark.parametrize(("cls", "member"), [(Request, "ann"), (Reversed, "nna"), (Elsewhere, "elsewhere")])
def test_a_typed_query_is_what_the_request_says_it_is(cls: type[Request], member: str) -> None:
    app = App("test")
    app.request_class = cls
    app.add_url_rule("/", "page", page)

    assert app.test_client().get("/?member=ann").get_json()["member"] == member


@pytest.mark.parametrize(
    "rules",
    [
        ["/<a>/<b>", "/<b>/<a>/c"],
        ["/<a>/x", "/<b>/y", "/<a>/<b>/z"],
        ["/<a>-<b>/x", "/<b>-<a>/<c>"],
        ["/<a>/<int:b>/x", "/<b>/<int:a>/<c>"],
    ],
)
def test_values_have_the_names_of_their_own_rule(rules: list[str]) -> None:
    """Rules that share a way through the tree may call its values differently."""
    app = App("test")
    for number, rule in enumerate(rules):
        app.add_url_rule(rule, f"e{number}", lambda **values: [[*values], values])
    client = app.test_client()
    client.get("/")  # the tree is made at the first request
    for path in ("/1/2", "/1/2/c", "/1/x", "/1/y", "/1/2/z", "/1-2/x", "/1-2/3", "/1/2/x", "/1/2/3"):
        environ = create_environ(path)
        found = app.url_map.compiled.match(environ)
        if found is not None:
            assert [*found[1].items()] == [*app.url_map.bind_to_environ(environ).match()[1].items()]
