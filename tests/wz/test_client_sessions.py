"""The client and sessions. A test that takes `web` runs on Flask and on wz."""

from __future__ import annotations

from typing import Any

import pytest

import wz
from wz import App
from wz.sessions import Sessions, session

from .conftest import Web


def with_sessions(web: Web, interface: Any = None, **options: Any) -> tuple[App, Any]:
    """Return an app that has sessions and a view of the user's name, and the framework's `session`."""
    app = web.app(**options)
    app.secret_key = "key"
    if web.module is wz:
        Sessions(app, interface)
    elif interface is not None:
        app.session_interface = interface
    current: Any = session if web.module is wz else web.session
    app.add_url_rule("/", "index", lambda: {"user": current.get("user")})
    app.add_url_rule("/login/<name>", "login", lambda name: (current.update(user=name), name)[1])
    return app, current


def test_a_session_is_read_after_the_request(web: Web) -> None:
    app, current = with_sessions(web)

    with app.test_client() as client:
        client.get("/login/ann")
        assert current["user"] == "ann"
    with pytest.raises(RuntimeError, match=r"(?i)outside of (a )?request"):
        current.get("user")


def test_a_session_is_written_before_the_request(web: Web) -> None:
    app, _ = with_sessions(web)
    client = app.test_client()

    with client.session_transaction() as opened:
        assert not opened
        opened["user"] = "ann"
    assert client.get("/").json == {"user": "ann"}
    client.get("/login/bob")
    with client.session_transaction() as opened:
        assert dict(opened) == {"user": "bob"}
        opened.clear()
    assert client.get("/").json == {"user": None}
    assert client.get_cookie("session") is None


def test_a_session_that_is_only_read_is_not_written(web: Web) -> None:
    app, _ = with_sessions(web)
    client = app.test_client()

    with client.session_transaction() as opened:
        assert "user" not in opened
    assert client.get_cookie("session") is None


def test_nothing_is_saved_if_the_test_fails(web: Web) -> None:
    app, _ = with_sessions(web)
    client = app.test_client()

    with pytest.raises(KeyError), client.session_transaction() as opened:  # noqa: PT012
        opened["user"] = "ann"
        raise KeyError
    assert client.get("/").json == {"user": None}


def test_the_outer_request_stays_current(web: Web) -> None:
    app, current = with_sessions(web)

    with app.test_client() as client:
        client.get("/login/ann")
        with client.session_transaction() as opened:
            assert web.request.path == "/login/ann"
            assert current["user"] == "ann"
            opened["user"] = "bob"
        assert web.request.path == "/login/ann"
        assert current["user"] == "ann"
        assert client.get("/").json == {"user": "bob"}
    with client.session_transaction():
        assert not web.has_request_context()


def test_the_session_may_depend_on_the_request(web: Web) -> None:
    app, _ = with_sessions(web)
    app.config["SESSION_COOKIE_PATH"] = "/"
    client = app.test_client()

    with client.session_transaction("/", base_url="http://example.com") as opened:
        opened["user"] = "ann"
    assert client.get("http://example.com/").json == {"user": "ann"}
    assert client.get("/").json == {"user": None}
    assert client.get_cookie("session", domain="example.com") is not None


def test_the_app_is_current_while_the_session_is_opened_and_saved(web: Web) -> None:
    sessions = web.submodule("sessions")

    class Noting(sessions.SecureCookieSessionInterface):  # type: ignore[name-defined, misc]
        def open_session(self, app: Any, request: Any) -> Any:
            noted.append((web.current_app.name, web.request.path))
            return super().open_session(app, request)

        def save_session(self, app: Any, session: Any, response: Any) -> None:
            noted.append((web.current_app.name, web.request.path))
            super().save_session(app, session, response)

    noted: list[tuple[str, str]] = []
    app, _ = with_sessions(web, Noting())

    with app.test_client().session_transaction("/x") as opened:
        opened["user"] = "ann"
    assert set(noted) == {(app.name, "/x")}


def test_a_client_without_cookies_has_no_session(web: Web) -> None:
    app, _ = with_sessions(web)

    with pytest.raises(TypeError, match="use_cookies=True"), app.test_client(use_cookies=False).session_transaction():
        pass


def test_an_app_without_a_secret_key_opens_no_session(web: Web) -> None:
    """Flask says that the backend did not open one; wz says why."""
    app, _ = with_sessions(web)
    app.secret_key = None
    message = "SECRET_KEY" if web.module is wz else "did not open a session"

    with pytest.raises(RuntimeError, match=message), app.test_client().session_transaction():
        pass
