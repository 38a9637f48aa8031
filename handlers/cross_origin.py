"""The pages of other origins that may call the API: WZ_CORS_ORIGINS. By default none may.

They send a token as any client does. The console is not among what they may read, and no answer allows a cookie: what
a signed-in person may do, a page of another origin may not.
"""

from __future__ import annotations

from collections.abc import Iterable

from wz import App, Blueprint
from wz.cors import CORS

#: The headers of answers that clients go by.
EXPOSED = (
    "Allow",
    "ETag",
    "Idempotent-Replayed",
    "Link",
    "Location",
    "Preference-Applied",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-ID",
    "wz-events-repeated",
)


def allow_pages(app: App, origins: Iterable[str], blueprints: Iterable[Blueprint]) -> None:
    """Let pages of these origins call the routes of `blueprints`; without origins nothing is added."""
    if found := frozenset(origins):
        CORS(app, found, blueprints=blueprints, expose_headers=EXPOSED)
