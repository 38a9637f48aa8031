"""A whole board over HTTP: exported, and imported."""

from __future__ import annotations

import gzip

import pytest
import redis as redis_py

from ..conftest import ServiceClient

LINES = "application/x-ndjson"


@pytest.fixture
def board(client: ServiceClient) -> ServiceClient:
    for member, score in {"ann": 0.2, "bob": -3, "cid": 12.5}.items():
        client.put(f"/boards/b/members/{member}", json={"score": score})
    assert client.put("/boards/b/members/ann/segments/gold").status_code < 300
    client.put("/boards/b/members/bob/features", json={"age": 1.50})
    return client


def test_a_board_is_exported_and_imported(board: ServiceClient) -> None:
    exported = board.get("/boards/b/export")

    assert (exported.status_code, exported.mimetype) == (200, LINES)
    assert exported.headers["Content-Disposition"] == 'attachment; filename="b.ndjson"'
    first, *members = exported.data.splitlines()
    assert first.endswith(b'"members":3}')
    assert len(members) == 3

    imported = board.post("/boards/copy/import", data=exported.data, content_type=LINES)
    assert (imported.status_code, imported.json["count"], imported.json["board"]) == (200, 3, "copy")
    assert board.get("/boards/copy/export").data == exported.data


def test_a_board_that_is_there_is_replaced_only_if_asked_for(board: ServiceClient) -> None:
    exported = board.get("/boards/b/export").data
    board.put("/boards/to/members/eve", json={"score": 1})

    assert board.post("/boards/to/import", data=exported, content_type=LINES).status_code == 409
    assert board.get("/boards/to").json["count"] == 1
    assert board.post("/boards/to/import?replace=true", data=exported, content_type=LINES).status_code == 200
    assert board.get("/boards/to").json["count"] == 3


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param(b"", "members", id="nothing"),
        pytest.param(b"{}", "places", id="no settings"),
        pytest.param(gzip.compress(b"{}"), "member", id="not text"),
    ],
)
def test_a_wrong_line_is_named(client: ServiceClient, body: bytes, field: str) -> None:
    answer = client.post("/boards/to/import", data=body, content_type=LINES)

    assert (answer.status_code, answer.json["field"]) == (422, field)
    assert client.get("/boards/to").status_code == 404


def test_other_bodies_and_boards_are_refused(client: ServiceClient) -> None:
    assert client.post("/boards/to/import", data=b"[]", content_type="application/json").status_code == 415
    assert client.get("/boards/nothing/export").status_code == 404


def test_a_board_that_another_program_wrote_to_is_not_exported(board: ServiceClient, redis: redis_py.Redis) -> None:
    redis.zadd("{board:b}:scores", {"ann": 1.5})

    answer = board.get("/boards/b/export")

    assert answer.status_code == 503
    assert "'ann' has 1.5" in answer.json["detail"]
