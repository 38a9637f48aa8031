"""/hubs/{hub}/relay: what it shows, changes and refuses, and to whom."""

from __future__ import annotations

from typing import Any

import pytest
import redis as redis_py

from pipeline.connection_string import ConnectionString
from pipeline.hub import Hub
from pipeline.hub.relay import GROUP, Relay
from pipeline.hub.relay_route import Route, Switch, note_state, route
from pipeline.hub.rules import Right, Rules
from pipeline.hub.upstream import Upstream
from pipeline.hub.upstream_answers import Action

from ... import stack
from ...upstream import Answer, ScriptedUpstream, relay_one_each
from ..conftest import ServiceClient

pytestmark = pytest.mark.cluster

URL = "/hubs/events/relay"
OWN = f"Endpoint={stack.ROOT.endpoint};SharedAccessKeyName=send;SharedAccessKey=c2VjcmV0"
TO = "Endpoint=sb://up.example.com/;SharedAccessKeyName=send;SharedAccessKey=c2VjcmV0"


@pytest.fixture
def hub(redis: redis_py.Redis, client: ServiceClient) -> Hub:
    client.get("/hubs/events")  # the hub is made
    return Hub(redis, "events", 4)


def token_of(redis: redis_py.Redis, right: Right, hub: str | None = None) -> dict[str, str]:
    made = Rules(redis, stack.ROOT).add(f"its-{right.lower()}", frozenset({right}), hub)
    connection = ConnectionString(stack.ROOT.endpoint, made.name, made.primary)
    return {"Authorization": stack.token(hub or "", connection)}


def test_a_hub_that_nobody_relays(client: ServiceClient, hub: Hub) -> None:
    assert (
        client.get("/hubs/EVENTS").json["relay"]
        == client.get(URL).json
        == {
            "state": "on",
            "upstream": None,
            "own_upstream": False,
            "name": None,
            "signature_expires": None,
            "error": None,
            "waiting": [],
            "answers": {"400": "deadletter", "413": "deadletter", "414": "deadletter", "431": "deadletter"},
            "events": 0,
            "retries": 0,
            "refused": 0,
            "dropped": 0,
            "dead_letters": 0,
            "ring": None,
        }
    )


def test_what_became_of_events_and_why_it_waits(client: ServiceClient, hub: Hub, upstream: ScriptedUpstream) -> None:
    relay = Relay(hub, Upstream(upstream.target, answers={404: Action.DROP, 400: Action.DEADLETTER}), beat=0.0)
    relay_one_each(hub, relay, upstream, 201, 404, 400, 401)
    note_state(hub, to="up.example.com/events", expires=1)

    found = client.get(URL).json
    assert (found["events"], found["refused"], found["dropped"], found["dead_letters"]) == (1, 1, 1, 1)
    assert found["waiting"] == [{"partition": 1, "error": "127.0.0.1 answered 401: why"}]
    assert (found["upstream"], found["signature_expires"]) == (
        "up.example.com/events",
        "1970-01-01T00:00:01.000+00:00",
    )
    upstream.answer = lambda received: Answer()


def test_it_is_paused_resumed_and_detached(client: ServiceClient, hub: Hub) -> None:
    for state, is_attached in (("paused", True), ("on", True), ("detached", False)):
        answer = client.patch(URL, json={"state": state})
        assert (answer.status_code, answer.json["state"]) == (200, state)
        assert (route(hub).switch, hub.redis.sismember(hub.keys[0].attached, GROUP)) == (state, is_attached)


def test_parts_are_changed_and_taken_back(client: ServiceClient, hub: Hub) -> None:
    body: dict[str, Any] = {"connection_string": TO, "name": "there", "answers": {"404": "drop", "400": "wait"}}
    answer = client.patch(URL, json=body)
    assert route(hub) == Route(to=TO, name="there", answers={404: Action.DROP, 400: Action.WAIT})
    assert (answer.json["own_upstream"], answer.json["name"]) == (True, "there")
    assert answer.json["answers"]["404"] == "drop"
    for text in (answer.text, client.get(URL).text, client.get("/hubs/events").text):
        assert "c2VjcmV0" not in text
        assert "SharedAccessKey" not in text

    client.patch(URL, json={"name": None, "answers": {"400": None}, "state": "paused"})
    assert route(hub) == Route(Switch.PAUSED, to=TO, answers={404: Action.DROP})
    assert client.patch(URL, json={"connection_string": None}).json["own_upstream"] is False
    assert client.delete(URL).json["state"] == "on"
    assert route(hub) == Route()


@pytest.mark.parametrize(
    ("body", "field", "told"),
    [
        ({"state": "off"}, "state", "off"),
        ({"State": "paused"}, "State", "unknown"),
        ({"name": "a/b"}, "name", "a hub's name"),
        ({"connection_string": "SharedAccessKey=c2VjcmV0"}, "connection_string", "is missing"),
        ({"connection_string": OWN, "state": "on"}, "connection_string", "relayed to itself"),
        ({"answers": {"200": "drop"}}, "answers", "200"),
        ({"answers": {"429": "drop"}}, "answers", "always waited for"),
        ({"answers": {"404": "forget"}}, "answers", "forget"),
    ],
)
def test_what_is_refused_changes_nothing(
    client: ServiceClient, hub: Hub, body: dict[str, Any], field: str, told: str
) -> None:
    answer = client.patch(URL, json={"state": "paused", **body})

    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    assert told in answer.json["detail"] or told in answer.text
    assert field in answer.json["field"]
    assert "c2VjcmV0" not in answer.text
    assert route(hub) == Route()


def test_no_such_hub(client: ServiceClient) -> None:
    answers = [
        client.get("/hubs/none/relay"),
        client.patch("/hubs/none/relay", json={}),
        client.delete("/hubs/none/relay"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 3


def test_a_rule_of_the_hub_switches_it_and_sends_it_nowhere_else(
    client: ServiceClient, redis: redis_py.Redis, hub: Hub
) -> None:
    listens = token_of(redis, Right.LISTEN, "events")
    assert client.get(URL, headers=listens).status_code == 200
    assert client.patch(URL, json={"state": "paused"}, headers=listens).status_code == 401
    assert client.delete(URL, headers=listens).status_code == 401

    manages = token_of(redis, Right.MANAGE, "events")
    assert client.patch(URL, json={"state": "paused", "answers": {"404": "drop"}}, headers=manages).status_code == 200
    for body in ({"name": "other"}, {"connection_string": TO}, {"connection_string": None}):
        answer = client.patch(URL, json={"state": "on", **body}, headers=manages)
        assert (answer.status_code, "with a rule of the namespace" in answer.json["detail"]) == (403, True)
    assert client.delete(URL, headers=manages).status_code == 403
    assert route(hub) == Route(Switch.PAUSED, answers={404: Action.DROP})
