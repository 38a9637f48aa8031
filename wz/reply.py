"""Answers made and sent the short way: `Reply`, for when no hook needs a Response, and `send` for one that was needed.

What these give is what Werkzeug's Response gives: tests/wz/test_response.py compares them. Each goes Werkzeug's way if
the installed Werkzeug is not the one that is known (`wz/compat.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

import msgspec
from werkzeug.datastructures import Headers
from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.wrappers import Response

from . import compat

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

R = TypeVar("R", bound=Response)

#: The statuses that a body may come with, and their lines as Werkzeug writes them.
STATUS_LINES = {
    code: f"{code} {name.upper()}" for code, name in HTTP_STATUS_CODES.items() if code >= 200 and code not in (204, 304)
}

_LENGTH = "content-length"
_WATCHED = frozenset({_LENGTH, "location", "content-location"})


class Reply(msgspec.Struct, frozen=True, gc=False):
    """A whole answer: a WSGI application as small as it can be."""

    body: bytes
    status_code: int = 200
    content_type: str = "application/json"
    more_headers: tuple[tuple[str, str], ...] = ()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        headers = [("Content-Type", self.content_type), ("Content-Length", str(len(self.body))), *self.more_headers]
        start_response(STATUS_LINES[self.status_code], headers)
        return () if environ["REQUEST_METHOD"] == "HEAD" else (self.body,)

    def as_response(self, cls: type[R]) -> R:
        """Return the same as a Response, for hooks; `cls` must not override Response's constructors."""
        headers = [("Content-Type", self.content_type), ("Content-Length", str(len(self.body))), *self.more_headers]
        if not compat.AVAILABLE:
            return cls(self.body, self.status_code, headers)
        response = cls.__new__(cls)
        response.headers = Headers.__new__(Headers)
        response.headers._list = headers
        response._status = STATUS_LINES[self.status_code]
        response._status_code = self.status_code
        response.direct_passthrough = False
        response._on_close = []
        response.response = [self.body]
        return response


def send(response: Response, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes] | None:
    """Send a response on which Werkzeug would have nothing to do; return None for one that must go the long way.

    The long way is for bodies that are streamed or not bytes, headers that were replaced by a dict, callbacks at the
    response's end, statuses that allow no body, Location (which is made a URI) and HEAD.
    """
    body = response.response
    if (
        not compat.AVAILABLE
        or type(body) is not list
        or len(body) != 1
        or type(body[0]) is not bytes
        or type(response.headers) is not Headers
        or response._on_close
        or response.direct_passthrough
        or not 200 <= response._status_code < 600
        or response._status_code in (204, 304)
        or environ["REQUEST_METHOD"] == "HEAD"
    ):
        return None
    headers = list(response.headers._list)
    has_length = False
    for name, _ in headers:
        if name == "Content-Length":
            has_length = True
        elif name != "Content-Type" and (lower := name.lower()) in _WATCHED:
            if lower != _LENGTH:
                return None
            has_length = True
    if not has_length:
        headers.append(("Content-Length", str(len(body[0]))))
    start_response(response._status, headers)
    return body
