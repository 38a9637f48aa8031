from __future__ import annotations

from typing import Any

import pytest

from wz import App, Request, redirect
from wz.flashing import flash, get_flashed_messages
from wz.sessions import Sessions
from wz.signals import Signals, message_flashed
from wz.testing import Client

from ..client import validated


@pytest.fixture
def app() -> App:
    app = App("test", config={"SECRET_KEY": "a key that only the tests have", "TESTING": True})
    Sessions(app)

    @app.post("/")
    def save(request: Request) -> Any:
        flash("Saved.")
        flash("The name is odd.", "warning")
        flash("The year is missing.", "error")
        return redirect("/")

    @app.get("/")
    def show() -> list[str]:
        return get_flashed_messages()

    return app


@pytest.fixture
def client(app: App) -> Client:
    return validated(app)


def test_the_next_page_shows_the_messages_once(client: Client) -> None:
    answers = [client.post("/", follow_redirects=True), client.get("/")]

    assert [answer.json for answer in answers] == [["Saved.", "The name is odd.", "The year is missing."], []]


def test_messages_wait_until_they_are_asked_for(app: App, client: Client) -> None:
    app.add_url_rule("/other", view_func=lambda: "nothing to see", endpoint="other")
    client.post("/")
    client.get("/other")

    assert client.get("/").json == ["Saved.", "The name is odd.", "The year is missing."]


@pytest.mark.parametrize(
    ("arguments", "messages"),
    [
        pytest.param({}, ["Saved.", "The name is odd.", "The year is missing."], id="texts"),
        pytest.param(
            {"with_categories": True},
            [("message", "Saved."), ("warning", "The name is odd."), ("error", "The year is missing.")],
            id="pairs",
        ),
        pytest.param(
            {"category_filter": ["error", "message"]}, ["Saved.", "The year is missing."], id="two categories"
        ),
        pytest.param({"category_filter": "error"}, ["The year is missing."], id="a string is one category"),
        pytest.param({"category_filter": ["info"]}, [], id="a category that there is not"),
        pytest.param(
            {"with_categories": True, "category_filter": ["error"]}, [("error", "The year is missing.")], id="both"
        ),
    ],
)
def test_what_is_returned(app: App, client: Client, arguments: dict[str, Any], messages: list[Any]) -> None:
    found: list[Any] = []

    @app.get("/find")
    def find() -> str:
        found.extend(get_flashed_messages(**arguments))
        return ""

    client.post("/")
    client.get("/find")

    assert found == messages


def test_all_calls_in_a_request_see_the_same_and_the_filter_loses_none(app: App, client: Client) -> None:
    @app.get("/twice")
    def twice() -> list[list[str]]:
        errors = get_flashed_messages(category_filter=["error"])
        flash("Later.")
        return [errors, get_flashed_messages()]

    client.post("/")

    assert client.get("/twice").json == [
        ["The year is missing."],
        ["Saved.", "The name is odd.", "The year is missing."],
    ]
    assert client.get("/").json == ["Later."]


def test_a_message_can_be_shown_by_the_request_that_flashed_it(app: App) -> None:
    with app.test_request_context("/"):
        flash("Now.")
        assert get_flashed_messages() == ["Now."]


def test_looking_for_messages_where_there_are_none_writes_no_cookie(client: Client) -> None:
    assert "Set-Cookie" not in client.get("/").headers


def test_the_signal_has_the_message(app: App, client: Client) -> None:
    Signals(app)
    seen: list[tuple[str, str]] = []

    def receive(sender: App, message: str, category: str) -> None:
        seen.append((category, message))

    with message_flashed.connected_to(receive, app):
        client.post("/")

    assert seen == [("message", "Saved."), ("warning", "The name is odd."), ("error", "The year is missing.")]


def test_without_a_key_the_error_says_what_is_missing() -> None:
    with App("bare").test_request_context("/"), pytest.raises(RuntimeError, match="there is no secret key"):
        flash("Saved.")
