"""A request's id through every layer: in the environ, in the answer, and in what is logged meanwhile.

    app.layers.add("request id", RequestID)   # last, so that it is outermost
    handler.addFilter(RequestIDFilter())      # the handler's format may then use %(request_id)s

A server in front, such as nginx, may give the id in X-Request-ID. If it gives none, or one that is not valid, the id is
made here.
"""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Iterable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: The environ's key.
KEY = "wz.request_id"

_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")  # nothing that could break a log line or a header
_current: ContextVar[str] = ContextVar("wz.request_id", default="-")


class RequestID:
    """Middleware. `trust` says whether the request's X-Request-ID is used: not where clients connect directly."""

    def __init__(self, app: WSGIApplication, trust: bool = True) -> None:
        self.app = app
        self.trust = trust

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        given = environ.get("HTTP_X_REQUEST_ID", "") if self.trust else ""
        request_id: str = given if _ID.fullmatch(given) else uuid.uuid4().hex
        environ[KEY] = request_id

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            return start_response(status, [*headers, ("X-Request-ID", request_id)], *exc_info)

        token = _current.set(request_id)
        try:
            return self.app(environ, start)
        finally:
            _current.reset(token)


class RequestIDFilter(logging.Filter):
    """Gives every log record the attribute `request_id`: that of the request being answered, or `-`."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = _current.get()
        return True
