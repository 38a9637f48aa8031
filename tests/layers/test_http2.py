"""Requests of HTTP/2 that are not allowed: nginx must not write them into the HTTP/1.1 that it speaks to gunicorn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from h2.events import ResponseReceived

from .. import stack
from ..http2 import Headers, HTTP2Server
from .conftest import Hops

GET = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"contoso"), (b":path", b"/")]
POST = [(b":method", b"POST"), *GET[1:]]


@pytest.fixture(scope="module")
def tls(hops: Hops, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HTTP2Server]:
    with stack.tls(tmp_path_factory.mktemp("tls"), hops.socket) as server:
        yield server


def statuses(server: HTTP2Server, headers: Headers, body: bytes = b"") -> list[bytes]:
    """Return the status of the answer, or nothing if the server ended the stream or the connection without one."""
    events = list(server.exchange(headers, body))
    return [value for event in events if isinstance(event, ResponseReceived) for name, value in event.headers[:1]]


def replaced(name: bytes, value: bytes) -> Headers:
    return [(known, value if known == name else its) for known, its in GET]


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        pytest.param([*GET, (b"x-a", b"1\r\nx-b: 2")], b"", id="a line end in a value"),
        pytest.param([*GET, (b"x-a", b"1\nx-b: 2")], b"", id="LF in a value"),
        pytest.param([*GET, (b"x-a", b"1\0")], b"", id="NUL in a value"),
        pytest.param([*GET, (b"x-a: 1\r\nx-b", b"2")], b"", id="a line end in a name"),
        pytest.param([*POST, (b"content-length", b"9")], b"hello", id="a length that is too large"),
        pytest.param([*POST, (b"content-length", b"2")], b"hello", id="a length that is too small"),
        pytest.param([*POST, (b"content-length", b"5"), (b"content-length", b"6")], b"hello", id="two lengths"),
        pytest.param(replaced(b":path", b"/ HTTP/1.1\r\nx-b: 2"), b"", id="a line end in the path"),
        pytest.param(replaced(b":path", b"/a b"), b"", id="a space in the path"),
        pytest.param(replaced(b":path", b"a"), b"", id="a path without a slash"),
        pytest.param(replaced(b":path", b""), b"", id="an empty path"),
        pytest.param(replaced(b":method", b"GET / HTTP/1.1\r\nx-b:"), b"", id="a line end in the method"),
        pytest.param(replaced(b":authority", b"contoso\r\nx-b: 2"), b"", id="a line end in the authority"),
        pytest.param(replaced(b":authority", b"a/b"), b"", id="a path in the authority"),
        pytest.param([*GET, (b"host", b"other")], b"", id="a Host that is not the authority"),
        pytest.param(GET[:3], b"", id="no path"),
        pytest.param(GET[1:], b"", id="no method"),
        pytest.param([*GET, (b":path", b"/b")], b"", id="two paths"),
        pytest.param([*GET, (b"X-A", b"1")], b"", id="a name in capitals"),
    ],
)
def test_a_request_that_is_not_allowed_does_not_reach_the_app(
    hops: Hops, tls: HTTP2Server, headers: Headers, body: bytes
) -> None:
    hops.handled()

    assert statuses(tls, headers, body) in ([], [b"400"])

    assert statuses(tls, replaced(b":path", b"/marker")) == [b"200"]
    assert [request["target"] for request in hops.handled()] == ["/marker"]


@pytest.mark.parametrize(
    ("name", "value"),
    [(b"transfer-encoding", b"chunked"), (b"connection", b"x-a"), (b"upgrade", b"h2c"), (b"te", b"gzip")],
)
def test_what_is_for_one_hop_stays_there(hops: Hops, tls: HTTP2Server, name: bytes, value: bytes) -> None:
    hops.handled()

    assert statuses(tls, [*POST, (name, value)], b"hello") in ([], [b"200"], [b"400"], [b"501"])

    for request in hops.handled():
        assert request["body"] == "hello"
        assert f"HTTP_{name.decode().upper().replace('-', '_')}" not in request


@pytest.mark.parametrize(("path", "status"), [(b"/", b"413"), (b"/boards/b/members", b"413"), (b"/a%zz", b"400")])
def test_a_body_that_a_get_has_not_announced_is_small(hops: Hops, tls: HTTP2Server, path: bytes, status: bytes) -> None:
    """In HTTP/2 nothing tells before its end that there is one, and nobody has looked at a token."""
    assert statuses(tls, replaced(b":path", path), b"x" * 200_000) == [status]


def test_cookies_in_several_headers_are_one(hops: Hops, tls: HTTP2Server) -> None:
    hops.handled()

    assert statuses(tls, [*GET, (b"cookie", b"a=1"), (b"cookie", b"b=2")]) == [b"200"]

    (request,) = hops.handled()
    assert request["HTTP_COOKIE"] == "a=1; b=2"  # RFC 9113, 8.2.3


def test_the_app_is_told_https(hops: Hops, tls: HTTP2Server) -> None:
    hops.handled()

    assert statuses(tls, GET) == [b"200"]

    (request,) = hops.handled()
    assert (request["wsgi.url_scheme"], request["HTTP_HOST"]) == ("https", "contoso")
