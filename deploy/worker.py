"""gunicorn's threaded worker, but for two things: what it refuses itself, it answers in the service's form, with the
request's id; and after `max_requests` it goes on until the master (serve.py) has replaced it.

It is loaded by gunicorn's master as well, so nothing of the service is imported before it is needed.
"""

from __future__ import annotations

import json
import os
import re
import sys
import uuid
from contextlib import suppress
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from gunicorn.http import errors
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser
from gunicorn.workers.gthread import ThreadWorker

#: The first one counts that an exception is an instance of; what is none of them is the service's own fault, a 500.
#: The statuses are nginx's, which refuses most of this before gunicorn sees it.
STATUSES: dict[type[Exception], int] = {
    errors.InvalidResponseHeader: 500,  # which the app tried to send; kinds of InvalidHeader and InvalidHeaderName
    errors.InvalidResponseHeaderName: 500,
    errors.ConfigurationProblem: 500,
    errors.LimitRequestLine: 414,
    errors.LimitRequestHeaders: 431,
    errors.ExpectationFailed: 417,
    errors.ForbiddenProxyRequest: 403,
    errors.UnsupportedTransferCoding: 501,
    errors.InvalidHTTPVersion: 505,
    errors.ParseException: 400,
}

DETAILS = {
    403: "This address may not connect.",
    414: "The request line is too long.",
    417: "No expectation but 100-continue can be met.",
    431: "There are too many headers, or one is too long.",
    500: "The service was unable to process the request.",
    501: "No transfer coding but chunked is known.",
    505: "HTTP/1.0 and 1.1 are spoken here.",
}

_ID = re.compile(rb"^x-request-id:[ \t]*([A-Za-z0-9._-]{8,128})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_ADDRESS = re.compile(rb"^x-forwarded-for:[ \t]*([0-9A-Fa-f.:]+)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)


class KeptRequest(Request):  # type: ignore[misc]  # gunicorn has no types
    """A request whose head can still be looked at if it can't be parsed: `head` of the exception."""

    _head: bytes | bytearray = b""

    def __init__(self, *args: Any) -> None:
        try:
            super().__init__(*args)
        except errors.ParseException as exc:
            exc.head = bytes(self._head)
            raise

    def read_into(self, unreader: Any, buf: bytearray, stop: bool = False) -> None:
        super().read_into(unreader, buf, stop)
        if not self._head:
            self._head = buf  # the first read: the request line, and then what nginx sets


class Worker(ThreadWorker):  # type: ignore[misc]
    """What `worker_class` in gunicorn.conf.py names."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.requests_until_worn = self.max_requests  # with its jitter
        self.max_requests = sys.maxsize

    def notify(self) -> None:
        super().notify()
        if self.nr >= self.requests_until_worn:
            os.ftruncate(self.tmp.fileno(), 1)  # the heartbeat file, in which the master looks for it

    def init_process(self) -> None:
        RequestParser.mesg_class = KeptRequest
        super().init_process()

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Log why a request can't be handled, and answer it. The connection is closed then.

        The log has no word of the request but its path: a broken header may be the one with the token.
        """
        head = getattr(exc, "head", b"") or _head(req)
        status = next((status for kind, status in STATUSES.items() if isinstance(exc, kind)), 500)
        method, path = _request_line(head)
        found, address = _ID.search(head), _ADDRESS.search(head)
        request_id = found[1].decode() if found else uuid.uuid4().hex
        client_address = address[1].decode() if address else "-"

        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(exc).__name__).lower()
        log, exc_info = (self.log.error, exc) if status == 500 else (self.log.warning, None)
        log("refused %s %s: %d (%s) address=%s id=%s", method, path, status, words, client_address, request_id,
            exc_info=exc_info)  # fmt: skip
        with suppress(OSError):  # the client may be gone
            client.sendall(answer(status, words, path, request_id, without_body=method == "HEAD"))


def answer(status: int, words: str, path: str, request_id: str, without_body: bool = False) -> bytes:
    """Return a whole answer: a problem document, or Event Hubs' XML if `path` is a hub's."""
    from handlers.hub.xml_errors import XML, is_dialect

    title = HTTPStatus(status).phrase
    detail = DETAILS.get(status, f"This is not a valid HTTP request: {words}.")
    if is_dialect(path):
        media_type = XML
        text = f"<Error><Code>{status}</Code><Detail>{detail} TrackingId:{request_id}</Detail></Error>"
    else:
        media_type = "application/problem+json"
        text = json.dumps(
            {"type": "about:blank", "title": title, "status": status, "detail": detail, "request_id": request_id}
        )
    head = (
        f"HTTP/1.1 {status} {title}\r\nConnection: close\r\nContent-Type: {media_type}\r\n"
        f"Content-Length: {len(text)}\r\nX-Request-ID: {request_id}\r\n\r\n"
    )
    return (head if without_body else head + text).encode()


def _head(request: Any) -> bytes:
    """Return the head of a request that was parsed, or nothing."""
    if request is None or request.method is None:
        return b""
    lines = [f"{request.method} {request.uri} HTTP/1.1", *(f"{name}: {value}" for name, value in request.headers)]
    return "\r\n".join(lines).encode("latin-1", "replace")


def _request_line(head: bytes) -> tuple[str, str]:
    """Return the method, and the path without its query, as far as these can be read; else `-` and ``."""
    words = head.lstrip(b"\r\n").partition(b"\r\n")[0].decode("ascii", "backslashreplace").split(" ")
    method = words[0] if words[0].isalpha() else "-"
    with suppress(ValueError):
        return method, urlsplit(words[1]).path if len(words) > 1 else ""
    return method, ""
