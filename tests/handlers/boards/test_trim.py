"""Trim a board over HTTP."""

from __future__ import annotations

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
