"""Making one request to have it traced: to the app in this process, or to a service that runs."""

from __future__ import annotations

import time
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import msgspec
from werkzeug.datastructures import Headers
from werkzeug.test import run_wsgi_app

from ..app import App
from ..testing import EnvironBuilder
from .recording import Recording
from .spans import Trace
from .tracer import Tracer

#: The request header by which a trace is asked for.
ASK = "X-Wz-Trace"

#: Seconds that a service's answer may take.
TIMEOUT = 60.0

#: Seconds after the answer in which the trace must be kept.
KEPT_WITHIN = 10.0

#: Seconds that nginx's part of it may come later than the rest.
COMPLETE_WITHIN = 2.0

#: Methods that change nothing, so that a request can be sent again.
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class NoTrace(Exception):
    """There is none; the text says why."""


class Asked(NamedTuple):
    """A request as it was written in a terminal; `path` may have a query string."""

    method: str
    path: str
    headers: Headers
    body: bytes | None = None

    def builder(self, app: App) -> EnvironBuilder:
        """Return what makes an environ of it, as often as it is asked to."""
        return EnvironBuilder(app, self.path, method=self.method, headers=self.headers, data=self.body)


def in_process(app: App, asked: Asked) -> Trace:
    """Have the app answer in this process; no server is there, so the trace begins with the call of the app.

    A request of a safe method is sent twice, and the second is returned: the first makes what is made once a process.
    """
    kept: list[Recording] = []
    tracer = Tracer(app, kept.append, tell=False)
    with closing(asked.builder(app)) as builder:
        for _ in range(2 if asked.method in SAFE else 1):
            run_wsgi_app(tracer, builder.get_environ(), buffered=True)
    return kept[-1].trace()


def through(url: str, asked: Asked) -> Trace:
    """Send the request to the service at `url`, then ask it for the trace. Raises `NoTrace`."""
    headers = Headers(asked.headers)
    headers[ASK] = "1"
    status, answered, _body = _send(url, asked._replace(headers=headers))
    trace_id = answered.get("X-Request-ID")
    if trace_id is None:
        raise NoTrace(f"{url} answered {status} without X-Request-ID, by which a trace is found")
    deadline = time.monotonic() + KEPT_WITHIN
    while (trace := _find(url, trace_id, asked.headers)) is None:
        if time.monotonic() > deadline:
            raise NoTrace(
                f"{url} answered {status} and kept no trace of request {trace_id}: a token with the Manage right is "
                "needed (--token), or an address of the same machine and the environment development"
            )
        time.sleep(0.1)
    deadline = time.monotonic() + COMPLETE_WITHIN
    while "nginx" in answered.get("Server", "") and time.monotonic() < deadline:
        if any(span.step == "nginx" for span in trace.spans):
            break
        time.sleep(0.1)
        trace = _find(url, trace_id, asked.headers) or trace
    return trace


def kept(url: str, trace_id: str, headers: Headers) -> Trace:
    """Return a trace that the service at `url` keeps. Raises `NoTrace`."""
    trace = _find(url, trace_id, headers)
    if trace is None:
        raise NoTrace(f"{url} has no trace {trace_id}: traces are kept for an hour")
    return trace


def _find(url: str, trace_id: str, headers: Headers) -> Trace | None:
    shown = Headers([pair for pair in headers if pair[0].lower() in ("authorization", "cookie", "host")])
    status, _headers, body = _send(url, Asked("GET", f"/layers/{quote(trace_id, safe='')}.json", shown))
    if status == 404:
        return None
    if status != 200:
        raise NoTrace(f"{url} answered {status} when asked for the trace: {body[:200].decode(errors='replace')}")
    try:
        return msgspec.json.decode(body, type=Trace)
    except (msgspec.DecodeError, RecursionError) as exc:
        raise NoTrace(f"{url} answered what is no trace: {exc}") from exc


def _send(url: str, asked: Asked) -> tuple[int, Headers, bytes]:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise NoTrace(f"{url!r} must be http://host:port or https://host:port")
    connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    with closing(connect(parts.hostname, parts.port, timeout=TIMEOUT)) as connection:
        try:
            connection.request(asked.method, parts.path.rstrip("/") + asked.path, asked.body, dict(asked.headers))
            answer = connection.getresponse()
            return answer.status, Headers(answer.getheaders()), answer.read()
        except (OSError, HTTPException, ValueError) as exc:
            raise NoTrace(f"{url}: {exc or type(exc).__name__}") from exc
