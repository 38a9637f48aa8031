"""Traces for tests of pages: that of a request as it is when nginx, gunicorn and Redis have taken part."""

from __future__ import annotations

from wz.fast import Matcher
from wz.request_id import RequestID
from wz.tracing.source import source_of
from wz.tracing.spans import Change, Span, Trace, Who

ID = "d9cc35f105dafa8916c3d61f5f07e368"
BEGAN = 1_777_638_000_212_000_000

#: step, name, who, at and took in microseconds, where
_REWARD: list[tuple[str, str, Who, float, float, str]] = [
    ("nginx", "nginx", "nginx", 0, 3020, ""),
    ("nginx.receive", "receives head and body", "nginx", 0, 1000, ""),
    ("socket", "on the socket to gunicorn", "socket", 1000, 796, ""),
    ("gunicorn.queue", "waits for a thread", "gunicorn", 1796, 55, "deploy/epoll.py:40"),
    ("gunicorn.parse", "reads and parses", "gunicorn", 1851, 193, "gunicorn/http/message.py:60"),
    ("gunicorn.environ", "makes the environ", "gunicorn", 2044, 68, "gunicorn/http/wsgi.py:70"),
    ("wsgi", "WSGI", "wz", 2112, 878, "wz/app.py:40"),
    ("layer", "metrics", "wz", 2131, 773, "handlers/metrics/__init__.py:60"),
    ("layer", "request id", "wz", 2140, 747.4, source_of(RequestID.__call__)),
    ("layer", "unread body", "handler", 2155, 731, "handlers/unread.py:26"),
    ("app", "app", "wz", 2172, 711, "wz/app.py:43"),
    ("request", "Request", "wz", 2175, 7, "wz/http.py:92"),
    ("match", "match", "wz", 2184, 11.4, source_of(Matcher.match)),
    ("before", "check_token", "handler", 2217, 36, "handlers/auth.py:60"),
    ("argument", "body", "wz", 2258, 62, "wz/typed.py:99"),
    ("view", "members.add_reward", "handler", 2342, 425, "handlers/boards/members.py:20"),
    ("redis", "EVALSHA fanout.UPDATE {board:actions}:scores", "redis", 2476, 227, "pipeline/boards/shard.py:60"),
    ("finalize", "finalize", "wz", 2771, 24, "wz/app.py:120"),
    ("response", "Response", "wz", 2797, 73, "wz/http.py:200"),
    ("start_response", "start_response", "wz", 2802, 20, "wz/http.py:210"),
    ("teardown", "teardown", "wz", 2871, 3, "wz/app.py:140"),
    ("send", "first to last byte", "gunicorn", 2961, 15, "gunicorn/http/wsgi.py:300"),
    ("nginx.send", "to the client", "nginx", 2990, 30, ""),
]

_CHANGES = {
    "request id": [
        Change("environ", "wz.request_id", after=ID),
        Change("header", "X-Request-ID", after=ID),
        Change("environ", "HTTP_X_REQUEST_ID", before="given", after=None),
    ],
    "start_response": [Change("status", "", after="200 OK"), Change("header", "Content-Type", after="text/plain")],
}


def reward(id: str = ID, slower: dict[str, float] | None = None, *, nginx: bool = True) -> Trace:
    """Return a trace of a request that gave a reward. `slower` has microseconds by which steps took longer."""
    late = slower or {}
    ends = {name: at + took for _, name, _, at, took, _ in _REWARD}
    spans = []
    for step, name, who, at, took, where in _REWARD:
        begin = at + sum(by for of, by in late.items() if ends[of] <= at)
        end = at + took + sum(by for of, by in late.items() if ends[of] <= at + took)
        spans.append(
            Span(
                step,
                name,
                who,
                BEGAN + round(begin * 1000),
                BEGAN + round(end * 1000),
                where,
                changes=_CHANGES.get(name, []),
                unsure=1_000_000 if who in ("nginx", "socket") else 0,
            )
        )
    return Trace(
        id,
        "POST",
        "/boards/actions/members/offer_a/rewards?exact=string",
        200,
        "/boards/<board>/members/<member>/rewards",
        BEGAN,
        4121,
        "worker_2",
        request_headers=[("Host", "127.0.0.1:8080"), ("Authorization", "hidden, 163 characters"), ("X-Request-ID", id)],
        response_headers=[("Content-Type", "text/plain"), ("X-Request-ID", id)],
        spans=[span for span in spans if nginx or span.who not in ("nginx", "socket")],
    )


def hostile(spans: int = 2000) -> Trace:
    """Return a trace of which each text is markup, with more spans than anybody draws, and times that can't be."""
    text = "<script>alert(1)</script>\"'`${7*7}{{7*7}}%00" + "\u202e" + "x" * 150
    made = [
        Span(text, text, "handler", BEGAN + number // 3, BEGAN + number // 3 - number % 5, f"{text}.py:1", text)
        for number in range(spans)
    ]
    made += [
        Span(
            "layer",
            text,
            "wz",
            BEGAN,
            BEGAN + 10**15,
            "../../etc/passwd.py:1",
            text,
            [Change("environ", text, text, text), Change("header", text, None, None)],
            10**18,
        )
    ]
    return Trace(
        ID, text, f"/{text}", 999, text, BEGAN, -1, text, text, [(text, text)] * 300, [(text, text)] * 300, made
    )
