"""Contexts that are pushed and popped, by hand or in `with`. A test that takes `web` runs on Flask and on wz."""

from __future__ import annotations

from contextvars import copy_context
from typing import Any

import pytest

import wz
from wz import App
from wz.signals import Signals, appcontext_popped, appcontext_pushed

from .conftest import Web

MAKERS: list[Any] = [
    pytest.param(lambda app: app.app_context(), id="app_context"),
    pytest.param(lambda app: app.test_request_context("/x"), id="test_request_context"),
    pytest.param(lambda app: app.request_context(app.test_request_context("/x").request.environ), id="request_context"),
]


def told_by(app: App) -> list[Any]:
    """Return the list that gets what the app's teardowns are told."""
    told: list[Any] = []
    app.teardown_appcontext(told.append)
    return told


@pytest.mark.parametrize("make", MAKERS)
def test_a_context_lasts_from_push_to_pop(web: Web, make: Any) -> None:
    app = web.app()
    told = told_by(app)
    context = make(app)

    assert not web.has_app_context()
    context.push()
    assert web.current_app.name == app.name
    assert told == []
    context.pop()
    assert not web.has_app_context()
    assert told == [None]


def test_what_a_shell_does(web: Web) -> None:
    app = web.app()
    calls: list[str] = []
    app.before_request(lambda: calls.append("before"))
    app.after_request(lambda response: calls.append("after") or response)  # type: ignore[func-returns-value]
    app.teardown_request(lambda exc: calls.append("teardown"))
    app.add_url_rule("/<name>", "view", lambda name: name)

    context = app.test_request_context("/ann?a=b")
    context.push()
    assert (web.request.view_args, web.request.args["a"]) == ({"name": "ann"}, "b")
    app.preprocess_request()
    app.process_response(app.response_class())
    context.pop()
    assert calls == ["before", "after", "teardown"]


@pytest.mark.parametrize("make", MAKERS)
def test_only_the_last_pop_tears_down(web: Web, make: Any) -> None:
    app = web.app()
    told = told_by(app)
    context = make(app)

    with context:
        web.g.x = 1
        with context:
            assert web.g.x == 1
        assert told == []
        assert web.g.x == 1
    assert told == [None]
    with context:
        pass
    assert told == [None, None]


@pytest.mark.parametrize("make", MAKERS)
def test_pop_tells_of_the_exception(web: Web, make: Any) -> None:
    app = web.app()
    told = told_by(app)
    given, handled, raised = ValueError("given"), ValueError("handled"), ValueError("raised")

    context = make(app)
    context.push()
    context.pop(given)
    context.push()
    try:
        raise handled
    except ValueError:
        context.pop()
    context.push()
    try:
        raise handled
    except ValueError:
        context.pop(exc=None)
    with pytest.raises(ValueError, match="raised"), context:
        raise raised
    assert told == [given, handled, None, raised]


@pytest.mark.parametrize("make", MAKERS)
def test_what_was_not_pushed_can_not_be_popped(web: Web, make: Any) -> None:
    with pytest.raises(LookupError):
        make(web.app()).pop()


@pytest.mark.parametrize("make", MAKERS)
def test_contexts_are_popped_in_the_reverse_order(web: Web, make: Any) -> None:
    app = web.app()
    told = told_by(app)

    def wrong() -> None:
        outer = make(app)
        outer.push()
        make(app).push()
        outer.pop()

    with pytest.raises(AssertionError, match=r"(?i)popped"):
        copy_context().run(wrong)
    assert told[:1] == [None]


def test_the_errors_say_what_is_wrong() -> None:
    outer = App("test").test_request_context("/outer")

    def wrong() -> None:
        outer.push()
        outer.app.test_request_context("/inner").push()
        outer.pop()

    with pytest.raises(LookupError, match="this RequestContext is popped, but it was not pushed"):
        outer.pop()
    with pytest.raises(AssertionError, match=r"/outer' .* is popped, but .*/inner' .* was pushed since"):
        copy_context().run(wrong)


def test_a_test_s_request_is_told_to_the_signals(web: Web) -> None:
    app = web.app()
    heard: list[str] = []
    signals: dict[str, Any] = {"pushed": appcontext_pushed, "popped": appcontext_popped}
    if web.module is wz:
        Signals(app)
    else:
        signals = {name: getattr(web.module, f"appcontext_{name}") for name in signals}

    def pushed(sender: Any, **_: Any) -> None:
        heard.append("pushed")
        web.g.user = "ann"

    def popped(sender: Any, **_: Any) -> None:
        heard.append("popped")

    with signals["pushed"].connected_to(pushed, app), signals["popped"].connected_to(popped, app):
        with app.test_request_context("/"):
            assert web.g.user == "ann"
        assert heard == ["pushed", "popped"]
