"""The service: its blueprints, its error table, its settings."""

from __future__ import annotations

from pipeline.hub.sas import SCHEME, Unauthorized
from pipeline.settings import Settings
from wz import App, Problem
from wz.encoded_slash import EncodedSlash
from wz.openapi import OpenAPI
from wz.request_id import RequestID

from . import auth, boards, console, following, health, hub, jobs, metrics, tracing
from .boards.parameters import DECIMAL
from .cross_origin import allow_pages
from .error_help import explain_errors
from .error_table import PROBLEMS
from .hub.canonical_path import CanonicalPath
from .hub.xml_errors import answer_unmatched
from .log_fields import keep_facts
from .outage import ANSWERED, RESPONSES, UNSAFE_RESPONSES, count_writes, outage
from .services import Services
from .unread import UnreadBody

#: Also in pyproject.toml, which a container need not have.
VERSION = "0.1.0"

#: Bytes of a request's body: Event Hubs takes 1 MB of events at once. nginx.conf allows a little more, so that the
#: answer to a body that is too large is this service's.
MAX_CONTENT_LENGTH = 1024 * 1024

#: The same for many members of a board at once, some million records. nginx.conf also has it, for one location.
MAX_BULK_LENGTH = 256 * 1024 * 1024

DESCRIPTION = """\
An Event Hub, windows over its events, and reward boards. Events are sent to a hub; jobs write the rows of their windows
to outputs and add to boards. Errors are `application/problem+json` (RFC 9457).
"""


def create_app(settings: Settings | None = None) -> App:
    """Return the service as a WSGI application.

    Nothing is sent to Redis before the first request.
    """
    settings = settings or Settings.from_environ()

    app = App(
        "handlers",
        config={
            "MAX_CONTENT_LENGTH": MAX_CONTENT_LENGTH,
            "MAX_BULK_LENGTH": MAX_BULK_LENGTH,
            "MAX_WAIT": following.MAX_WAIT,
            "TAIL_SECONDS": following.TAIL_SECONDS,
        },
    )
    app.extensions["services"] = Services(settings)
    app.problems.update(PROBLEMS)
    app.register_error_handler(Unauthorized, _unauthorized)
    count_writes(app)
    for kind in ANSWERED:
        app.register_error_handler(kind, outage)
    auth.answer_authorize_only(app)  # before all other hooks
    app.url_map.converters.update(hub.converters)
    for blueprint in (health.blueprint, *boards.blueprints, *jobs.blueprints, *hub.blueprints, metrics.blueprint):
        app.register(blueprint)
    allow_pages(app, settings.cors_origins, (*boards.blueprints, *jobs.blueprints, *hub.blueprints))
    OpenAPI(
        app,
        title="wz",
        version=VERSION,
        description=DESCRIPTION,
        responses=RESPONSES,
        unsafe_responses=UNSAFE_RESPONSES,
        security_schemes={auth.SAS: auth.SCHEME},
        decimal=DECIMAL,
    )
    answer_unmatched(app)
    console.install(app)
    explain_errors(app, settings.guide_url)
    largest = max(settings.max_send_bytes, settings.max_reference_bytes)
    app.layers.add("encoded slash", EncodedSlash, below="/boards/")
    app.layers.add("canonical path", CanonicalPath)
    app.layers.add("unread body", UnreadBody, limit=largest * 5 // 4)  # as nginx.conf lets through
    keep_facts(app)
    app.layers.add("request id", RequestID)
    metrics.measure(app)
    tracing.instrument(app)
    return app


def _unauthorized(exc: Unauthorized) -> Problem:
    return Problem(401, str(exc), {"WWW-Authenticate": SCHEME})
