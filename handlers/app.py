"""The service: its blueprints, its error table, its settings."""

from __future__ import annotations

import logging

import pipeline.store.client
from pipeline.hub.sas import SCHEME, Unauthorized
from pipeline.settings import Settings
from wz import App, Problem
from wz.openapi import OpenAPI
from wz.request_id import RequestID

from . import auth, errors, following, health, metrics
from .boards import bulk as board_bulk
from .boards import features as board_features
from .boards import members as board_members
from .boards import parameters as board_parameters
from .boards import ranks as board_ranks
from .boards import whole as whole_boards
from .hub import deadletters, hubs, management
from .hub import read as reading
from .hub import send as hub
from .hub import xml_errors as servicebus
from .hub.canonical_path import CanonicalPath
from .jobs import jobs, outputs
from .services import Services
from .unread import UnreadBody

logger = logging.getLogger(__name__)

#: Bytes of a request's body: Event Hubs takes 1 MB of events at once. nginx.conf allows a little more, so that the
#: answer to a body that is too large is this service's.
MAX_CONTENT_LENGTH = 1024 * 1024

#: The same for many members of a board at once, some million records: also in nginx.conf, in a location of its own.
MAX_BULK_LENGTH = 256 * 1024 * 1024

DESCRIPTION = """\
An Event Hub, windows over its events, and reward boards. Events are sent to a hub; jobs write the rows of their windows
to outputs and add to boards. Errors are `application/problem+json` (RFC 9457).
"""


def create_app(settings: Settings | None = None) -> App:
    """Return the service as a WSGI application.

    Nothing is sent to Redis before the first request, but a cluster's nodes are looked for: raises `RedisUnavailable`.
    """
    settings = settings or Settings.from_environ()
    client = pipeline.store.client.client(settings)

    app = App(
        "handlers",
        config={
            "MAX_CONTENT_LENGTH": MAX_CONTENT_LENGTH,
            "MAX_BULK_LENGTH": MAX_BULK_LENGTH,
            "MAX_WAIT": reading.MAX_WAIT,
            "TAIL_SECONDS": following.TAIL_SECONDS,
        },
    )
    app.extensions["services"] = Services.make(settings, client)
    app.problems.update(errors.PROBLEMS)
    app.register_error_handler(Unauthorized, _unauthorized)
    for outage in errors.OUTAGES:
        app.register_error_handler(outage, _redis_is_away)
    for module in (
        health,
        whole_boards,
        board_ranks,
        board_members,
        board_bulk,
        board_features,
        jobs,
        outputs,
        reading,
        hubs,
        deadletters,
        metrics,
        hub,
    ):
        app.register(module.blueprint)
    app.register(jobs.changing)
    app.register(outputs.deleting)
    management.register(app)
    OpenAPI(
        app,
        title="wz",
        version="0.1.0",
        description=DESCRIPTION,
        responses={503: "Redis can't be reached; nothing is known to be written: send again"},
        security_schemes={auth.SAS: auth.SCHEME},
        decimal=board_parameters.DECIMAL,
    )
    servicebus.answer_unmatched(app)
    app.layers.add("canonical path", CanonicalPath)
    app.layers.add("unread body", UnreadBody, limit=settings.max_send_bytes * 5 // 4)  # as nginx.conf lets through
    app.layers.add("request id", RequestID)
    metrics.measure(app)
    return app


def _unauthorized(exc: Unauthorized) -> Problem:
    return Problem(401, str(exc), {"WWW-Authenticate": SCHEME})


def _redis_is_away(exc: Exception) -> Problem:
    logger.error("Redis: %s", exc)
    return Problem(503, "the store can't be reached; nothing is known to be written: send again", {"Retry-After": "1"})
