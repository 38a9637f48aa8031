"""What gunicorn loads in each worker, after the fork: the app, once Redis and the hubs are known to be right."""

from __future__ import annotations

import sys

import pipeline.redis
from pipeline.errors import PipelineError
from wz import App

from .app import create_app
from .services import Services


def start() -> App:
    """Return the app, or end the process with one line that says what to do.

    Waits up to 10 s for a Redis that is starting. The exit status 4 is gunicorn's own for an app that failed to load:
    its master then ends instead of trying again and again.
    """
    try:
        app = create_app()
        service: Services = app.extensions["services"]
        pipeline.redis.check(service.redis, wait=10.0)
        service.hubs.declare()
    except PipelineError as exc:
        print(f"wz: {exc}", file=sys.stderr)
        sys.exit(4)
    return app


app = start()
