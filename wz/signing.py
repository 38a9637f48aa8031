"""The short ways of a session's cookie: the same cookies as itsdangerous and Werkzeug write and read, in a few steps.

A short way that reads can only say yes, to what is right and usual. To anything else it says nothing, and itsdangerous
or Werkzeug judges: a signature by a former key, a forged or an expired one, a cookie in quotation marks.
`tests/wz/test_signing.py` compares the two ways.
"""

from __future__ import annotations

import hmac
import re
import zlib
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from hmac import compare_digest
from time import time
from traceback import clear_frames
from typing import Any

from werkzeug.http import dump_cookie

from .http import Request

try:
    from itsdangerous import BadData as BadData
    from itsdangerous import HMACAlgorithm, TimestampSigner
    from itsdangerous import URLSafeTimedSerializer as URLSafeTimedSerializer
except ModuleNotFoundError as exc:
    raise ModuleNotFoundError(
        "wz.sessions needs the package itsdangerous: pip install itsdangerous", name=exc.name
    ) from exc


#: A session of at most so many bytes is not compressed: that takes longer than all the rest, to save some of them.
UNCOMPRESSED = 256

_TO_URL, _FROM_URL = bytes.maketrans(b"+/", b"-_"), bytes.maketrans(b"-_", b"+/")
_PADDING = (b"", b"===", b"==", b"=")  # by the length modulo 4, as itsdangerous adds it: each error stays an error


class Signing:
    """What a `URLSafeTimedSerializer` dumps and loads, with its newest key derived once and not for each cookie.

    A cookie is payload, time and signature, each in base64 for URLs without padding, with dots between. A payload that
    begins with a dot is compressed. The time is in whole seconds since 1970, big-endian; four bytes until 2106.
    """

    def __init__(self, serializer: URLSafeTimedSerializer) -> None:
        self._serializer = serializer
        self._payload: Any = serializer.serializer
        signer = serializer.make_signer()
        self._is_usual = (
            type(serializer) is URLSafeTimedSerializer
            and not (serializer.is_text_serializer or serializer.serializer_kwargs)
            and type(signer) is TimestampSigner
            and type(signer.algorithm) is HMACAlgorithm
            and signer.sep == b"."
        )
        # A MAC that has taken in the key and nothing else: to copy it costs less than to begin with the key again.
        self._mac = hmac.new(signer.derive_key(), digestmod=signer.digest_method)

    def loads(self, cookie: str, max_age: int) -> Any:
        """Return what was signed at most `max_age` seconds ago. Raises `itsdangerous.BadData`."""
        if self._is_usual:
            signed, _, signature = cookie.encode().rpartition(b".")
            payload, dot, stamp = signed.rpartition(b".")
            if dot and len(stamp) == 6 and compare_digest(signature, self._sign(signed)):
                try:
                    if 0 <= int(time()) - int.from_bytes(_decode(stamp), "big") <= max_age:
                        if payload[:1] == b".":
                            return self._serializer.load_payload(payload)
                        return self._payload.loads(_decode(payload))
                except Exception:  # each reader of a value raises what it likes: the long way makes BadData of it
                    pass
        try:
            return self._serializer.loads(cookie, max_age=max_age)
        except BadData as exc:
            clear_frames(exc.__traceback__)  # itsdangerous keeps errors in frames that these refer to: a cycle
            raise
        except (OSError, OverflowError, ValueError) as exc:  # its time is none that a date can have
            raise BadData(f"the cookie's time can't be read: {exc}") from exc

    def dumps(self, data: dict[str, Any]) -> str:
        """Return the value of a cookie. What the serializer of the payload raises is raised."""
        if not self._is_usual:
            cookie: str | bytes = self._serializer.dumps(data)  # as its payloads are
            return cookie.decode() if isinstance(cookie, bytes) else cookie
        text: bytes = self._payload.dumps(data)
        if len(text) > UNCOMPRESSED and len(compressed := zlib.compress(text)) < len(text) - 1:
            signed = b"." + _encode(compressed) + _stamp(int(time()))
        else:
            signed = _encode(text) + _stamp(int(time()))
        return (signed + b"." + self._sign(signed)).decode()

    def _sign(self, signed: bytes) -> bytes:
        mac = self._mac.copy()
        mac.update(signed)
        return _encode(mac.digest())


signing_of = lru_cache(maxsize=16)(Signing)  # one for each serializer


def _encode(data: bytes) -> bytes:
    return b2a_base64(data, newline=False).rstrip(b"=").translate(_TO_URL)


def _decode(text: bytes) -> bytes:
    return a2b_base64(text.translate(_FROM_URL) + _PADDING[len(text) % 4])


@lru_cache(maxsize=2)
def _stamp(second: int) -> bytes:
    """Return the time as it stands in a cookie, with the dot before it."""
    return b"." + _encode(second.to_bytes(8, "big").lstrip(b"\0"))


def cookie_of(request: Request, name: str) -> str | None:
    """Return `request.cookies.get(name)`, without parsing the others if the header has the name once."""
    header: str = request.environ.get("HTTP_COOKIE", "")
    is_usual = header.count(name) == 1 and '"' not in header and type(request).cookies is Request.cookies
    if is_usual and (found := _finder(name)(header)):
        return found[1]
    return request.cookies.get(name)


@lru_cache(maxsize=64)
def _finder(name: str) -> Callable[[str], re.Match[str] | None]:
    return re.compile(rf"(?:\A|; ){re.escape(name)}=([A-Za-z0-9_.-]*)(?=;|\Z)").search


@lru_cache(maxsize=64)
def around_value(name: str, expires: datetime | None, options: tuple[tuple[str, Any], ...]) -> tuple[str, str]:
    """Return what Werkzeug writes before and after the value of a cookie, made once for each second of `expires`."""
    before, equals, after = dump_cookie(name, "", expires=expires, **dict(options)).partition("=")
    return before + equals, after
