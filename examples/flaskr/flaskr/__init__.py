"""A blog: people register, log in, and write, change and delete their own posts.

wz --app flaskr init-db
wz --app flaskr run
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from werkzeug.exceptions import HTTPException

from wz import App
from wz.templates import render_template

from . import auth, blog, db, safety


def create_app(test_config: Mapping[str, Any] | None = None) -> App:
    """Make the app. Its settings are those below, `config.toml` in the instance folder, and FLASKR_... variables."""
    app = App(__name__, static_folder="static")
    # What belongs to one installation and to no repository: the database and the secret key.
    instance = Path(os.environ.get("FLASKR_INSTANCE") or Path(app.root_path).parent / "instance")
    app.config.from_mapping(
        INSTANCE=str(instance),
        DATABASE=str(instance / "flaskr.sqlite"),
        MAX_CONTENT_LENGTH=256 * 1024,  # bytes; a long post
        SESSION_COOKIE_SAMESITE="Lax",
    )
    if test_config is None:
        app.config.from_file(instance / "config.toml", silent=True)
        app.config.from_prefixed_env("FLASKR")
    else:
        app.config.from_mapping(test_config)

    db.init_app(app)
    safety.init_app(app)
    app.register_blueprint(auth.bp)
    app.register_blueprint(blog.bp)
    for status in (403, 404, 413):
        app.register_error_handler(status, error_page)
    return app


def error_page(error: HTTPException) -> tuple[str, int]:
    return render_template("error.html", error=error), error.code or 500
