"""A traced request: its spans in order, what each layer changed, and nothing that is secret."""

from __future__ import annotations

import gc
import json
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from werkzeug.test import Client, EnvironBuilder, run_wsgi_app

import wz
from wz import App, Blueprint, after_this_request, current_app
from wz.request_id import RequestID
from wz.static import send_file
from wz.testing import Client as AppClient
from wz.tracing import Instruments, Recording, Span, Trace, Tracer, current
from wz.tracing.hidden import LENGTH
from wz.tracing.recording import MAX_CALLS, now
from wz.tracing.waterfall import rows

from ..client import ServerlikeClient
from ..stack import PATIENCE

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Score(msgspec.Struct):
    points: int


class Page(msgspec.Struct):
    limit: int = 10


class Mark:
    """Sets a key of the environ, and replaces a header of the answer."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["mark.key"] = "marked"
        environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix("/v1")

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            return start_response(status, [*headers[:-1], ("X-Step", "outer")], *exc_info)

        return self.app(environ, start)


@pytest.fixture
def app() -> App:
    app = App("tests.wz")
    inner = Blueprint("members", url_prefix="/members")

    @app.before_request
    def check() -> None: ...

    @inner.before_request
    def look(request: wz.Request) -> Any:
        return ("stopped", 403) if "stop" in request.args else None

    @app.after_request
    def sign(response: wz.Response) -> wz.Response:
        response.headers["X-Step"] = "inner"
        return response

    @app.teardown_request
    def end(error: BaseException | None) -> None: ...

    @inner.post("/<name>")
    def reward(request: wz.Request, name: str, query: Page, body: Score) -> dict[str, Any]:
        return {"name": name, "points": body.points, "limit": query.limit}

    @app.get("/files/<path:name>")
    def file(name: str) -> str:
        return name

    @app.get("/fail")
    def fail() -> None:
        raise LookupError("a text that holds what the client sent")

    app.register(inner)
    app.layers.add("mark", Mark)
    app.layers.add("request id", RequestID)
    return app


@pytest.fixture
def kept() -> list[Recording]:
    return []


@pytest.fixture
def client(app: App, kept: list[Recording]) -> Client:
    return ServerlikeClient(Tracer(app, kept.append))


def steps(trace: Trace) -> list[str]:
    return [f"{'  ' * row.depth}{row.span.step} {row.span.name}" for row in rows(trace)]


def one(trace: Trace, step: str) -> Span:
    (found,) = (span for span in trace.spans if span.step == step)
    return found


def test_every_step_is_there_in_its_order(client: Client, kept: list[Recording]) -> None:
    assert client.post("/v1/members/ann?limit=3", json={"points": 2}).json == {"name": "ann", "points": 2, "limit": 3}

    (recording,) = kept
    trace = recording.trace()
    assert steps(trace) == [
        "wsgi WSGI",
        "  layer request id",
        "    layer mark",
        "      app app",
        "        request Request",
        "        match match",
        "        rest the first trace of this route is prepared",
        "        before check",
        "        before look",
        "        argument query",
        "        argument body",
        "        view members.reward",
        "        finalize finalize",
        "          after sign",
        "        response Response",
        "          start_response start_response",
        "        teardown teardown",
        "          teardown end",
    ]
    assert (trace.method, trace.path, trace.status, trace.rule) == (
        "POST",
        "/v1/members/ann?limit=3",
        200,
        "/members/<name>",
    )
    assert sum(row.own for row in rows(trace)) == max(span.end for span in trace.spans) - trace.began


def test_each_span_says_where_it_is_written_and_whose_time_it_is(client: Client, kept: list[Recording]) -> None:
    client.post("/members/ann", json={"points": 2})

    spans = {span.name: span for span in kept[0].trace().spans}
    where = {name: span.where.rpartition(":")[0] for name, span in spans.items()}
    assert where["request id"] == "wz/request_id.py"
    assert where["mark"] == where["members.reward"] == where["check"] == "tests/wz/test_tracing.py"
    assert where["match"] == "wz/fast.py"
    assert where["body"] == "wz/typed.py"
    line = int(spans["members.reward"].where.rpartition(":")[2])
    with open(__file__) as file:
        source = file.read().splitlines()
    assert "@inner.post" in source[line - 1]
    assert (spans["members.reward"].who, spans["mark"].who, spans["match"].who) == ("handler", "handler", "wz")


def test_what_a_layer_changes_on_the_way_in_and_out(client: Client, kept: list[Recording]) -> None:
    client.post("/v1/members/ann", json={"points": 2})

    spans = {span.name: span for span in kept[0].trace().spans if span.step == "layer"}
    assert [(c.kind, c.name, c.before, c.after) for c in spans["mark"].changes] == [
        ("environ", "PATH_INFO", "/v1/members/ann", "/members/ann"),
        ("environ", "mark.key", None, "marked"),
        ("header", "X-Step", "inner", "outer"),
    ]
    assert [c.name for c in spans["request id"].changes] == ["wz.request_id", "X-Request-ID"]


@pytest.mark.parametrize(
    ("method", "path", "says"),
    [
        ("POST", "/members/ann", "'/members/<name>' by the compiled tree; name='ann'"),
        ("GET", "/files/a/b", "by Werkzeug's Map: a value may take more than the segment 'a'; name='a/b'"),
        ("GET", "/members/ann", "405 by the compiled tree"),
        ("GET", "/none", "404 by the compiled tree"),
        ("GET", "/f\u00e4il", "404 by Werkzeug's Map: the path is not ASCII"),
    ],
    ids=["a clean match", "a path", "another method", "no rule", "not ASCII"],
)
def test_how_it_was_matched_and_why(client: Client, kept: list[Recording], method: str, path: str, says: str) -> None:
    client.open(path, method="HEAD", buffered=True)  # the tree is made at the first request
    client.open(path, method=method, json={"points": 1} if method == "POST" else None)

    assert one(kept[1].trace(), "match").detail.endswith(says)


def test_an_error_is_a_span_without_its_text(
    client: Client, app: App, kept: list[Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.logger, "disabled", True)  # other apps of this name have the same logger
    assert client.get("/fail").status_code == 500

    trace = kept[0].trace()
    assert {span.name: span.detail for span in trace.spans if span.step == "error"} == {
        "handle_user_exception": "LookupError",
        "handle_exception": "LookupError",
    }
    assert one(trace, "view").detail == "raised LookupError"
    assert b"what the client sent" not in msgspec.json.encode(trace)


def test_an_exception_that_leaves_the_app_is_traced_and_raised(app: App, kept: list[Recording]) -> None:
    app.testing = True
    with pytest.raises(LookupError):
        run_wsgi_app(Tracer(app, kept.append), EnvironBuilder("/fail").get_environ())

    assert (kept[0].trace().status, current.get()) == (0, None)


SECRET = "very-secret-value-0123456789"


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {SECRET}"},
        {"Authorization": f"SharedAccessSignature sr=x&sig={SECRET}&se=1"},
        {"Proxy-Authorization": SECRET},
        {"Cookie": f"a=1; session={SECRET}"},
        {"X-Api-Key": SECRET},
        {"Authorization": f"Bearer {SECRET}", "X-Copy": SECRET, "Referer": f"http://x/?q={SECRET}"},
    ],
)
def test_nothing_secret_is_in_a_trace(app: App, kept: list[Recording], headers: dict[str, str]) -> None:
    app.extensions["tracing"] = Instruments(secrets=["X-Api-Key", "code", "stored.token"])

    @app.get("/echo")
    def echo(request: wz.Request) -> Any:
        request.environ["stored.token"] = SECRET
        request.environ["object"] = {"token": SECRET}
        response = wz.make_response("")
        response.set_cookie("session", SECRET)
        response.headers["Location"] = f"/?code={SECRET}"
        return response

    Client(Tracer(app, kept.append), use_cookies=False).get(f"/echo?code={SECRET}&shown=1", headers=headers)

    trace = kept[0].trace()
    assert SECRET not in msgspec.json.encode(trace).decode()
    assert trace.path == "/echo?code=hidden&shown=1"
    (name, value), *_ = (pair for pair in trace.request_headers if pair[0] == next(iter(headers)))
    assert value == f"hidden, {len(headers[name])} characters"


def test_bodies_are_not_in_a_trace_and_long_values_are_cut(client: Client, kept: list[Recording]) -> None:
    client.post("/members/ann", json={"points": "a body that is not to be seen"}, headers={"X-Long": "x" * 5000})

    trace = kept[0].trace()
    assert "not to be seen" not in msgspec.json.encode(trace).decode()
    assert dict(trace.request_headers)["X-Long"] == "x" * (LENGTH - 1) + "…"


def test_who_does_not_ask_is_not_traced(app: App, kept: list[Recording]) -> None:
    client = ServerlikeClient(Tracer(app, kept.append, asked=lambda environ: "HTTP_X_TRACE" in environ))

    plain, traced = client.get("/files/a"), client.get("/files/a", headers={"X-Trace": "1"})

    assert len(kept) == 1
    assert "traceparent" not in plain.headers
    assert (plain.text, traced.text) == ("a", "a")


def test_the_answer_has_server_timing_and_traceparent(client: Client) -> None:
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    answer = client.post("/members/ann", json={"points": 1}, headers={"traceparent": parent})

    names = [entry.partition(";dur=")[0].strip() for entry in answer.headers["Server-Timing"].split(",")]
    assert names == ["match", "hooks", "args", "view", "app"]
    assert answer.headers["traceparent"].split("-")[1] == parent.split("-")[1]


def test_what_the_server_knows_comes_first(app: App, kept: list[Recording]) -> None:
    def received(environ: WSGIEnvironment) -> list[Span]:
        return [Span("gunicorn.queue", "waits for a thread", "gunicorn", now() - 2_000_000, now() - 1_000_000)]

    answer = ServerlikeClient(Tracer(app, kept.append, received=received)).get("/files/a")

    assert answer.headers["Server-Timing"].startswith("queue;dur=1.")
    assert steps(kept[0].trace())[:3] == [
        "rest time that no step covers",
        "  gunicorn.queue waits for a thread",
        "  wsgi WSGI",
    ]


class Switch:
    """A probe that says when it was switched."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.is_off = threading.Event()

    def on(self) -> None:
        self.seen.append("on")

    def off(self) -> None:
        self.seen.append("off")
        self.is_off.set()


def test_probes_are_on_while_somebody_is_traced(
    app: App, kept: list[Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wz.tracing.probing.LINGER", 0.05)
    probe = Switch()
    app.extensions["tracing"] = Instruments(probes=[probe])

    @app.get("/stream")
    def stream() -> Iterator[str]:
        def parts() -> Iterator[str]:
            recording = current.get()
            assert recording is not None
            for _ in range(MAX_CALLS + 5):
                recording.add("redis", "GET", "redis", now())
            yield "part"

        return parts()

    tracer = Tracer(app, kept.append)
    first, _status, _headers = run_wsgi_app(tracer, EnvironBuilder("/stream").get_environ())
    second, _status, _headers = run_wsgi_app(tracer, EnvironBuilder("/files/a").get_environ())
    assert not probe.is_off.wait(0.2)  # both are under way
    for body in (first, second):
        assert [*body]
        body.close()  # type: ignore[attr-defined]
    assert probe.is_off.wait(PATIENCE)
    assert probe.seen == ["on", "off"]
    assert len(kept) == 2
    streamed = kept[0].trace() if kept[0].arrived["PATH_INFO"] == "/stream" else kept[1].trace()
    assert sum(span.step == "redis" for span in streamed.spans) == MAX_CALLS
    assert streamed.spans[-1].detail.endswith("; 5 more calls are left out")


def test_probes_stay_on_between_requests_that_follow_each_other(app: App, kept: list[Recording]) -> None:
    probe = Switch()
    app.extensions["tracing"] = Instruments(probes=[probe])
    client = Client(Tracer(app, kept.append))
    for _ in range(20):
        client.get("/files/a").close()

    assert probe.seen == ["on"]


def test_a_body_that_nobody_closes_ends_the_trace_when_it_is_dropped(app: App, kept: list[Recording]) -> None:
    body = Tracer(app, kept.append)(EnvironBuilder("/files/a").get_environ(), lambda *_: lambda data: None)
    assert kept == []

    del body
    gc.collect()
    assert len(kept) == 1


def test_a_trace_that_can_not_be_kept_fails_no_request(app: App, caplog: pytest.LogCaptureFixture) -> None:
    def keep(recording: Recording) -> None:
        raise OSError("full")

    assert Client(Tracer(app, keep)).get("/files/a").text == "a"
    assert "could not be kept" in caplog.text


def test_handlers_see_the_app_itself(app: App, kept: list[Recording]) -> None:
    seen: list[Any] = []

    @app.get("/see")
    def see(request: wz.Request) -> str:
        seen.extend([request.app, current_app._get_current_object()])  # type: ignore[attr-defined]
        after_this_request(lambda response: response)
        return wz.url_for("file", name="x")

    assert Client(Tracer(app, kept.append)).get("/see").text == "/files/x"
    assert [one is app for one in seen] == [True, True]
    assert [span.name for span in kept[0].trace().spans if span.step == "after"] == ["<lambda>", "sign"]


def test_settings_that_come_later_are_seen(app: App, client: Client, kept: list[Recording]) -> None:
    seen: list[object] = []
    app.before_request(lambda: seen.append(app.config.get("LATER")))
    client.get("/files/a")
    app.config["LATER"] = True
    client.get("/files/a")

    assert seen == [None, True]


def test_set_up_is_over_after_a_traced_request(app: App, client: Client, kept: list[Recording]) -> None:
    client.get("/files/a")

    with pytest.raises(RuntimeError, match="has had a request"):
        app.before_request(lambda: None)


def test_a_file_is_still_sent_by_the_server_and_closed(app: App, kept: list[Recording]) -> None:
    app.add_url_rule("/file", "sent", lambda: send_file(__file__))
    environ = EnvironBuilder("/file").get_environ()
    closed: list[bool] = []

    class Wrapper:
        def __init__(self, file: Any, block_size: int = 8192) -> None:
            self.file = file

        def __iter__(self) -> Iterator[bytes]:
            return iter([self.file.read()])

        def close(self) -> None:
            closed.append(True)
            self.file.close()

    environ["wsgi.file_wrapper"] = Wrapper
    body: Any = Tracer(app, kept.append)(environ, lambda *_: lambda data: None)

    assert type(body) is Wrapper
    assert b"".join(body)
    body.close()
    assert (closed, len(kept)) == ([True], 1)


def test_requests_at_a_time_have_traces_of_their_own(app: App, kept: list[Recording]) -> None:
    tracer = Tracer(app, kept.append)
    barrier = threading.Barrier(4)

    @app.get("/wait/<n>")
    def wait(n: str) -> str:
        barrier.wait(60)
        return n

    threads = [threading.Thread(target=lambda n=n: Client(tracer).get(f"/wait/{n}")) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    traces = [recording.trace() for recording in kept]
    assert sorted(trace.path for trace in traces) == [f"/wait/{n}" for n in range(4)]
    assert all(len([span for span in trace.spans if span.step == "view"]) == 1 for trace in traces)
    assert len({trace.id for trace in traces}) == 4


def test_the_last_request_stays_current_in_a_test(app: App) -> None:
    client = AppClient(app)
    with client:
        client.get("/files/a")
        assert current_app._get_current_object() is app  # type: ignore[attr-defined]


def test_a_trace_is_json(client: Client, kept: list[Recording]) -> None:
    client.get("/files/a")
    trace = kept[0].trace()

    written = msgspec.json.encode(trace)
    assert json.loads(written)["rule"] == "/files/<path:name>"
    assert msgspec.json.decode(written, type=Trace) == trace
