"""Small things that handlers call: `redirect`, `make_response`."""

from __future__ import annotations

from typing import Any, cast

from werkzeug import utils
from werkzeug.wrappers import Response as WerkzeugResponse

from .context import active_app, current_request
from .http import Response, to_response


def redirect(location: str, code: int = 302) -> Response:
    """Return a redirect to a URL or path; 301, 302, 303, 305, 307 or 308."""
    return cast("Response", utils.redirect(location, code, Response))


def make_response(*args: Any) -> WerkzeugResponse:
    """Return a response of what a handler might return: `make_response(body, 201, headers)`."""
    value: Any = "" if not args else args[0] if len(args) == 1 else args
    request = current_request()
    return to_response(value, active_app(), request.environ if request else None, "the caller of make_response")
