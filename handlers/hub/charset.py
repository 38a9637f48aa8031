"""The character encoding of a batch: UTF-8, with a byte-order mark or without, UTF-16 or UTF-32."""

from __future__ import annotations

import json
import re

from werkzeug.exceptions import RequestEntityTooLarge

from wz import Problem

_UNICODE = re.compile("utf[-_]?(8|16|32)", re.IGNORECASE)
_ASCII = frozenset({"ascii", "us-ascii"})


def as_utf8(body: bytes, charset: str | None, limit: int) -> bytes:
    """Return a JSON text as UTF-8 without a mark.

    JSON begins with an ASCII character, so its first bytes tell which of the encodings it has; a `charset` must say the
    same. Raises `Problem` for another charset, unless all is ASCII (415), and for bytes that are no text (400), and
    `RequestEntityTooLarge` if it is longer than `limit` as UTF-8.
    """
    encoding = json.detect_encoding(body)
    if charset:
        _compare(charset, encoding, body)
    if encoding == "utf-8":
        return body
    if encoding == "utf-8-sig":
        return body[3:]
    try:
        found = body.decode(encoding).encode()
    except UnicodeDecodeError as exc:
        raise Problem(400, f"the batch is not valid {encoding.upper()}: {exc.reason}", field="body") from exc
    if len(found) > limit:
        raise RequestEntityTooLarge
    return found


def _compare(charset: str, encoding: str, body: bytes) -> None:
    named = _UNICODE.match(charset)
    if named is None:
        if charset.lower() not in _ASCII and not body.isascii():
            text = f"the charset {charset!r} of the Content-Type is not taken: send UTF-8, UTF-16 or UTF-32"
            raise Problem(415, text, field="Content-Type")
    elif encoding.split("-")[1] != named[1] and body:
        text = f"the charset of the Content-Type is {charset!r}, but the batch is {encoding.upper()}"
        raise Problem(400, text, field="Content-Type")
