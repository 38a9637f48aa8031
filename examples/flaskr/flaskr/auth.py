"""Users: register, log in, log out; `g.user` is who sent the request, and `login_required` asks for one."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar, cast

from werkzeug.security import check_password_hash, generate_password_hash
from werkzeug.wrappers import Response

from wz import Blueprint, Request, g, redirect, url_for
from wz.flashing import flash
from wz.sessions import session
from wz.templates import render_template

from .db import get_db

F = TypeVar("F", bound=Callable[..., Any])

bp = Blueprint("auth", __name__, url_prefix="/auth")


@bp.before_app_request
def load_user() -> None:
    """Find the session's user; None if nobody is logged in, or if the user is gone."""
    user_id = session.get("user_id")
    g.user = user_id and get_db().execute("SELECT * FROM user WHERE id = ?", (user_id,)).fetchone()


def login_required(view: F) -> F:
    """Send whoever is not logged in to the login page."""

    @functools.wraps(view)
    def wrapped(**values: Any) -> Any:
        if g.user is None:
            flash("Log in first.")
            return redirect(url_for("auth.login"))
        return view(**values)

    return cast("F", wrapped)


@bp.route("/register", methods=["GET", "POST"])
def register(request: Request) -> str | Response:
    if request.method == "POST":
        username = request.form["username"].strip()
        error = add_user(username, request.form["password"])
        if error is None:
            flash(f"Welcome, {username}. Now log in.")
            return redirect(url_for(".login"))
        flash(error, "error")
    return render_template("auth/register.html")


def add_user(username: str, password: str) -> str | None:
    """Add a user, or return what is wrong."""
    if not username:
        return "A username is needed."
    if not password:
        return "A password is needed."
    try:
        with get_db() as db:
            db.execute(
                "INSERT INTO user (username, password) VALUES (?, ?)", (username, generate_password_hash(password))
            )
    except sqlite3.IntegrityError:
        return f"The name {username} is taken."
    return None


@bp.route("/login", methods=["GET", "POST"])
def login(request: Request) -> str | Response:
    if request.method == "POST":
        user = find_user(request.form["username"].strip(), request.form["password"])
        if user is not None:
            session.clear()
            session["user_id"] = user["id"]
            return redirect(url_for("blog.index"))
        flash("The username or the password is wrong.", "error")
    return render_template("auth/login.html")


def find_user(username: str, password: str) -> sqlite3.Row | None:
    """Return the user with this password. A name that nobody has takes as long, so that names can't be found out."""
    user: sqlite3.Row | None = get_db().execute("SELECT * FROM user WHERE username = ?", (username,)).fetchone()
    right = check_password_hash(nobody() if user is None else user["password"], password)
    return user if right else None


@functools.cache
def nobody() -> str:
    """Return a hash that is nobody's."""
    return generate_password_hash("")


@bp.post("/logout")
def logout() -> Response:
    session.clear()
    return redirect(url_for("blog.index"))
