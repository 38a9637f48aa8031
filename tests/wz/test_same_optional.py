"""What is the same as in Flask in sessions, flashing, templates and signals: each test runs one program on both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from markupsafe import Markup

import wz
from wz.sessions import Sessions
from wz.signals import Signals

from .conftest import Web
from .test_session import COOKIES

KEY = "a key that only the tests have"


def program(web: Web, **options: Any) -> wz.App:
    """An app that has sessions and signals, as each of Flask's has."""
    app = web.app(**options)
    app.secret_key = KEY
    if web.module is wz:
        Sessions(app)
        Signals(app)
    return app


def visits(web: Web) -> wz.App:
    """A program that reads its session at `/`, writes at POST, empties it at DELETE, and lets it alone elsewhere."""
    app, session = program(web), web.session

    @app.get("/")
    def read() -> Any:
        return {name: str(value) for name, value in session.items()}

    @app.post("/")
    def write() -> str:
        session.update(web.request.args)
        if "permanent" in session:
            session.permanent = True
        return ""

    @app.delete("/")
    def clear() -> str:
        session.clear()
        return ""

    app.get("/untouched", endpoint="untouched")(lambda: "")
    return app


# Sessions.


def test_what_is_written_is_there_at_the_next_request(web: Web) -> None:
    client = web.client(visits(web))
    client.post("/?user=ann")
    client.get("/untouched")

    assert client.get("/").json == {"user": "ann"}
    client.delete("/")
    assert client.get("/").json == {}


def test_each_of_the_two_reads_what_the_other_has_written(web: Web) -> None:
    written = {
        "user": "ann",
        "pair": (1, [2, "é"]),
        "raw": b"\x00\xff",
        "html": Markup("<b>"),
        "id": UUID(int=7),
        "at": datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC),
        "none": {"deep": [None, True, 1.5, {" t": 1}]},
    }
    flask = pytest.importorskip("flask")
    read: dict[str, Any] = {}
    writer, reader = visits(web), visits(Web(flask if web.module is wz else wz))
    writer.get("/written", endpoint="written")(lambda: web.session.update(written) or "")
    other: Any = flask.session if web.module is wz else Web(wz).session
    reader.get("/read", endpoint="read_all")(lambda: read.update(other) or "")

    client = web.client(writer)
    client.get("/written")
    cookie = client.get_cookie("session")
    assert cookie is not None
    reader.test_client(use_cookies=False).get("/read", headers={"Cookie": f"session={cookie.value}"})
    assert read == written
    assert {name: type(read[name]) for name in read} == {name: type(written[name]) for name in written}


def test_cookies_of_former_keys_are_read(web: Web) -> None:
    app = visits(web)
    client = web.client(app)
    client.post("/?user=ann")
    app.config.update(SECRET_KEY="the next", SECRET_KEY_FALLBACKS=[KEY])

    assert app.secret_key == "the next"
    assert client.get("/").json == {"user": "ann"}
    client.post("/?seen=1")
    app.config["SECRET_KEY_FALLBACKS"] = None
    assert client.get("/").json == {"user": "ann", "seen": "1"}
    app.secret_key = "one more"
    assert client.get("/").json == {}


def test_a_permanent_session_has_a_date_and_is_set_again_when_it_is_read(web: Web) -> None:
    app = visits(web)
    app.config["PERMANENT_SESSION_LIFETIME"] = timedelta(days=3)
    client = web.client(app)
    client.post("/?permanent=1")

    answer, cookie = client.get("/"), client.get_cookie("session")
    assert "Set-Cookie" in answer.headers
    assert cookie is not None
    assert cookie.expires is not None
    assert timedelta(days=2) < cookie.expires - datetime.now(UTC) <= timedelta(days=3)
    app.config["SESSION_REFRESH_EACH_REQUEST"] = False
    assert "Set-Cookie" not in client.get("/").headers


@pytest.mark.parametrize(
    ("config", "parts"),
    [({}, {"session=", "HttpOnly", "Path=/"}), *COOKIES],
)
def test_the_cookie_is_set_as_it_is_configured(web: Web, config: dict[str, Any], parts: set[str]) -> None:
    app = visits(web)
    app.config.update(config)

    name, *attributes = web.client(app).post("/?user=ann").headers["Set-Cookie"].split("; ")
    assert {f"{name.partition('=')[0]}=", *attributes} == parts


def test_answers_vary_by_the_cookie_if_the_session_was_touched(web: Web) -> None:
    client = web.client(visits(web))
    client.post("/?user=ann")

    assert [client.get(path).headers.get("Vary") for path in ("/untouched", "/")] == [None, "Cookie"]


# Flashing.


@pytest.mark.parametrize(
    ("arguments", "messages"),
    [
        ({}, ["Saved.", "Odd.", "Missing."]),
        ({"with_categories": True}, [["message", "Saved."], ["warning", "Odd."], ["error", "Missing."]]),
        ({"category_filter": ["error"]}, ["Missing."]),
        (
            {"with_categories": True, "category_filter": ["error", "message"]},
            [["message", "Saved."], ["error", "Missing."]],
        ),
    ],
)
def test_messages_are_flashed_once(web: Web, arguments: dict[str, Any], messages: list[Any]) -> None:
    app = program(web)

    @app.post("/")
    def save() -> str:
        web.flash("Saved.")
        web.flash("Odd.", "warning")
        web.flash("Missing.", category="error")
        return ""

    app.get("/", endpoint="show")(lambda: web.get_flashed_messages(**arguments))
    client = web.client(app)
    client.post("/")
    assert [client.get("/").json for _ in range(2)] == [messages, []]


# Templates.


@pytest.fixture
def pages(web: Web, tmp_path: Path) -> wz.App:
    """An app with templates, on both."""
    folder = tmp_path / "templates"
    folder.mkdir()
    for name, text in {
        "base.html": "<title>{% block title %}{% endblock %}</title>",
        "page.html": '{% extends "base.html" %}{% block title %}{{ title }} {{ request.path }}{% endblock %}',
        "macros.html": "{% macro greet(name) %}Hello, {{ name }}!{% endmacro %}{% set answer = 42 %}",
        **{f"text.{suffix}": "{{ text }}" for suffix in ("html", "htm", "xml", "xhtml", "svg", "txt", "js")},
    }.items():
        (folder / name).write_text(text)
    return program(web, root_path=str(tmp_path), template_folder="templates")


def test_pages_are_rendered(web: Web, pages: wz.App) -> None:
    pages.get("/file")(lambda: web.render_template("page.html", title="A & B"))
    pages.get("/any", endpoint="any")(lambda: web.render_template(["none.html", "page.html"], title="any"))
    pages.get("/text", endpoint="text")(lambda: web.render_template_string("{{ a }}{{ g.b }}", a="<"))
    client = web.client(pages)

    texts = ["<title>A &amp; B /file</title>", "<title>any /any</title>", "&lt;"]
    assert [client.get(path).text for path in ("/file", "/any", "/text")] == texts


def test_pages_are_streamed_with_their_request(web: Web, pages: wz.App) -> None:
    pages.get("/file")(lambda: web.stream_template("page.html", title="page"))
    pages.get("/text", endpoint="text")(lambda: web.stream_template_string("{{ request.path }}{{ a }}", a="<"))
    client = web.client(pages)

    assert [client.get(path).text for path in ("/file", "/text")] == ["<title>page /file</title>", "/text&lt;"]


def test_macros_may_be_called_from_python(web: Web, pages: wz.App) -> None:
    with pages.app_context():
        assert web.get_template_attribute("macros.html", "greet")("Ann") == "Hello, Ann!"
        assert web.get_template_attribute("macros.html", "answer") == 42


@pytest.mark.parametrize("suffix", ["html", "htm", "xml", "xhtml", "svg", "txt", "js"])
def test_what_is_escaped_depends_on_the_name(web: Web, pages: wz.App, suffix: str) -> None:
    with pages.app_context():
        text = web.render_template(f"text.{suffix}", text="<")
    assert text == ("<" if suffix in ("txt", "js") else "&lt;")


# Signals.


@pytest.fixture
def heard(web: Web, pages: wz.App) -> Iterator[list[str]]:
    """The names of the signals that the app sends, in their order."""
    signals, names = web.submodule("signals"), list[str]()
    with ExitStack() as stack:
        for name in (
            *("request_started", "request_finished", "request_tearing_down", "got_request_exception"),
            *("before_render_template", "template_rendered", "message_flashed"),
            *("appcontext_pushed", "appcontext_tearing_down", "appcontext_popped"),
        ):
            receiver = lambda sender, name=name, **extra: names.append(name)  # noqa: E731
            stack.enter_context(getattr(signals, name).connected_to(receiver, pages))
        yield names


def test_signals_enclose_the_hooks(web: Web, pages: wz.App, heard: Any) -> None:
    pages.before_request(lambda: heard.append("before"))
    pages.after_request(lambda response: heard.append("after") or response)
    pages.teardown_request(lambda error: heard.append("teardown"))
    pages.get("/")(lambda: heard.append("view") or "")

    web.client(pages).get("/")
    assert heard == [
        *("appcontext_pushed", "request_started", "before", "view", "after", "request_finished"),
        *("teardown", "request_tearing_down", "appcontext_tearing_down", "appcontext_popped"),
    ]


def test_an_exception_that_nothing_handles_is_told(web: Web, pages: wz.App, heard: Any) -> None:
    pages.errorhandler(KeyError)(lambda error: "handled")
    pages.get("/fails")(lambda: 1 / 0)
    pages.get("/handled", endpoint="handled")(lambda: {}["key"])
    client = web.client(pages)

    client.get("/handled")
    assert "got_request_exception" not in heard
    client.get("/fails")
    assert heard.count("got_request_exception") == 1


def test_pages_are_told_before_and_after(web: Web, pages: wz.App, heard: Any) -> None:
    with pages.app_context():
        heard.clear()
        web.render_template("macros.html")
        assert heard == ["before_render_template", "template_rendered"]


def test_a_message_is_told(web: Web, pages: wz.App, heard: Any) -> None:
    pages.get("/")(lambda: web.flash("Saved.") or "")

    web.client(pages).get("/")
    assert heard.count("message_flashed") == 1
