from __future__ import annotations

import pytest
import redis as redis_py

from pipeline.connection_string import ConnectionString
from pipeline.hub.rules import Right, Rules

from .. import stack
from .conftest import ServiceClient

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize(
    ("right", "method", "path", "status"),
    [
        (Right.SEND, "POST", "/events/messages", 201),
        (Right.LISTEN, "POST", "/events/messages", 401),
        (Right.LISTEN, "GET", "/hubs/events/partitions/0/events", 200),
        (Right.SEND, "GET", "/hubs/events/partitions/0/events", 401),
        (Right.SEND, "PUT", "/boards/b/members/ann", 204),
        (Right.LISTEN, "PUT", "/boards/b/members/ann", 401),
        (Right.LISTEN, "GET", "/boards/b/members/ann", 404),
        (Right.SEND, "GET", "/boards/b/members/ann", 401),
        (Right.SEND, "DELETE", "/boards/b", 401),
        (Right.LISTEN, "DELETE", "/boards/b", 401),
        (Right.LISTEN, "GET", "/boards?member=ann&board=b", 200),
        (Right.LISTEN, "GET", "/boards", 200),
        (Right.SEND, "GET", "/boards", 401),
        (Right.LISTEN, "GET", "/boards?member=ann", 200),
        (Right.SEND, "DELETE", "/boards?member=ann", 401),
        (Right.MANAGE, "DELETE", "/boards?member=ann", 200),
        (Right.SEND, "POST", "/boards/b/trim", 401),
        (Right.SEND, "GET", "/boards/b/top", 401),
        (Right.LISTEN, "PUT", "/boards/b", 401),
        (Right.LISTEN, "POST", "/boards/b/copy", 401),
        (Right.SEND, "PATCH", "/boards/b/members/ann/features", 204),
        (Right.LISTEN, "PATCH", "/boards/b/members/ann/features", 401),
        (Right.SEND, "GET", "/boards/b/members/ann/features", 401),
    ],
)
def test_send_writes_and_listen_reads(
    client: ServiceClient, redis: redis_py.Redis, right: Right, method: str, path: str, status: int
) -> None:
    rule = Rules(redis, stack.ROOT).add("limited", frozenset({right}))
    connection = ConnectionString(stack.ROOT.endpoint, rule.name, rule.primary)
    headers = {"Authorization": stack.token(connection=connection)}

    assert client.open(path, method=method, headers=headers, json={"score": 1}).status_code == status


@pytest.mark.parametrize(
    ("signed", "path", "status"),
    [
        pytest.param("events", "/ev%65nts/messages", 201, id="the path as it is decoded"),
        pytest.param("ev%65nts", "/events/messages", 401, id="an escape that no URL needs"),
    ],
)
def test_what_was_signed_is_compared_with_the_decoded_path(
    client: ServiceClient, signed: str, path: str, status: int
) -> None:
    assert client.post(path, data="x", headers={"Authorization": stack.token(signed)}).status_code == status


def test_a_rule_that_is_deleted_is_worth_nothing_at_once(client: ServiceClient, redis: redis_py.Redis) -> None:
    rules = Rules(redis, stack.ROOT)
    rule = rules.add("short", frozenset({Right.SEND}))
    headers = {"Authorization": stack.token(connection=ConnectionString(stack.ROOT.endpoint, "short", rule.primary))}
    assert client.post("/events/messages", data="x", headers=headers).status_code == 201

    rules.remove("short")

    assert client.post("/events/messages", data="x", headers=headers).status_code == 401
