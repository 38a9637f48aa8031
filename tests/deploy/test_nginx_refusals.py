"""What nginx answers itself: in the service's form, with the request's id in header and body."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.hub.description import RESERVED
from wz.live_server import LiveServer

from .. import stack
from .wire import exchange


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """nginx without a gunicorn."""
    with stack.nginx(tmp_path_factory.mktemp("run"), alone=True) as server:
        yield server


LONG = b"a" * 9000

#: Each is sent for a board and for a hub. `%s` is the path.
REFUSED = {
    "a NUL in a header": (400, b"GET %s HTTP/1.1\r\nHost: x\r\nX: \0\r\n\r\n"),
    "no Host": (400, b"GET %s HTTP/1.1\r\n\r\n"),
    "two Hosts": (400, b"GET %s HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"),
    "a length that is no number": (400, b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n"),
    "a length and chunks": (
        400,
        b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    "an escaped NUL": (400, b"GET %s/a%00 HTTP/1.1\r\nHost: x\r\n\r\n"),
    "TRACE": (405, b"TRACE %s HTTP/1.1\r\nHost: x\r\n\r\n"),
    "a body that is too large": (413, b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n"),
    "a request line that is too long": (414, b"GET %s?" + LONG + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
    "a header that is too long": (431, b"GET %s HTTP/1.1\r\nHost: x\r\nX: " + LONG + b"\r\n\r\n"),
    "an unknown transfer coding": (501, b"POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n"),
    "no gunicorn": (503, b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"),
    "no gunicorn to ask for the token": (503, b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n"),
    "a version to come": (505, b"GET %s HTTP/3.1\r\nHost: x\r\n\r\n"),
    "a path that is nginx's own": (404, b"GET /.refused/problem?%s HTTP/1.1\r\nHost: x\r\n\r\n"),
}


@pytest.mark.parametrize("path", [b"/boards/actions", b"/events/messages"])
@pytest.mark.parametrize(("status", "request_bytes"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_has_the_form_of_the_service(
    nginx: LiveServer, status: int, request_bytes: bytes, path: bytes
) -> None:
    answer = exchange(nginx.address, request_bytes.replace(b"%s", path))

    assert answer is not None
    assert answer.status == status
    assert answer.detail
    if status != 404:  # a path of nginx's own is no board
        assert ("problem" in answer.headers["Content-Type"]) is path.startswith(b"/boards")
    assert answer.headers["Retry-After"] == ("1" if status == 503 else None)
    assert ("Allow" in answer.headers) is (status == 405)


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x02\x00\r\n\r\n", b"GET\r\n\r\n", b"\r\n\r\n \r\n"], ids=repr)
def test_what_is_no_request_at_all_is_a_bad_one(nginx: LiveServer, data: bytes) -> None:
    answer = exchange(nginx.address, data)

    assert answer is not None
    assert answer.status == 400
    assert answer.detail == "This is not a valid HTTP request."


def test_an_answer_to_head_has_no_body(nginx: LiveServer) -> None:
    answer = exchange(nginx.address, b"HEAD /boards/actions HTTP/1.1\r\nHost: x\r\n\r\n")

    assert answer is not None
    assert (answer.status, answer.body) == (503, b"")
    assert int(answer.headers["Content-Length"]) > 0


def test_http_0_9_is_closed_without_an_answer(nginx: LiveServer) -> None:
    assert exchange(nginx.address, b"GET /openapi.json\r\n") is None


@pytest.mark.parametrize("path", ["/boards/actions", "/events/messages", "/"])
def test_a_browser_is_shown_a_page(nginx: LiveServer, path: str) -> None:
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept: text/html,*/*;q=0.8\r\n\r\n"
    answer = exchange(nginx.address, head.encode())

    assert answer is not None
    assert (answer.status, answer.headers["Content-Type"]) == (503, "text/html")
    text = answer.body.decode()
    assert "<h1>503 Service Unavailable</h1><p>The service is starting" in text
    assert answer.headers["X-Request-ID"] in text


def test_a_link_that_signs_in_is_in_no_log_while_gunicorn_is_away(tmp_path: Path) -> None:
    """It can still be used then, so it is a secret."""
    log = tmp_path / "access.log"
    with stack.nginx(tmp_path, log=log, alone=True) as nginx:
        for path in ("/console/sign-in?code=SECRET", "/console/server"):
            answer = exchange(nginx.address, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert answer is not None
            assert answer.status == 503
        stack.until(lambda: log.read_text().count("\n") == 2)
        errors = (tmp_path / "access-errors.log").read_text()

    assert "/console/server" in errors  # others are there
    assert "SECRET" not in errors + log.read_text()


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_no_path_of_the_service_is_taken_for_a_hub(nginx: LiveServer, name: str) -> None:
    path = "guide/none" if name == "guide" else name  # whose own folder nginx knows
    answer = exchange(nginx.address, f"GET /{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    assert answer is not None
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_every_refusal_has_each_of_the_headers_once(nginx: LiveServer) -> None:
    answer = exchange(nginx.address, b"GET /boards/actions HTTP/1.1\r\nHost: x\r\n\r\n")

    assert answer is not None
    names = [name.lower() for name in answer.headers]
    assert len(names) == len(set(names))
    assert {"x-request-id", "retry-after", "cache-control", "x-content-type-options", "referrer-policy"} <= set(names)
