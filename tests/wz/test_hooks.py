"""Hooks and errors: the named steps of a request. A test that takes `web` runs on Flask and on wz."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from werkzeug.exceptions import BadRequestKeyError, Forbidden, HTTPException, InternalServerError, NotFound

import wz
from wz import App, Request

from ..client import validated
from .conftest import Web


class Base(Exception): ...


class Leaf(Base): ...


def fail(exc: BaseException) -> Any:
    raise exc


def says(text: str) -> Callable[[Exception], tuple[str, int]]:
    return lambda exc: (text, 299)


def test_the_steps_of_a_request(web: Web) -> None:
    app = web.app()
    calls: Any = []
    app.url_value_preprocessor(lambda endpoint, values: calls.append(f"values of {endpoint}"))
    app.before_request(lambda: calls.append("before 1"))
    app.before_request(lambda: calls.append("before 2"))
    app.after_request(lambda response: calls.append("after 1") or response)
    app.after_request(lambda response: calls.append("after 2") or response)
    app.teardown_request(lambda error: calls.append("teardown 1"))
    app.teardown_request(lambda error: calls.append("teardown 2"))
    app.teardown_appcontext(lambda error: calls.append("app context 1"))
    app.teardown_appcontext(lambda error: calls.append("app context 2"))

    @app.get("/")
    def view() -> str:
        for name in "12":
            web.after_this_request(lambda response, name=name: calls.append(f"after this {name}") or response)
        calls.append("view")
        return ""

    web.client(app).get("/")

    assert calls == [
        *("values of view", "before 1", "before 2", "view"),
        *("after this 1", "after this 2", "after 2", "after 1"),
        *("teardown 2", "teardown 1", "app context 2", "app context 1"),
    ]


def test_what_a_before_hook_returns_is_the_answer_and_goes_through_the_after_hooks(web: Web) -> None:
    app = web.app()
    calls: Any = []
    app.before_request(lambda: ({"stopped": True}, 403))
    app.before_request(lambda: calls.append("second"))
    app.after_request(lambda response: calls.append("after") or response)
    app.teardown_request(lambda error: calls.append("teardown"))
    app.add_url_rule("/", "view", lambda: calls.append("view"))

    answer = web.client(app).get("/")

    assert (answer.status_code, answer.json, calls) == (403, {"stopped": True}, ["after", "teardown"])


def test_an_after_hook_may_take_another_response(web: Web) -> None:
    app = web.app()
    app.after_request(lambda response: web.make_response("another", 202))
    app.add_url_rule("/", "view", lambda: "one")

    assert web.client(app).get("/").text == "another"


def test_hooks_see_requests_that_match_nothing(web: Web) -> None:
    app = web.app()
    app.before_request(lambda: web.request.path if web.request.endpoint is None else None)
    app.add_url_rule("/", "view", lambda: "view")

    assert web.client(app).get("/none").text == "/none"
    assert web.client(app).get("/").text == "view"


@pytest.mark.parametrize("where", ["view", "before_request", "after_request", "url_value_preprocessor"])
def test_a_raise_anywhere_is_a_500_in_the_log_once_and_told_to_the_teardown(
    web: Web, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = web.app()
    told: list[BaseException | None] = []
    app.teardown_request(told.append)
    app.teardown_appcontext(told.append)
    app.add_url_rule("/", "view", lambda: fail(Leaf("here")) if where == "view" else "")
    if where != "view":
        getattr(app, where)(lambda *args: fail(Leaf("here")))

    assert web.client(app).get("/").status_code == 500
    assert [type(error) for error in told] == [Leaf, Leaf]
    times = 2 if where == "after_request" and web.module is not wz else 1  # Flask runs it again for the 500
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [Leaf] * times


def test_an_http_error_is_not_an_error_to_the_teardown_nor_to_the_log(
    web: Web, caplog: pytest.LogCaptureFixture
) -> None:
    app = web.app()
    told: list[BaseException | None] = []
    app.teardown_request(told.append)
    app.add_url_rule("/", "view", lambda: web.abort(404))

    assert web.client(app).get("/").status_code == 404
    assert (told, caplog.records) == ([None], [])


def test_a_base_exception_reaches_the_server_and_the_teardown(web: Web) -> None:
    app = web.app()
    told: list[BaseException | None] = []
    app.teardown_request(told.append)
    app.register_error_handler(Exception, lambda exc: "handled")
    app.add_url_rule("/", "view", lambda: fail(KeyboardInterrupt()))

    with pytest.raises(KeyboardInterrupt):
        web.client(app).get("/")
    assert [type(error) for error in told] == [KeyboardInterrupt]


def test_hooks_may_abort_and_the_error_is_handled(web: Web) -> None:
    app = web.app()
    app.before_request(lambda: web.abort(403))
    app.register_error_handler(403, lambda exc: (exc.name, exc.code))

    assert web.client(app).get("/").text == "Forbidden"


def test_teardowns_still_have_the_request_and_g(web: Web) -> None:
    app = web.app()
    seen: Any = []
    app.before_request(lambda: setattr(web.g, "x", 1))
    app.teardown_request(lambda error: seen.append((web.request.path, web.g.x)))
    app.teardown_appcontext(lambda error: seen.append(web.g.x))
    app.add_url_rule("/", "view", lambda: "")

    web.client(app).get("/")
    assert seen == [("/", 1), 1]


def test_an_exception_that_is_handled_is_not_an_error_to_the_teardown(web: Web) -> None:
    app = web.app()
    told: list[BaseException | None] = []
    app.teardown_request(told.append)
    app.register_error_handler(Base, lambda exc: "handled")
    app.add_url_rule("/", "view", lambda: fail(Leaf()))

    assert web.client(app).get("/").text == "handled"
    assert told == [None]


HANDLERS: list[Any] = [
    pytest.param([404], NotFound(), "404", id="by code"),
    pytest.param([NotFound], NotFound(), "NotFound", id="by the code's class"),
    pytest.param([HTTPException], NotFound(), "HTTPException", id="every HTTP error"),
    pytest.param([404, HTTPException], Forbidden(), "HTTPException", id="another code"),
    pytest.param([HTTPException, 404], NotFound(), "404", id="the code before the base class"),
    pytest.param([Exception, HTTPException], NotFound(), "HTTPException", id="the nearer base class"),
    pytest.param([Exception], NotFound(), "Exception", id="Exception takes HTTP errors too"),
    pytest.param([Exception, Base], Leaf(), "Base", id="the nearest along the MRO"),
    pytest.param([Base, Leaf], Leaf(), "Leaf", id="the class itself"),
    pytest.param([400], BadRequestKeyError("x"), "400", id="a subclass of the code's class"),
    pytest.param([LookupError], KeyError("x"), "LookupError", id="a builtin base class"),
    pytest.param([500], Leaf(), "500", id="500 takes what is left"),
    pytest.param([InternalServerError], Leaf(), "InternalServerError", id="so does its class"),
    pytest.param([HTTPException], Leaf(), "HTTPException", id="and its base class"),
    pytest.param([500, Exception], Leaf(), "Exception", id="Exception leaves nothing for 500"),
    pytest.param([500], InternalServerError(), "500", id="a 500 that is raised"),
]


@pytest.mark.parametrize(("handled", "raised", "answer"), HANDLERS)
def test_which_handler_answers(web: Web, handled: list[Any], raised: Exception, answer: str) -> None:
    app = web.app()
    for each in handled:
        app.register_error_handler(each, says(str(getattr(each, "__name__", each))))
    app.add_url_rule("/", "view", lambda: fail(raised))

    got = web.client(app).get("/")
    assert (got.text, got.status_code) == (answer, 299)


@pytest.mark.parametrize(
    ("app_handles", "blueprint_handles", "answer"),
    [
        pytest.param(404, 404, "blueprint", id="the blueprint before the app"),
        pytest.param(404, HTTPException, "app", id="a code before a class, wherever it is"),
        pytest.param(NotFound, HTTPException, "app", id="which holds for the code's class"),
        pytest.param(HTTPException, Exception, "blueprint", id="else the blueprint's base class"),
    ],
)
def test_a_blueprint_s_handlers_and_the_app_s(web: Web, app_handles: Any, blueprint_handles: Any, answer: str) -> None:
    app = web.app()
    blueprint = web.Blueprint("bp", "tests.wz")
    app.register_error_handler(app_handles, lambda exc: "app")
    blueprint.register_error_handler(blueprint_handles, lambda exc: "blueprint")
    blueprint.add_url_rule("/", "view", lambda: web.abort(404))
    app.register_blueprint(blueprint)

    assert web.client(app).get("/").text == answer


def test_the_handler_of_500_is_given_the_exception(web: Web) -> None:
    app = web.app()
    app.register_error_handler(500, lambda exc: (repr(exc.original_exception), 500))
    app.add_url_rule("/fails", "fails", lambda: fail(Leaf("x")))
    app.add_url_rule("/aborts", "aborts", lambda: web.abort(500))
    client = web.client(app)

    assert (client.get("/fails").text, client.get("/aborts").text) == ("Leaf('x')", "None")


def test_after_hooks_see_the_answer_to_an_error(web: Web) -> None:
    app = web.app()
    seen: Any = []
    app.after_request(lambda response: seen.append(response.status_code) or response)
    app.add_url_rule("/", "view", lambda: fail(Leaf()))

    web.client(app).get("/")
    assert seen == [500]


def test_a_handler_that_fails_is_a_500(web: Web) -> None:
    app = web.app()
    app.register_error_handler(404, lambda exc: fail(Leaf()))

    assert web.client(app).get("/none").status_code == 500


def test_redirects_of_the_map_are_not_errors(web: Web) -> None:
    app = web.app()
    app.register_error_handler(HTTPException, lambda exc: "handled")
    app.register_error_handler(Exception, lambda exc: "handled")
    app.add_url_rule("/folder/", "folder", lambda: "")

    assert web.client(app).get("/folder").status_code == 308


INVALID: list[Any] = [
    pytest.param(299, (ValueError,), id="no error's code"),
    pytest.param(list, (ValueError,), id="no error's class"),
    pytest.param(KeyError(), (TypeError,), id="an error itself"),
    pytest.param("404", (TypeError, ValueError), id="text"),
]


@pytest.mark.parametrize(("handled", "errors"), INVALID)
def test_a_handler_of_an_invalid_error_is_refused_at_once(web: Web, handled: Any, errors: Any) -> None:
    with pytest.raises(errors):
        web.app().register_error_handler(handled, lambda exc: "")


PROPAGATION: list[Any] = [
    pytest.param({}, False, id="not in production"),
    pytest.param({"TESTING": True}, True, id="in a test"),
    pytest.param({"DEBUG": True}, True, id="in debug"),
    pytest.param({"TESTING": True, "PROPAGATE_EXCEPTIONS": False}, False, id="not if it is switched off"),
    pytest.param({"PROPAGATE_EXCEPTIONS": True}, True, id="if it is switched on"),
]


@pytest.mark.parametrize(("settings", "raises"), PROPAGATION)
def test_exceptions_that_nothing_handles_reach_the_server(web: Web, settings: dict[str, Any], raises: bool) -> None:
    app = web.app()
    app.config.update(settings)
    told: list[BaseException | None] = []
    app.teardown_request(told.append)
    app.add_url_rule("/", "view", lambda: fail(Leaf()))
    client = web.client(app)

    if raises:
        with pytest.raises(Leaf):
            client.get("/")
    else:
        assert client.get("/").status_code == 500
    assert [type(error) for error in told] == [Leaf]


def test_a_key_that_a_form_lacks_is_a_400(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/", "view", lambda: web.request.form["name"], methods=["POST"])

    assert web.client(app).post("/").status_code == 400


def test_a_body_that_is_too_large_is_a_413(web: Web) -> None:
    app = web.app()
    app.config["MAX_CONTENT_LENGTH"] = 3

    @app.post("/")
    def view() -> str:
        return str(web.request.get_data(as_text=True))

    @app.post("/more")
    def more() -> str:
        web.request.max_content_length = 4
        return str(web.request.get_data(as_text=True))

    client = web.client(app)
    assert [client.post("/", data="x" * n).status_code for n in (3, 4)] == [200, 413]
    assert [client.post("/more", data="x" * n).status_code for n in (4, 5)] == [200, 413]


def test_a_form_that_is_too_large_is_a_413(web: Web) -> None:
    app = web.app()
    app.config.update(MAX_FORM_MEMORY_SIZE=1000, MAX_FORM_PARTS=2)
    app.post("/")(lambda: dict(web.request.form))
    client = web.client(app)

    def status(**fields: str) -> int:
        return int(client.post("/", data=fields, content_type="multipart/form-data").status_code)

    assert [status(a="x" * n) for n in (500, 1500)] == [200, 413]
    assert [status(a="", b=""), status(a="", b="", c="")] == [200, 413]


def test_abort_takes_codes_texts_and_responses(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/code", "code", lambda: web.abort(418))
    app.add_url_rule("/text", "text", lambda: web.abort(403, "not you"))
    app.add_url_rule("/response", "response", lambda: web.abort(web.make_response("mine", 402)))
    client = web.client(app)

    assert client.get("/code").status_code == 418
    assert "not you" in client.get("/text").text
    assert (client.get("/response").status_code, client.get("/response").text) == (402, "mine")


def test_a_redirect_has_the_status_that_is_named(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/", "view", lambda: web.redirect("/there?a=b", 303))

    answer = web.client(app).get("/")
    assert (answer.status_code, answer.location) == (303, "/there?a=b")


@pytest.mark.parametrize(
    "body",
    [lambda: "a", lambda: b"a", lambda: iter(["a"]), lambda: {"a": 1}],
    ids=["text", "bytes", "iterator", "dict"],
)
@pytest.mark.parametrize("status", [None, 201, "201 MADE"])
def test_headers_that_occur_twice(web: Web, body: Callable[[], Any], status: Any) -> None:
    app = web.app()
    headers = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Content-Type", "text/x-own")]

    @app.get("/")
    def index() -> Any:
        return (body(), headers) if status is None else (body(), status, headers)

    response = web.client(app).get("/")
    cookies = ["b=2"] if isinstance(body(), dict) else ["a=1", "b=2"]  # what jsonify made has headers, that are set
    assert response.headers.getlist("Set-Cookie") == cookies
    assert response.content_type.partition(";")[0] == "text/x-own"
    assert response.status_code == (200 if status is None else 201)


def test_hooks_may_take_the_request() -> None:
    app = App("test")
    app.before_request(lambda request: request.path if request.path == "/stop" else None)

    @app.after_request
    def after(request: Request, response: Any) -> Any:
        response.headers["X-Path"] = request.path
        return response

    app.add_url_rule("/", "view", lambda: "view")
    client = validated(app)

    assert (client.get("/stop").text, client.get("/").text) == ("/stop", "view")
    assert client.get("/none").headers["X-Path"] == "/none"


def test_an_after_hook_that_fails_does_not_run_again_for_the_500() -> None:
    app = App("test")
    calls: Any = []
    app.after_request(lambda response: fail(Leaf()) if calls.append(1) is None else response)
    app.add_url_rule("/", "view", lambda: "view")

    assert validated(app).get("/").status_code == 500
    assert calls == [1]


def test_teardowns_that_fail_do_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    app = App("test")
    calls: Any = []
    app.teardown_request(lambda error: calls.append("first"))
    app.teardown_request(lambda error: fail(Leaf()))
    app.teardown_appcontext(lambda error: calls.append("app context"))
    app.teardown_appcontext(lambda error: fail(Leaf()))
    app.add_url_rule("/", "view", lambda: "view")

    assert validated(app).get("/").text == "view"
    assert calls == ["first", "app context"]
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [Leaf, Leaf]


def test_the_log_names_the_request(caplog: pytest.LogCaptureFixture) -> None:
    app = App("shop")
    app.add_url_rule("/x", "x", lambda: fail(Leaf()))
    validated(app).get("/x?secret=1")

    (record,) = caplog.records
    assert (record.name, record.levelname, record.getMessage()) == ("shop", "ERROR", "GET /x failed")


def test_an_after_hook_that_returns_nothing_is_named(web: Web) -> None:
    app = web.app(config={"TESTING": True}) if web.module is wz else web.app()
    calls: list[str] = []

    def forgets(response: object) -> None:
        calls.append("forgets")

    app.after_request(lambda response: response)
    app.after_request(forgets)
    app.add_url_rule("/", "view", lambda: "")

    if web.module is wz:
        with pytest.raises(
            TypeError, match=r"^the after hook .*forgets \(.*test_hooks.py:\d+\) returned None: it must"
        ):
            web.client(app).get("/")
    else:
        with pytest.raises((TypeError, AttributeError)):
            web.client(app).get("/")
    assert calls == ["forgets"]


@pytest.mark.parametrize("testing", [True, False])
def test_a_hook_of_one_request_that_returns_nothing_is_named(testing: bool, caplog: pytest.LogCaptureFixture) -> None:
    app = App("test", config={"TESTING": testing})
    told: list[BaseException | None] = []
    app.teardown_request(told.append)

    def forgets(response: object) -> Any: ...

    @app.get("/")
    def view() -> str:
        wz.after_this_request(forgets)
        return ""

    if testing:
        with pytest.raises(TypeError, match=r"^the after hook .*forgets"):
            validated(app).get("/")
    else:
        assert validated(app).get("/").status_code == 500
        assert "forgets" in caplog.text
    assert [type(error) for error in told] == [TypeError]


WRONG: list[Any] = [
    pytest.param("before hook", lambda app, wrong: app.before_request(wrong), id="a before hook"),
    pytest.param("error handler", lambda app, wrong: app.register_error_handler(404, wrong), id="an error handler"),
    pytest.param("error handler", lambda app, wrong: app.register_error_handler(500, wrong), id="a handler of 500"),
]


@pytest.mark.parametrize(("what", "register"), WRONG)
def test_a_hook_that_returns_what_is_no_answer_is_named_and_not_the_view(
    what: str, register: Callable[[App, Any], None], caplog: pytest.LogCaptureFixture
) -> None:
    def wrong(*args: object) -> int:
        return 7

    app = App("test")
    app.add_url_rule("/missing", "missing", lambda: wz.abort(404))
    app.add_url_rule("/broken", "broken", lambda: fail(Leaf()))
    register(app, wrong)
    for path in ("/missing", "/broken"):
        validated(app).get(path)

    assert re.search(rf"TypeError: the {what} .*wrong \(.*test_hooks.py:\d+\) returned a int: it must be", caplog.text)


def test_a_before_hook_may_raise_or_return_an_http_error(web: Web) -> None:
    app = web.app()
    app.before_request(lambda: Forbidden("return") if web.request.path == "/return" else web.abort(403, "raise"))
    app.register_error_handler(403, lambda exc: (exc.description, 499))

    client = web.client(app)
    assert client.get("/raise").text == "raise"
    assert client.get("/return").status_code == 403  # what is returned is the answer, and no error to handle


class Called:
    def __call__(self, *args: object) -> str:
        return "called"


HOOKS: list[Any] = [
    pytest.param(dict, "{}", id="a class that has no signature"),
    pytest.param(partial(str, b"partial", encoding="ascii"), "partial", id="a partial function"),
    pytest.param("bound".upper, "BOUND", id="a builtin method"),
    pytest.param(Called(), "called", id="an object"),
]


@pytest.mark.parametrize(("hook", "text"), HOOKS)
def test_a_hook_may_be_anything_that_is_called(web: Web, hook: Any, text: str) -> None:
    app = web.app()
    app.before_request(hook)
    app.add_url_rule("/", "view", lambda: "view")
    app.add_url_rule("/other", "other", hook)

    client = web.client(app)
    assert client.get("/").text.strip() == text
    assert client.get("/other").text.strip() == text


def test_the_request_may_be_any_parameter_of_a_hook() -> None:
    app = App("test")

    @app.after_request
    def after(response: wz.Response, request: Request) -> wz.Response:
        response.headers["X-Path"] = request.path
        return response

    @app.before_request
    def before(*, request: Request) -> str | None:
        return "before" if request.args else None

    app.add_url_rule("/", "view", lambda: "view")

    assert validated(app).get("/").headers["X-Path"] == "/"
    assert validated(app).get("/?a").text == "before"


def test_a_hook_for_one_request_may_add_another(web: Web) -> None:
    app = web.app()

    def first(response: Any) -> Any:
        web.after_this_request(second)
        return response

    def second(response: Any) -> Any:
        response.headers["X-Second"] = "yes"
        return response

    @app.get("/")
    def view() -> str:
        web.after_this_request(first)
        return ""

    assert web.client(app).get("/").headers["X-Second"] == "yes"


@pytest.mark.parametrize("path", ["/stream", "/hook"])
def test_a_hook_for_a_response_that_is_made_is_refused(path: str) -> None:
    app = App("test", config={"TESTING": True})

    def late(response: Any) -> Any:
        return response

    def stream() -> Iterator[str]:
        yield "a"
        wz.after_this_request(late)

    @app.after_request
    def after(response: Any) -> Any:
        if wz.request.path == "/hook":
            wz.after_this_request(late)
        return response

    app.add_url_rule("/stream", "stream", lambda: wz.stream_with_context(stream()))
    app.add_url_rule("/hook", "hook", lambda: "")

    with pytest.raises(RuntimeError, match=r"^the hook .*late \(.*\) comes too late: the response that it would"):
        _ = app.test_client().get(path).text
