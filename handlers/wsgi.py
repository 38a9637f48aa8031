"""What gunicorn loads in each worker, after the fork: the app, once Redis, boards and hubs have been checked."""

from __future__ import annotations

import gc
import sys

from pipeline import logs
from pipeline.errors import PipelineError
from pipeline.settings import Settings
from pipeline.store.client import wait_for_stores
from wz import App

from . import metrics
from .app import create_app
from .log_fields import RequestFields
from .services import Services


def start() -> App:
    """Return the app, or end the process with one line that says what to do.

    Waits for a Redis that is starting. The exit status 4 is gunicorn's own for an app that failed to load:
    its master then ends instead of trying again and again.
    """
    try:
        settings = Settings.from_environ()
        logs.configure(settings.log_format, settings.log_level, [RequestFields()], settings.secrets)
        wait_for_stores(settings)
        app = create_app(settings)
        service: Services = app.extensions["services"]
        service.hubs.declare()
        metrics.begin(app)
    except PipelineError as exc:
        print(f"wz: {exc}", file=sys.stderr)
        sys.exit(4)
    return app


app = start()
# What exists now stays, so the garbage collector need not look through it (which takes a tenth of a batch's time).
gc.collect()
gc.freeze()
