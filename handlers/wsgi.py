"""What gunicorn loads in each worker, after the fork: the app, which serves whether Redis is there or not."""

from __future__ import annotations

import gc

from pipeline.errors import PipelineError
from pipeline.settings import Settings
from wz import App

from .app import create_app
from .start import open_stores, refuse


def start() -> App:
    """Return the app, or end the process with status 4 if its settings are wrong."""
    try:
        settings = Settings.from_environ()
        app = create_app(settings)
    except PipelineError as exc:
        refuse(exc)
    open_stores(app, settings)
    return app


app = start()
# What exists now stays, so the garbage collector need not look through it (which takes a tenth of a batch's time).
gc.collect()
gc.freeze()
