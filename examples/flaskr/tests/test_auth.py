from __future__ import annotations

import pytest
from conftest import Auth
from flaskr.db import get_db

from wz import App, g
from wz.sessions import session
from wz.testing import Client


def test_register_adds_a_user_who_can_log_in(client: Client, auth: Auth) -> None:
    assert client.get("/auth/register").status_code == 200

    response = client.post("/auth/register", data={"username": " cem ", "password": "pä ss"}, follow_redirects=True)

    assert response.request.path == "/auth/login"
    assert "Welcome, cem. Now log in." in response.text
    assert auth.login("cem", "pä ss").status_code == 302


def test_a_password_is_kept_as_a_hash(app: App, client: Client) -> None:
    client.post("/auth/register", data={"username": "cem", "password": "secret"})

    with app.app_context():
        stored = get_db().execute("SELECT password FROM user WHERE username = 'cem'").fetchone()["password"]
    assert stored.startswith("scrypt:")


@pytest.mark.parametrize(
    ("username", "password", "message"),
    [
        pytest.param("", "x", "A username is needed.", id="no name"),
        pytest.param("  ", "x", "A username is needed.", id="a name of spaces"),
        pytest.param("cem", "", "A password is needed.", id="no password"),
        pytest.param("ann", "x", "The name ann is taken.", id="a taken name"),
        pytest.param("ANN", "x", "The name ANN is taken.", id="a taken name in capitals"),
    ],
)
def test_register_says_what_is_wrong(client: Client, username: str, password: str, message: str) -> None:
    response = client.post("/auth/register", data={"username": username, "password": password})

    assert response.status_code == 200
    assert message in response.text


def test_a_form_without_a_field_is_400(client: Client) -> None:
    assert client.post("/auth/register", data={"username": "cem"}).status_code == 400


def test_login_puts_the_user_into_the_session_and_in_g(client: Client, auth: Auth) -> None:
    assert client.get("/auth/login").status_code == 200

    response = auth.login()

    assert response.headers["Location"] == "/"
    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    with client:
        client.get("/")
        assert session["user_id"] == 1
        assert g.user["username"] == "ann"


@pytest.mark.parametrize(
    ("username", "password"),
    [pytest.param("nobody", "ann", id="unknown name"), pytest.param("ann", "bob", id="wrong password")],
)
def test_login_does_not_tell_which_of_the_two_was_wrong(auth: Auth, username: str, password: str) -> None:
    assert "The username or the password is wrong." in auth.login(username, password).text


def test_logout_forgets_the_user(client: Client, auth: Auth) -> None:
    auth.login()

    assert auth.logout().status_code == 302

    with client.session_transaction() as current:
        assert "user_id" not in current


def test_a_link_can_log_nobody_out(client: Client, auth: Auth) -> None:
    auth.login()

    assert client.get("/auth/logout").status_code == 405


def test_a_session_of_a_user_who_is_gone_is_nobodys(client: Client) -> None:
    with client.session_transaction() as current:
        current["user_id"] = 99

    assert "Log in" in client.get("/").text
