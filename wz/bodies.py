"""Bodies whose length is told: read at once, without the stream that Werkzeug makes first.

Bodies that come in chunks, whose length is known at their end only, and streams are in `wz/chunked.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from . import compat
from .chunked import is_decoded

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def read_whole(environ: WSGIEnvironment, limit: int | None) -> bytes | None:
    """Return the whole body of a request of which nothing was read; None if Werkzeug must be asked.

    `limit` is the most bytes that are taken, None for any number. Raises `ClientDisconnected` for a body that ends
    early or can't be read, `RequestEntityTooLarge` for one that the server decoded to more than the limit.
    """
    told: str = environ.get("CONTENT_LENGTH", "")
    if not (compat.AVAILABLE and told.isdecimal() and told.isascii() and len(told) < 16):
        return None
    size = int(told)
    if "HTTP_TRANSFER_ENCODING" in environ or (limit is not None and (size > limit or not limit)):
        return None  # to be refused, or of no length after all
    source = environ["wsgi.input"]
    is_terminated = "wsgi.input_terminated" in environ
    left = limit + 1 if is_terminated and limit is not None else size
    parts: list[bytes] = []
    try:
        if is_terminated and limit is None:
            parts.append(source.read())
            left = 0
        while left and (part := source.read(left)):  # an input may give less than it is asked for, and still have more
            parts.append(part)
            left -= len(part)
    except (OSError, ValueError):
        raise ClientDisconnected from None
    body = b"".join(parts)
    if is_terminated and limit is not None and not left:
        raise RequestEntityTooLarge
    if len(body) < size and not (is_terminated and is_decoded(environ)):
        raise ClientDisconnected
    return body
