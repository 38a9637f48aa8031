"""The SQLite database: one connection for each request or command that asks for it, closed at its end."""

from __future__ import annotations

import os
import secrets
import sqlite3
from pathlib import Path

import click

from wz import App, current_app, g


def get_db() -> sqlite3.Connection:
    """Return the connection; the caller commits, usually by `with get_db() as db:`."""
    if "db" not in g:
        g.db = sqlite3.connect(current_app.config["DATABASE"])
        g.db.row_factory = sqlite3.Row
        g.db.execute("PRAGMA foreign_keys = ON")  # off by default, for each connection
    db: sqlite3.Connection = g.db
    return db


def close_db(error: BaseException | None) -> None:
    db = g.pop("db", None)
    if db is not None:
        db.close()


def init_db(reset: bool = False) -> None:
    """Make the tables that are missing; `reset` deletes those that are there, with all that is in them."""
    Path(current_app.config["DATABASE"]).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    db = get_db()
    if reset:
        db.executescript("DROP TABLE IF EXISTS post; DROP TABLE IF EXISTS user;")
    db.executescript(Path(current_app.root_path, "schema.sql").read_text())


def init_secret_key() -> None:
    """Write a secret key into the instance folder's config.toml. Raises FileExistsError rather than replace one."""
    path = Path(current_app.config["INSTANCE"], "config.toml")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(f'SECRET_KEY = "{secrets.token_hex()}"\n')


@click.option("--reset", is_flag=True, help="Delete all users and posts first.")
def init_db_command(reset: bool) -> None:
    """Make the database, and a secret key for the sessions if there is none."""
    init_db(reset)
    if not current_app.secret_key:
        init_secret_key()
    click.echo(f"The database is ready: {current_app.config['DATABASE']}")


def init_app(app: App) -> None:
    app.teardown_appcontext(close_db)
    app.cli.command("init-db")(init_db_command)
