"""A board that is followed over HTTP: as pages, by long polls, and as server-sent events."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
import redis as redis_py

from handlers import create_app
from handlers.readers import MAX_SHARE
from pipeline.hub.rules import Right
from pipeline.settings import Settings

from ..conftest import ServiceClient, numbers
from ..following import Tail, Waiting
from .test_rights import with_rule

URL = "/boards/b/changes"
STREAM = {"Accept": "text/event-stream"}


@pytest.fixture
def board(client: ServiceClient) -> ServiceClient:
    put(client, "ann", 1)
    return client


def put(client: ServiceClient, member: str, score: float) -> None:
    assert client.put(f"/boards/b/members/{quote(member)}", json={"score": score}).status_code in (200, 201)


def without_id(changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in change.items() if name != "id"} for change in changes]


@pytest.mark.core
def test_pages_tell_each_change_once(board: ServiceClient) -> None:
    first = board.get(URL)
    assert (first.status_code, first.headers["Cache-Control"]) == (200, "no-store")
    assert (first.json["board"], without_id(first.json["changes"])) == ("b", [{"op": "reset"}])
    put(board, "ann", 2.5)
    put(board, "bob", -1)
    board.put("/boards/b/members/ann/segments/gold")
    board.put("/boards/b/members/ann/features", json={"age": 31, "weight": 61.5})
    board.delete("/boards/b/members/bob")

    page = board.get(f"{URL}?limit=2&after={first.json['next']}").json
    rest = board.get(f"{URL}?after={page['next']}").json

    assert without_id(page["changes"]) == [
        {"op": "set", "member": "ann", "before": 1, "after": 2.5},
        {"op": "set", "member": "bob", "before": None, "after": -1},
    ]
    assert without_id(rest["changes"]) == [
        {"op": "join", "member": "ann", "segment": "gold"},
        {"op": "features", "member": "ann", "features": {"age": 31, "weight": 61.5}},
        {"op": "remove", "member": "bob", "before": -1, "after": None},
    ]
    assert rest["next"] == rest["changes"][-1]["id"]
    assert board.get(f"{URL}?after={rest['next']}").json["changes"] == []


def test_numbers_are_exact(board: ServiceClient) -> None:
    first = board.get(URL).json["next"]
    board.put("/boards/b/members/ann", data='{"score": 9007199254.740991}', content_type="application/json")
    board.put("/boards/b/members/ann/features", json={"age": 31})

    score, features = numbers(board.get(f"{URL}?after={first}").data)["changes"]
    assert str(score["after"]) == "9007199254.740991"
    score, features = board.get(f"{URL}?after={first}&exact=string").json["changes"]
    assert (score["after"], features["features"]) == ("9007199254.740991", {"age": "31"})


def test_a_long_poll_is_answered_by_the_change_that_comes(board: ServiceClient) -> None:
    begin = board.get(URL).json["next"]
    waiting = Waiting(board, f"{URL}?wait=20&after={begin}")
    put(board, "ann", 2)

    assert without_id(waiting.result()["changes"]) == [{"op": "set", "member": "ann", "before": 1, "after": 2}]


def test_a_long_poll_ends_with_an_empty_page(board: ServiceClient) -> None:
    begin = board.get(URL).json["next"]

    assert board.get(f"{URL}?wait=1&after={begin}").json == {"board": "b", "changes": [], "next": begin}


@pytest.mark.core
def test_a_stream_tells_changes_as_they_come(board: ServiceClient) -> None:
    tail = Tail(board, URL, **STREAM)
    id_, change = tail.next()
    assert (id_, change) == (change["id"], {"id": id_, "op": "reset"})

    put(board, "ann", 2)
    put(board, "\u00e4nn", 3)

    assert without_id([tail.next()[1]]) == [{"op": "set", "member": "ann", "before": 1, "after": 2}]
    id_, change = tail.next()
    assert (id_, change["member"]) == (change["id"], "\u00e4nn")
    tail.close()


def test_a_client_that_connects_again_misses_nothing(board: ServiceClient) -> None:
    tail = Tail(board, URL, **STREAM)
    id_, _ = tail.next()
    seen = []
    for score in range(2, 12):
        put(board, "ann", score)
        put(board, "bob", score)
        if score % 3 == 0:
            tail.close()
            tail = Tail(board, f"{URL}?after=@latest", **STREAM, **{"Last-Event-ID": id_})
            id_, change = tail.next()
            seen.append((change["member"], change["after"]))
    while len(seen) < 20:
        id_, change = tail.next()
        seen.append((change["member"], change["after"]))
    tail.close()

    assert seen == [(member, score) for score in range(2, 12) for member in ("ann", "bob")]


def test_a_stream_tells_of_a_board_that_is_another_one(board: ServiceClient) -> None:
    board.put("/boards/other/members/eve", json={"score": 7})
    tail = Tail(board, URL, **STREAM)
    assert tail.next()[1]["op"] == "reset"

    assert board.post("/boards/other/rename", json={"to": "b", "replace": True}).status_code == 200
    assert tail.next()[1]["op"] == "reset"
    put(board, "eve", 8)
    assert without_id([tail.next()[1]]) == [{"op": "set", "member": "eve", "before": 7, "after": 8}]
    tail.close()


@pytest.mark.parametrize(
    ("path", "headers", "status", "field"),
    [
        pytest.param(URL, STREAM | {"Last-Event-ID": "5-0"}, 422, "Last-Event-ID", id="no id of this stream"),
        pytest.param(f"{URL}?after=5-0", STREAM, 422, "after", id="no position"),
        pytest.param(f"{URL}?after=x", {}, 422, "after", id="no position of a page"),
        pytest.param(f"{URL}?wait=21", {}, 422, "wait", id="too long a wait"),
        pytest.param("/boards/nothing/changes", {}, 404, None, id="no board"),
        pytest.param("/boards/nothing/changes", STREAM, 404, None, id="a stream of no board"),
    ],
)
def test_what_cannot_be_followed(
    board: ServiceClient, path: str, headers: dict[str, str], status: int, field: str | None
) -> None:
    answer = board.get(path, headers=headers)

    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert answer.json.get("field") == field


def test_who_may_only_write_is_told_nothing(board: ServiceClient, redis: redis_py.Redis) -> None:
    assert with_rule(board, redis, Right.SEND)("GET", URL).status_code == 401
    assert with_rule(board, redis, Right.SEND)("GET", URL, STREAM).status_code == 401
    assert with_rule(board, redis, Right.LISTEN, board="other")("GET", URL).status_code == 401
    assert with_rule(board, redis, Right.LISTEN, board="b")("GET", URL).status_code == 200


def test_streams_and_polls_share_the_places_of_readers(redis: redis_py.Redis, settings: Settings) -> None:
    client = ServiceClient(create_app(settings))
    put(client, "ann", 1)
    tails = [Tail(client, URL, **STREAM) for _ in range(MAX_SHARE)]
    begin = client.get(URL).json["next"]

    for path, headers in ((URL, STREAM), (f"{URL}?wait=20&after={begin}", {})):
        answer = client.get(path, headers=headers)
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "5")
    assert client.head(URL, headers=STREAM).status_code == 200
    for tail in tails:
        tail.close()
    assert client.get(f"{URL}?wait=1&after={begin}").status_code == 200


def test_streams_of_a_process_that_stops_are_let_go(redis: redis_py.Redis, settings: Settings) -> None:
    app = create_app(settings)
    client = ServiceClient(app)
    put(client, "ann", 1)
    begin = client.get(URL).json["next"]
    app.extensions["services"].readers.is_stopping = lambda: True

    with pytest.raises(EOFError):
        Tail(client, URL, **STREAM).next()
    assert client.get(f"{URL}?wait=20&after={begin}").json["changes"] == []
