"""Idempotency-Key on copy, rename and union, which would do something else the second time."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import redis as redis_py

from pipeline.store.keys import ANSWER

from ..conftest import ServiceClient

KEY = "Idempotency-Key"


def post(client: ServiceClient, path: str, body: dict[str, Any], key: str = "k") -> Any:
    return client.post(path, json=body, headers={KEY: key})


@pytest.fixture(autouse=True)
def board(client: ServiceClient) -> None:
    client.put("/boards/old/members/ann", json={"score": 1})


@pytest.mark.core
@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param("/boards/old/rename", {"to": "new"}, id="rename"),
        pytest.param("/boards/old/copy", {"to": "new"}, id="copy"),
        pytest.param("/boards/new/union", {"sources": {"old": 2}}, id="union"),
    ],
)
def test_the_answer_to_the_first_is_given_again(client: ServiceClient, path: str, body: dict[str, Any]) -> None:
    first, second, without = post(client, path, body), post(client, path, body), client.post(path, json=body)

    assert (first.status_code, first.headers.get("Idempotent-Replayed")) == (200, None)
    assert (second.status_code, second.headers["Idempotent-Replayed"]) == (200, "true")
    assert second.json == first.json
    assert without.status_code in (404, 409)


def test_the_same_key_for_another_request_is_refused(client: ServiceClient) -> None:
    post(client, "/boards/old/copy", {"to": "new"})
    answer = post(client, "/boards/old/copy", {"to": "newer"})

    assert (answer.status_code, answer.json["field"]) == (422, KEY)
    assert client.get("/boards/newer").status_code == 404


def test_a_refusal_does_not_use_up_the_key(client: ServiceClient) -> None:
    client.put("/boards/new/members/bob", json={"score": 1})
    assert post(client, "/boards/old/copy", {"to": "new"}).status_code == 409

    client.delete("/boards/new")

    assert post(client, "/boards/old/copy", {"to": "new"}).status_code == 200


@pytest.mark.parametrize(("age", "retry_after", "says"), [(1, "1", "ask again"), (3600, None, "nobody knows whether")])
def test_a_request_that_was_begun_and_has_no_answer_is_not_done_again(
    client: ServiceClient, redis: redis_py.Redis, age: int, retry_after: str | None, says: str
) -> None:
    post(client, "/boards/old/copy", {"to": "new"})
    (name,) = redis.keys(ANSWER.named(DIGEST="*"))
    kept: Any = redis.get(name)
    fingerprint, begun, owner, *_ = msgspec.msgpack.decode(kept)
    redis.set(name, msgspec.msgpack.encode([fingerprint, begun - age, owner]))  # as before the answer was kept
    client.delete("/boards/new")

    answer = post(client, "/boards/old/copy", {"to": "new"})

    assert (answer.status_code, answer.headers.get("Retry-After")) == (409, retry_after)
    assert says in answer.json["detail"]
    assert client.get("/boards/new").status_code == 404


def test_without_a_key_nothing_is_kept(client: ServiceClient, redis: redis_py.Redis) -> None:
    client.post("/boards/old/copy", json={"to": "new"})

    assert redis.keys(ANSWER.named(DIGEST="*")) == []
