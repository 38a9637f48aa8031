"""Which requests are traced, where traces are kept and for how long, what is never in one, and who may read them."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis as redis_py

from bench.hub_plan import round_trips
from handlers import create_app
from handlers.metrics.counts import REGISTRY
from handlers.services import Services
from handlers.trace_keeper import MAX_WAITING, Keeper
from handlers.traces import Line, Summary, joined, part_of
from handlers.tracing import Tracing, is_local
from pipeline.console.keys import TRACE, TRACE_TTL, TRACES
from pipeline.console.traces import MAX_TRACE, Part, Traces
from pipeline.hub.rules import Right
from pipeline.hub.sas import sign
from pipeline.settings import DATABASES, Settings
from wz.tracing.recording import Recording
from wz.tracing.spans import Span, Trace
from wz.tracing.waterfall import rows

from .. import stack
from .conftest import ServiceClient

WISH = {"X-Wz-Trace": "1"}
MEMBER = "/boards/b/members/ann"


def served(settings: Settings) -> ServiceClient:
    return ServiceClient(Tracing(create_app(settings)).tracer)


@pytest.fixture(scope="module")
def tracing(server_settings: Settings) -> Tracing:
    return Tracing(create_app(server_settings))


@pytest.fixture
def traced(tracing: Tracing, redis: redis_py.Redis) -> ServiceClient:
    return ServiceClient(tracing.tracer)


def ids(redis: redis_py.Redis) -> list[str]:
    return [one.decode().partition(" ")[0] for one in redis.lrange(TRACES.pattern, 0, -1)]


def kept(redis: redis_py.Redis, number: int) -> list[str]:
    stack.until(lambda: len(ids(redis)) >= number)
    return ids(redis)


def counted(result: str) -> float:
    return REGISTRY.get_sample_value("wz_traces_total", {"result": result}) or 0.0


# -- which requests ----------------------------------------------------------------------------------------------------


def test_who_may_manage_may_have_his_request_traced(traced: ServiceClient, redis: redis_py.Redis) -> None:
    answer = traced.get(MEMBER, headers=WISH)

    assert "traceparent" in answer.headers
    assert kept(redis, 1) == [answer.headers["X-Request-ID"]]


@pytest.mark.parametrize("right", [Right.LISTEN, Right.SEND])
def test_others_may_not(traced: ServiceClient, settings: Settings, right: Right) -> None:
    rule = Services(settings).rules.add("looker", frozenset({right}))
    token = sign(f"https://{stack.HOST}/", rule.name, rule.primary, 4_000_000_000)
    answer = traced.get(MEMBER, headers={**WISH, "Authorization": token})

    assert "traceparent" not in answer.headers


@pytest.mark.parametrize(
    "authorization", ["", "Bearer abc", "SharedAccessSignature sr=a&sig=b&se=1&skn=RootManageSharedAccessKey"]
)
def test_nobody_without_a_good_token(traced: ServiceClient, authorization: str) -> None:
    answer = traced.get(MEMBER, headers={**WISH, "Authorization": authorization})

    assert answer.status_code == 401
    assert "traceparent" not in answer.headers


@pytest.mark.parametrize(
    ("environ", "local"),
    [
        ({"REMOTE_ADDR": "127.0.0.1"}, True),
        ({"REMOTE_ADDR": "::1"}, True),
        ({"REMOTE_ADDR": "", "HTTP_X_FORWARDED_FOR": "127.0.0.1"}, True),
        ({"REMOTE_ADDR": "", "HTTP_X_FORWARDED_FOR": "192.0.2.1"}, False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "192.0.2.1, 127.0.0.1"}, False),
        ({"REMOTE_ADDR": "192.0.2.1", "HTTP_X_FORWARDED_FOR": "127.0.0.1"}, False),
        ({"REMOTE_ADDR": "localhost"}, False),
    ],
)
def test_what_comes_from_this_machine(environ: dict[str, str], local: bool) -> None:
    assert is_local(environ) is local


def test_in_development_this_machine_needs_no_token(tracing: Tracing, settings: Settings) -> None:
    environ = {"REMOTE_ADDR": "127.0.0.1", "REQUEST_METHOD": "GET", "PATH_INFO": "/"}
    development = Tracing(create_app(changed(settings, environment="development")))

    assert development.may(environ)
    assert not development.may({**environ, "REMOTE_ADDR": "192.0.2.1"})
    assert not tracing.may(environ)


def changed(settings: Settings, **changes: Any) -> Settings:
    return dataclasses.replace(settings, **changes)


def test_one_request_of_three_is_traced_by_itself(settings: Settings, redis: redis_py.Redis) -> None:
    client = served(changed(settings, trace_every=3))
    answers = [client.get("/healthz") for _ in range(9)]

    assert ["traceparent" in answer.headers for answer in answers] == [False, False, True] * 3
    assert len(kept(redis, 3)) == 3


# -- how they are kept -------------------------------------------------------------------------------------------------


def test_the_newest_are_kept_and_none_for_longer_than_an_hour(settings: Settings, redis: redis_py.Redis) -> None:
    client = served(changed(settings, traces=3))
    sent = []
    for _ in range(5):
        sent.append(client.get("/healthz", headers=WISH).headers["X-Request-ID"])
        stack.until(lambda: sent[-1] in ids(redis))
    stack.until(lambda: len(redis.keys(TRACE.named(ID="*"))) == 3)

    assert ids(redis) == sent[:1:-1]
    assert all(0 < redis.ttl(key) <= TRACE_TTL for key in [*redis.keys(TRACE.named(ID="*")), TRACES.pattern])


def test_all_together_have_so_many_bytes(redis: redis_py.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.console.traces.MAX_ALL", 10_000)
    traces = Traces(redis, 100)
    for number in range(20):
        traces.keep([Part(f"id-{number}", b"summary", b"x" * 993)])
    traces.keep([Part("id-19", b"summary", b"x" * 1993)])  # the same request once more

    assert ids(redis) == [f"id-{number}" for number in range(19, 10, -1)]
    assert len(redis.keys(TRACE.named(ID="*"))) == 9
    assert len(traces.summaries()) == 9


def test_one_that_is_too_large_loses_its_shortest_steps() -> None:
    spans = [Span("wsgi", "WSGI", "wz", 0, 10**9)]
    spans += [Span("redis", f"GET {'k' * 100}", "redis", 1000 * n, 1000 * n + n % 977 + 1) for n in range(5000)]
    headers = [(f"X-{number}", "x" * 200) for number in range(100)]
    part = part_of(Trace("a" * 32, "GET", "/", 200, "/", 0, 1, "t", request_headers=headers, spans=spans))
    trace = msgspec.msgpack.decode(part.app, type=Trace)

    assert len(part.app) + len(part.summary) <= MAX_TRACE
    assert trace.spans[0].step == "wsgi"
    assert "short steps and the headers are left out" in trace.spans[0].detail
    assert min(span.end - span.begin for span in trace.spans) > 700
    assert sum(row.own for row in rows(trace)) == 10**9


def test_headers_that_are_too_large_are_left_out() -> None:
    headers = [("x" * 8000, "y" * 200)] * 100
    part = part_of(Trace("a" * 32, "GET", "/", 200, "/", 0, 1, "t", request_headers=headers))

    assert len(part.app) < MAX_TRACE


def test_an_id_that_comes_twice_is_kept_once(traced: ServiceClient, redis: redis_py.Redis) -> None:
    for path in ("/healthz", MEMBER):
        traced.get(path, headers={**WISH, "X-Request-ID": "the-same-id"})
    stack.until(lambda: traced.get("/layers/the-same-id.json").json.get("path") == MEMBER)

    assert ids(redis) == ["the-same-id"]


def test_a_request_is_answered_and_its_trace_dropped_while_redis_is_away(settings: Settings, tmp_path: Path) -> None:
    away = changed(settings, redis_url=f"unix://{tmp_path}/nobody.sock", trace_every=1)
    before = counted("dropped")
    answer = served(away).get("/healthz", headers=WISH)
    stack.until(lambda: counted("dropped") == before + 1)

    assert answer.status_code == 200


def test_a_redis_that_is_full_drops_traces(settings: Settings, tmp_path: Path) -> None:
    with stack.redis_server(tmp_path) as (_, url):
        client = served(changed(settings, redis_url=url))
        full = redis_py.Redis.from_url(url, db=DATABASES["test"])
        client.get("/healthz", headers=WISH)
        stack.until(lambda: bool(full.exists(TRACES.pattern)))
        full.config_set("maxmemory", 1)
        before = counted("dropped")
        answer = client.get("/healthz", headers=WISH)
        stack.until(lambda: counted("dropped") == before + 1)
        full.close()

    assert answer.status_code == 200


def test_what_waits_is_bounded(settings: Settings, redis: redis_py.Redis) -> None:
    may_store = threading.Event()

    def find() -> Traces:
        may_store.wait(stack.PATIENCE)
        return Traces(redis, 1000)

    keeper = Keeper(find)
    before = counted("dropped")
    for number in range(MAX_WAITING * 2):
        recording = Recording({"REQUEST_METHOD": "GET", "PATH_INFO": "/", "wz.request_id": f"id-{number:06}"})
        keeper.trace(recording)
    dropped = counted("dropped") - before
    may_store.set()

    assert MAX_WAITING / 2 <= dropped <= MAX_WAITING
    assert len(kept(redis, int(2 * MAX_WAITING - dropped))) == 2 * MAX_WAITING - dropped


# -- what is never in one ----------------------------------------------------------------------------------------------


def test_no_secret_is_stored(traced: ServiceClient, redis: redis_py.Redis) -> None:
    secret = "s3cr3t-that-nobody-may-see"
    token = stack.token()
    signature = token.partition("sig=")[2].partition("&")[0]
    headers = {
        **WISH,
        "Authorization": token,
        "Cookie": f"session={secret}",
        "Proxy-Authorization": f"Basic {secret}",
        "X-Other": "seen",
    }
    sent = [
        traced.put(MEMBER, headers=headers, json={"score": 1, "event": secret}),
        traced.post("/events/messages", headers=headers, data=secret),
        traced.get(f"{MEMBER}?token={secret}", headers=headers),
        traced.get(f"/console/sign-in?code={secret}", headers=headers),
        traced.get(f"/nowhere?a=1&sig={secret}", headers=headers),
        traced.put(MEMBER, headers=headers, json={"score": secret}),
    ]
    kept(redis, len(sent))
    stored = repr([redis.hgetall(TRACE.named(ID=id)) for id in ids(redis)])

    assert "X-Other" in stored
    assert "seen" in stored
    for text in (secret, signature, token, stack.ROOT.key):
        assert text not in stored


# -- who reads them ----------------------------------------------------------------------------------------------------


def test_a_trace_is_read_whole_for_the_first_list_only(traced: ServiceClient, redis: redis_py.Redis) -> None:
    traced.get(MEMBER, headers=WISH)
    kept(redis, 1)
    lists, trips = [], []
    for _ in range(2):
        with round_trips() as sent:
            lists.append(traced.get("/layers.json").json)
        trips.append(len(sent))

    assert lists[0] == lists[1]
    assert trips == [3, 2]


def test_the_list_and_its_filters(traced: ServiceClient, redis: redis_py.Redis) -> None:
    traced.put(MEMBER, headers=WISH, json={"score": 1})
    kept(redis, 1)
    traced.get(MEMBER, headers=WISH)
    kept(redis, 2)
    traced.get("/boards/none/members/nobody", headers=WISH)
    kept(redis, 3)

    def listed(query: str = "") -> list[Summary]:
        return msgspec.json.decode(traced.get(f"/layers.json{query}").data, type=list[Summary])

    everything = listed()
    assert [(one.method, one.status) for one in everything] == [("GET", 404), ("GET", 200), ("PUT", 200)]
    assert [one.status for one in listed("?status=404")] == [404]
    assert [one.status for one in listed("?status=2")] == [200, 200]
    assert len(listed("?limit=2")) == 2
    assert len(listed("?route=/boards/%3Cboard%3E/members/%3Cmember%3E")) == 3
    assert listed("?route=/nowhere") == listed("?ms=3600000") == []
    for one in everything:
        assert not one.has_nginx
        assert sum(one.shares.values()) == one.took > 0
    assert traced.get("/layers.json?status=x").status_code == 422


def test_one_is_a_document(traced: ServiceClient, redis: redis_py.Redis) -> None:
    answer = traced.get(MEMBER, headers=WISH)
    (id,) = kept(redis, 1)
    document = traced.get(f"/layers/{id}.json")
    missing = traced.get("/layers/nobody-knows.json")

    assert msgspec.json.decode(document.data, type=Trace).status == answer.status_code
    assert document.content_type == "application/json"
    assert missing.status_code == 404
    assert "nobody-knows" in missing.json["detail"]


@pytest.mark.parametrize("path", ["/layers.json", "/layers/some-trace.json"])
def test_only_who_may_manage_reads_them(traced: ServiceClient, settings: Settings, path: str) -> None:
    rule = Services(settings).rules.add("looker", frozenset({Right.LISTEN, Right.SEND}))
    token = sign(f"https://{stack.HOST}/", rule.name, rule.primary, 4_000_000_000)

    assert traced.get(path, headers={"Authorization": ""}).status_code == 401
    assert traced.get(path, headers={"Authorization": token}).status_code == 403
    assert traced.get(path, headers={"Authorization": stack.token("layers")}).status_code == 403


# -- nginx's part ------------------------------------------------------------------------------------------------------


def line(sent_on: str, ended: str) -> Line:
    rest = dict.fromkeys(Line.__struct_fields__, "0")
    return msgspec.convert({**rest, "sent_on": sent_on, "ended": ended}, Line)


def of(*spans: Span) -> Trace:
    return Trace("a" * 32, "GET", "/", 200, "/", spans[0].begin, 1, "t", spans=list(spans))


SECOND = 1_000_000_000
WSGI = Span("wsgi", "WSGI", "wz", 1_764_000_000 * SECOND + 5_400_000, 1_764_000_000 * SECOND + 9_900_000)


@pytest.mark.parametrize(
    ("sent_on", "ended"),
    [
        ("1764000000.005 0.004", "1764000000.011"),
        ("1764000000.005 0.000", "1764000000.009"),  # its clock stands still for a turn of its loop
        ("1764000000.008 0.004", "1764000000.001"),  # as if it had sent on what gunicorn had already seen
    ],
)
def test_the_times_of_nginx_and_of_gunicorn_make_one_whole(sent_on: str, ended: str) -> None:
    trace = joined(of(WSGI), line(sent_on, ended))
    waterfall = rows(trace)

    assert [row.span.step for row in waterfall] == ["nginx", "nginx.receive", "socket", "wsgi", "nginx.send"]
    assert [row.depth for row in waterfall] == [0, 1, 1, 1, 1]
    assert sum(row.own for row in waterfall) == waterfall[0].took
    assert waterfall[0].own == 0
    assert waterfall[3].own == WSGI.end - WSGI.begin


@pytest.mark.parametrize(
    "sent_on", ["", "-", "x y", "1764000099.000 0.001", "1000000000.000 0.001", "9" * 40 + ".000 0.001"]
)
def test_times_that_can_not_be_are_left_out(sent_on: str) -> None:
    assert joined(of(WSGI), line(sent_on, "1764000000.011")) == of(WSGI)
