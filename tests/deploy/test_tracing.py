"""A request through nginx, gunicorn and Redis is traced through all of them, and its times add up."""

from __future__ import annotations

import dataclasses
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
import redis as redis_py
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from werkzeug.test import TestResponse

from pipeline.console.keys import TRACE, TRACES
from pipeline.settings import Settings
from wz.live_server import LiveServer
from wz.testing import Client
from wz.tracing.spans import STEPS, Span, Trace
from wz.tracing.waterfall import rows, shares

from .. import stack

WISH = {"X-Wz-Trace": "1"}
MEMBER = "/boards/b/members/ann"

#: The steps of a request that reaches a handler, as far as each has one, in the order in which they begin.
ORDER = (
    *("nginx", "nginx.receive", "socket", "gunicorn.queue", "gunicorn.parse", "gunicorn.environ", "ask", "wsgi"),
    *("layer", "app", "request", "match", "before", "argument", "view", "redis", "finalize", "after", "response"),
    *("start_response", "teardown", "send", "nginx.send"),
)


@pytest.fixture
def server(edge: LiveServer, redis: redis_py.Redis) -> Client:
    return Client(edge)


def ask(client: Client, path: str = MEMBER, method: str = "GET", wish: bool = True, **more: Any) -> TestResponse:
    headers = {"Authorization": stack.token(), **(WISH if wish else {}), **more.pop("headers", {})}
    return client.open(path, method=method, headers=headers, **more)


def trace_of(client: Client, answer: TestResponse | str, is_whole: Callable[[Trace], bool] | None = None) -> Trace:
    """Return the trace of a request once it is stored, by default with nginx's part."""
    id = answer if isinstance(answer, str) else answer.headers["X-Request-ID"]
    found: list[Trace] = []

    def is_there() -> bool:
        response = ask(client, f"/layers/{id}.json", wish=False)
        if response.status_code == 200:
            found[:] = [msgspec.json.decode(response.data, type=Trace)]
        return bool(found) and (is_whole or has_nginx)(found[0])

    stack.until(is_there)
    return found[0]


def has_nginx(trace: Trace) -> bool:
    return "nginx" in steps(trace)


def steps(trace: Trace) -> list[str]:
    return [row.span.step for row in rows(trace)]


def span(trace: Trace, step: str) -> Span:
    (found,) = (span for span in trace.spans if span.step == step)
    return found


def ids(redis: redis_py.Redis) -> list[str]:
    return [one.decode().partition(" ")[0] for one in redis.lrange(TRACES.pattern, 0, -1)]


def test_a_request_through_all_layers(server: Client) -> None:
    ask(server, method="PUT", json={"score": 1})
    answer = ask(server)
    trace = trace_of(server, answer)
    waterfall = rows(trace)
    order = list(dict.fromkeys(step for step in steps(trace) if step != "rest"))  # a process prepares a route once

    assert (answer.status_code, trace.status, trace.method, trace.path) == (200, 200, "GET", MEMBER)
    assert trace.rule == "/boards/<board>/members/<member>"
    assert tuple(order) == ORDER
    assert set(order) <= set(STEPS)
    assert waterfall[0].span.step == "nginx"
    assert sum(row.own for row in waterfall) == waterfall[0].took == sum(shares(waterfall).values())
    assert waterfall[0].own == 0, "all of nginx's time is a step of its own, or another's"
    assert all(0 <= row.at <= row.at + row.took <= waterfall[0].took for row in waterfall)
    assert {row.span.unsure for row in waterfall if row.span.who == "nginx"} == {1_000_000}
    *_, redis = (one for one in trace.spans if one.step == "redis")  # the first request of a process makes a connection
    assert "read.lua {board:b}:" in redis.name
    assert redis.where.startswith("pipeline/boards/")
    assert span(trace, "gunicorn.parse").where.startswith("gunicorn/http/message.py:")
    assert "queue;dur=" in answer.headers["Server-Timing"]
    assert trace.id in answer.headers["traceparent"]


def test_a_client_without_the_right_gets_the_same_answer_and_no_trace(server: Client, redis: redis_py.Redis) -> None:
    board = stack.token("boards")  # good for boards, not for the namespace
    ask(server, method="PUT", json={"score": 1}, wish=False)
    before = ask(server, wish=False, headers={"Authorization": board})
    answer = ask(server, headers={"Authorization": board})
    stranger = server.get(MEMBER, headers=WISH)
    after = trace_of(server, ask(server))

    assert (answer.status_code, answer.data) == (before.status_code, before.data)
    assert list(answer.headers.keys()) == list(before.headers.keys())
    assert stranger.status_code == 401
    assert ids(redis) == [after.id]


@pytest.mark.parametrize("value", ["", "0", "2", "1764374400.000 0.001", "1 1764374400.000 0.001", "yes"])
def test_another_value_asks_for_nothing(server: Client, redis: redis_py.Redis, value: str) -> None:
    ask(server, headers={"X-Wz-Trace": value})
    after = trace_of(server, ask(server))

    assert ids(redis) == [after.id]


def test_the_app_is_told_the_times_in_the_wish_s_place(server: Client) -> None:
    trace = trace_of(server, ask(server))
    sent_on, seconds = dict(trace.request_headers)["X-Wz-Trace"].split()

    assert trace.began == round((float(sent_on) - float(seconds)) * 1000) * 1_000_000


@pytest.mark.parametrize(
    ("path", "method", "status", "step"),
    [
        ("/boards/none/members/nobody", "GET", 404, "error"),
        ("/boards/b/nowhere", "GET", 404, "error"),
        (MEMBER, "PATCH", 405, "error"),
        ("/healthz", "GET", 200, "view"),
        ("/openapi.json", "HEAD", 200, "view"),
    ],
)
def test_other_answers(server: Client, path: str, method: str, status: int, step: str) -> None:
    answer = ask(server, path, method)
    trace = trace_of(server, answer)
    waterfall = rows(trace)

    assert (answer.status_code, trace.status, trace.method) == (status, status, method)
    assert step in steps(trace)
    assert sum(row.own for row in waterfall) == waterfall[0].took
    assert f"HTTP/1.1 {status};" in span(trace, "nginx").detail


def test_an_event_and_a_large_body(server: Client) -> None:
    """nginx asks about the token first, before it takes a body that is large: this is no request of its own."""
    body = b"[" + b",".join([b'{"Body":"x"}'] * 20_000) + b"]"
    batch = {"Content-Type": "application/vnd.microsoft.servicebus.json"}
    event = trace_of(server, ask(server, "/events/messages", "POST", data=b'{"a":1}'))
    answer = ask(server, "/events/messages", "POST", data=body, headers=batch)
    large = trace_of(server, answer)

    assert (event.status, large.status) == (201, 201)
    assert any("append.lua" in one.name for one in event.spans)
    assert f"{len(body) // 1000}," in f"{int(span(large, 'nginx').detail.split(' bytes in')[0].split()[-1]):,}"
    assert [one.step for one in large.spans].count("wsgi") == 1


def test_a_request_waits_in_a_long_poll(server: Client) -> None:
    answer = ask(server, "/hubs/events/partitions/0/events?wait=1")
    trace = trace_of(server, answer)

    assert trace.status == 200
    assert span(trace, "nginx").end - span(trace, "nginx").begin >= 900_000_000
    assert sum(row.own for row in rows(trace)) == rows(trace)[0].took


def test_two_at_once_and_others_beside_them(server: Client, redis: redis_py.Redis) -> None:
    found: list[TestResponse] = []

    def several() -> None:
        for number in range(10):
            answer = ask(server, f"/boards/b{threading.get_ident()}/members/m", wish=number % 2 == 0)
            if number % 2 == 0:
                found.append(answer)

    threads = [threading.Thread(target=several) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(stack.PATIENCE)
    traces = [trace_of(server, answer) for answer in found]

    assert len(ids(redis)) == len(found) == 20
    for trace in traces:
        board = trace.path.split("/")[2]
        commands = [one.name for one in trace.spans if one.step == "redis" and one.name != "a new connection"]
        assert commands
        assert all(f"{{board:{board}}}" in name for name in commands)
        assert sum(row.own for row in rows(trace)) == rows(trace)[0].took


def test_requests_on_one_connection(edge: LiveServer, server: Client) -> None:
    with socket.create_connection(("127.0.0.1", int(edge.address.rpartition(":")[2]))) as connection:
        connection.settimeout(stack.PATIENCE)
        for number in (1, 2, 3):
            head = f"GET /healthz HTTP/1.1\r\nHost: a\r\nAuthorization: {stack.token()}\r\nX-Wz-Trace: 1\r\n\r\n"
            connection.sendall(head.encode())
            data = b""
            while b"\r\n\r\n" not in data or not data.rstrip().endswith(b"}"):
                data += connection.recv(4096)
            id = data.partition(b"X-Request-ID: ")[2][:32].decode()
            trace = trace_of(server, id)
            assert f"request {number} of connection" in span(trace, "nginx").detail


def test_what_nginx_refuses_itself_has_no_trace(server: Client, redis: redis_py.Redis) -> None:
    refused = [
        ask(server, f"{MEMBER}?sig=abc"),
        ask(server, MEMBER, "TRACE"),
        ask(server, MEMBER, headers={"X-Long": "x" * 9000}),
    ]
    after = trace_of(server, ask(server))

    assert [answer.status_code for answer in refused] == [400, 405, 431]
    assert ids(redis) == [after.id]


def test_an_error_of_the_service_has_a_trace(server: Client, redis: redis_py.Redis) -> None:
    redis.set("{board:broken}:features", "a key of the wrong type")
    trace = trace_of(server, ask(server, "/boards/broken/members/m/features"))

    assert trace.status >= 500
    assert "error" in steps(trace)
    assert any(one.step == "redis" and "ResponseError" in one.detail for one in trace.spans)


def test_over_tls_and_http_2(run: Path, behind: LiveServer, tmp_path: Path, server: Client) -> None:
    """Its own nginx says what it has to say in its own folder: there the socket of the workers is, too."""
    (tmp_path / "trace.sock").symlink_to(run / "trace.sock")
    with stack.tls(tmp_path, run / "gunicorn.sock") as over_tls:
        answer = ask(Client(over_tls))
        trace = trace_of(server, answer)

    assert "HTTP/2.0 200;" in span(trace, "nginx").detail or "HTTP/2.0 404;" in span(trace, "nginx").detail
    assert steps(trace)[:3] == ["nginx", "nginx.receive", "socket"]


def test_without_nginx_a_trace_begins_with_gunicorn(behind: LiveServer, server: Client) -> None:
    """A client of gunicorn's socket says the wish itself."""
    answer = ask(Client(behind))
    trace = trace_of(server, answer, lambda trace: True)

    assert steps(trace)[0] == "rest" or steps(trace)[0].startswith("gunicorn.")
    assert not {"nginx", "nginx.receive", "socket"} & set(steps(trace))


def test_a_line_that_is_lost_leaves_the_rest(run: Path, behind: LiveServer, server: Client, tmp_path: Path) -> None:
    """As when no worker listens: nginx has said in the header when it had the request."""
    (tmp_path / "gunicorn.sock").symlink_to(run / "gunicorn.sock")
    with stack.nginx(tmp_path) as alone:
        answer = ask(Client(alone))
        trace = trace_of(server, answer, lambda trace: True)

    assert answer.status_code in (200, 404)
    assert "nginx" not in steps(trace)
    assert {"nginx.receive", "socket", "gunicorn.queue", "wsgi"} <= set(steps(trace))
    assert sum(row.own for row in rows(trace)) == max(one.end for one in trace.spans) - trace.began


@pytest.mark.parametrize("line", [b"", b"<190>nonsense", b"<190>a b: {", b"<190>a b: " + b"x" * 60_000, b"\xff" * 100])
def test_a_line_that_is_none_is_dropped(run: Path, server: Client, line: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(str(run / "trace.sock"))
        sender.send(line)

    assert has_nginx(trace_of(server, ask(server)))


def test_a_line_of_a_request_that_nobody_knows_leaves_nothing(run: Path, server: Client, redis: redis_py.Redis) -> None:
    trace = trace_of(server, ask(server))
    line = cast("bytes", redis.hget(TRACE.named(ID=trace.id), "nginx"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(str(run / "trace.sock"))
        sender.send(b"<190>a b: " + line.replace(trace.id.encode(), b"0" * 32))
    trace_of(server, ask(server))

    assert redis.exists(TRACE.named(ID="0" * 32)) == 0


def test_the_socket_is_the_service_s_own(run: Path, behind: LiveServer) -> None:
    assert (run / "trace.sock").stat().st_mode & 0o777 == 0o600


def test_spans_go_to_a_collector_as_well(tmp_path: Path, server_settings: Settings) -> None:
    received: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None: ...

    with ExitStack() as running:
        collector = running.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Collector))
        running.callback(collector.shutdown)
        threading.Thread(target=collector.serve_forever).start()
        _, url = running.enter_context(stack.redis_server(tmp_path))
        settings = dataclasses.replace(server_settings, redis_url=url, environment="development")
        environ: dict[str, Any] = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}",
            "OTEL_BSP_SCHEDULE_DELAY": "50",
            "WEB_CONCURRENCY": "1",
        }
        running.enter_context(stack.gunicorn(tmp_path, settings, **environ))
        client = Client(running.enter_context(stack.nginx(tmp_path)))
        parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        client.get("/healthz", headers={**WISH, "traceparent": parent, "Authorization": "secret of the client"})
        stack.until(lambda: bool(received))

    (resource,) = ExportTraceServiceRequest.FromString(received[0]).resource_spans
    assert {pair.value.string_value for pair in resource.resource.attributes if pair.key == "service.name"} == {"wz"}
    (scope,) = resource.scope_spans
    assert {span.trace_id.hex() for span in scope.spans} == {"4bf92f3577b34da6a3ce929d0e0e4736"}
    assert {"nginx.receive receives head and body", "GET /healthz"} <= {span.name for span in scope.spans}
    assert not any(b"secret of the client" in body for body in received)


def test_one_in_so_many_and_in_development_who_asks_on_this_machine(tmp_path: Path, server_settings: Settings) -> None:
    with ExitStack() as running:
        _, url = running.enter_context(stack.redis_server(tmp_path))
        settings = dataclasses.replace(server_settings, redis_url=url, environment="development")
        running.enter_context(stack.gunicorn(tmp_path, settings, WZ_TRACE_EVERY="5", WEB_CONCURRENCY="1"))
        client = Client(running.enter_context(stack.nginx(tmp_path)))
        asked = client.get("/healthz", headers=WISH)
        answers = [client.get("/healthz") for _ in range(10)]
        traced = [answer for answer in answers if "traceparent" in answer.headers]
        traces = [trace_of(client, answer) for answer in (asked, *traced)]

    assert "traceparent" in asked.headers
    assert len(traced) == 2
    for trace in traces:
        assert steps(trace)[:3] == ["nginx", "nginx.receive", "socket"]
        assert sum(row.own for row in rows(trace)) == rows(trace)[0].took
