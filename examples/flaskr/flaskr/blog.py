"""Posts: everybody reads them, their authors write, change and delete them."""

from __future__ import annotations

import sqlite3

from werkzeug.wrappers import Response

from wz import Blueprint, Request, abort, g, redirect, url_for
from wz.flashing import flash
from wz.templates import render_template

from .auth import login_required
from .db import get_db

POSTS = "SELECT post.*, username FROM post JOIN user ON user.id = author_id"

bp = Blueprint("blog", __name__)


@bp.get("/")
def index() -> str:
    posts = get_db().execute(f"{POSTS} ORDER BY created DESC, post.id DESC").fetchall()
    return render_template("blog/index.html", posts=posts)


@bp.route("/create", methods=["GET", "POST"])
@login_required
def create(request: Request) -> str | Response:
    if request.method == "POST":
        title, body = request.form["title"].strip(), request.form["body"]
        if title:
            with get_db() as db:
                db.execute("INSERT INTO post (author_id, title, body) VALUES (?, ?, ?)", (g.user["id"], title, body))
            return redirect(url_for(".index"))
        flash("A title is needed.", "error")
    return render_template("blog/create.html", post=None)


@bp.route("/<int:id>/update", methods=["GET", "POST"])
@login_required
def update(request: Request, id: int) -> str | Response:
    post = own_post(id)
    if request.method == "POST":
        title, body = request.form["title"].strip(), request.form["body"]
        if title:
            with get_db() as db:
                db.execute("UPDATE post SET title = ?, body = ? WHERE id = ?", (title, body, id))
            return redirect(url_for(".index"))
        flash("A title is needed.", "error")
    return render_template("blog/update.html", post=post)


@bp.post("/<int:id>/delete")
@login_required
def delete(id: int) -> Response:
    own_post(id)
    with get_db() as db:
        db.execute("DELETE FROM post WHERE id = ?", (id,))
    return redirect(url_for(".index"))


def own_post(id: int) -> sqlite3.Row:
    """Return a post of the current user. 404 if there is none of this id, 403 if it is another's."""
    post: sqlite3.Row | None = get_db().execute(f"{POSTS} WHERE post.id = ?", (id,)).fetchone()
    if post is None:
        abort(404, f"There is no post {id}.")
    if post["author_id"] != g.user["id"]:
        abort(403, "This post is somebody else's.")
    return post
