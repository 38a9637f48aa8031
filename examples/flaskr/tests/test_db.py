from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from flaskr.db import get_db
from werkzeug.wrappers import Response

from wz import App, g
from wz.testing import AppRunner


def test_one_connection_a_context_closed_at_its_end(app: App) -> None:
    with app.app_context():
        db = get_db()
        assert get_db() is db

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        db.execute("SELECT 1")


def test_a_request_closes_its_connection(app: App) -> None:
    opened: list[sqlite3.Connection] = []

    @app.after_request
    def keep(response: Response) -> Response:
        opened.append(g.db)
        return response

    app.test_client().get("/")

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].execute("SELECT 1")


def test_init_db_makes_the_database_and_keeps_what_is_in_it(app: App, runner: AppRunner) -> None:
    result = runner.invoke(args=["init-db"])

    assert result.exit_code == 0
    assert result.output == f"The database is ready: {app.config['DATABASE']}\n"
    assert count_posts(app) == 1


def test_init_db_starts_anew_if_it_is_told_to(app: App, runner: AppRunner) -> None:
    assert runner.invoke(args=["init-db", "--reset"]).exit_code == 0
    assert count_posts(app) == 0


def test_init_db_writes_a_secret_key_once_that_only_the_owner_reads(
    app: App, runner: AppRunner, tmp_path: Path
) -> None:
    written = tmp_path / "config.toml"
    runner.invoke(args=["init-db"])
    assert not written.exists()  # there is a key already

    app.secret_key = None
    assert runner.invoke(args=["init-db"]).exit_code == 0

    assert app.config.from_file(written)
    assert len(str(app.secret_key)) == 64
    assert written.stat().st_mode & 0o777 == 0o600

    app.secret_key = None
    assert isinstance(runner.invoke(args=["init-db"]).exception, FileExistsError)


def count_posts(app: App) -> int:
    with app.app_context():
        count: int = get_db().execute("SELECT count(*) FROM post").fetchone()[0]
        return count
