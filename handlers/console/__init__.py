"""The console: what the service holds and does, as pages. They are made with wz's own blueprints, templates and files.

Each page is rendered on the server and works without a script. `frame.py` has what all share, `access.py` who may see
what; each further module is one page or a few that belong together.
"""

from __future__ import annotations

from wz import App
from wz.templates import Templates

from .. import sessions
from . import (
    boards,
    dead_letters,
    demo,
    errors,
    events,
    frame,
    groups,
    home,
    hub,
    hub_settings,
    hubs,
    job,
    job_editor,
    jobs,
    layers,
    rules,
    send,
    server,
    sign_in,
    trace_json,
)

__all__ = ["install"]

#: In the order of the pages' way: the frame has the files that all use.
BLUEPRINTS = (
    frame.blueprint,
    frame.icons,
    sign_in.blueprint,
    trace_json.blueprint,
    home.blueprint,
    send.blueprint,
    hubs.blueprint,
    hub.blueprint,
    events.blueprint,
    groups.blueprint,
    hub_settings.blueprint,
    dead_letters.blueprint,
    rules.blueprint,
    boards.blueprint,
    demo.blueprint,
    layers.blueprint,
    jobs.blueprint,
    job.blueprint,
    job_editor.blueprint,
    server.blueprint,
)


def install(app: App) -> None:
    """Add the console's pages and their templates to the service."""
    templates = Templates(app, trim_blocks=True, lstrip_blocks=True)
    frame.prepare(templates.jinja_env)
    for blueprint in BLUEPRINTS:
        app.register(blueprint)
    sessions.install(app, sign_in.blueprint)
    app.error_page = errors.error_page
