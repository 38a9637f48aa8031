"""The console: what the service holds and does, as pages made with wz's own blueprints, templates and static files.

Each page is rendered on the server and works without a script. Read `frame.py` first: it has the blueprint that all
pages are made with and what they share. Then:

    access.py    who may see what: the rights of the rule that signed in, by `sign_in.py` and handlers/sessions.py
    live.py      the event streams that keep a page current; static/live.js is their other end
    forms.py     what was typed into a form is kept, and an error stands beside its field
    shown.py     how times, sizes and the bytes of events are written; `charts.py` is the geometry of charts
    errors.py    the page of an error or of an unknown path
    bytecode.py  compiled templates are kept in files

A folder has the pages of one place in the bar: `home`, `hub`, `job`, `board` and `layers`; `server.py` and `demo.py`
are one page each. templates/ has a file for each page, and folders for the parts that a page sends anew while it is
looked at.
"""

from __future__ import annotations

from wz import App
from wz.templates import Templates

from .. import sessions
from . import board, demo, errors, frame, home, hub, job, layers, server, sign_in
from .bytecode import Bytecode

__all__ = ["install"]

BLUEPRINTS = (
    frame.blueprint,
    frame.icons,
    sign_in.blueprint,
    *home.blueprints,
    *hub.blueprints,
    *job.blueprints,
    *board.blueprints,
    *layers.blueprints,
    server.blueprint,
    demo.blueprint,
)


def install(app: App) -> None:
    """Add the console's pages and their templates to the service."""
    add_pages(app)
    sessions.install(app, sign_in.blueprint)
    app.error_page = errors.error_page


def add_pages(app: App) -> Templates:
    """Add the pages alone, and return their templates."""
    templates = Templates(app, trim_blocks=True, lstrip_blocks=True, bytecode_cache=Bytecode())
    frame.prepare(templates.jinja_env)
    for blueprint in BLUEPRINTS:
        app.register(blueprint)
    return templates
