"""A stranger can't fill it: limits for each address, and the token looked at before a body is taken."""

from __future__ import annotations

import json
import resource
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
import redis as redis_py

from pipeline.hub.log import Hub
from wz.live_server import LiveServer

from .. import stack
from .flood import flooding
from .wire import Answer, connect, exchange, read

#: As many as the machine lets a process have, which is less than this on few.
FLOOD = min(3000, resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 500)


def post(path: str, length: int, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {length}", *headers, "", ""]
    return "\r\n".join(lines).encode()


@pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.2 and 127.0.0.3 are addresses of this machine on Linux")
def test_others_are_served_while_one_address_floods(edge: LiveServer, run: Path) -> None:
    token = stack.token()
    with flooding(edge.address, FLOOD) as counts:
        for path, status in [("/healthz", 200), ("/readyz", 200), ("/boards/none/members/x", 404)] * 100:
            head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n\r\n"
            answer = exchange(edge.address, head.encode(), "127.0.0.3")
            assert answer is not None
            assert answer.status == status
        assert taken(run) == 0
    assert counts["429"] > 0
    assert counts["401"] > 0


@pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.4 is an address of this machine on Linux")
def test_an_address_that_asks_too_often_is_told_to_wait(edge: LiveServer) -> None:
    def ask(number: int) -> Answer | None:
        return exchange(edge.address, b"GET /events/messages HTTP/1.1\r\nHost: x\r\n\r\n", "127.0.0.4")

    # Many more than 100 at once and 50 a second, which are for clients that show no token; one that waits for each
    # answer does not get there on a slow machine.
    with ThreadPoolExecutor(16) as clients:
        answer = next((found for found in clients.map(ask, range(1000)) if found and found.status == 429), None)
        clients.shutdown(cancel_futures=True)

    assert answer is not None
    assert answer.headers["Retry-After"] == "1"
    assert answer.detail == "Too many requests from this address: try again."
    assert answer.headers["Content-Type"] == "application/xml; charset=utf-8"


def taken(run: Path) -> int:
    """Bytes of bodies in nginx's folder."""
    total = 0
    for path in (run / "body").rglob("*"):
        with suppress(FileNotFoundError):
            total += path.stat().st_size if path.is_file() else 0
    return total


@pytest.mark.parametrize(
    "framing",
    [
        pytest.param("Content-Length: 33554432", id="of known length"),
        pytest.param("Transfer-Encoding: chunked", id="in chunks"),
        # To nginx's variables this name is that of the coding.
        pytest.param("Authorization: x\r\nContent-Length: 33554432\r\nTransfer_Encoding: x 5", id="that says it is 5"),
        pytest.param("Content-Length: 33554432\r\nTransfer_Encoding: x 0", id="that says it is 0"),
        pytest.param("Transfer_Encoding: 0\r\nTransfer-Encoding: chunked", id="in chunks that are 0"),
        pytest.param("Transfer_Encoding:\r\nTransfer-Encoding: chunked", id="in chunks that are hidden"),
    ],
)
def test_nothing_is_kept_of_a_large_body_without_a_token(edge: LiveServer, run: Path, framing: str) -> None:
    head = f"POST /boards/b/members HTTP/1.1\r\nHost: 127.0.0.1\r\n{framing}\r\nContent-Type: application/json\r\n\r\n"
    sockets = [connect(edge.address) for _ in range(3)]
    try:
        for sock in sockets:
            sock.sendall(head.encode())
            with suppress(OSError):  # it is refused meanwhile
                sock.sendall(b"%x\r\n" % (1 << 20) + b"x" * (1 << 20) + b"\r\n")
        for sock in sockets:
            answer = read(sock)
            assert answer is not None
            assert answer.status == 401
        assert taken(run) == 0
    finally:
        for sock in sockets:
            sock.close()


@pytest.mark.parametrize("path", ["/boards/b/members", "/events/messages", "/openapi.json"])
@pytest.mark.parametrize("hidden", ["", "Transfer_Encoding:\r\n"], ids=["", "hidden"])
def test_nor_of_one_that_comes_with_a_get(edge: LiveServer, run: Path, path: str, hidden: str) -> None:
    """nginx before 1.23 has only the first of two headers in a variable, and to it both names are one."""
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{hidden}Transfer-Encoding: chunked\r\n\r\n"
    with connect(edge.address) as sock:
        sock.sendall(head.encode())
        with suppress(OSError):  # it is refused meanwhile
            sock.sendall(b"%x\r\n" % (1 << 20) + b"x" * (1 << 20) + b"\r\n")
        answer = read(sock)

        assert answer is not None
        assert (answer.status, answer.detail) == (413, "A GET can't have such a body.")
        assert taken(run) == 0


@pytest.mark.parametrize(
    ("token", "why"),
    [
        (lambda: None, "MissingToken"),
        (lambda: "SharedAccessSignature sr=x&sig=x&se=1&skn=x", "InvalidSignature"),
        (lambda: stack.token("other"), "InvalidAudience"),
        (lambda: stack.token(lifetime=-4000), "ExpiredToken"),
    ],
)
def test_a_refused_token_is_answered_as_the_service_does(
    edge: LiveServer, behind: LiveServer, redis: redis_py.Redis, token: object, why: str
) -> None:
    """`why` is said by the service; nginx passes its words on, with its header, before the body is there."""
    assert callable(token)
    header = [f"Authorization: {token()}"] if token() else []
    small, large = (post("/Events/Messages", length, *header) for length in (1, 200_000))
    direct = exchange(behind.address, small + b"x")
    asked_first = exchange(edge.address, large)

    assert direct is not None
    assert asked_first is not None
    assert (asked_first.status, asked_first.headers["WWW-Authenticate"]) == (401, "SharedAccessSignature")
    assert why in asked_first.detail
    assert asked_first.detail == direct.detail
    assert "X-Refusal" not in asked_first.headers


def test_a_problem_document_passes_as_it_is(edge: LiveServer, behind: LiveServer) -> None:
    small, large = (post("/boards/b/members", length) for length in (1, 200_000))
    direct, asked_first = exchange(behind.address, small + b"x"), exchange(edge.address, large)

    assert direct is not None
    assert asked_first is not None
    assert asked_first.headers["Content-Type"] == "application/problem+json"
    without_id = json.loads(asked_first.body), json.loads(direct.body)
    for document in without_id:
        document.pop("request_id", None)
    assert without_id[0] == without_id[1]


def test_a_client_that_waits_is_refused_before_it_sends(edge: LiveServer) -> None:
    head = post("/events/messages", 200_000, f"Authorization: {stack.token('other')}", "Expect: 100-continue")
    answer = exchange(edge.address, head)

    assert answer is not None
    assert answer.status == 401  # not 100


@pytest.mark.parametrize("length", [200_000, 1])
def test_a_good_token_is_asked_for_and_the_request_is_handled_once(
    edge: LiveServer, redis: redis_py.Redis, hub: Hub, length: int
) -> None:
    answer = exchange(edge.address, post("/events/messages", length, f"Authorization: {stack.token()}") + b"x" * length)

    assert answer is not None
    assert answer.status == 201
    assert [len(stored.event.body) for p in range(4) for stored in hub.read(p)] == [length]


def test_a_client_can_not_ask_as_nginx_does(edge: LiveServer, redis: redis_py.Redis, hub: Hub) -> None:
    head = post("/events/messages", 1, f"Authorization: {stack.token()}", "X-Authorize-Only: 1")
    answer: Answer | None = exchange(edge.address, head + b"x")

    assert answer is not None
    assert answer.status == 201
    assert [stored.event.body for p in range(4) for stored in hub.read(p)] == [b"x"]


def test_what_gunicorn_can_not_take_is_a_bad_request_also_when_it_is_asked(edge: LiveServer) -> None:
    answer = exchange(edge.address, post("/events/messages", 200_000, "X: \x01"))

    assert answer is not None
    assert answer.status == 400
    assert answer.detail == "This is not a valid HTTP request."


@pytest.mark.parametrize(("path", "largest"), [("/boards/b/members?x=1", "256 MiB"), ("/boards/b", "1 MiB")])
def test_the_largest_body_is_named(edge: LiveServer, path: str, largest: str) -> None:
    answer = exchange(edge.address, post(path, 1 << 30, f"Authorization: {stack.token()}"))

    assert answer is not None
    assert (answer.status, answer.detail) == (413, f"The body is larger than {largest}.")
