"""A trace: one request's spans, as they are kept and as they are sent.

Times are nanoseconds since the Unix epoch, by the clock that nginx reads as well, so that spans of several processes
of one machine are comparable. Spans nest by time: one that lies within another was called by it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

#: Whose time a span is, apart from what it called: `socket` and `redis` are waits for another process, `rest` is what
#: no span covers between the first moment and the last (see `wz.tracing.waterfall`).
Who = Literal["nginx", "socket", "gunicorn", "wz", "handler", "redis", "rest"]


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a step added, replaced or took away. `before` is None if it was not there, `after` if it is gone."""

    kind: Literal["environ", "status", "header"]  # a header is one of the answer
    name: str
    before: str | None = None
    after: str | None = None


class Span(msgspec.Struct, omit_defaults=True):
    """One step of a request's way.

    `step` is the kind of place, by which a reader finds what is known of it: see `STEPS`. `name` is for people. `where`
    is `file:line`, below the project's folder or a package's. The times may be wrong by `unsure` nanoseconds.
    """

    step: str
    name: str
    who: Who
    begin: int
    end: int
    where: str = ""
    detail: str = ""
    changes: list[Change] = []
    unsure: int = 0


class Trace(msgspec.Struct, omit_defaults=True):
    """What is known of one request. Secrets among the headers are replaced by their length."""

    id: str
    method: str
    path: str
    status: int  # 0 if the application raised an exception instead of answering
    rule: str  # of the Map; empty if none matched
    began: int
    process: int
    thread: str
    parent: str = ""  # the header traceparent that it came with, if it is valid (W3C Trace Context)
    request_headers: list[tuple[str, str]] = []
    response_headers: list[tuple[str, str]] = []
    spans: list[Span] = []


#: Each kind of step, in the order of a request's way, and what it is.
STEPS = {
    "nginx": "nginx, from the first byte of the request to the last of its answer",
    "nginx.receive": "nginx receives the head and the body",
    "socket": "the request is on the socket to gunicorn, until a worker sees it",
    "gunicorn.queue": "the connection waits for a thread",
    "gunicorn.parse": "gunicorn reads and parses the request",
    "gunicorn.environ": "gunicorn makes the environ",
    "ask": "the service finds out whether the request may be traced",
    "wsgi": "the server calls the application",
    "layer": "a WSGI middleware, in and out",
    "app": "wsgi_app, inside all layers",
    "request": "the Request is made",
    "match": "the rule is found",
    "before": "a before hook",
    "argument": "an argument of the handler is decoded",
    "view": "the handler",
    "redis": "a command, or a pipeline of some, until its reply is there",
    "error": "an exception becomes an answer",
    "finalize": "the value that was returned becomes a Response",
    "after": "an after hook",
    "response": "the Response is called as a WSGI application",
    "start_response": "status and headers are given to the server",
    "teardown": "the teardown hooks",
    "send": "the server writes the answer, from its first byte to its last",
    "nginx.send": "nginx sends the answer to the client",
    "rest": "time that no step covers",
}
