"""Reads the rest of a refused request's body, so that its client gets the answer."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_CHUNK = 64 * 1024


class UnreadBody:
    """Middleware: reads and drops what an error's handler left of the body, up to `limit` bytes.

    gunicorn closes a connection on which more than a little is left unread. nginx may still be writing to it, and then
    tells the client 503 instead of the 401 or 413 that it has not read yet.
    """

    def __init__(self, app: WSGIApplication, limit: int) -> None:
        self.app = app
        self.limit = limit

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        failed = False

        def start(status: str, *args: Any) -> Any:
            nonlocal failed
            failed = status >= "4"
            return start_response(status, *args)

        result = self.app(environ, start)
        if failed and "wsgi.input_terminated" in environ:  # otherwise it may never end
            with suppress(Exception):  # whatever is wrong with the rest, the answer stays the same
                left = self.limit
                while left > 0 and (data := environ["wsgi.input"].read(_CHUNK)):
                    left -= len(data)
        return result
