"""The page of an error, for a browser."""

from __future__ import annotations

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as WerkzeugResponse

from wz import Request

from .frame import page, sign_in_url


def error_page(exc: HTTPException, request: Request) -> WerkzeugResponse:
    """Return the page of an error. It asks Redis for nothing, which may be what is away."""
    return page(request, "error.html", exc.code or 500, error=exc, sign_in=sign_in_url(request))
