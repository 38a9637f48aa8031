"""The body of a request: all of it, and as it was before its content coding."""

from __future__ import annotations

import re

from werkzeug.exceptions import ClientDisconnected

from wz import Request

from .content_coding import decoded

_LENGTH = re.compile("[0-9]{1,18}")


def plain_body(request: Request) -> bytes:
    """Read the body, with its content coding undone. Raises what `whole_body` does, and `decoded`."""
    body = whole_body(request)
    codings = request.environ.get("HTTP_CONTENT_ENCODING")
    return decoded(body, codings, request.max_content_length) if codings else body


def whole_body(request: Request) -> bytes:
    """Read the body. Raises `ClientDisconnected` if it ends before its announced length."""
    body = bytes(request.get_data())
    length = request.environ.get("CONTENT_LENGTH", "")
    if _LENGTH.fullmatch(length) and len(body) < int(length):
        raise ClientDisconnected
    return body
