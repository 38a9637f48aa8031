"""Step 12: what its page says of the program on wz: who matches a request, and what a hook changes."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import create_environ

from wz import App, Response
from wz.reply import Reply

from .blocks import held_to_the_pep, run_block
from .steps import run

PAGE = "12_wz"
TOP = "/boards/points/top"
HOST = "http://hub.test"


@pytest.fixture
def app() -> Any:
    """The program, which has answered a request."""
    found = run(PAGE)["app"]
    held_to_the_pep(found).get(TOP, base_url=HOST)
    return found


@pytest.mark.parametrize(
    ("path", "host"),
    [
        pytest.param("/boards/points//top", HOST, id="a redirect"),
        pytest.param("/boards/Zo%C3%AB/top", HOST, id="not ASCII"),
        pytest.param(TOP, "http://another.test", id="a new host"),
    ],
)
def test_what_is_in_doubt_is_left_to_map(app: Any, path: str, host: str) -> None:
    compiled = app.url_map.compiled

    assert compiled.match(create_environ(TOP, HOST)) is not None
    assert compiled.match(create_environ(path, host)) is None


def test_a_plain_404_is_not_left_to_map(app: Any) -> None:
    assert app.url_map.compiled.refuse(create_environ("/nothing/here", HOST)) == frozenset()


def answer_to(app: Any, path: str) -> Any:
    """Return what the app makes of a request, before it is sent."""
    with app.test_request_context(path) as context:
        return app.respond(context.request)


def test_an_after_hook_is_given_a_response() -> None:
    plain, hooked = run(PAGE)["app"], run(PAGE)["app"]
    run_block(PAGE, "def not_stored", app=hooked)

    assert type(answer_to(plain, TOP)) is Reply
    assert type(answer_to(hooked, TOP)) is Response
    assert held_to_the_pep(hooked).get(TOP).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("framework", "opened"), [(Flask, 1), (App, 0)], ids=["Flask", "wz"])
def test_who_opens_a_session_that_no_view_asks_for(framework: Any, opened: int) -> None:
    app = framework("session")
    app.secret_key = "a key"
    app.add_url_rule("/", "view", lambda: {})
    calls = []
    interface = import_module(f"{framework.__module__.partition('.')[0]}.sessions").SecureCookieSessionInterface()
    really_open = interface.open_session

    def open_session(app: Any, request: Any) -> Any:
        calls.append(request.path)
        return really_open(app, request)

    interface.open_session = open_session
    app.session_interface = interface
    app.test_client().get("/")

    assert len(calls) == opened
