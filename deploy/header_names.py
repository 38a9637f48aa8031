"""The names of a request's headers as they were sent: `environ["wz.headers"]`, beside WSGI's own keys.

WSGI has `HTTP_` and a name in upper case, with `_` for `-`. So `WindAlert` has lost its case, and gunicorn leaves
`device_id` out, since it could not be told from `device-id`: `header_map` stays "drop", or X_Forwarded_For would join
X-Forwarded-For, and SCRIPT_NAME move the app. A hub's user properties are told from each other by these names, so they
are read again, from the same bytes, and stand beside what they were:

- No key of environ that begins with `HTTP_` is another than before, and a client can make none that does not begin so.
- What decides (address, host, scheme, length, token) is never read from `wz.headers`: only what is no more than data.

gunicorn has no hook for it. What is overridden is where each of its two parsers has the whole head in its hands; one of
the methods is private, so `check` looks at each start whether it still does what is needed. The master loads this file,
which must import no more than serve.py may.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import gunicorn
from gunicorn.http.errors import ParseException
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

KEY = "wz.headers"

#: The variable by which a server tells the app that it has this key; handlers/hub/header_properties.py looks for it.
VARIABLE = "WSGI_HEADERS_AS_SENT"


class SentHeaders:
    """Pairs of name and value, in the order of the request, as WSGI has texts: one character a byte.

    They are taken apart only when they are asked for, which most requests never are. gunicorn has accepted the lines
    before: each is a token, a colon and a value, and none is folded.
    """

    __slots__ = ("_lines",)

    def __init__(self, lines: bytes) -> None:
        self._lines = lines

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for line in self._lines.decode("latin-1").split("\r\n"):
            name, colon, value = line.partition(":")
            if colon:
                yield name, value.strip(" \t")


class NamedRequest(Request):
    """A request that remembers `sent_headers`, those among them that gunicorn drops for the `_` in their names."""

    sent_headers = SentHeaders(b"")

    def parse_headers(self, data: bytes, from_trailer: bool = False) -> list[tuple[str, str]]:
        """Parse as the parser in Python does; `data` are all lines of the head after the first, or of the trailers."""
        headers: list[tuple[str, str]] = super().parse_headers(data, from_trailer)
        if not from_trailer:
            self.sent_headers = SentHeaders(data)
        return headers

    def _parse_fast(self, unreader: Any, buf: bytearray) -> bytes:
        """Parse as the parser in C does, which leaves the head in `buf`, and returns what came behind it."""
        rest: bytes = super()._parse_fast(unreader, buf)  # type: ignore[misc]  # it is private
        head = bytes(buf[: len(buf) - len(rest)]).removeprefix(b"\r\n")  # the one empty line that may stand before it
        self.sent_headers = SentHeaders(head.partition(b"\r\n")[2])
        return rest


class _Parser(RequestParser):
    mesg_class = NamedRequest


def check(cfg: Any) -> None:
    """Raise RuntimeError unless gunicorn, with these settings, drops a name with `_` and `NamedRequest` has it."""
    sent = b"GET / HTTP/1.1\r\nHost: a\r\nx-Y: 1\r\nz_.Z: \t 2 \r\n\r\n"
    found: object
    try:
        request: Any = next(_Parser(cfg, iter([sent[:20], sent[20:]]), ("127.0.0.1", 0)))
        found = request.headers, list(request.sent_headers)
    except (ParseException, AttributeError, TypeError) as exc:
        found = exc
    if found != ([("HOST", "a"), ("X-Y", "1")], [("Host", "a"), ("x-Y", "1"), ("z_.Z", "2")]):
        raise RuntimeError(
            f"gunicorn {gunicorn.__version__}, or its settings, read headers in another way than "
            f"deploy/header_names.py expects, which was written for gunicorn 27 with header_map 'drop': {found!r}"
        )


class _Current(threading.local):
    headers: Iterable[tuple[str, str]] | None = None  # of the request that this thread answers


current = _Current()


class HeaderNames:
    """Middleware, outside of all else: it gives the app the names that a worker of worker.py has noted."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        headers, current.headers = current.headers, None  # each are of one request
        if headers is not None:  # None in another kind of worker, and for gunicorn's HTTP/2
            environ[KEY] = headers
        return self.app(environ, start_response)
