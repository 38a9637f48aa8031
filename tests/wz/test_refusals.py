"""A 404 or 405 for which no exception is raised is answered as one that is raised."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.exceptions import HTTPException
from werkzeug.test import create_environ, run_wsgi_app

from wz import App, Request
from wz.request_id import KEY

from .conftest import Web


class Raising(App):
    """An app whose refusals are raised, since it may do something with errors."""

    def handle_user_exception(self, request: Request, exc: Exception) -> Any:
        return super().handle_user_exception(request, exc)


REQUESTS = [
    pytest.param("GET", "/nowhere", {}, id="404"),
    pytest.param("HEAD", "/nowhere", {}, id="HEAD"),
    pytest.param("DELETE", "/boards/go", {}, id="405"),
    pytest.param("HEAD", "/scores", {}, id="HEAD of 405"),
    pytest.param("get", "/scores", {}, id="small letters"),
    pytest.param("GET", "/boards/go/7x", {}, id="a converter refuses"),
    pytest.param("GET", "/nowhere", {"HTTP_ACCEPT": "text/html"}, id="a browser"),
    pytest.param("DELETE", "/boards/go", {"HTTP_ACCEPT": "text/html,*/*"}, id="a browser's 405"),
    pytest.param("GET", "/nowhere", {"HTTP_ACCEPT": "text/html;q=0.1, application/json"}, id="JSON rather"),
    pytest.param("GET", "/nowhere", {KEY: "id-1"}, id="with an id"),
    pytest.param("GET", "/nowhere", {KEY: "id-2"}, id="with another id"),
    pytest.param("GET", "/nowhere", {"HTTP_HOST": "a b"}, id="a bad Host"),
    pytest.param("GET", "//nowhere", {}, id="double slashes"),
]


@pytest.mark.parametrize("hook", [False, True], ids=["", "with a hook"])
@pytest.mark.parametrize(("method", "path", "more"), REQUESTS)
def test_it_is_the_same_answer(method: str, path: str, more: dict[str, str], hook: bool) -> None:
    def ask(app: App) -> Any:
        app.add_url_rule("/boards/<board>", "board", lambda board: board, methods=["GET", "PUT"])
        app.add_url_rule("/boards/<board>/<int:n>", "place", lambda board, n: board)
        app.add_url_rule("/scores", "scores", lambda: "", methods=["POST"])
        seen: list[Any] = []
        if hook:

            @app.after_request
            def note(request: Request, response: Any) -> Any:
                error = request.routing_exception
                seen.append((type(response), type(error), getattr(error, "valid_methods", None)))
                return response

        app.teardown_request(lambda error: seen.append(error))
        environ = create_environ(method=method) | {"PATH_INFO": path} | more
        for _ in range(2):
            body, status, headers = run_wsgi_app(app, dict(environ), buffered=True)
        return b"".join(body), status, sorted(headers), seen

    assert ask(App("test")) == ask(Raising("test"))


def test_what_sees_errors_sees_refusals(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/scores", "scores", lambda: "", methods=["POST"])
    client = web.client(app)
    assert client.get("/nowhere").status_code == 404

    other = web.app()
    other.register_error_handler(HTTPException, lambda exc: (f"handled {exc.code}", exc.code))
    assert web.client(other).get("/nowhere").text == "handled 404"


def test_an_app_s_own_handling_of_errors_sees_refusals() -> None:
    told: list[Exception] = []

    class Telling(App):
        def handle_user_exception(self, request: Request, exc: Exception) -> Any:
            told.append(exc)
            return super().handle_user_exception(request, exc)

    app = App("test")
    usual = app.handle_user_exception
    app.handle_user_exception = lambda request, exc: told.append(exc) or usual(request, exc)  # type: ignore[method-assign, func-returns-value]
    for refusing in (Telling("test"), app):
        assert refusing.test_client().get("/nowhere").status_code == 404
    assert [type(exc).__name__ for exc in told] == ["NotFound", "NotFound"]


def test_an_answer_is_not_changed_by_whoever_got_it_before() -> None:
    app = App("test")

    def ask() -> list[tuple[str, str]]:
        kept: list[Any] = []
        list(app(create_environ("/nowhere"), lambda status, headers, exc_info=None: kept.append(headers) or print))  # type: ignore[func-returns-value]
        kept[0].append(("X-Server", "1"))
        return list(kept[0])

    assert ask() == ask()


def test_allow_lists_the_methods_in_order(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/<x>", "view", lambda x: x, methods=["PUT", "GET", "PATCH"])
    answer = web.client(app).delete("/a")
    assert (answer.status_code, sorted(answer.allow)) == (405, ["GET", "HEAD", "OPTIONS", "PATCH", "PUT"])


def test_an_app_with_responses_of_its_own_refuses_alike() -> None:
    from wz import Response

    class Mine(Response):
        pass

    app = App("test")
    app.response_class = Mine
    answer = app.test_client().get("/nowhere")
    assert (answer.status_code, answer.mimetype, answer.get_json()["title"]) == (
        404,
        "application/problem+json",
        "Not Found",
    )
