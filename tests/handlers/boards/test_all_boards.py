"""All boards: a list of them, and what they know of one member."""

from __future__ import annotations

import pytest
import redis as redis_py

from ... import stack
from ..conftest import ServiceClient, numbers


@pytest.mark.core
def test_boards_are_listed_in_pages(board: ServiceClient) -> None:
    for name in ("a", "b2", "c"):
        board.put(f"/boards/{name}/members/ann", json={"score": 0.5})

    first = board.get("/boards?prefix=b&limit=1")
    address = first.headers["Link"].removeprefix("<").partition(">")[0]
    second = board.get(address)

    assert [row["name"] for row in board.get("/boards").json["boards"]] == ["a", "b", "b2", "c"]
    assert first.json == {
        "boards": [{"name": "b", "count": 4, "sum": 9.9, "places": 6, "expires": None, "stale": False}],
        "next": "b",
        "complete": True,
    }
    assert ([row["name"] for row in second.json["boards"]], second.json["next"]) == (["b2"], None)
    assert "Link" not in second.headers
    assert board.get("/boards?limit=1&exact=string").json["boards"][0]["sum"] == "0.5"
    assert board.get("/boards?limit=0").json["field"] == "limit"


@pytest.mark.core
def test_what_all_boards_know_of_a_member_and_its_erasure(board: ServiceClient) -> None:
    board.put(
        "/boards/c/members/ann/features",
        data='{"n": 123456789012345678901234567890, "vip": true}',
        content_type="application/json",
    )
    board.put("/boards/c/members/ann/segments/gold")

    known = board.get("/boards?member=ann")
    erased = board.delete("/boards?member=ann")
    again = board.delete("/boards?member=ann")

    first, second = numbers(known.data)["boards"]
    assert (first["board"], first["standing"]["member"], first["features"]) == ("b", "ann", {})
    assert second == {
        "board": "c",
        "standing": None,
        "features": {"n": 123456789012345678901234567890, "vip": True},
        "segments": ["gold"],
    }
    assert erased.json == {"member": "ann", "boards": ["b", "c"], "failed": [], "complete": True}
    assert again.json == {"member": "ann", "boards": [], "failed": [], "complete": True}
    assert board.get("/boards?member=ann").json == {"member": "ann", "boards": [], "complete": True}
    assert board.get("/boards/b/members/ann").status_code == 404
    assert board.get("/boards/b/members/bob").status_code == 200


@pytest.mark.parametrize(
    ("method", "query"), [("GET", ""), ("GET", "?member=ann"), ("DELETE", "?member=ann")], ids=["list", "know", "erase"]
)
def test_a_token_for_one_board_is_not_for_all(board: ServiceClient, method: str, query: str) -> None:
    headers = {"Authorization": stack.token("boards/b")}

    assert board.open(f"/boards{query}", method=method, headers=headers).status_code == 401
    assert board.get("/boards/b/members/ann").status_code == 200


def test_an_erasure_names_one_member(client: ServiceClient) -> None:
    assert client.delete("/boards").json["field"] == "member"
    assert client.delete("/boards?member=ann&board=b").json["field"] == "board"


def test_a_board_of_an_old_layout_is_listed_and_can_be_deleted(board: ServiceClient, redis: redis_py.Redis) -> None:
    redis.setrange("{board:b}:tree", 0, "wzb1")
    board.put("/boards/c/members/ann", json={"score": 1})

    listed = board.get("/boards")
    united = board.post("/boards/b/union", json={"sources": {"c": 1}, "replace": True})
    copied = board.post("/boards/b/copy", json={"to": "d"})
    deleted = board.delete("/boards/b")

    assert [(row["name"], row["count"], row["stale"]) for row in listed.json["boards"]] == [
        ("b", 4, True),
        ("c", 1, False),
    ]
    assert [united.status_code, copied.status_code, deleted.status_code] == [503, 503, 204]
    assert "wz board rebuild b" in united.json["detail"]
