from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib import import_module
from typing import Any

import pytest
from werkzeug.wrappers import Response as WerkzeugResponse

from wz import App, Request, current_app, g
from wz.sessions import Sessions, session_of
from wz.signals import (
    Signals,
    appcontext_popped,
    appcontext_pushed,
    appcontext_tearing_down,
    got_request_exception,
    request_finished,
    request_started,
    request_tearing_down,
)
from wz.testing import Client

from ..client import validated
from .conftest import Web


@pytest.fixture
def app() -> App:
    app = App("test", config={"SECRET_KEY": "a key that only the tests have"})
    Signals(app)
    app.add_url_rule("/", endpoint="index", view_func=lambda: "hello")

    @app.get("/fail")
    def fail() -> str:
        raise ZeroDivisionError

    return app


@pytest.fixture
def client(app: App) -> Client:
    return validated(app)


@pytest.fixture
def heard(app: App) -> Iterator[list[str]]:
    """The names of the signals that the app sent, and of its own hooks, in order."""
    names: list[str] = []
    signals = {
        "pushed": appcontext_pushed,
        "started": request_started,
        "exception": got_request_exception,
        "finished": request_finished,
        "request tearing down": request_tearing_down,
        "appcontext tearing down": appcontext_tearing_down,
        "popped": appcontext_popped,
    }

    def note(name: str) -> Callable[..., None]:
        return lambda sender, **extra: names.append(name)

    with ExitStack() as stack:
        for name, signal in signals.items():
            stack.enter_context(signal.connected_to(note(name), app))
        yield names


def add_hooks(app: App, names: list[str]) -> None:
    @app.before_request
    def before() -> None:
        names.append("before hook")

    @app.after_request
    def after(response: WerkzeugResponse) -> WerkzeugResponse:
        names.append("after hook")
        return response

    @app.teardown_request
    def teardown(exc: BaseException | None) -> None:
        names.append("teardown hook")


def test_signals_enclose_the_hooks(app: App, client: Client, heard: list[str]) -> None:
    add_hooks(app, heard)
    client.get("/")

    assert heard == [
        *("pushed", "started", "before hook", "after hook", "finished"),
        *("teardown hook", "request tearing down", "appcontext tearing down", "popped"),
    ]


@pytest.mark.parametrize("path", ["/", "/fail", "/there/is/none"])
def test_every_request_that_starts_finishes(client: Client, heard: list[str], path: str) -> None:
    client.get(path)

    assert [name for name in heard if name in ("started", "finished", "popped")] == ["started", "finished", "popped"]


def test_an_unhandled_exception_is_told_and_is_the_reason_of_the_teardown(app: App, client: Client) -> None:
    seen: list[BaseException | None] = []

    def failed(sender: App, exception: Exception) -> None:
        seen.append(exception)

    def torn_down(sender: App, exc: BaseException | None) -> None:
        seen.append(exc)

    with got_request_exception.connected_to(failed, app), request_tearing_down.connected_to(torn_down, app):
        client.get("/fail")

    assert [type(exc) for exc in seen] == [ZeroDivisionError, ZeroDivisionError]


def test_an_exception_that_is_raised_through_is_also_sent(app: App, client: Client, heard: list[str]) -> None:
    app.testing = True
    with pytest.raises(ZeroDivisionError):
        client.get("/fail")

    assert "exception" in heard


def test_a_handled_exception_is_not_told(app: App, client: Client, heard: list[str]) -> None:
    app.register_error_handler(ZeroDivisionError, lambda exc: ("handled", 400))

    assert client.get("/fail").status_code == 400
    assert "exception" not in heard


@pytest.mark.parametrize("order", [(Signals, Sessions), (Sessions, Signals)], ids=lambda order: order[0].__name__)
def test_the_finished_response_has_the_session_in_it(order: tuple[Callable[[App], Any], ...]) -> None:
    app = App("test", config={"SECRET_KEY": "a key that only the tests have"})
    for layer in order:
        layer(app)
    seen: list[WerkzeugResponse] = []

    @app.get("/")
    def view(request: Request) -> str:
        session_of(request)["user"] = "ann"
        return ""

    def receive(sender: App, response: WerkzeugResponse) -> None:
        seen.append(response)

    with request_finished.connected_to(receive, app):
        validated(app).get("/")

    assert "Set-Cookie" in seen[0].headers


def test_a_receiver_can_give_the_request_what_it_needs(app: App, client: Client) -> None:
    @app.get("/user")
    def user() -> str:
        return str(g.user)

    def log_in(sender: App) -> None:
        g.user = "ann"

    with appcontext_pushed.connected_to(log_in, app):
        assert client.get("/user").text == "ann"


def test_the_app_is_current_for_the_receivers_and_is_the_sender(app: App, client: Client) -> None:
    seen: list[tuple[bool, str]] = []

    def receive(sender: App, **extra: Any) -> None:
        seen.append((sender is app, current_app.import_name))

    with ExitStack() as stack:
        for signal in (appcontext_pushed, request_finished, request_tearing_down, appcontext_tearing_down):
            stack.enter_context(signal.connected_to(receive, app))
        client.get("/")

    assert seen == [(True, "test")] * 4


def test_an_app_context_has_its_own_signals(app: App, heard: list[str]) -> None:
    with app.app_context():
        heard.append("inside")

    assert heard == ["pushed", "inside", "appcontext tearing down", "popped"]


def test_an_app_without_the_layer_sends_nothing() -> None:
    app = App("quiet")
    app.add_url_rule("/", endpoint="index", view_func=lambda: "hello")
    heard: list[Any] = []

    def receive(sender: App) -> None:
        heard.append(sender)

    with request_started.connected_to(receive):
        validated(app).get("/")

    assert heard == []


def test_an_app_sends_signals_to_receivers_that_are_connected_for_it(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/", view_func=lambda: "hello", endpoint="hello")
    heard: list[object] = []

    def receive(sender: App, **_: object) -> None:
        heard.append(sender)

    web.client(app).get("/")  # which ends set-up, but not the time for receivers
    with web.request_started.connected_to(receive, app):
        web.client(app).get("/")
        web.request_finished.connect(receive, app)
        web.client(app).get("/")

    assert heard == [app, app, app]


def test_a_receiver_may_be_connected_after_the_first_request(web: Web) -> None:
    app = web.app()
    app.add_url_rule("/", view_func=lambda: "hello", endpoint="hello")
    heard: list[object] = []
    web.client(app).get("/")

    with web.request_started.connected_to(lambda sender, **_: heard.append(sender), app):
        web.client(app).get("/")

    assert heard == [app]


def test_signals_are_installed_once(app: App) -> None:
    with pytest.raises(RuntimeError, match="already"):
        Signals(app)


def test_without_blinker_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "blinker", None)
    monkeypatch.delitem(sys.modules, "wz.signals")

    with pytest.raises(ModuleNotFoundError, match=r"pip install blinker"):
        import_module("wz.signals")
