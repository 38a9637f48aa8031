from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis as redis_py
from prometheus_client.parser import text_string_to_metric_families

from handlers import create_app
from handlers.metrics.counts import REGISTRY
from handlers.metrics.load import Load
from pipeline.connection_string import ConnectionString
from pipeline.hub import Event, Hub
from pipeline.hub.event import OVERHEAD
from pipeline.hub.relay import Relay
from pipeline.hub.relay_route import Route, Switch, change_route
from pipeline.hub.rules import Right, Rules
from pipeline.hub.upstream import Upstream
from pipeline.hub.upstream_answers import Action
from pipeline.settings import Settings
from pipeline.store.client import redis_client
from pipeline.work.keys import TASK
from pipeline.work.tasks import Tasks, TaskState
from wz.live_server import LiveServer
from wz.testing import Client

from .. import stack
from ..upstream import Answer, ScriptedUpstream
from .conftest import ServiceClient

pytestmark = pytest.mark.cluster

BATCH = {"data": '[{"Body":"abc"},{"Body":"de"}]', "content_type": "application/vnd.microsoft.servicebus.json"}


def scrape(client: ServiceClient | Client, headers: dict[str, str] | None = None) -> dict[tuple[str, ...], float]:
    """Return every sample by its name and its labels' values, in the order of their names."""
    answer = client.get("/metrics", headers=headers or {"Authorization": stack.token()})
    assert (answer.status_code, answer.mimetype) == (200, "text/plain")
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def grown(client: ServiceClient, before: dict[tuple[str, ...], float], *key: str) -> float:
    return scrape(client).get(key, 0) - before.get(key, 0)


def test_requests_are_counted_by_route_and_status(client: ServiceClient) -> None:
    before = scrape(client)
    for _ in range(3):
        client.get("/boards/none")
    client.get("/no/such/path/anywhere")

    assert grown(client, before, "wz_request_seconds_count", "GET", "/boards/<board>", "404") == 3
    assert grown(client, before, "wz_request_seconds_bucket", "30.0", "GET", "/boards/<board>", "404") == 3
    assert grown(client, before, "wz_request_seconds_count", "GET", "(none)", "400") == 1


@pytest.mark.filterwarnings("ignore:Unknown REQUEST_METHOD")
def test_an_unknown_method_has_no_series_of_its_own(client: ServiceClient) -> None:
    before = scrape(client)
    for method in ("FOO", "BAR"):
        client.open("/healthz", method=method)

    assert grown(client, before, "wz_request_seconds_count", "other", "(none)", "405") == 2


def test_requests_that_wait_are_under_way(gunicorn: LiveServer, redis: redis_py.Redis) -> None:
    """Those of the other processes, too, which say so once a second."""
    client = ServiceClient(gunicorn)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(ServiceClient(gunicorn).get, "/hubs/events/partitions/0/events?wait=15")
        stack.until(lambda: scrape(client)["wz_requests_under_way",] == 1)
        assert client.post("/events/partitions/0/messages", data="1").status_code == 201
        assert waiting.result().status_code == 200
    stack.until(lambda: scrape(client)["wz_requests_under_way",] == 0)


def test_a_scrape_is_not_under_way_when_its_process_writes(settings: Settings, redis: redis_py.Redis) -> None:
    """As it does once a second, or the next scrape would find one request in a process that is idle."""
    load: Load = create_app(settings).extensions["load"]
    load.begin({"REQUEST_METHOD": "GET", "PATH_INFO": "/metrics"}, time.perf_counter())

    load.write()

    assert REGISTRY.get_sample_value("wz_requests_under_way") == 0


def test_sends_are_counted(client: ServiceClient) -> None:
    before = scrape(client)
    client.post("/events/messages", data="12345")
    client.post("/EVENTS/messages", **BATCH)

    assert grown(client, before, "wz_sends_total", "events", "single") == 1
    assert grown(client, before, "wz_sends_total", "events", "batch") == 1
    after = scrape(client)
    assert sum(after["wz_hub_events_total", "events", str(p)] for p in range(4)) == 3
    assert sum(after["wz_hub_bytes_total", "events", str(p)] for p in range(4)) == 10 + 3 * OVERHEAD
    assert sum(after["wz_hub_kept_events", "events", str(p)] for p in range(4)) == 3


def test_the_reason_of_a_refused_send(client: ServiceClient, hub: Hub) -> None:
    before = scrape(client)
    hub.redis.hset("hubs", "small", b'{"partitions":1,"retention_bytes":1048576}')
    hub.redis.sadd("{hub:small:0}:attached", "$relay")
    for status in (201, 503):
        assert client.post("/small/messages", data=b"x" * 1024 * 1024).status_code == status

    hub.redis.hset("hubs", "fair", b'{"partitions":1,"publisher_bytes_per_second":1}')
    rule = Rules(hub.redis, stack.ROOT).add("slow", frozenset({Right.SEND}), events_per_second=1)
    token = stack.token("fair", ConnectionString(stack.ROOT.endpoint, rule.name, rule.primary))
    many = {**BATCH, "data": json.dumps([{"Body": "x"}] * 600)}  # ten minutes' worth
    for path, authorization in (("messages", token), ("publishers/a/messages", stack.token())):
        for status in (201, 503):
            answer = client.post(f"/fair/{path}", **many, headers={"Authorization": authorization})
            assert answer.status_code == status

    assert grown(client, before, "wz_sends_refused_total", "small", "full") == 1
    assert grown(client, before, "wz_sends_refused_total", "fair", "rule limit") == 1
    assert grown(client, before, "wz_sends_refused_total", "fair", "publisher limit") == 1
    assert scrape(client)["wz_group_lag_events", "$relay", "small", "0"] == 1


def test_what_was_dropped_and_that_a_relay_is_paused(
    client: ServiceClient, hub: Hub, upstream: ScriptedUpstream
) -> None:
    upstream.script(Answer(413))
    hub.append([Event(b"large")], partition=1)
    relay = Relay(hub, Upstream(upstream.target, answers={413: Action.DROP}), beat=0.0)
    relay.step()
    relay.stop()
    change_route(hub, lambda _: Route(switch=Switch.PAUSED))

    found = scrape(client)
    assert found["wz_relay_dropped_total", "events", "1"] == 1
    assert found["wz_relay_paused", "events"] == 1


def test_lag_age_retries_and_dead_letters(client: ServiceClient, hub: Hub, upstream: ScriptedUpstream) -> None:
    upstream.script(Answer(400), Answer(201), Answer(500))
    hub.append([Event(b"bad")], partition=1)
    relay = Relay(hub, Upstream(upstream.target), beat=0.0)
    relay.step()
    for body in (b"good", b"late"):
        hub.append([Event(body)], partition=1)
        relay.step()

    found = scrape(client)

    assert found["wz_redis_up",] == 1
    assert found["wz_relay_workers", "events"] == 1
    assert found["wz_relay_paused", "events"] == 0
    expected = {
        "wz_relay_events_total": 1,
        "wz_relay_bytes_total": 4,
        "wz_relay_requests_total": 1,
        "wz_relay_retries_total": 1,
        "wz_relay_refused_total": 1,
        "wz_relay_dropped_total": 0,
        "wz_relay_waiting": 1,
        "wz_dead_letters": 1,
        "wz_dead_letters_full": 0,
    }
    assert {name: found[name, "events", "1"] for name in expected} == expected
    assert found["wz_group_lag_events", "$relay", "events", "1"] == 1
    assert found["wz_group_lag_events", "$relay", "events", "0"] == 0
    assert found["wz_group_oldest_seconds", "$relay", "events", "1"] >= 0
    relay.stop()


@pytest.mark.core
def test_it_needs_listen(client: ServiceClient, redis: redis_py.Redis) -> None:
    assert client.get("/metrics", headers={"Authorization": ""}).status_code == 401
    for right, status in ((Right.SEND, 401), (Right.LISTEN, 200)):
        rule = Rules(redis, stack.ROOT).add(right.value, frozenset({right}))
        connection = ConnectionString(stack.ROOT.endpoint, rule.name, rule.primary)
        headers = {"Authorization": stack.token(connection=connection)}
        assert client.get("/metrics", headers=headers).status_code == status


def test_a_token_for_it_alone_opens_nothing_else(client: ServiceClient) -> None:
    headers = {"Authorization": stack.token("metrics")}

    assert client.get("/metrics", headers=headers).status_code == 200
    assert client.get("/boards", headers=headers).status_code == 401


def test_without_redis_it_says_so(tmp_path: Path) -> None:
    settings = Settings(environment="test", redis_url=f"unix://{tmp_path}/none.sock", connection_string=stack.ROOT)

    assert scrape(Client(create_app(settings)))["wz_redis_up",] == 0


def test_all_processes_of_gunicorn_are_seen_even_after_their_end(tmp_path: Path, settings: Settings) -> None:
    with stack.gunicorn(tmp_path, settings) as server:
        client = ServiceClient(server)
        processes: dict[str, Path] = {}
        deadline = time.monotonic() + stack.PATIENCE
        while len(processes) < 2:  # each new connection may go to another
            ServiceClient(server).get("/healthz")
            processes = {file.stem.rpartition("_")[2]: file for file in (tmp_path / "metrics").glob("histogram_*.db")}
            assert time.monotonic() < deadline
        key = ("wz_request_seconds_count", "GET", "/healthz", "200")
        count = scrape(client)[key]
        os.kill(int(next(iter(processes))), 9)
        while True:  # until the dead one's connections are gone
            try:
                assert scrape(ServiceClient(server))[key] >= count
                break
            except OSError:
                assert time.monotonic() < deadline


def test_tasks_are_counted_by_state(client: ServiceClient, settings: Settings) -> None:
    tasks = Tasks(redis_client(settings))
    assert scrape(client)["wz_tasks_oldest_waiting_seconds",] == 0
    running, waiting, cancelled = (tasks.create("k", {}, "b").id for _ in range(3))
    tasks.begin(running)
    tasks.cancel(cancelled)
    tasks.redis.hincrby(TASK.named(ID=waiting), "created", -60_000)  # ms

    found = scrape(client)

    assert {state.value: found["wz_tasks", state.value] for state in TaskState} == {
        "waiting": 1,
        "running": 1,
        "done": 0,
        "failed": 0,
        "cancelled": 1,
    }
    assert found["wz_tasks_oldest_waiting_seconds",] >= 60
