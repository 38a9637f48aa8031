"""A request's id through every layer: in the environ, in the answer, in problem documents, and in what is logged.

    app.layers.add("request id", RequestID)   # last, so that it is outermost
    handler.addFilter(RequestIDFilter())      # the handler's format may then use %(request_id)s

A server in front, such as nginx, may give the id in X-Request-ID. If it gives none, or one that is not valid, the id is
made here. Problem documents then have it as their member `request_id`.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from .errors import REQUEST_ID

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: The environ's key.
KEY = REQUEST_ID

_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")  # nothing that could break a log line or a header
_current: ContextVar[WSGIEnvironment | None] = ContextVar("wz.request_id", default=None)


class RequestID:
    """Middleware. `trust` says whether the request's X-Request-ID is used: not where clients connect directly."""

    def __init__(self, app: WSGIApplication, trust: bool = True) -> None:
        self.app = app
        self.trust = trust

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        given = environ.get("HTTP_X_REQUEST_ID", "") if self.trust else ""
        request_id: str = given if _ID.fullmatch(given) else os.urandom(16).hex()
        environ[KEY] = request_id

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            return start_response(status, [*headers, ("X-Request-ID", request_id)], *exc_info)

        token = _current.set(environ)
        try:
            body = self.app(environ, start)
        finally:
            _current.reset(token)
        if isinstance(body, (list, tuple)) or type(body) is environ.get("wsgi.file_wrapper"):
            return body  # nothing is computed any more
        return _Streamed(body, environ)


class _Streamed:
    """A body that is made while it is sent: each of its steps is logged with the request's id, as the call was."""

    def __init__(self, body: Iterable[bytes], environ: WSGIEnvironment) -> None:
        self._next = iter(body).__next__
        self._close = getattr(body, "close", None)
        self._environ = environ

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        token = _current.set(self._environ)
        try:
            return self._next()
        finally:
            _current.reset(token)

    def close(self) -> None:
        if self._close is None:
            return
        token = _current.set(self._environ)
        try:
            self._close()
        finally:
            _current.reset(token)


def current_environ() -> WSGIEnvironment | None:
    """Return the environ of the request that is being answered, None outside of one; for filters of log records."""
    return _current.get()


class RequestIDFilter(logging.Filter):
    """Gives every log record the attribute `request_id`: that of the request being answered, or `-`."""

    def filter(self, record: logging.LogRecord) -> bool:
        environ = _current.get()
        record.request_id = "-" if environ is None else environ[KEY]
        return True
