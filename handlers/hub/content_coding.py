"""Content codings of a body (RFC 9110, 8.4): gzip and deflate are undone, so that readers get what was meant.

What comes out is limited as a body that was sent plain is, and no more than that is ever made of it.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Mapping

from werkzeug.exceptions import RequestEntityTooLarge

from wz import Problem

#: For `Accept-Encoding` in the answer to another coding (RFC 9110, 15.5.16).
TAKEN = "gzip, deflate"


def decoded(body: bytes, codings: str, limit: int) -> bytes:
    """Undo the one coding that a Content-Encoding names; `identity` is none.

    Raises `Problem` for another coding, for several (415), and for bytes that are not in it (400), and
    `RequestEntityTooLarge` if more than `limit` bytes come out.
    """
    names = [name for part in codings.lower().split(",") if (name := part.strip()) not in ("", "identity")]
    if not names:
        return body
    undo = _CODINGS.get(names[0])
    if undo is None or len(names) > 1:
        text = f"the Content-Encoding {', '.join(names)!r} is not taken: send gzip or deflate, one of them, or none"
        raise Problem(415, text, {"Accept-Encoding": TAKEN}, field="Content-Encoding")
    try:
        plain = undo(body, limit + 1)
    except (OSError, EOFError, zlib.error) as exc:
        text = f"the body is not in the Content-Encoding that it has, {names[0]!r}: {exc}"
        raise Problem(400, text, field="Content-Encoding") from exc
    if len(plain) > limit:
        raise RequestEntityTooLarge
    return plain


def _gunzip(body: bytes, most: int) -> bytes:
    """Undo gzip (RFC 1952), of any number of members."""
    if not body:
        raise EOFError("it is empty")
    return gzip.GzipFile(fileobj=io.BytesIO(body)).read(most)


def _inflate(body: bytes, most: int) -> bytes:
    """Undo deflate: a zlib stream (RFC 1950), or, as some clients take the name, what is inside of one (RFC 1951)."""
    try:
        return _inflated(body, most, zlib.MAX_WBITS)
    except zlib.error:
        return _inflated(body, most, -zlib.MAX_WBITS)


def _inflated(body: bytes, most: int, window: int) -> bytes:
    stream = zlib.decompressobj(window)
    plain = stream.decompress(body, most)
    if len(plain) < most and not stream.eof:
        raise EOFError("it ends too early")
    if stream.unused_data:
        raise zlib.error("something follows its end")
    return plain


_CODINGS: Mapping[str, Callable[[bytes, int], bytes]] = {"gzip": _gunzip, "x-gzip": _gunzip, "deflate": _inflate}
