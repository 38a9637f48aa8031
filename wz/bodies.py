"""Bodies whose length is told: read at once, without the stream that Werkzeug makes first.

Bodies that come in chunks, whose length is known at their end only, are in `wz/chunked.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from . import compat

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
    if is_terminated:
        # The server says where the body ends: one that something has decoded has another length than it was sent with.
        if limit is None:
            return cast("bytes", source.read())
        size = limit + 1
    parts: list[bytes] = []
    try:
        while size and (part := source.read(size)):  # an input may give less than it is asked for, and still have more
            parts.append(part)
            size -= len(part)
    except (OSError, ValueError):
        raise ClientDisconnected from None
    if is_terminated and not size:
        raise RequestEntityTooLarge
    if size and not is_terminated:
        raise ClientDisconnected
    return b"".join(parts)
