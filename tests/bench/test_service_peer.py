"""What bench.service times must be the same work: its Flask app gives the answers that the service gives."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import redis as redis_py
from werkzeug.test import Client

from bench import hub_peer, service_peer
from handlers import create_app
from pipeline.hub import Hub
from pipeline.hub.upstream_requests import BATCH_TYPE
from pipeline.settings import Settings

from .. import stack

BOARD = "/boards/b/members/"
BATCH = [
    {"Body": "one", "BrokerProperties": {"PartitionKey": "k"}, "UserProperties": {"n": 3}},
    {"Body": base64.b64encode(b"two").decode(), "IsBodyBase64": True, "BrokerProperties": {"PartitionKey": "l"}},
]


@pytest.fixture(params=["hiredis", "no hiredis"])
def peer(
    request: pytest.FixtureRequest, server_settings: Settings, monkeypatch: pytest.MonkeyPatch, redis: redis_py.Redis
) -> Client:
    for name, value in stack.environ(server_settings).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(redis_py.connection, "HIREDIS_AVAILABLE", True)  # as it was, after the test
    hub_peer.client().flushdb()  # a database of its own, which the tests' `redis` does not empty
    return Client(service_peer.app(hiredis=request.param == "hiredis"))


@pytest.fixture
def service(server_settings: Settings) -> Client:
    return Client(create_app(server_settings))


SCORES: list[Any] = [12.5, -0.000001, 9007199254.740991, "0.25", 0.1234567, 9007199254.740992, "x", None, [1]]


def test_boards_answer_the_same(service: Client, peer: Client) -> None:
    for client in (service, peer):
        client.put(f"{BOARD}other", json={"score": 1}, headers={"Authorization": stack.token()})
    sends: list[dict[str, Any]] = [{"path": f"{BOARD}ann", "method": "GET"}]
    for body in ({"score": score} for score in SCORES):
        sends += [{"path": f"{BOARD}ann", "method": "PUT", "json": body}, {"path": f"{BOARD}ann", "method": "GET"}]
    sends += [
        {"path": f"{BOARD}ann", "method": "PUT", "data": "{", "content_type": "application/json"},
        {"path": f"{BOARD}ann", "method": "PUT", "data": '{"score": 1}', "content_type": "text/plain"},
        {"path": f"{BOARD}ann", "method": "PUT", "json": {"score": 1, "more": 2}},
        {"path": f"/boards/{'b' * 129}/members/ann", "method": "PUT", "json": {"score": 1}},
        {"path": f"{BOARD}{'m' * 513}", "method": "PUT", "json": {"score": 1}},
        {"path": f"{BOARD}nobody", "method": "GET"},
    ]
    for send in sends:
        ours, theirs = (client.open(headers={"Authorization": stack.token()}, **send) for client in (service, peer))
        assert theirs.status_code == ours.status_code, send
        if ours.status_code == 200:
            assert json.loads(theirs.data) == json.loads(ours.data), send


@pytest.mark.parametrize("token", ["wrong path", "expired", "none"])
def test_tokens_are_refused_the_same(service: Client, peer: Client, token: str) -> None:
    tokens = {"wrong path": stack.token("other"), "expired": stack.token(lifetime=-600), "none": ""}
    for path in (f"{BOARD}ann", "/events/messages"):
        method, headers = "POST" if "messages" in path else "GET", {"Authorization": tokens[token]}
        assert {client.open(path, method=method, headers=headers).status_code for client in (service, peer)} == {401}


def test_events_are_stored_the_same(service: Client, peer: Client, hub: Hub) -> None:
    headers = {"Authorization": stack.token()}
    single = {"BrokerProperties": '{"PartitionKey": "k"}', "Content-Type": "application/json"}
    for client in (service, peer):
        assert client.post("/events/messages", data="zero", headers=headers | single).status_code == 201
        batch = {"Content-Type": BATCH_TYPE}
        assert client.post("/events/messages", data=json.dumps(BATCH), headers=headers | batch).status_code == 201
        assert client.post("/events/messages", data="[1]", headers=headers | batch).status_code == 400
    ours = sorted(stored.event.body for n in range(hub.partitions) for stored in hub.read(n, "0", 10))
    database = hub_peer.client()
    keys = list(database.scan_iter(_type="stream"))
    theirs = sorted(fields[b"b"] for key in keys for _, fields in database.xrange(key))
    assert ours == theirs == [b"one", b"two", b"zero"]
