"""What a token for one board reaches, what each right allows, and what one who may only write is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
import redis as redis_py
from werkzeug.test import TestResponse

from pipeline.connection_string import ConnectionString
from pipeline.hub.rules import Right, Rules, rights_of

from ... import stack
from ..conftest import ServiceClient

NDJSON = "application/x-ndjson"


class As:
    """Sends requests with one token."""

    def __init__(self, client: ServiceClient, token: str) -> None:
        self.client = client
        self.headers = {"Authorization": token}

    def __call__(self, method: str, path: str, headers: dict[str, str] | None = None, **kwargs: Any) -> TestResponse:
        return self.client.open(path, method=method, headers=self.headers | (headers or {}), **kwargs)


def with_rule(
    client: ServiceClient, redis: redis_py.Redis, *rights: Right, board: str | None = None, path: str = ""
) -> As:
    """A client of a rule with these rights, on the namespace or one board; its token is for a path."""
    rules = Rules(redis, stack.ROOT)
    rule = rules.add(f"r{len(list(rules))}", rights_of(rights), board=board)
    connection = ConnectionString(stack.ROOT.endpoint, rule.name, rule.primary)
    return As(client, stack.token(path, connection))


@pytest.fixture
def boards(client: ServiceClient) -> ServiceClient:
    """The boards `mine` and `victim`, a member with a score on each."""
    for board, member in (("mine", "ann"), ("victim", "vic")):
        assert client.put(f"/boards/{board}/members/{member}", json={"score": 1}).status_code == 200
    return client


def members(client: ServiceClient, board: str) -> list[str]:
    return [row["member"] for row in client.get(f"/boards/{board}/top").json["members"]]


# A token, or a rule, for one board.

NAMING_OTHERS = [
    pytest.param("/boards/mine/union", {"sources": {"victim": 1}, "replace": True}, id="a union takes from it"),
    pytest.param("/boards/mine/union", {"sources": {"mine": 1, "victim": 1}, "replace": True}, id="also second"),
    pytest.param("/boards/mine/copy", {"to": "victim", "replace": True}, id="a copy overwrites it"),
    pytest.param("/boards/mine/rename", {"to": "victim", "replace": True}, id="a rename overwrites it"),
    pytest.param("/boards/mine/union", {"sources": {"none": 1}, "replace": True}, id="one that is not there"),
]


@pytest.mark.parametrize(("path", "body"), NAMING_OTHERS)
@pytest.mark.parametrize("narrow", ["token", "rule"])
def test_what_is_for_one_board_reaches_no_other_that_a_body_names(
    boards: ServiceClient, redis: redis_py.Redis, path: str, body: dict[str, Any], narrow: str
) -> None:
    mine = As(boards, stack.token("boards/mine"))
    if narrow == "rule":
        mine = with_rule(boards, redis, Right.MANAGE, board="mine")

    answer = mine("POST", path, json=body)

    assert (answer.status_code, "WWW-Authenticate" in answer.headers) == (401, True)
    assert answer.json["detail"].startswith("board '")
    assert (members(boards, "mine"), members(boards, "victim")) == (["ann"], ["vic"])


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/boards/mine/top", None, 200),
        ("PUT", "/boards/mine", {}, 200),
        ("PUT", "/boards/mine/members/bob", {"score": 2}, 200),
        ("GET", "/boards/mine@day", None, 404),
        ("PUT", "/boards/mine@day/members/bob", {"score": 2}, 200),
        ("GET", "/boards/mine.2020-W01/members", None, 404),
        ("GET", "/boards?member=ann&board=mine", None, 200),
        ("GET", "/boards?member=ann&board=mine&board=mine@week", None, 200),
        ("POST", "/boards/mine/copy", {"to": "mine.2020-01"}, 200),
        ("POST", "/boards/mine/union", {"sources": {"mine@hour": 1}, "replace": True}, 404),
        ("GET", "/boards/victim/top", None, 401),
        ("GET", "/boards?member=vic&board=victim", None, 401),
        ("GET", "/boards?member=vic&board=mine&board=victim", None, 401),
        ("GET", "/boards?member=vic&board=mine&board=mine%2F..%2Fvictim", None, 401),
        ("GET", "/boards?member=vic", None, 401),
        ("GET", "/boards", None, 401),
        ("GET", "/boards/mine2/top", None, 401),
        ("GET", "/boards/mine.2020-W01.x/top", None, 401),
        ("GET", "/boards/mine.season/top", None, 401),
        ("GET", "/boards?prefix=v&board=mine", None, 422),
        ("DELETE", "/boards?member=vic", None, 401),
        ("DELETE", "/boards?member=vic&board=mine", None, 401),
        ("DELETE", "/boards/victim", None, 401),
        ("GET", "/boards/victim/tasks", None, 401),
        ("POST", "/boards/mine/members/ann/rewards", {"reward": 1, "also": ["mine@day", "mine.2020-01"]}, 200),
        ("POST", "/boards/mine/members/ann/rewards", {"reward": 1, "also": ["mine@day", "victim"]}, 401),
        ("PUT", "/boards/victim@day", {}, 401),
        ("GET", "/hubs", None, 401),
        ("POST", "/mine/messages", None, 401),
    ],
)
@pytest.mark.parametrize("narrow", ["token", "rule", "both"])
def test_what_is_for_a_board_is_good_for_it_and_its_periods_alone(
    boards: ServiceClient,
    redis: redis_py.Redis,
    narrow: str,
    method: str,
    path: str,
    body: dict[str, Any] | None,
    status: int,
) -> None:
    mine = As(boards, stack.token("boards/mine"))
    if narrow != "token":
        mine = with_rule(
            boards, redis, Right.MANAGE, board="mine", path="boards/mine" if narrow == "both" else "boards"
        )

    assert mine(method, path, json=body).status_code == status


def test_what_is_for_one_period_reaches_neither_the_board_nor_another_period(
    boards: ServiceClient, redis: redis_py.Redis
) -> None:
    of_rule = with_rule(boards, redis, Right.MANAGE, board="mine.2020-W01")
    assert of_rule("GET", "/boards/mine.2020-W01").status_code == 404
    of_token = As(boards, stack.token("boards/mine@day"))
    assert of_token("GET", "/boards/mine@day").status_code == 404

    for path in ("mine", "mine.2020-W02", "mine@week"):
        assert of_rule("GET", f"/boards/{path}").status_code == 401
        assert of_token("GET", f"/boards/{path}").status_code == 401


def test_rules_of_one_name_are_told_apart(boards: ServiceClient, redis: redis_py.Redis) -> None:
    rules = Rules(redis, stack.ROOT)
    keys = {board: rules.add("app", rights_of({Right.LISTEN}), board=board).primary for board in ("mine", "victim")}
    keys[""] = rules.add("app", rights_of({Right.SEND})).primary

    def status(board: str, whose: str) -> int:
        token = stack.token(connection=ConnectionString(stack.ROOT.endpoint, "app", keys[whose]))
        return As(boards, token)("GET", f"/boards/{board}").status_code

    assert [status("mine", whose) for whose in ("mine", "victim", "")] == [200, 401, 401]
    assert [status("victim", whose) for whose in ("mine", "victim", "")] == [401, 200, 401]


def test_a_rule_outlives_its_board(boards: ServiceClient, redis: redis_py.Redis) -> None:
    mine = with_rule(boards, redis, Right.MANAGE, board="mine")

    assert mine("DELETE", "/boards/mine").status_code == 204
    assert mine("PUT", "/boards/mine/members/ann", json={"score": 1}).status_code == 200


# What each right allows.

WRITES: list[tuple[str, str, Any]] = [
    ("PUT", "/boards/mine/members/ann", {"score": 3}),
    ("POST", "/boards/mine/members/ann/rewards", {"reward": 3}),
    ("PUT", "/boards/mine/members/ann/segments/gold", None),
    ("PUT", "/boards/mine/members/ann/features", {"age": 3}),
    ("PATCH", "/boards/mine/members/ann/features", {"age": 3}),
    ("POST", "/boards/mine/members", [{"member": "ann", "score": 3}]),
    ("POST", "/boards/mine/rewards", [{"member": "ann", "reward": 3}]),
]
MANAGES: list[tuple[str, str, Any]] = [
    ("PUT", "/boards/mine", {"sample": 500}),
    ("DELETE", "/boards/mine", None),
    ("POST", "/boards/mine/copy", {"to": "other"}),
    ("POST", "/boards/mine/rename", {"to": "other"}),
    ("POST", "/boards/mine/union", {"sources": {"victim": 1}, "replace": True}),
    ("DELETE", "/boards/mine/members/ann", None),
    ("DELETE", "/boards/mine/members/ann/features", None),
    ("DELETE", "/boards/mine/members/ann/segments/gold", None),
]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_who_writes_needs_send(
    boards: ServiceClient, redis: redis_py.Redis, method: str, path: str, body: object
) -> None:
    assert with_rule(boards, redis, Right.LISTEN)(method, path, json=body).status_code == 401
    assert with_rule(boards, redis, Right.SEND)(method, path, json=body).status_code in (200, 204)


@pytest.mark.parametrize(("method", "path", "body"), MANAGES)
def test_who_sets_up_or_deletes_needs_manage(
    boards: ServiceClient, redis: redis_py.Redis, method: str, path: str, body: object
) -> None:
    boards.put("/boards/mine/members/ann/segments/gold")
    before = boards.get("/boards/mine").json

    assert with_rule(boards, redis, Right.LISTEN, Right.SEND)(method, path, json=body).status_code == 401
    assert boards.get("/boards/mine").json == before
    assert boards.get("/boards/other").status_code == 404
    assert with_rule(boards, redis, Right.MANAGE)(method, path, json=body).status_code in (200, 201, 204)


def test_the_document_names_the_right_of_each_operation(client: ServiceClient) -> None:
    paths = client.get("/openapi.json").json["paths"]

    def right(path: str, method: str) -> str:
        [[found]] = paths[path][method]["security"][0].values()
        return str(found)

    assert right("/boards/{board}/top", "get") == "Listen"
    assert right("/boards/{board}/members/{member}/rewards", "post") == "Send"
    assert right("/boards/{board}", "put") == right("/boards/{board}", "delete") == "Manage"
    assert right("/boards/{board}/union", "post") == "Manage"
    assert right("/{hub}/messages", "post") == "Send"
    assert right("/{hub}", "put") == "Manage"
    assert set(paths["/boards/{board}/members/{member}"]["put"]["responses"]) >= {"200", "204"}
    assert "content" not in paths["/boards/{board}/members/{member}"]["put"]["responses"]["204"]


def test_what_send_allows_is_answered_without_scores(client: ServiceClient) -> None:
    """A new operation needs either another right (`needs`) or an answer for who may not read (`told`)."""
    bulk = {("/boards/{board}/members", "post"), ("/boards/{board}/rewards", "post")}
    for path, methods in client.get("/openapi.json").json["paths"].items():
        for method, said in methods.items():
            if path.startswith("/boards") and said["security"] == [{"sas": ["Send"]}] and (path, method) not in bulk:
                assert "204" in said["responses"], f"{method} {path}"
            if path.rpartition("/")[2] in ("copy", "rename", "union", "trim", "import"):
                assert method == "get" or said["security"] == [{"sas": ["Manage"]}], f"{method} {path}"


# May add rewards, may not read.


@pytest.fixture
def device(boards: ServiceClient, redis: redis_py.Redis) -> As:
    return with_rule(boards, redis, Right.SEND, board="mine")


@pytest.mark.parametrize(
    ("method", "path", "body"), [write for write in WRITES if "members/" in write[1] or "segments" in write[1]]
)
def test_who_may_only_write_gets_an_answer_without_a_body(device: As, method: str, path: str, body: object) -> None:
    answer = device(method, path, json=body)

    assert (answer.status_code, answer.data) == (204, b"")


def test_a_repeated_reward_is_said_to_be_one(device: As, boards: ServiceClient) -> None:
    answers = [device("POST", "/boards/mine/members/ann/rewards", json={"reward": 2, "event": "e"}) for _ in range(2)]

    assert [answer.headers.get("Idempotent-Replayed") for answer in answers] == [None, "true"]
    assert boards.get("/boards/mine/members/ann").json["score"] == 3


@pytest.mark.parametrize("kind", ["members", "rewards"])
def test_bulk_tells_what_was_done_and_no_score(device: As, boards: ServiceClient, kind: str) -> None:
    name = "score" if kind == "members" else "reward"
    records = [{"member": "ann", name: 7}, {"member": "", name: 7}, {"member": "bob", name: 7}]
    body = "\n".join(map(json.dumps, records))

    answer = device("POST", f"/boards/mine/{kind}", data=body, content_type=NDJSON)

    first, second, third, summary = map(json.loads, answer.text.splitlines())
    assert (first, third) == ({"record": 1, "member": "ann"}, {"record": 3, "member": "bob"})
    assert (second["record"], second["field"]) == (2, "member")
    assert summary == {"records": 3, "changed": 2, "kept": 0, "repeated": 0, "refused": 1, "complete": True}
    assert boards.get("/boards/mine/members/bob").json["score"] == 7


@pytest.mark.parametrize(("operator", "guess"), [("max", 2), ("max", 0), ("min", 0), ("min", 2), ("set", 1)])
def test_bulk_does_not_tell_by_an_operator_what_the_score_was(device: As, operator: str, guess: int) -> None:
    record = {"member": "ann", "score": guess, "operator": operator}

    answer = device("POST", "/boards/mine/members", json=[record])

    result, summary = map(json.loads, answer.text.splitlines())
    assert result == {"record": 1, "member": "ann"}
    assert (summary["changed"], summary["kept"]) == (1, 0)


@pytest.mark.parametrize(
    ("also", "status"), [(["mine@day", "mine.2026-W01"], 204), (["victim"], 401), (["mine@day", "victim"], 401)]
)
@pytest.mark.parametrize(("method", "path", "name"), [("PUT", "", "score"), ("POST", "/rewards", "reward")])
def test_a_change_of_several_boards_needs_send_for_each(
    device: As, boards: ServiceClient, method: str, path: str, name: str, also: list[str], status: int
) -> None:
    answer = device(method, f"/boards/mine/members/ann{path}", json={name: 7, "also": also})

    assert answer.status_code == status
    assert (boards.get("/boards/mine/members/ann").json["score"] == 1) is (status == 401)
    assert (members(boards, "victim"), boards.get("/boards/mine@day").status_code) == (
        ["vic"],
        200 if status == 204 else 404,
    )


@pytest.mark.parametrize("header", ["If-Match", "If-None-Match"])
@pytest.mark.parametrize("path", ["members/ann/features", "members/ann"])
def test_who_may_not_read_may_not_ask_by_a_condition(device: As, boards: ServiceClient, path: str, header: str) -> None:
    answer = device("PUT", f"/boards/mine/{path}", {header: '"guess"'}, json={"score": 9})

    assert answer.status_code == 401
    assert boards.get("/boards/mine/members/ann").json["score"] == 1
    assert boards.get("/boards/mine/members/ann/features").json == {}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/boards/mine/members/sam/rewards", {"reward": 9007199254}, 422),
        ("/boards/mine/members/sam/rewards", {"reward": "0.0000001"}, 422),
        ("/boards/mine/members/sam/rewards", {"reward": 1, "event": "e" * 129}, 422),
        ("/boards/mine/members/sam/rewards", {}, 422),
    ],
)
def test_a_refusal_tells_no_score(
    device: As, boards: ServiceClient, path: str, body: dict[str, Any], status: int
) -> None:
    boards.put("/boards/mine/members/sam", json={"score": 8765432.1})

    answer = device("POST", path, json=body)

    assert answer.status_code == status
    assert "8765432" not in answer.text
