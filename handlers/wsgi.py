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
from .log_fields import RequestFields
from .start import open_stores, refuse


def start() -> App:
    """Return the app, or end the process with status 4 if its settings are wrong."""
    try:
        settings = Settings.from_environ()
        logs.configure(settings.log_format, settings.log_level, [RequestFields()], settings.secrets)
        app = create_app(settings)
    except PipelineError as exc:
        refuse(exc)
    open_stores(app, settings)
    metrics.begin(app)
    return app


def compile_templates(app: App) -> None:
    """Compile the console's templates in a thread that works a quarter of the time: no page has to wait for it."""
    templates: Templates = app.extensions[EXTENSION]
    threading.Thread(target=templates.compile, args=(3.0,), name="the compiler of templates", daemon=True).start()


app = start()
# What exists now stays, so the garbage collector need not look through it (which takes a tenth of a batch's time).
gc.collect()
gc.freeze()
compile_templates(app)
