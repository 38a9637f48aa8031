"""Trim a board over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ..conftest import ServiceClient


@pytest.mark.core
@pytest.mark.parametrize(
    ("body", "left"),
    [({"keep": 1}, ["cid"]), ({"below": 0.2}, ["cid", "ann", "amy"]), ({"above": "0.2"}, ["ann", "amy", "bob"])],
)
def test_a_board_is_trimmed(board: ServiceClient, body: dict[str, Any], left: list[str]) -> None:
    answer = board.post("/boards/b/trim", json=body)

    assert (answer.status_code, answer.json) == (200, {"board": "b", "removed": 4 - len(left), "count": len(left)})
    assert [row["member"] for row in board.get("/boards/b/members").json["members"]] == left


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "keep"), ({"keep": 1, "below": 0}, "keep"), ({"keep": -1}, "keep"), ({"keep": 1.5}, "keep"),
     ({"below": 1e-9}, "below"), ({"above": 1e300}, "above"), ({"rank": 1}, "rank")],
)  # fmt: skip
def test_a_trimming_that_is_refused_removes_nobody(board: ServiceClient, body: dict[str, Any], field: str) -> None:
    answer = board.post("/boards/b/trim", json=body)

    assert (answer.status_code, answer.json["field"]) == (422, field)
    assert board.get("/boards/b").json["count"] == 4


def test_no_board_is_404(client: ServiceClient) -> None:
    assert client.post("/boards/nothing/trim", json={"keep": 1}).status_code == 404


@pytest.mark.core
def test_a_board_keeps_its_best(client: ServiceClient) -> None:
    client.put("/boards/b", json={"most": 2, "places": 0})
    for member, score in {"ann": 5, "bob": 7}.items():
        client.put(f"/boards/b/members/{member}", json={"score": score})

    last = client.put("/boards/b/members/cid", json={"score": 3})
    reward = client.post("/boards/b/members/cid/rewards", json={"reward": 1, "event": "order-17"})
    better = client.put("/boards/b/members/dee", json={"score": 6})
    bulk = client.post("/boards/b/members", json=[{"member": "eve", "score": 1}, {"member": "fay", "score": 9}])

    assert (last.status_code, last.json["dropped"], last.json["score"], last.json["rank"]) == (200, True, 3, 2)
    assert (reward.status_code, reward.json["dropped"], reward.json["repeated"]) == (200, True, False)
    assert "dropped" not in (better.json or {})
    assert [line.get("dropped") for line in map(json.loads, bulk.data.splitlines()[:2])] == [True, None]
    assert [row["member"] for row in client.get("/boards/b/members").json["members"]] == ["fay", "bob"]
