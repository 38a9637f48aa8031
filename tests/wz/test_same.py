"""What is the same as in Flask from the rule to the answer: each test runs one program on Flask and on wz."""

from __future__ import annotations

from http import HTTPStatus
from importlib import import_module
from logging import DEBUG
from pathlib import Path
from typing import Any, ClassVar

import pytest
from werkzeug.exceptions import ImATeapot, NotFound

import wz
import wz.json
from wz.aio import ensure_sync

from .conftest import Web


@pytest.mark.parametrize(
    ("rule", "path", "value"),
    [
        ("/<value>", "/a%20b", "a b"),
        ("/<int:value>", "/42", 42),
        ("/<int(signed=True):value>", "/-42", -42),
        ("/<float:value>", "/0.5", 0.5),
        ("/<path:value>", "/a/b/c", "a/b/c"),
        ("/<any(red, green):value>", "/red", "red"),
        ("/<string(length=2):value>", "/ab", "ab"),
        ("/<uuid:value>", "/f8ad8bb1-0d4c-4b0b-b8b6-0d1b9f0e5a01", "f8ad8bb1-0d4c-4b0b-b8b6-0d1b9f0e5a01"),
    ],
)
def test_converters(web: Web, rule: str, path: str, value: object) -> None:
    app = web.app()
    app.add_url_rule(rule, "view", lambda value: {"value": value})
    client = web.client(app)

    assert client.get(path).json == {"value": value}
    assert client.get("/not/of/this/type/").status_code == (200 if rule.startswith("/<path") else 404)


def test_one_endpoint_has_one_view(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/a", "view", len)
    app.add_url_rule("/b", "view", len)

    with pytest.raises((AssertionError, ValueError), match="view"):
        app.add_url_rule("/c", "view", lambda: "other")


def test_head_comes_with_get(web: Web) -> None:
    app = web.app()
    app.get("/")(lambda: web.request.method)
    app.post("/post", endpoint="post")(lambda: "")
    client = web.client(app)

    answer = client.head("/")
    assert (answer.status_code, answer.data, answer.content_length) == (200, b"", 4)
    assert client.head("/post").status_code == 405


def test_an_extension_keeps_what_it_likes_in_the_app(web: Web) -> None:
    class Counter:
        def __init__(self, app: Any) -> None:
            self.count = 0
            app.extensions["counter"] = self
            app.before_request(self.add)

        def add(self) -> None:
            self.count += 1

    app = web.app()
    assert app.extensions == {}
    Counter(app)
    app.get("/")(lambda: str(web.current_app.extensions["counter"].count))
    assert web.client(app).get("/").text == "1"


def test_wsgi_app_may_be_wrapped(web: Web) -> None:
    app: Any = web.app()
    app.get("/inside")(lambda: web.request.path)
    inner = app.wsgi_app

    def outer(environ: Any, start_response: Any) -> Any:
        environ["PATH_INFO"] = "/inside"
        return inner(environ, start_response)

    app.wsgi_app = outer
    assert web.client(app).get("/outside").text == "/inside"


def test_classes_of_requests_and_responses(web: Web) -> None:
    class Asked(web.Request):  # type: ignore[name-defined, misc]
        @property
        def user(self) -> Any:
            return self.headers.get("X-User", "nobody")

    class Answered(web.Response):  # type: ignore[name-defined, misc]
        default_mimetype = "text/plain"

    class Mine(web.App):  # type: ignore[name-defined, misc]
        request_class = Asked
        response_class = Answered

    app = Mine("tests.wz", static_folder=None)
    app.get("/")(lambda: web.request.user)
    app.get("/made", endpoint="made")(lambda: (web.make_response("made"), 201))
    client = web.client(app)

    answers = [client.get("/", headers={"X-User": "ann"}), client.get("/made")]
    assert [(answer.text, answer.status_code, answer.mimetype) for answer in answers] == [
        ("ann", 200, "text/plain"),
        ("made", 201, "text/plain"),
    ]


def test_a_response_is_as_its_program_makes_it(web: Web) -> None:
    app = web.app()

    @app.get("/")
    def view() -> Any:
        response = web.Response("<p>", status=203, headers={"X-A": "b"})
        response.set_cookie("name", "value")
        return response

    answer = web.client(app).get("/")
    assert web.Response.default_mimetype == answer.mimetype == "text/html"
    assert web.Response.autocorrect_location_header is False
    assert (answer.status_code, answer.text, answer.headers["X-A"]) == (203, "<p>", "b")
    assert answer.headers["Set-Cookie"] == "name=value; Path=/"


def test_a_view_class_dispatches_its_requests(web: Web) -> None:
    views = web.submodule("views")

    class Page(views.View):  # type: ignore[name-defined, misc]
        methods = ("GET", "POST")

        def __init__(self, title: str) -> None:
            self.title = title

        def dispatch_request(self, name: str) -> str:
            return f"{web.request.method} {self.title} {name}"

    app = web.app()
    app.add_url_rule("/<name>", view_func=Page.as_view("page", "Hello"))
    client = web.client(app)
    assert (client.get("/ann").text, client.post("/bob").text) == ("GET Hello ann", "POST Hello bob")


def test_blueprints_are_registered(web: Web) -> None:
    app, shop, admin = web.app(), web.Blueprint("shop", "tests.wz"), web.Blueprint("admin", "tests.wz")
    shop.get("/")(lambda: web.request.blueprint)
    admin.get("/")(lambda: web.request.blueprint)
    app.register_blueprint(shop, url_prefix="/shop")
    app.register_blueprint(admin, url_prefix="/admin")

    assert app.blueprints == {"shop": shop, "admin": admin}
    assert web.Blueprint("some", "tests.wz", url_defaults={"year": 1}).url_values_defaults == {"year": 1}
    assert [web.client(app).get(f"/{name}/").text for name in ("shop", "admin")] == ["shop", "admin"]


def test_the_folders_of_a_blueprint(web: Web, tmp_path: Path) -> None:
    for name in ("files", "pages"):
        (tmp_path / name).mkdir()
    (tmp_path / "files" / "a.txt").write_text("text")
    (tmp_path / "pages" / "a.html").write_text("{{ url_for('.static', filename='a.txt') }}")
    folders = {"static_folder": "files", "static_url_path": "/assets", "template_folder": "pages"}
    shop = web.Blueprint("shop", "tests.wz", url_prefix="/shop", root_path=str(tmp_path), **folders)
    shop.get("/")(lambda: web.render_template("a.html"))
    app = web.app()
    app.register_blueprint(shop)
    client = web.client(app)

    assert client.get("/shop/").text == "/shop/assets/a.txt"
    assert client.get("/shop/assets/a.txt", buffered=True).text == "text"


# Hooks.


def test_after_hooks_run_in_reverse_order(web: Web) -> None:
    app = web.app()
    order: Any = []
    for name in ("first", "second"):
        app.before_request(lambda name=name: order.append(f"before {name}"))
        app.after_request(lambda response, name=name: order.append(f"after {name}") or response)
        app.teardown_request(lambda error, name=name: order.append(f"teardown {name}"))
    app.get("/")(lambda: "")

    web.client(app).get("/")
    names = ("before first", "before second", "after second", "after first", "teardown second", "teardown first")
    assert order == [*names]


def test_after_this_request_is_for_one_response(web: Web) -> None:
    app = web.app()

    def mark(response: Any) -> Any:
        response.headers["X-Marked"] = "yes"
        return response

    @app.get("/<word>")
    def view(word: str) -> str:
        if word == "mark":
            web.after_this_request(mark)
        return word

    client = web.client(app)
    assert [client.get(path).headers.get("X-Marked") for path in ("/mark", "/other")] == ["yes", None]


@pytest.mark.parametrize("path", ["/", "/fails", "/none", "/aborts"])
def test_teardowns_are_called_always_and_with_the_exception(web: Web, path: str) -> None:
    app = web.app()
    told: list[Any] = []
    app.teardown_request(lambda error: told.append(type(error)))
    app.get("/", endpoint="index")(lambda: "")
    app.get("/fails", endpoint="fails")(lambda: 1 / 0)
    app.get("/aborts", endpoint="aborts")(lambda: web.abort(403))

    web.client(app).get(path)
    assert told == [ZeroDivisionError if path == "/fails" else type(None)]


# What a view may return, and send.


def other(environ: Any, start_response: Any) -> list[bytes]:
    start_response("202 Accepted", [("Content-Type", "text/plain")])
    return [environ["PATH_INFO"].encode()]


HTML = "text/html; charset=utf-8"
RETURNS: list[Any] = [
    pytest.param(lambda web: "é", 200, HTML, "é", id="str"),
    pytest.param(lambda web: b"b", 200, HTML, "b", id="bytes"),
    pytest.param(lambda web: bytearray(b"b"), 200, HTML, "b", id="bytearray"),
    pytest.param(lambda web: {"a": 1}, 200, "application/json", {"a": 1}, id="dict"),
    pytest.param(lambda web: [1, None], 200, "application/json", [1, None], id="list"),
    pytest.param(lambda web: iter(["a", "é"]), 200, HTML, "aé", id="iterator"),
    pytest.param(lambda web: web.Response("r", 203), 203, HTML, "r", id="Response"),
    pytest.param(lambda web: other, 202, "text/plain", "/", id="WSGI application"),
    pytest.param(lambda web: ("x", 201), 201, HTML, "x", id="body and status"),
    pytest.param(lambda web: ("x", HTTPStatus.CREATED), 201, HTML, "x", id="body and HTTPStatus"),
    pytest.param(lambda web: ("x", "418 TEAPOT"), 418, HTML, "x", id="body and status line"),
    pytest.param(lambda web: ("x", {"Content-Type": "a/b"}), 200, "a/b", "x", id="body and headers"),
    pytest.param(lambda web: ({}, 202, [("Content-Type", "x/y")]), 202, "x/y", "{}", id="body, status and headers"),
    pytest.param(lambda web: (web.Response("r"), 203), 203, HTML, "r", id="Response and status"),
    pytest.param(lambda web: ((c for c in "ab"), 201, {"X-A": "b"}), 201, HTML, "ab", id="generator and the rest"),
]


@pytest.mark.parametrize(("make", "status", "content_type", "body"), RETURNS)
def test_what_a_view_may_return(web: Web, make: Any, status: int, content_type: str, body: Any) -> None:
    app = web.app()
    app.get("/")(lambda: make(web))

    answer = web.client(app).get("/")
    assert (answer.status_code, answer.content_type) == (status, content_type)
    assert (answer.text.rstrip("\n") if isinstance(body, str) else answer.json) == body


@pytest.mark.parametrize("value", [None, 42, ("a", 1, {}, 2), ()], ids=["None", "a number", "too long", "empty"])
def test_what_a_view_may_not_return_is_named(web: Web, value: object) -> None:
    app = web.app()
    app.testing = True
    app.add_url_rule("/", "index", lambda: value)

    with pytest.raises(TypeError, match=r"index|tuple"):
        web.client(app).get("/")


@pytest.mark.parametrize(
    ("options", "headers"),
    [
        ({}, {"Content-Type": "text/plain; charset=utf-8"}),
        ({"as_attachment": True}, {"Content-Disposition": "attachment; filename=a.txt"}),
        (
            {"as_attachment": True, "download_name": "b.csv"},
            {"Content-Disposition": "attachment; filename=b.csv", "Content-Type": "text/csv; charset=utf-8"},
        ),
        ({"mimetype": "x/y", "max_age": 5, "etag": "tag"}, {"Content-Type": "x/y", "ETag": '"tag"'}),
    ],
)
def test_send_file(web: Web, tmp_path: Path, options: dict[str, Any], headers: dict[str, str]) -> None:
    (tmp_path / "a.txt").write_text("text")
    app = web.app(root_path=str(tmp_path))
    app.get("/")(lambda: web.send_file("a.txt", **options))

    answer = web.client(app).get("/", buffered=True)
    assert answer.text == "text"
    assert {name: answer.headers[name] for name in headers} == headers
    assert answer.cache_control.max_age == options.get("max_age")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("a.txt", 200, id="a file"),
        pytest.param("below/b.txt", 200, id="below"),
        pytest.param("none.txt", 404, id="no file"),
        pytest.param("below", 404, id="a folder"),
        pytest.param("../secret.txt", 404, id="outside"),
        pytest.param("below/../../secret.txt", 404, id="outside by a detour"),
    ],
)
def test_names_stay_inside_the_folder(web: Web, tmp_path: Path, path: str, status: int) -> None:
    (tmp_path / "files" / "below").mkdir(parents=True)
    for name in ("files/a.txt", "files/below/b.txt", "secret.txt"):
        (tmp_path / name).write_text(name)
    app = web.app(root_path=str(tmp_path))
    app.get("/")(lambda: web.send_from_directory("files", web.request.args["path"]))

    answer = web.client(app).get("/", query_string={"path": path}, buffered=True)
    assert answer.status_code == status
    assert status == 404 or answer.text == f"files/{path}"


@pytest.mark.parametrize(
    ("headers", "status", "content_range", "body"),
    [
        pytest.param({}, 200, None, "0123456789", id="the whole"),
        pytest.param({"Range": "bytes=2-4"}, 206, "bytes 2-4/10", "234", id="a part"),
        pytest.param({"Range": "bytes=-3"}, 206, "bytes 7-9/10", "789", id="the end"),
        pytest.param({"Range": "bytes=20-"}, 416, "bytes */10", None, id="beyond the end"),
        pytest.param({"If-None-Match": "ETAG"}, 304, None, "", id="not modified"),
        pytest.param({"If-None-Match": '"other"'}, 200, None, "0123456789", id="modified"),
    ],
)
def test_etags_and_ranges(
    web: Web, tmp_path: Path, headers: dict[str, str], status: int, content_range: str | None, body: str | None
) -> None:
    (tmp_path / "digits").write_text("0123456789")
    app = web.app()
    app.get("/")(lambda: web.send_file(tmp_path / "digits"))
    client = web.client(app)
    tag = client.get("/", buffered=True).headers["ETag"]

    sent = {name: value.replace("ETAG", tag) for name, value in headers.items()}
    answer = client.get("/", headers=sent, buffered=True)
    assert (answer.status_code, answer.headers.get("Content-Range")) == (status, content_range)
    assert body is None or answer.text == body


def test_the_server_may_be_asked_to_read_the_file(web: Web, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    app = web.app()
    app.config["USE_X_SENDFILE"] = True
    app.get("/")(lambda: web.send_file(tmp_path / "a.txt"))

    answer = web.client(app).get("/")
    assert (answer.headers["X-Sendfile"], answer.text) == (str(tmp_path / "a.txt"), "")


def test_a_json_body_that_can_not_be_read(web: Web) -> None:
    class Asked(web.Request):  # type: ignore[name-defined, misc]
        def on_json_loading_failed(self, e: ValueError | None) -> Any:
            return super().on_json_loading_failed(e) if "raise" in self.args else isinstance(e, ValueError)

    app: Any = web.app()
    app.request_class = Asked
    app.post("/")(lambda: {"value": web.request.get_json()})
    client = web.client(app)
    as_json = "application/json"

    assert client.post("/", data="{", content_type=as_json).json == {"value": True}
    assert client.post("/?raise", data="{", content_type=as_json).status_code == 400
    assert client.post("/?raise", data="{", content_type="text/plain").status_code == 415


def test_hooks_and_views_may_be_coroutines(web: Web) -> None:
    app: Any = web.app()
    if web.module is not wz:
        app.async_to_sync = ensure_sync  # or Flask needs asgiref
    seen: list[str] = []

    async def before() -> None:
        seen.append("before")

    async def after(response: Any) -> Any:
        seen.append("after")
        return response

    async def teardown(error: BaseException | None) -> None:
        seen.append("teardown")

    async def handle(error: Exception) -> tuple[str, int]:
        return type(error).__name__, 418

    async def view() -> str:
        return str(1 // int(web.request.args["by"]))

    app.before_request(before)
    app.after_request(after)
    app.teardown_request(teardown)
    app.errorhandler(ZeroDivisionError)(handle)
    app.get("/")(view)
    client = web.client(app)

    answers = [client.get(f"/?by={number}") for number in (1, 0)]
    assert [(answer.text, answer.status_code) for answer in answers] == [("1", 200), ("ZeroDivisionError", 418)]
    assert seen == ["before", "after", "teardown"] * 2


def test_options_is_answered_by_the_app(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/", "index", lambda: "", methods=["GET", "POST"])
    app.add_url_rule("/", "delete", lambda: "", methods=["DELETE"])

    answer = web.client(app).options("/")
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.allow.as_set() == {"get", "head", "post", "delete", "options"}


def test_errors_outside_of_a_context_are_helpful(web: Web) -> None:
    uses: list[Any] = [
        (lambda: web.request.path, r"(?i)request(.|\n)*test"),
        (lambda: web.current_app.name, r"with app\.app_context\(\)"),
        (lambda: web.g.name, r"with app\.app_context\(\)"),
    ]
    for use, advice in uses:
        with pytest.raises(RuntimeError, match=advice):
            use()


def test_methods_that_a_subclass_may_override(web: Web) -> None:
    class Mine(web.App):  # type: ignore[name-defined, misc]
        asked: ClassVar[list[str]] = []

        def create_url_adapter(self, request: Any) -> Any:
            if request is not None:
                self.asked.append(request.environ["HTTP_HOST"])
            return super().create_url_adapter(request)

        def handle_url_build_error(self, error: Exception, endpoint: str, values: dict[str, Any]) -> str:
            return f"/elsewhere/{endpoint}"

        def make_aborter(self) -> Any:
            aborter = super().make_aborter()
            aborter.mapping[499] = ImATeapot
            return aborter

    app = Mine("tests.wz", static_folder=None)
    app.get("/")(lambda: web.url_for("none"))
    app.get("/abort", endpoint="abort")(lambda: web.abort(499))
    client = web.client(app)

    assert client.get("/").text == "/elsewhere/none"
    assert client.get("/abort").status_code == 418
    assert set(app.asked) == {"localhost"}


def test_a_json_provider_of_one_s_own(web: Web) -> None:
    names: Any = wz.json if web.module is wz else import_module("flask.json.provider")
    base: Any = names.JSON if web.module is wz else names.JSONProvider
    assert isinstance(web.app().json, names.JSON if web.module is wz else names.DefaultJSONProvider)

    class Provider(base):  # type: ignore[misc]
        def dumps(self, obj: Any, **options: Any) -> str:
            return f"{obj!r}"

        def loads(self, s: str | bytes, **options: Any) -> Any:
            return f"read {s!r}"

    class Mine(web.App):  # type: ignore[name-defined, misc]
        json_provider_class = Provider

    app = Mine("tests.wz", static_folder=None)
    app.post("/")(lambda: {"got": web.request.json})
    answer = web.client(app).post("/", data=b"x", content_type="application/json")
    assert answer.data.strip() == b"{'got': \"read b'x'\"}"
    with app.test_request_context():
        assert app.json.response(a=1).get_data(as_text=True).strip() == "{'a': 1}"


def test_the_parts_of_a_logger(web: Web) -> None:
    logging = web.submodule("logging")
    app = web.app()
    app.name, app.debug = "a logger that nobody has set up", True

    logger = logging.create_logger(app)
    assert (logger.name, logger.level) == (app.name, DEBUG)
    assert logging.has_level_handler(logger)
    assert app.logger is logger
    logger.removeHandler(logging.default_handler)


# What docs/flask.md says that is not the same.


def test_an_error_that_is_returned(web: Web) -> None:
    app = web.app()
    app.get("/")(lambda: NotFound("gone"))

    answer = web.client(app).get("/")
    assert (answer.status_code, answer.mimetype) == (
        404,
        "application/problem+json" if web.module is wz else "text/html",
    )


def test_a_request_inside_of_an_app_context_has_its_own_g(web: Web) -> None:
    app = web.app()
    ended: list[str] = []
    app.teardown_appcontext(lambda error: ended.append(web.g.get("name", "none")))
    app.get("/")(lambda: web.g.get("name", "none"))

    with app.app_context():
        web.g.name = "outer"
        assert web.client(app).get("/").text == ("none" if web.module is wz else "outer")
        assert ended == (["none"] if web.module is wz else [])
    assert ended == (["none", "outer"] if web.module is wz else ["outer"])
