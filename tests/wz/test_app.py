from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import BuildError
from werkzeug.wrappers import Response as WerkzeugResponse

from wz import App, Blueprint, Problem, Request, Response, abort, g, redirect, url_for
from wz import request as current
from wz.testing import Client

from ..client import validated
from .conftest import Web


@pytest.fixture
def app() -> App:
    return App("test")


@pytest.fixture
def client(app: App) -> Client:
    return validated(app)


def test_a_route_answers(app: App, client: Client) -> None:
    @app.get("/hello/<name>")
    def hello(name: str) -> str:
        return f"Hello, {name}!"

    answer = client.get("/hello/ann")

    assert (answer.status_code, answer.mimetype, answer.text) == (200, "text/html", "Hello, ann!")


def test_a_method_without_a_view_is_a_405_with_allow(app: App, client: Client) -> None:
    @app.get("/thing")
    def read() -> str:
        return "read"

    @app.put("/thing")
    def write() -> str:
        return "written"

    assert client.get("/thing").text == "read"
    assert client.put("/thing").text == "written"
    wrong = client.post("/thing")
    assert wrong.status_code == 405
    assert wrong.allow.as_set() == {"get", "head", "options", "put"}


def test_options_is_answered_by_the_app(app: App, client: Client) -> None:
    app.add_url_rule("/", "index", lambda: "body", methods=["GET", "POST"])

    assert client.options("/").allow.as_set() == {"get", "head", "options", "post"}


def test_options_may_be_the_view_s(app: App, client: Client) -> None:
    app.add_url_rule("/", "index", lambda: "mine", methods=["OPTIONS"])

    assert client.options("/").text == "mine"


def test_options_may_be_switched_off(app: App, client: Client) -> None:
    app.add_url_rule("/", "index", lambda: "", provide_automatic_options=False)

    assert client.options("/").status_code == 405


def test_a_missing_slash_is_redirected(app: App, client: Client) -> None:
    app.add_url_rule("/folder/", "folder", lambda: "here")

    answer = client.get("/folder?a=b")

    assert (answer.status_code, answer.location) == (308, "http://localhost/folder/?a=b")
    assert client.get("/folder", follow_redirects=True).text == "here"


RETURNS: list[Any] = [
    pytest.param("é", 200, "text/html; charset=utf-8", "é".encode(), id="str"),
    pytest.param(b"\xff", 200, "text/html; charset=utf-8", b"\xff", id="bytes"),
    pytest.param(bytearray(b"\xff"), 200, "text/html; charset=utf-8", b"\xff", id="bytearray"),
    pytest.param({"a": 1}, 200, "application/json", b'{"a":1}', id="dict"),
    pytest.param([1, None], 200, "application/json", b"[1,null]", id="list"),
    pytest.param(("x", 201), 201, "text/html; charset=utf-8", b"x", id="body and status"),
    pytest.param(("x", "418 TEAPOT"), 418, "text/html; charset=utf-8", b"x", id="body and status line"),
    pytest.param(("x", {"Content-Type": "text/plain"}), 200, "text/plain", b"x", id="body and headers"),
    pytest.param(({}, 202, [("Content-Type", "x/y")]), 202, "x/y", b"{}", id="body, status and headers"),
    pytest.param(("", 204), 204, None, b"", id="no content"),
    pytest.param(Response("r", 203), 203, "text/html; charset=utf-8", b"r", id="Response"),
    pytest.param((Response("r"), 203), 203, "text/html; charset=utf-8", b"r", id="Response and status"),
    pytest.param(NotFound("gone"), 404, "application/problem+json", None, id="an HTTPException that is returned"),
]


@pytest.mark.parametrize(("value", "status", "content_type", "body"), RETURNS)
def test_what_a_view_may_return(
    app: App, client: Client, value: object, status: int, content_type: str | None, body: bytes | None
) -> None:
    app.add_url_rule("/", "view", lambda: value)

    answer = client.get("/")

    assert (answer.status_code, answer.content_type) == (status, content_type)
    assert body is None or answer.data == body


def test_a_generator_is_streamed_and_closed(app: App, client: Client) -> None:
    closed = []

    @app.get("/")
    def stream() -> Iterator[str]:
        try:
            yield "a"
            yield "é"
        finally:
            closed.append(True)

    answer = client.get("/")

    assert answer.data == "aé".encode()
    assert answer.content_length is None
    assert closed == [True]


def test_a_wsgi_application_may_be_returned(app: App, client: Client) -> None:
    def other(environ: Any, start_response: Any) -> list[bytes]:
        start_response("202 Accepted", [("Content-Type", "text/plain")])
        return [environ["PATH_INFO"].encode()]

    app.add_url_rule("/path", "view", lambda: other)

    answer = client.get("/path")
    assert (answer.status_code, answer.text) == (202, "/path")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        pytest.param(None, "the view of 'index' returned None", id="None"),
        pytest.param(42, "the view of 'index' returned a int", id="a number"),
        pytest.param(("a", 1, {}, 2), "returned a tuple of 4", id="a tuple too long"),
    ],
)
def test_what_a_view_may_not_return_is_named(app: App, value: object, message: str) -> None:
    app.testing = True
    app.add_url_rule("/", "index", lambda: value)

    with pytest.raises(TypeError, match=message):
        app.test_client().get("/")


def test_what_is_called_as_a_wsgi_application_and_is_none_is_named(web: Web) -> None:
    app = web.app()
    app.testing = True
    app.add_url_rule("/", "index", lambda: lambda: "no application")

    with pytest.raises(
        TypeError, match=r"(?s)view .*callable|the view of 'index' returned <function .*, which is called"
    ):
        web.client(app).get("/")


def test_a_response_of_another_class_becomes_one_of_the_app_s(web: Web) -> None:
    class Own(web.Response):  # type: ignore[name-defined,misc]
        pass

    app = web.app()
    app.response_class = Own
    seen: list[type] = []

    @app.after_request
    def after(response: Any) -> Any:
        seen.append(type(response))
        return response

    app.add_url_rule("/own", "own", lambda: Own("own"))
    app.add_url_rule("/flask", "flask", lambda: web.Response("flask", 201))
    app.add_url_rule("/werkzeug", "werkzeug", lambda: WerkzeugResponse("werkzeug", 202))
    client = web.client(app)

    answers = [client.get(path) for path in ("/own", "/flask", "/werkzeug")]
    assert [(answer.status_code, answer.text) for answer in answers] == [
        (200, "own"),
        (201, "flask"),
        (202, "werkzeug"),
    ]
    assert seen == [Own, Own, Own]
    with app.test_request_context():
        assert type(web.make_response(WerkzeugResponse())) is Own


def test_an_endpoint_without_a_view_is_named(app: App) -> None:
    app.testing = True
    app.add_url_rule("/later", "later")

    with pytest.raises(RuntimeError, match=r"the endpoint 'later' has no view: give it one with @app.endpoint"):
        app.test_client().get("/later")


def test_hooks_run_in_flask_s_order(app: App, client: Client) -> None:
    calls: list[str] = []
    blueprint = Blueprint("bp")
    for scope, name in [(app, "app"), (blueprint, "bp")]:
        for number in "12":
            scope.before_request(lambda call=f"before {name} {number}": calls.append(call))

            @scope.after_request
            def after(response: Response, call: str = f"after {name} {number}") -> Response:
                calls.append(call)
                return response

            @scope.teardown_request
            def teardown(error: BaseException | None, call: str = f"teardown {name} {number}") -> None:
                calls.append(call)

    @blueprint.get("/")
    def view() -> str:
        calls.append("view")
        return ""

    app.register(blueprint)
    client.get("/")

    assert calls == [
        *("before app 1", "before app 2", "before bp 1", "before bp 2", "view"),
        *("after bp 2", "after bp 1", "after app 2", "after app 1"),
        *("teardown bp 2", "teardown bp 1", "teardown app 2", "teardown app 1"),
    ]


def test_a_before_hook_may_answer(app: App, client: Client) -> None:
    @app.before_request
    def stop(request: Request) -> tuple[str, int]:
        return request.path, 403

    app.add_url_rule("/x", "x", lambda: "never")

    assert (client.get("/x").status_code, client.get("/x").text) == (403, "/x")


def test_after_hooks_see_errors_and_unmatched_requests(app: App, client: Client) -> None:
    @app.after_request
    def mark(request: Request, response: Response) -> Response:
        response.headers["X-Seen"] = request.path
        return response

    assert client.get("/none").headers["X-Seen"] == "/none"


def test_a_blueprint_s_hooks_see_its_requests_only(app: App, client: Client) -> None:
    blueprint = Blueprint("bp", url_prefix="/bp")
    blueprint.before_request(lambda: "hook")
    blueprint.add_url_rule("/", "view", lambda: "view")
    app.register(blueprint)
    app.add_url_rule("/", "view", lambda: "view")

    assert client.get("/bp/").text == "hook"
    assert client.get("/").text == "view"


def test_teardown_is_told_of_the_exception(app: App, client: Client) -> None:
    seen: list[BaseException | None] = []
    app.teardown_request(seen.append)
    app.add_url_rule("/fine", "fine", lambda: "")
    app.add_url_rule("/fails", "fails", lambda: 1 / 0)

    client.get("/fine")
    client.get("/fails")

    assert seen[0] is None
    assert isinstance(seen[1], ZeroDivisionError)


def test_an_exception_is_500_and_logged_once(app: App, client: Client, caplog: pytest.LogCaptureFixture) -> None:
    app.add_url_rule("/fails", "fails", lambda: 1 / 0)

    answer = client.get("/fails")

    assert (answer.status_code, answer.json["status"]) == (500, 500)
    assert "ZeroDivisionError" not in answer.text
    assert [record.message for record in caplog.records] == ["GET /fails failed"]
    assert caplog.records[0].levelno == logging.ERROR


@pytest.mark.parametrize("hook", ["before_request", "after_request"])
def test_an_exception_in_a_hook_is_500(app: App, client: Client, hook: str, caplog: pytest.LogCaptureFixture) -> None:
    getattr(app, hook)(lambda *args: 1 / 0)
    app.add_url_rule("/", "index", lambda: "")

    assert client.get("/").status_code == 500
    assert "ZeroDivisionError" in caplog.text


def test_an_exception_in_a_teardown_hook_is_logged(app: App, client: Client, caplog: pytest.LogCaptureFixture) -> None:
    app.teardown_request(lambda error: 1 / 0)
    app.add_url_rule("/", "index", lambda: "fine")

    assert client.get("/").text == "fine"
    assert "ZeroDivisionError" in caplog.text


def test_exceptions_reach_the_test(app: App, client: Client) -> None:
    app.testing = True
    app.add_url_rule("/fails", "fails", lambda: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        client.get("/fails")


class Base(Exception): ...


class Leaf(Base): ...


@pytest.mark.parametrize(
    ("handled", "raised", "text"),
    [
        pytest.param(404, NotFound(), "handled", id="by code"),
        pytest.param(404, Problem(404), "handled", id="a Problem by its code"),
        pytest.param(NotFound, NotFound(), "handled", id="by HTTP class"),
        pytest.param(HTTPException, NotFound(), "handled", id="every HTTP error"),
        pytest.param(Base, Leaf(), "handled", id="along the MRO"),
        pytest.param(Exception, Leaf(), "handled", id="every exception"),
        pytest.param(500, Leaf(), "handled", id="what nothing else takes"),
    ],
)
def test_error_handlers(app: App, client: Client, handled: Any, raised: Exception, text: str) -> None:
    @app.errorhandler(handled)
    def handle(exc: Exception) -> tuple[str, int]:
        return text, 418

    @app.get("/")
    def view() -> None:
        raise raised

    assert (client.get("/").status_code, client.get("/").text) == (418, text)


def test_the_nearest_handler_wins(app: App, client: Client) -> None:
    blueprint = Blueprint("bp")
    app.register_error_handler(Leaf, lambda exc: "app, exact class")
    blueprint.register_error_handler(Base, lambda exc: "blueprint, base class")

    @blueprint.get("/")
    def view() -> None:
        raise Leaf

    app.register(blueprint)

    assert client.get("/").text == "blueprint, base class"


def test_the_500_handler_is_given_the_original(app: App, client: Client) -> None:
    app.register_error_handler(500, lambda exc: (type(exc.original_exception).__name__, 500))
    app.add_url_rule("/", "index", lambda: 1 / 0)

    assert client.get("/").text == "ZeroDivisionError"


def test_the_domain_s_errors_are_mapped_by_a_table(app: App, client: Client) -> None:
    class Unknown(Base):
        field = "member"

    app.problems[Base] = 404

    @app.get("/")
    def view() -> None:
        raise Unknown("nobody of that name")

    answer = client.get("/")
    assert answer.json == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "nobody of that name",
        "field": "member",
    }


def test_a_problem_has_members_and_headers(app: App, client: Client) -> None:
    @app.get("/")
    def view() -> None:
        raise Problem(429, "slow down", {"Retry-After": "3"}, limit=10)

    answer = client.get("/")
    assert (answer.status_code, answer.mimetype) == (429, "application/problem+json")
    assert (answer.json["limit"], answer.headers["Retry-After"]) == (10, "3")


@pytest.mark.parametrize(
    ("accept", "mimetype"),
    [
        pytest.param(None, "application/problem+json", id="no preference"),
        pytest.param("*/*", "application/problem+json", id="curl"),
        pytest.param("application/json", "application/problem+json", id="JSON"),
        pytest.param("text/html,application/xhtml+xml,*/*;q=0.8", "text/html", id="a browser"),
        pytest.param("text/html;q=0.1,application/json", "application/problem+json", id="JSON preferred"),
        pytest.param("image/png", "application/problem+json", id="neither"),
    ],
)
def test_the_form_of_an_error(client: Client, accept: str | None, mimetype: str) -> None:
    assert client.get("/none", headers={"Accept": accept} if accept else {}).mimetype == mimetype


def test_an_error_page_escapes_what_it_shows(app: App, client: Client) -> None:
    app.add_url_rule("/", "index", lambda: abort(400, "<script>"))

    page = client.get("/", headers={"Accept": "text/html"}).text
    assert "&lt;script&gt;" in page
    assert "<script>" not in page


def test_a_redirect_is_a_302_to_its_location(app: App, client: Client) -> None:
    app.add_url_rule("/", "index", lambda: redirect("/there"))

    assert (client.get("/").status_code, client.get("/").location) == (302, "/there")


def test_url_for_builds_by_name_and_suggests_one(app: App) -> None:
    blueprint = Blueprint("bp", url_prefix="/bp")
    blueprint.add_url_rule("/<name>", "view", lambda name: url_for(".view", name="b", q="é", _anchor="a b"))
    app.register(blueprint)

    assert app.url_for("bp.view", name="a b") == "/bp/a%20b"
    assert app.test_client().get("/bp/a").text == "/bp/b?q=%C3%A9#a%20b"
    with app.test_request_context("/", base_url="https://example.com/root"):
        assert url_for("bp.view", name="x", _external=True) == "https://example.com/root/bp/x"
    with pytest.raises(RuntimeError, match="SERVER_NAME"):
        app.url_for("bp.view", name="x", _external=True)
    with pytest.raises(BuildError, match=r"Did you mean 'bp\.view'"):
        app.url_for("bp.veiw", name="x")


def test_a_blueprint_may_be_registered_twice(app: App, client: Client) -> None:
    blueprint = Blueprint("bp")
    blueprint.add_url_rule("/", "view", lambda: url_for(".view"))
    app.register(blueprint, url_prefix="/one")
    app.register(blueprint, url_prefix="/two", name="second")
    with pytest.raises(ValueError, match="another name="):
        app.register(blueprint)

    assert client.get("/one/").text == "/one/"
    assert client.get("/two/").text == "/two/"


def test_proxies_stand_for_the_current_request(app: App, client: Client) -> None:
    @app.before_request
    def before() -> None:
        g.seen = current.path

    app.add_url_rule("/x", "x", lambda: g.seen)

    assert client.get("/x").text == "/x"
    with pytest.raises(RuntimeError, match="Working outside of request context"):
        _ = current.path


def test_a_test_request_context_is_matched(app: App) -> None:
    app.add_url_rule("/<name>", "view", lambda name: "")

    with app.test_request_context("/ann", method="GET"):
        assert (current.endpoint, current.view_args) == ("view", {"name": "ann"})


def test_the_app_below_a_script_name(app: App, client: Client) -> None:
    app.add_url_rule("/x/", "x", lambda: url_for("x"))

    assert client.get("/x/", base_url="http://localhost/mounted").text == "/mounted/x/"
    assert client.get("/x", base_url="http://localhost/mounted").location == "http://localhost/mounted/x/"


class Body(msgspec.Struct):
    n: int


def test_a_struct_may_be_returned(app: App, client: Client) -> None:
    app.add_url_rule("/", "index", lambda: (Body(3), 201))

    answer = client.get("/")
    assert (answer.status_code, answer.json) == (201, {"n": 3})


def test_an_app_may_have_a_page_of_its_own_for_errors(app: App, client: Client) -> None:
    app.error_page = lambda exc, request, headers: Response(f"<h1>{exc.code} at {request.path}", exc.code, headers)

    @app.get("/limited")
    def limited(request: Request) -> None:
        raise Problem(503, "busy", {"Retry-After": "5"})

    page = client.get("/limited", headers={"Accept": "text/html"})
    assert (page.status_code, page.text, page.headers["Retry-After"]) == (503, "<h1>503 at /limited", "5")
    assert client.get("/limited").json["detail"] == "busy"


def test_an_error_may_say_where_it_is_explained(app: App, client: Client) -> None:
    class Unknown(Exception):
        pass

    class Late(Exception):
        pass

    def explain(exc: HTTPException, request: Request) -> str | None:
        kind = getattr(exc, "stands_for", None)
        return None if exc.code == 405 else f"/help#{kind.__name__ if kind else exc.code}"

    def fail(kind: type[Exception]) -> None:
        raise kind("<x>")

    app.error_help = explain
    app.problems[Unknown] = 404
    app.register_error_handler(Late, lambda exc: Problem(504, "late"))
    app.add_url_rule("/unknown", "unknown", lambda: fail(Unknown))
    app.add_url_rule("/late", "late", lambda: fail(Late))

    for path, place in {"/unknown": "/help#Unknown", "/late": "/help#Late", "/none": "/help#404"}.items():
        answer, page = client.get(path), client.get(path, headers={"Accept": "text/html"})
        assert (answer.json["see"], answer.headers["Link"]) == (place, f'<{place}>; rel="help"')
        assert (f'<a href="{place}">' in page.text, page.headers["Link"]) == (True, answer.headers["Link"])
    refused = client.post("/late")
    assert (refused.status_code, "see" in refused.text, "Link" in refused.headers) == (405, False, False)


def test_a_page_for_errors_that_fails_is_replaced(app: App, client: Client, caplog: pytest.LogCaptureFixture) -> None:
    app.testing = False
    app.error_page = lambda exc, request, headers: Response(str(1 // 0))

    page = client.get("/nowhere", headers={"Accept": "text/html"})

    assert (page.status_code, page.mimetype) == (500, "text/html")
    assert "the answer to an error of GET /nowhere failed" in caplog.text
