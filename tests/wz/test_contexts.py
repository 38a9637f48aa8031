"""What is current, and where. A test that takes `web` runs on Flask and on wz."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from markupsafe import Markup

import wz
from wz import JSON, App
from wz.context import active_app, current_request

from ..client import validated
from ..stack import PATIENCE
from .conftest import Web

OUTSIDE: list[Any] = [
    pytest.param(lambda web: web.request.path, r"^Working outside of request context\.\n", id="request"),
    pytest.param(lambda web: web.g.x, r"^Working outside of application context\.\n", id="g"),
    pytest.param(lambda web: web.current_app.name, r"^Working outside of application context\.\n", id="current_app"),
    pytest.param(lambda web: web.url_for("x"), "Working outside of application context|without", id="url_for"),
    pytest.param(lambda web: web.after_this_request(lambda r: r), "request", id="after_this_request"),
    pytest.param(
        lambda web: web.copy_current_request_context(lambda: None), "request", id="copy_current_request_context"
    ),
]


@pytest.mark.parametrize(("use", "message"), OUTSIDE)
def test_outside_of_a_context_the_error_says_so(web: Web, use: Any, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        use(web)


@pytest.mark.parametrize(
    ("use", "advice"),
    [
        pytest.param(lambda: wz.request.path, "with app.test_request_context", id="request"),
        pytest.param(lambda: wz.g.x, "with app.app_context", id="g"),
    ],
)
def test_the_error_says_what_to_do(use: Any, advice: str) -> None:
    with pytest.raises(RuntimeError, match=advice):
        use()


def test_how_an_app_and_g_show_themselves() -> None:
    app = wz.App("shop")
    with app.app_context():
        wz.g.user = "ann"
        assert (repr(wz.current_app), repr(wz.g)) == ("<App 'shop'>", "Globals(user='ann')")


def test_what_is_current_where(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/", "view", lambda: {"request": web.has_request_context(), "app": web.has_app_context()})

    assert (web.has_request_context(), web.has_app_context()) == (False, False)
    with app.app_context():
        assert (web.has_request_context(), web.has_app_context()) == (False, True)
        assert web.current_app.name == app.name
        assert not web.request
    with app.test_request_context():
        assert (web.has_request_context(), web.has_app_context()) == (True, True)
    assert web.client(app).get("/").json == {"request": True, "app": True}
    assert (web.has_request_context(), web.has_app_context()) == (False, False)


def test_contexts_nest_and_each_has_its_g(web: Web) -> None:
    one, two = web.app(), web.app()
    with one.app_context():
        web.g.x = 1
        with two.app_context():
            assert "x" not in web.g
            web.g.x = 2
        with one.test_request_context("/inside"):
            assert web.request.path == "/inside"
        assert web.g.x == 1
        assert not web.has_request_context()


def test_g_is_a_place_for_names(web: Web) -> None:
    with web.app().app_context():
        web.g.a = 1
        assert (web.g.get("a"), web.g.get("b"), web.g.get("b", 2)) == (1, None, 2)
        assert web.g.setdefault("c", 3) == 3
        assert sorted(web.g) == ["a", "c"]
        assert (web.g.pop("a"), web.g.pop("a", None)) == (1, None)
        assert "a" not in web.g
        with pytest.raises(AttributeError):
            _ = web.g.a
        with pytest.raises(KeyError):
            web.g.pop("a")
        del web.g.c
        assert list(web.g) == []


def test_each_request_has_its_g(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/", "view", lambda: {"seen": web.g.setdefault("seen", web.request.args["n"])})
    client = web.client(app)

    assert [client.get(f"/?n={n}").json["seen"] for n in "12"] == ["1", "2"]


def test_each_thread_has_its_request(web: Web) -> None:
    app = web.app()
    together = threading.Barrier(4)

    @app.get("/<name>")
    def view(name: str) -> str:
        together.wait(PATIENCE)
        return str(web.request.path)

    def get(name: str) -> str:
        return web.client(app).get(f"/{name}").text

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(get, "abcd")) == ["/a", "/b", "/c", "/d"]


def test_a_script_s_context_is_torn_down(web: Web) -> None:
    app = web.app()
    told: list[tuple[BaseException | None, str]] = []
    app.teardown_appcontext(lambda error: told.append((error, web.current_app.name)))
    error = ValueError()

    with app.app_context():
        assert told == []
    with pytest.raises(ValueError), app.app_context():  # noqa: PT011
        raise error
    assert told == [(None, app.name), (error, app.name)]


def test_a_test_s_request_is_torn_down_and_answers_nothing(web: Web) -> None:
    app = web.app()
    calls: list[Any] = []
    app.before_request(lambda: calls.append("before"))
    app.teardown_request(calls.append)
    app.teardown_appcontext(calls.append)

    with app.test_request_context("/"):
        assert calls == []
    assert calls == [None, None]


def test_a_test_s_request_is_made_as_a_client_s_and_matched(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/<int:n>", "view", lambda n: "", methods=["POST"])

    with app.test_request_context("/1?a=b", method="POST", json={"x": 1}, headers={"X-Y": "z"}):
        assert (web.request.endpoint, web.request.view_args) == ("view", {"n": 1})
        assert (web.request.args["a"], web.request.json, web.request.headers["X-Y"]) == ("b", {"x": 1}, "z")
        assert web.request.url_rule.rule == "/<int:n>"
    with app.test_request_context("/none"):
        assert (web.request.endpoint, web.request.url_rule) == (None, None)
        assert web.request.routing_exception.code == 404


def test_a_test_s_request_is_below_the_settings_host_and_root(web: Web) -> None:
    app = web.app()
    app.config.update(SERVER_NAME="example.com", APPLICATION_ROOT="/root", PREFERRED_URL_SCHEME="https")

    with app.test_request_context("/x"):
        assert web.request.url == "https://example.com/root/x"


def test_a_request_context_is_made_of_an_environ(web: Web) -> None:
    app = web.app()
    with app.test_request_context("/x") as context:
        environ = context.request.environ

    with app.request_context(environ):
        assert web.request.path == "/x"


def test_a_thread_may_take_the_request_along(web: Web) -> None:
    app = web.app()

    @app.get("/<name>")
    def view(name: str) -> dict[str, str]:
        found = []

        @web.copy_current_request_context  # type: ignore[untyped-decorator]
        def work(greeting: str) -> None:
            found.append(f"{greeting} {web.request.path} of {web.current_app.name}")

        for function in (work, lambda greeting: found.append(str(web.has_request_context()))):
            thread = threading.Thread(target=function, args=("hello",))
            thread.start()
            thread.join()
        return {"found": " ".join(found)}

    assert web.client(app).get("/ann").json == {"found": "hello /ann of tests.wz False"}


def test_what_takes_the_request_along_takes_its_g() -> None:
    app = App("test")
    with app.test_request_context():
        wz.g.x = 1
        later: Any = wz.copy_current_request_context(lambda: wz.g.x)

    assert later() == 1


def test_a_request_inside_of_another_leaves_the_outer_one_current(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/in", "in", lambda: web.request.path)
    app.add_url_rule("/out", "out", lambda: app.test_client().get("/in").text + web.request.path)

    assert web.client(app).get("/out").text == "/in/out"


@pytest.mark.parametrize("decorated", [True, False])
def test_a_stream_may_keep_the_request(web: Web, decorated: bool) -> None:
    app = web.app()
    calls: list[str] = []
    app.teardown_request(lambda error: calls.append("teardown"))

    @app.get("/<name>")
    def view(name: str) -> Any:
        def generate() -> Iterator[str]:
            calls.append("first")
            yield str(web.request.path)
            yield str(web.g.get("x", "!"))

        return web.stream_with_context(generate)() if decorated else web.stream_with_context(generate())

    answer = web.client(app).get("/ann")
    assert answer.text == "/ann!"
    assert answer.content_length is None
    assert not web.has_request_context()
    assert calls[-1] == "teardown"


def test_a_stream_without_it_has_no_request(web: Web) -> None:
    app = web.app()

    @app.get("/")
    def view() -> Any:
        return (str(web.has_request_context()) for _ in "x")

    assert web.client(app).get("/").text == "False"


def test_a_stream_gives_the_context_back_between_two_steps() -> None:
    app = App("test")
    with app.test_request_context("/a"):
        stream = wz.stream_with_context(wz.request.path for _ in "xyz")

    assert next(stream) == "/a"
    assert not wz.has_request_context()
    with app.test_request_context("/b"):
        assert next(stream) == "/a"
        assert wz.request.path == "/b"
    stream.close()


def test_the_things_themselves_can_be_had() -> None:
    app = App("test")
    assert (current_request(), active_app()) == (None, None)
    with app.app_context():
        assert (current_request(), active_app()) == (None, app)
    with app.test_request_context() as context:
        assert (current_request(), active_app()) == (context.request, app)


# Answers that need the current app.


def test_make_response_takes_what_a_view_may_return(web: Web) -> None:
    app = web.app()

    @app.get("/")
    def view() -> Any:
        response = web.make_response({"a": 1}, 201, {"X-Y": "z"})
        response.headers["X-Z"] = "1"
        return response

    answer = web.client(app).get("/")
    assert (answer.status_code, answer.json, answer.headers["X-Y"], answer.headers["X-Z"]) == (201, {"a": 1}, "z", "1")
    with app.test_request_context():
        assert web.make_response().data == b""
        assert web.make_response("a", 202).status_code == 202


@pytest.mark.parametrize(
    ("args", "kwargs", "value"),
    [
        pytest.param((), {"a": 1}, {"a": 1}, id="keywords"),
        pytest.param(({"a": 1},), {}, {"a": 1}, id="one value"),
        pytest.param((1, 2), {}, [1, 2], id="several values"),
        pytest.param(("text",), {}, "text", id="text"),
        pytest.param((None,), {}, None, id="null"),
    ],
)
def test_jsonify(web: Web, args: tuple[Any, ...], kwargs: dict[str, Any], value: Any) -> None:
    app = web.app()
    app.add_url_rule("/", "view", lambda: web.jsonify(*args, **kwargs))

    answer = web.client(app).get("/")
    assert (answer.content_type, answer.json) == ("application/json", value)


def test_jsonify_takes_either_values_or_keywords(web: Web) -> None:
    with web.app().app_context(), pytest.raises(TypeError, match="not both"):
        web.jsonify(1, a=2)


@dataclass
class Point:
    x: int
    y: int


class Struct(msgspec.Struct):
    x: int


UUID_ = UUID("12345678123456781234567812345678")
#: A value, Flask's JSON and ours: None where it is the same.
JSONS: list[Any] = [
    pytest.param(UUID_, '"12345678-1234-5678-1234-567812345678"', None, id="UUID"),
    pytest.param(Point(1, 2), '{"x":1,"y":2}', None, id="dataclass"),
    pytest.param(Markup("<b>"), '"<b>"', None, id="__html__"),
    pytest.param((1, None, True), "[1,null,true]", None, id="tuple"),
    pytest.param("é", '"\\u00e9"', '"é"', id="text"),
    pytest.param(Decimal("1.10"), '"1.10"', "1.10", id="decimal"),
    pytest.param(date(2024, 2, 29), '"Thu, 29 Feb 2024 00:00:00 GMT"', '"2024-02-29"', id="date"),
    pytest.param(
        datetime(2024, 2, 29, 1, 2, 3, tzinfo=UTC),
        '"Thu, 29 Feb 2024 01:02:03 GMT"',
        '"2024-02-29T01:02:03Z"',
        id="datetime",
    ),
    pytest.param(float("nan"), "NaN", "null", id="not a number"),
    pytest.param({1: 2}, '{"1":2}', None, id="a number as a key"),
    pytest.param({"b": 1, "a": 2}, '{"a":2,"b":1}', '{"b":1,"a":2}', id="order"),
]


@pytest.mark.parametrize(("value", "flasks", "ours"), JSONS)
def test_json(web: Web, value: object, flasks: str, ours: str | None) -> None:
    app = web.app()
    app.add_url_rule("/", "view", lambda: web.jsonify(value))

    expected = ours if ours is not None and web.module is wz else flasks
    assert web.client(app).get("/").text.strip() == expected
    assert app.json.loads(app.json.dumps([1, {"a": None}])) == [1, {"a": None}]


def test_json_has_a_hook_for_what_it_does_not_know() -> None:
    app = App("test")
    app.testing = True
    app.add_url_rule("/", "view", lambda: {"z": 1j})

    with pytest.raises(TypeError, match=r"type complex at \$\.z has no JSON form: 1j\..*enc_hook"):
        app.test_client().get("/")
    app.json = JSON(enc_hook=lambda obj: [obj.real, obj.imag])
    assert validated(app).get("/").json == {"z": [0.0, 1.0]}


def test_json_s_decimals_may_be_text() -> None:
    app = App("test")
    app.json = JSON(decimal_format="string")
    app.add_url_rule("/", "view", lambda: {"d": Decimal("1.10")})

    assert validated(app).get("/").json == {"d": "1.10"}


def test_a_struct_is_json() -> None:
    app = App("test")
    app.add_url_rule("/", "view", lambda: wz.jsonify(Struct(1)))

    assert validated(app).get("/").json == {"x": 1}
