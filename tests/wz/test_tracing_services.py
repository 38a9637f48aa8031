"""Traces that go to others: through a service over HTTP, and to an OpenTelemetry collector."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from click.testing import CliRunner
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.test import Client

import wz
from wz import App
from wz.cli import main
from wz.request_id import RequestID
from wz.tracing import Recording, Trace, Tracer
from wz.tracing.collector import Collector
from wz.tracing.otlp import document
from wz.tracing.traceparent import parse

from ..in_thread import in_thread
from ..stack import until

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Silent(WSGIRequestHandler):
    def log(self, *args: Any) -> None: ...


@contextmanager
def served(application: WSGIApplication) -> Iterator[str]:
    """Serve an application on a port of this machine."""
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Silent)
    with in_thread(server):
        yield f"http://127.0.0.1:{server.server_port}"


def small_app() -> App:
    app = App("tests.wz")
    app.add_url_rule("/hello/<name>", "hello", lambda name: {"hello": name})
    app.layers.add("request id", RequestID)
    return app


def traced(headers: dict[str, str] | None = None) -> Trace:
    kept: list[Recording] = []
    Client(Tracer(small_app(), kept.append)).get("/hello/ann?x=1", headers=headers, buffered=True)
    return kept[0].trace()


# -- `wz trace --url` --------------------------------------------------------------------------------------------------


@pytest.fixture
def service() -> Iterator[str]:
    """A service that traces who asks with a token, and answers with its traces at /layers/ID.json."""
    app = small_app()
    kept: list[Recording] = []

    def find(request: wz.Request, name: str) -> Any:
        if request.headers.get("Authorization") != "Bearer of-the-service":
            return "no token", 401
        found = next((one for one in kept if one.id == name), None)
        return wz.abort(404) if found is None else found.trace()

    app.add_url_rule("/layers/<name>.json", "find", find)

    def asked(environ: WSGIEnvironment) -> bool:
        return environ.pop("HTTP_X_WZ_TRACE", None) == "1" and "HTTP_AUTHORIZATION" in environ

    with served(Tracer(app, kept.append, asked=asked)) as address:
        yield address


def test_a_request_is_traced_through_a_service(service: str) -> None:
    options = ["--url", service, "--token", "Bearer of-the-service"]
    done = CliRunner().invoke(main, ["trace", "GET", "/hello/ann", *options, "--format", "json"])

    assert done.exit_code == 0, done.output
    trace = msgspec.json.decode(done.output, type=Trace)
    assert (trace.path, trace.rule) == ("/hello/ann", "/hello/<name>")
    assert ("Authorization", "hidden, 21 characters") in trace.request_headers

    again = CliRunner().invoke(main, ["trace", *options, "--id", trace.id])
    assert again.output.startswith("GET /hello/ann: 200")
    missing = CliRunner().invoke(main, ["trace", *options, "--id", "another"])
    assert "has no trace another" in missing.output


def test_who_may_not_see_the_trace_is_told(service: str) -> None:
    done = CliRunner().invoke(main, ["trace", "/hello/ann", "--url", service, "--token", "another"])

    assert (done.exit_code, "answered 401 when asked for the trace" in done.output) == (1, True)


# -- OpenTelemetry -----------------------------------------------------------------------------------------------------


@pytest.fixture
def received() -> list[tuple[str, bytes]]:
    return []


@pytest.fixture
def collector(received: list[tuple[str, bytes]], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An endpoint as an OpenTelemetry collector has it, which keeps what is posted to it."""

    def take(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = wz.Request(environ)
        received.append((request.path, request.get_data()))
        start_response("200 OK", [("Content-Type", "application/x-protobuf"), ("Content-Length", "0")])
        return [b""]

    with served(take) as address:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        yield address


@pytest.mark.usefixtures("collector")
def test_spans_reach_a_collector(received: list[tuple[str, bytes]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    trace = traced({"traceparent": PARENT})
    exporter = Collector("orders")
    try:
        exporter.send(trace)
        until(lambda: bool(received))
    finally:
        exporter.close()

    assert {path for path, _body in received} == {"/v1/traces"}
    spans: list[Any] = []
    for _path, body in received:
        (resource,) = ExportTraceServiceRequest.FromString(body).resource_spans
        named = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
        assert (named["service.name"], named["deployment.environment.name"]) == ("orders", "test")
        spans += [span for scope in resource.scope_spans for span in scope.spans]

    by_name = {span.name: span for span in spans}
    assert len(spans) == len(trace.spans)
    assert {span.trace_id.hex() for span in spans} == {"4bf92f3577b34da6a3ce929d0e0e4736"}
    call, view = by_name["GET /hello/<name>"], by_name["view hello"]
    assert call.parent_span_id.hex() == "00f067aa0ba902b7"
    assert by_name["layer request id"].parent_span_id == call.span_id
    assert view.parent_span_id == by_name["app app"].span_id
    attributes = {pair.key: pair.value for pair in call.attributes}
    assert attributes["http.route"].string_value == "/hello/<name>"
    assert attributes["http.response.status_code"].int_value == 200
    where = {pair.key: pair.value for pair in view.attributes}
    assert where["code.file.path"].string_value == "tests/wz/test_tracing_services.py"


@pytest.mark.filterwarnings("ignore")  # OpenTelemetry's exporter, of the collector that is away
def test_a_collector_that_is_away_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "16")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "8")
    trace = traced()
    exporter = Collector()
    try:
        for _ in range(100):  # many more spans than the queue holds
            exporter.send(trace)
    finally:
        exporter.close()


def test_otlp_s_json_has_the_same_spans() -> None:
    trace = traced({"traceparent": PARENT})
    (resource,) = json.loads(json.dumps(document(trace)))["resourceSpans"]
    (scope,) = resource["scopeSpans"]

    assert len(scope["spans"]) == len(trace.spans)
    assert len({span["spanId"] for span in scope["spans"]}) == len(trace.spans)
    assert scope["spans"][0]["parentSpanId"] == "00f067aa0ba902b7"
    assert {span["traceId"] for span in scope["spans"]} == {"4bf92f3577b34da6a3ce929d0e0e4736"}


def test_the_span_that_the_answer_names_is_the_call_of_the_app() -> None:
    kept: list[Recording] = []
    answer = Client(Tracer(small_app(), kept.append)).get("/hello/ann", buffered=True)

    named = parse(answer.headers["traceparent"])
    first = document(kept[0].trace())["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    assert named is not None
    assert (named.span_id, named.trace_id) == (first["spanId"], first["traceId"])


@pytest.mark.parametrize(
    ("header", "is_valid"),
    [
        pytest.param(PARENT, True, id="valid"),
        pytest.param(PARENT.replace("-01", "-00"), True, id="not sampled"),
        pytest.param(f" {PARENT}\t", True, id="white space around it"),
        pytest.param(PARENT.replace("00-4", "cc-4") + "-what-will-be", True, id="a later version with more"),
        pytest.param(PARENT + "-more", False, id="version 00 with more"),
        pytest.param(PARENT.replace("00-4", "ff-4"), False, id="version ff"),
        pytest.param(PARENT.upper(), False, id="capitals"),
        pytest.param(f"00-{'0' * 32}-00f067aa0ba902b7-01", False, id="no trace"),
        pytest.param(f"00-{'a' * 32}-{'0' * 16}-01", False, id="no span"),
        pytest.param(PARENT[:-1], False, id="too short"),
        pytest.param(f"{PARENT},{PARENT}", False, id="two"),
        pytest.param("", False, id="empty"),
    ],
)
def test_traceparent_as_the_w3c_says(header: str, is_valid: bool) -> None:
    assert (parse(header) is not None) == is_valid


@pytest.mark.parametrize("header", ["", "nonsense", PARENT + "-more"])
def test_a_traceparent_that_is_not_valid_is_ignored(header: str) -> None:
    trace = traced({"traceparent": header})

    assert trace.parent == ""
    assert document(trace)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["traceId"] == trace.id


def test_the_sampled_flag_is_read() -> None:
    sampled, unsampled = parse(PARENT), parse(PARENT[:-2] + "02")
    assert sampled is not None
    assert unsampled is not None
    assert (sampled.is_sampled, unsampled.is_sampled) == (True, False)
