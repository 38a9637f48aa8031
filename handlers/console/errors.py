"""The page of an error, for a browser: what happened, and what there is instead."""

from __future__ import annotations

from difflib import get_close_matches
from urllib.parse import quote

from werkzeug.exceptions import BadHost, HTTPException
from werkzeug.wrappers import Response as WerkzeugResponse

from wz import Request
from wz.errors import REQUEST_ID, help_for
from wz.errors import error_page as plain_page

from .frame import PLACES, Place, page, sign_in_url

#: What there is beside the pages of the bar.
OTHERS = (
    Place("Sign in", "/console/sign-in", "Who looks, and with which rights", "the header Authorization"),
    Place("Docs", "/docs", "The API, to read and to try", "/openapi.json"),
    Place("Healthz", "/healthz", "Whether a process serves", "200, without a token"),
    Place("Readyz", "/readyz", "Whether it can do its work: is Redis there?", "200 or 503, without a token"),
)

#: By the last word of their paths; what is below the first three has a name.
_NAMED = ("/console/hubs", "/console/jobs", "/console/boards")
_WORDS = {place.path.rpartition("/")[2]: place.path for place in (*PLACES, *OTHERS)} | {"home": "/", "console": "/"}

_LONGEST = 64  # characters of a segment that is looked at


def error_page(exc: HTTPException, request: Request, headers: list[tuple[str, str]]) -> WerkzeugResponse:
    """Return the page of an error. It asks Redis for nothing, which may be what is away."""
    path = request.path
    is_unknown = exc.code == 404 and (request.url_rule is None or not isinstance(exc.description, str))
    try:
        shown = page(
            request,
            "error.html",
            exc.code or 500,
            error=exc,
            shown=path if len(path) <= 2 * _LONGEST else f"{path[: 2 * _LONGEST]}\u2026",
            is_unknown=is_unknown,
            near=nearest(path) if is_unknown else None,
            others=OTHERS,
            sign_in=sign_in_url(request),
            see=help_for(exc, request),
            id=request.environ.get(REQUEST_ID, ""),
        )
    except BadHost as bad:  # no address can be made for such a Host, and the page has some
        return plain_page(bad, request, headers)
    shown.headers.extend(headers)
    return shown


def nearest(path: str) -> str | None:
    """Return the path of the page that somebody may have meant, with the names that are in `path`, or None."""
    segments = [segment for segment in path.split("/") if segment]
    while segments:
        word, *names = segments
        match = get_close_matches(word[:_LONGEST].lower(), _WORDS, 1)
        if not match:
            return None
        if match == ["console"] and names:
            segments = names
            continue
        found = _WORDS[match[0]]
        named = "/".join([found, *(quote(name, safe="") for name in names)]) if found in _NAMED else found
        return named if named != path else None
    return None
