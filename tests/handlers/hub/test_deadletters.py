from __future__ import annotations

from typing import Any

import pytest
import redis as redis_py

from pipeline.connection_string import ConnectionString
from pipeline.hub import Event, Hub
from pipeline.hub.relay import Relay
from pipeline.hub.rules import Right, Rules
from pipeline.hub.upstream import Upstream

from ... import stack
from ...upstream import Answer, ScriptedUpstream
from ..conftest import ServiceClient

pytestmark = pytest.mark.cluster

URL = "/hubs/events/deadletters"


def relay(redis: redis_py.Redis, upstream: ScriptedUpstream) -> None:
    worker = Relay(Hub(redis, "events", 4), Upstream(upstream.target), beat=0.0)
    while worker.step():
        pass
    worker.stop()


@pytest.fixture
def letters(client: ServiceClient, redis: redis_py.Redis, upstream: ScriptedUpstream) -> list[dict[str, Any]]:
    """Two dead letters in partition 1 and one in 2, as the service lists them."""
    hub = Hub(redis, "events", 4)
    hub.append([Event(b"text", "k", "text/plain", {"n": 3}), Event(b"\xff")], partition=1)
    hub.append([Event(b"other")], partition=2)
    upstream.answer = lambda received: Answer(400, b"never")
    relay(redis, upstream)
    upstream.answer = lambda received: Answer()
    found: list[dict[str, Any]] = client.get(URL).json["letters"]
    return found


def test_the_list_has_the_events(client: ServiceClient, letters: list[dict[str, Any]]) -> None:
    assert [letter["partition"] for letter in letters] == [1, 1, 2]
    first, second, _ = letters
    assert (first["reason"], first["redrives"]) == ("127.0.0.1 answered 400: never", 0)
    assert first["refused_time"].endswith("+00:00")
    assert first["event"]["body"] == "text"
    assert (first["event"]["partition_key"], first["event"]["properties"]) == ("k", {"n": 3})
    assert second["event"]["body_base64"] == "/w=="


def test_letters_come_in_pages_and_by_partition(client: ServiceClient, letters: list[dict[str, Any]]) -> None:
    page = client.get(f"{URL}?limit=2").json
    rest = client.get(f"{URL}?limit=2&after={page['next']}").json

    assert page["letters"] + rest["letters"] == letters
    assert client.get(f"{URL}?partition=2").json["letters"] == letters[2:]
    assert client.get("/hubs/EVENTS/deadletters").json["hub"] == "events"


def test_one_is_sent_again(
    client: ServiceClient, letters: list[dict[str, Any]], redis: redis_py.Redis, upstream: ScriptedUpstream
) -> None:
    answer = client.post(f"{URL}/redrive", json={"ids": [letters[1]["id"]]})
    assert (answer.status_code, answer.json) == (200, {"redriven": 1, "late": []})

    relay(redis, upstream)

    assert client.get(URL).json["letters"] == [letters[0], letters[2]]


@pytest.mark.parametrize(("choice", "count"), [({"all": True}, 3), ({"partition": 1}, 2)])
def test_several_are_sent_again(
    client: ServiceClient, letters: list[dict[str, Any]], choice: dict[str, Any], count: int
) -> None:
    assert client.post(f"{URL}/redrive", json=choice).json == {"redriven": count, "late": []}


@pytest.mark.parametrize(("query", "left"), [("all=true", 0), ("partition=1", 1), ("partition=0", 3)])
def test_several_are_dropped(client: ServiceClient, letters: list[dict[str, Any]], query: str, left: int) -> None:
    assert client.delete(f"{URL}?{query}").json == {"dropped": 3 - left}
    assert len(client.get(URL).json["letters"]) == left


def test_some_are_dropped(client: ServiceClient, letters: list[dict[str, Any]]) -> None:
    answer = client.delete(f"{URL}?id={letters[0]['id']}&id={letters[2]['id']}")

    assert (answer.status_code, answer.json) == (200, {"dropped": 2})
    assert client.get(URL).json["letters"] == [letters[1]]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        pytest.param("GET", "/hubs/none/deadletters", None, 404, id="no such hub"),
        pytest.param("GET", f"{URL}?partition=4", None, 404, id="no such partition"),
        pytest.param("GET", f"{URL}?after=1-0", None, 422, id="no id"),
        pytest.param("GET", f"{URL}?partition=1&after=2:1-0", None, 422, id="an id of another partition"),
        pytest.param("GET", f"{URL}?limit=101", None, 422, id="a page too large"),
        pytest.param("POST", f"{URL}/redrive", {}, 422, id="re-drive what?"),
        pytest.param("POST", f"{URL}/redrive", {"all": True, "partition": 1}, 422, id="re-drive which?"),
        pytest.param("POST", f"{URL}/redrive", {"ids": []}, 422, id="none"),
        pytest.param("POST", f"{URL}/redrive", {"ids": ["9:1-1"]}, 404, id="of a partition that is not there"),
        pytest.param("DELETE", URL, None, 422, id="drop what?"),
        pytest.param("DELETE", f"{URL}?all=true&id=1:1-1", None, 422, id="drop which?"),
    ],
)
def test_what_cannot_be_done(client: ServiceClient, method: str, path: str, body: Any, status: int) -> None:
    answer = client.open(path, method=method, **({"json": body} if body is not None else {}))

    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")


@pytest.mark.parametrize("right", [Right.SEND, Right.LISTEN])
@pytest.mark.parametrize(("method", "path"), [("GET", URL), ("POST", f"{URL}/redrive"), ("DELETE", URL)])
def test_all_of_it_needs_manage(
    client: ServiceClient, redis: redis_py.Redis, right: Right, method: str, path: str
) -> None:
    rule = Rules(redis, stack.ROOT).add("limited", frozenset({right}))
    connection = ConnectionString(stack.ROOT.endpoint, rule.name, rule.primary)
    headers = {"Authorization": stack.token(connection=connection)}

    assert client.open(f"{path}?all=true", method=method, headers=headers, json={}).status_code == 401
