"""What gunicorn loads in each worker, after the fork: the app, which serves whether Redis is there or not."""

from __future__ import annotations

import gc
import threading

from pipeline import logs
from pipeline.errors import PipelineError
from pipeline.settings import Settings
from wz import App
from wz.templates import EXTENSION, Templates

from . import metrics
from .app import create_app
from .hub.header_properties import warn_of_server
from .log_fields import RequestFields
from .start import open_stores, refuse

#: Seconds after which the templates are compiled.
SOON = 5.0


def start() -> App:
    """Return the app, or end the process with status 4 if its settings are wrong."""
    try:
        settings = Settings.from_environ()
        logs.configure(settings.log_format, settings.log_level, [RequestFields()], settings.secrets)
        app = create_app(settings)
    except PipelineError as exc:
        refuse(exc)
    warn_of_server()
    open_stores(app, settings)
    metrics.begin(app)
    return app


def compile_templates(app: App) -> None:
    """Compile the console's templates soon, in a thread that works a quarter of the time: no page has to wait for it.

    Not at once: while a worker starts, or a reload replaces all, the processor is wanted for that.
    """
    templates: Templates = app.extensions[EXTENSION]
    later = threading.Timer(SOON, templates.compile, args=(3.0,))
    later.daemon = True
    later.start()


app = start()
# What exists now stays, so the garbage collector need not look through it (which takes a tenth of a batch's time).
gc.collect()
gc.freeze()
compile_templates(app)
