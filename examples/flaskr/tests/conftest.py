from __future__ import annotations

from pathlib import Path

import pytest
from flaskr import create_app
from flaskr.db import get_db, init_db
from werkzeug.security import generate_password_hash
from werkzeug.test import TestResponse

from wz import App
from wz.testing import AppRunner, Client


@pytest.fixture
def app(tmp_path: Path) -> App:
    """The app with the users ann and bob, whose passwords are their names, and a post by ann."""
    app = create_app(
        {
            "TESTING": True,
            "SECRET_KEY": "test",
            "INSTANCE": str(tmp_path),
            "DATABASE": str(tmp_path / "test.sqlite"),
        }
    )
    with app.app_context():
        init_db()
        with get_db() as db:
            for name in ("ann", "bob"):
                password = generate_password_hash(name, "pbkdf2:sha256:1")  # quick
                db.execute("INSERT INTO user (username, password) VALUES (?, ?)", (name, password))
            db.execute(
                "INSERT INTO post (author_id, created, title, body) VALUES (1, '2026-01-02T03:04:05Z', ?, ?)",
                ("First & foremost", "one\ntwo"),
            )
    return app


@pytest.fixture
def client(app: App) -> Client:
    return app.test_client()


@pytest.fixture
def runner(app: App) -> AppRunner:
    return app.test_cli_runner()


class Auth:
    """Logs the client in and out."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def login(self, username: str = "ann", password: str | None = None) -> TestResponse:
        form = {"username": username, "password": username if password is None else password}
        return self.client.post("/auth/login", data=form)

    def logout(self) -> TestResponse:
        return self.client.post("/auth/logout")


@pytest.fixture
def auth(client: Client) -> Auth:
    return Auth(client)
