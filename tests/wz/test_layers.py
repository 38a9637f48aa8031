from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import EnvironBuilder

import wz
from wz import App
from wz.tracing.costs import measure

from ..client import validated

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Mark:
    """Puts its name in front of the environ's list and of the answer's header."""

    def __init__(self, app: WSGIApplication, name: str) -> None:
        self.app = app
        self.name = name

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["marks"] = [*environ.get("marks", []), self.name]

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            return start_response(status, [*headers, ("X-Mark", self.name)], *exc_info)

        return self.app(environ, start)


@pytest.fixture
def app() -> App:
    app = App("test")
    app.add_url_rule("/", "view", lambda: {"marks": wz.request.environ.get("marks", [])})
    return app


def test_the_layer_added_last_is_outermost(app: App) -> None:
    app.layers.add("inner", Mark, "inner")
    app.layers.add("outer", Mark, "outer")

    answer = validated(app).get("/")

    assert answer.json == {"marks": ["outer", "inner"]}
    assert answer.headers.getlist("X-Mark") == ["inner", "outer"]


def test_a_middleware_s_keywords_are_its_own(app: App) -> None:
    app.layers.add("outer", Mark, **{"name": "mine"})

    assert validated(app).get("/").json == {"marks": ["mine"]}


def test_layers_have_names_and_are_drawn(app: App) -> None:
    app.layers.add("proxy_fix", ProxyFix, x_for=1)
    app.layers.add("mark", Mark, "m")

    assert app.layers.names() == ["mark", "proxy_fix", "app"]
    assert app.layers.draw() == "mark\n  proxy_fix\n    app"


@pytest.mark.untraced
def test_an_app_without_layers_is_itself_the_only_one(app: App) -> None:
    assert app.layers.names() == ["app"]
    assert validated(app).get("/").json == {"marks": []}
    assert app.layers.outermost == app.wsgi_app


def test_a_name_is_one_layer_s(app: App) -> None:
    app.layers.add("mark", Mark, "m")

    with pytest.raises(ValueError, match="a layer 'mark' already: mark, app"):
        app.layers.add("mark", Mark, "other")
    with pytest.raises(ValueError, match="a layer 'app' already"):
        app.layers.add("app", Mark, "other")


@pytest.mark.untraced
def test_after_the_first_request_it_is_too_late(app: App) -> None:
    validated(app).get("/")

    with pytest.raises(RuntimeError, match="'mark' comes too late"):
        app.layers.add("mark", Mark, "m")


@pytest.mark.untraced
def test_layers_are_made_once_for_all_requests(app: App) -> None:
    made = []

    def middleware(inside: WSGIApplication) -> WSGIApplication:
        made.append(inside)
        return inside

    app.layers.add("counted", middleware)
    client = validated(app)
    client.get("/")
    client.get("/")

    assert made == [app.wsgi_app]


def test_wsgi_app_may_be_wrapped_as_in_flask(app: App) -> None:
    app.layers.add("outer", Mark, "outer")
    app.wsgi_app = Mark(app.wsgi_app, "inner")  # type: ignore[method-assign]

    assert validated(app).get("/").json == {"marks": ["outer", "inner"]}


def test_each_layer_can_say_what_it_costs(app: App) -> None:
    closed = []

    def counting(inside: WSGIApplication) -> Callable[..., Iterable[bytes]]:
        def call(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            closed.append(environ["PATH_INFO"])
            return inside(environ, start_response)

        return call

    app.layers.add("inner", Mark, "inner")
    app.layers.add("counting", counting)

    costs = measure(app, EnvironBuilder("/").get_environ, requests=10)

    assert [cost.name for cost in costs] == ["counting", "inner", "app"]
    assert all(isinstance(cost.microseconds, float) for cost in costs)
    assert closed == ["/"] * 10
    app.layers.add("later", Mark, "later")  # measuring has composed nothing
