"""What gunicorn's worker answers to a request that can't be parsed: the service's form, with the request's id.

The master loads this file, so nothing of the service is imported before it is needed.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from gunicorn.http import errors
from gunicorn.http.message import Request

#: The first one counts that an exception is an instance of; what is none of them is the service's own fault, a 500.
#: The statuses are nginx's, which refuses most of this before gunicorn sees it.
STATUSES: dict[type[Exception], int] = {
    errors.InvalidResponseHeader: 500,  # type: ignore[attr-defined]  # which the app tried to send; kinds of InvalidHeader and InvalidHeaderName
    errors.InvalidResponseHeaderName: 500,  # type: ignore[attr-defined]
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

#: What to do about it, by gunicorn's words for it.
_ADVICE = {
    "invalid header name": " The name of a header has ASCII letters, digits and !#$%&'*+-.^_`|~ only.",
}

_ID = re.compile(rb"^x-request-id:[ \t]*([A-Za-z0-9._-]{8,128})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_ADDRESS = re.compile(rb"^x-forwarded-for:[ \t]*([0-9A-Fa-f.:]+)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)

#: So that nginx.conf can tell these answers from the app's. It goes no further.
REFUSED_BY = "X-Refused-By: gunicorn"


class KeptRequest(Request):
    """A request whose head can still be looked at if it can't be parsed: `head` of the exception."""

    _head: bytes | bytearray = b""

    def __init__(self, *args: Any) -> None:
        try:
            super().__init__(*args)
        except errors.ParseException as exc:
            exc.head = bytes(self._head)  # type: ignore[attr-defined]
            raise

    def read_into(self, unreader: Any, buf: bytearray, stop: bool | None = False) -> None:
        super().read_into(unreader, buf, stop)
        if not self._head:
            self._head = buf  # the first read: the request line, and then what nginx sets


@dataclass(frozen=True)
class Refusal:
    """Why a request is refused, and as much of it as could be read."""

    status: int
    words: str  # what gunicorn calls the reason
    method: str
    path: str
    address: str
    request_id: str

    @classmethod
    def of(cls, request: Any, exc: BaseException) -> Refusal:
        """Return what `exc` says of `request`, which is None if it could not be parsed."""
        head = getattr(exc, "head", b"") or _head(request)
        method, path = _request_line(head)
        found, address = _ID.search(head), _ADDRESS.search(head)
        return cls(
            status=next((status for kind, status in STATUSES.items() if isinstance(exc, kind)), 500),
            words=re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(exc).__name__).lower(),
            method=method,
            path=path,
            address=address[1].decode() if address else "-",
            request_id=found[1].decode() if found else uuid.uuid4().hex,
        )

    def answer(self) -> bytes:
        """Return a whole answer: a problem document, or Event Hubs' XML if the path is a hub's."""
        from handlers.hub.xml_errors import XML, is_dialect

        title = HTTPStatus(self.status).phrase
        detail = DETAILS.get(
            self.status, f"This is not a valid HTTP request: {self.words}.{_ADVICE.get(self.words, '')}"
        )
        see = f"{guide}reference/errors/#{self.status}" if (guide := os.environ.get("WZ_GUIDE_URL")) else ""
        if is_dialect(self.path):
            media_type = XML
            detail = escape(detail)
            text = f"<Error><Code>{self.status}</Code><Detail>{detail} TrackingId:{self.request_id}</Detail></Error>"
        else:
            media_type = "application/problem+json"
            problem = {"type": "about:blank", "title": title, "status": self.status, "detail": detail}
            text = json.dumps(problem | {"request_id": self.request_id} | ({"see": see} if see else {}))
        link = f'Link: <{see}>; rel="help"\r\n' if see else ""
        head = (
            f"HTTP/1.1 {self.status} {title}\r\nConnection: close\r\nContent-Type: {media_type}\r\n"
            f"Content-Length: {len(text)}\r\nX-Request-ID: {self.request_id}\r\n{link}{REFUSED_BY}\r\n\r\n"
        )
        return (head if self.method == "HEAD" else head + text).encode()


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
