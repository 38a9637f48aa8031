"""The steps of a request by Flask's names: they can be called, and what overrides them is called; all on Flask, too."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.exceptions import NotFound

from .conftest import Web


def told_by(app: Any) -> list[str]:
    """Give the app hooks that tell that they ran, and a view."""
    calls: list[str] = []

    def after(response: Any) -> Any:
        calls.append("after")
        return response

    app.before_request(lambda: calls.append("before"))
    app.after_request(after)
    app.add_url_rule("/", "index", lambda: "index")
    return calls


def test_each_step_is_called_for_the_current_request(web: Web) -> None:
    app = web.app()
    calls = told_by(app)

    with app.test_request_context("/"):
        assert (app.preprocess_request(), calls) == (None, ["before"])
        assert (app.dispatch_request(), calls) == ("index", ["before"])
        response = app.response_class("own")
        assert app.process_response(response) is response
        assert calls == ["before", "after"]
        assert app.make_default_options_response().headers["Allow"].count("GET") == 1

    with app.test_request_context("/"):
        response = app.finalize_request("text")
        assert (response.get_data(), calls) == (b"text", ["before", "after", "after"])
    with app.test_request_context("/"):
        response = app.full_dispatch_request()
        assert (response.get_data(), calls[3:]) == (b"index", ["before", "after"])


def test_a_step_needs_a_request(web: Web) -> None:
    with web.app().app_context(), pytest.raises(RuntimeError, match="Working outside of request context"):
        web.app().preprocess_request()


def overriding(web: Web, calls: list[str]) -> Any:
    class Told(web.App):  # type: ignore[name-defined,misc]
        def full_dispatch_request(self, *args: Any) -> Any:
            calls.append("full")
            return super().full_dispatch_request(*args)

        def preprocess_request(self, *args: Any) -> Any:
            calls.append("preprocess")
            return super().preprocess_request(*args)

        def dispatch_request(self, *args: Any) -> Any:
            calls.append("dispatch")
            return super().dispatch_request(*args)

        def finalize_request(self, *args: Any, **kwargs: Any) -> Any:
            calls.append("finalize")
            return super().finalize_request(*args, **kwargs)

        def process_response(self, response: Any) -> Any:
            calls.append("process")
            return super().process_response(response)

        def make_default_options_response(self, *args: Any) -> Any:
            calls.append("options")
            return super().make_default_options_response(*args)

    return Told


def test_a_subclass_s_steps_are_called(web: Web) -> None:
    calls: list[str] = []
    app = overriding(web, calls)("tests.wz", static_folder=None)
    told = told_by(app)
    client = web.client(app)

    assert client.get("/").text == "index"
    assert calls == ["full", "preprocess", "dispatch", "finalize", "process"]
    assert told == ["before", "after"]
    calls.clear()
    assert client.options("/").status_code == 200
    assert calls == ["full", "preprocess", "dispatch", "options", "finalize", "process"]


def test_a_subclass_of_a_subclass_calls_both(web: Web) -> None:
    calls: list[str] = []

    class Inner(overriding(web, calls)):  # type: ignore[misc]
        def dispatch_request(self, *args: Any) -> Any:
            calls.append("inner dispatch")
            return super().dispatch_request(*args)

    app = Inner("tests.wz", static_folder=None)
    told_by(app)

    assert web.client(app).get("/").text == "index"
    assert calls == ["full", "preprocess", "inner dispatch", "dispatch", "finalize", "process"]


def test_a_step_may_be_set_on_an_app(web: Web) -> None:
    app = web.app()
    told_by(app)
    dispatch = app.dispatch_request
    app.dispatch_request = lambda *args: f"around {dispatch(*args)}"

    assert web.client(app).get("/").text == "around index"


def test_every_answer_is_processed_also_where_no_hook_sees_it(web: Web) -> None:
    class Marked(web.App):  # type: ignore[name-defined,misc]
        def process_response(self, response: Any) -> Any:
            response.headers["X-Mark"] = "class"
            return super().process_response(response)

    def mark(response: Any) -> Any:
        response.headers["X-Mark"] = "app"
        return response

    of_class, of_app = Marked("tests.wz", static_folder=None), web.app()
    of_app.process_response = mark
    for app in (of_class, of_app):
        app.add_url_rule("/", "index", lambda: "index")
    marks = [web.client(app).get(path).headers["X-Mark"] for app in (of_class, of_app) for path in ("/", "/none")]

    assert marks == ["class", "class", "app", "app"]


def test_what_fails_may_be_logged_elsewhere(web: Web) -> None:
    logged: list[Any] = []

    class Told(web.App):  # type: ignore[name-defined,misc]
        def log_exception(self, *args: Any) -> None:
            logged.append(args[-1])

    app = Told("tests.wz")
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.add_url_rule("/", "index", lambda: 1 // 0)

    assert web.client(app).get("/").status_code == 500
    ((kind, error, traceback),) = logged
    assert (kind, type(error)) == (ZeroDivisionError, ZeroDivisionError)
    assert traceback is not None


def test_the_defaults_of_urls_may_be_injected_another_way(web: Web) -> None:
    class Told(web.App):  # type: ignore[name-defined,misc]
        def inject_url_defaults(self, endpoint: str, values: dict[str, Any]) -> None:
            super().inject_url_defaults(endpoint, values)
            values["from"] = endpoint

    app = Told("tests.wz")
    app.add_url_rule("/", "index", lambda: web.url_for("index"))

    assert web.client(app).get("/").text == "/?from=index"


def test_the_adapter_outside_of_a_request_is_that_of_the_settings(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/", "index", lambda: "")
    with app.app_context():
        assert app.create_url_adapter(None) is None
        app.config.update(SERVER_NAME="shop.example", APPLICATION_ROOT="/shop", PREFERRED_URL_SCHEME="https")
        adapter = app.create_url_adapter(None)
    assert adapter is not None
    assert adapter.build("index", force_external=True) == "https://shop.example/shop/"


def test_what_a_shell_begins_with(web: Web) -> None:
    app = web.app()
    app.shell_context_processor(lambda: {"stock": 7})
    names = app.make_shell_context()

    assert names.keys() == {"app", "g", "stock"}
    assert (names["app"], names["stock"]) == (app, 7)


def test_an_error_that_a_step_raises_is_handled(web: Web) -> None:
    class Closed(web.App):  # type: ignore[name-defined,misc]
        def dispatch_request(self, *args: Any) -> Any:
            raise NotFound

    app = Closed("tests.wz")
    app.errorhandler(404)(lambda error: ("closed", 404))

    assert web.client(app).get("/").text == "closed"
