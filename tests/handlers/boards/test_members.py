"""One member: events that count once, features, segments, several boards at once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ..conftest import ServiceClient, numbers

REWARDS = "/boards/b/members/ann/rewards"
FEATURES = "/boards/b/members/ann/features"
JSON = "application/json"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(({"event": "e1"}, None), ({"event": "e1"}, None), id="in the body"),
        pytest.param(({}, '"e1"'), ({}, '"e1"'), id="in the header, as the draft has it"),
        pytest.param(({}, "e1"), ({}, "e1"), id="in the header, as most send it"),
        pytest.param(({}, "e1"), ({"event": "e1"}, None), id="once in each"),
        pytest.param(({"event": "e1"}, None), ({"event": "e1"}, "e1"), id="in both"),
    ],
)
def test_an_event_counts_once(
    client: ServiceClient, first: tuple[dict[str, str], str | None], second: tuple[dict[str, str], str | None]
) -> None:
    answers = []
    for body, key in (first, second):
        headers = {} if key is None else {"Idempotency-Key": key}
        answers.append(client.post(REWARDS, json={"reward": 2.5, **body}, headers=headers))

    assert [answer.json["score"] for answer in answers] == [2.5, 2.5]
    assert [answer.json["repeated"] for answer in answers] == [False, True]
    assert [answer.headers.get("Idempotent-Replayed") for answer in answers] == [None, "true"]


def test_another_event_counts_again(client: ServiceClient) -> None:
    for event in ("e1", "e2"):
        answer = client.post(REWARDS, json={"reward": 1, "event": event})

    assert (answer.json["score"], answer.json["repeated"]) == (2, False)


def test_rewards_without_an_event_all_count(client: ServiceClient) -> None:
    for _ in range(2):
        answer = client.post(REWARDS, json={"reward": 1})

    assert (answer.json["score"], answer.json["repeated"]) == (2, False)


@pytest.mark.parametrize(
    ("body", "key", "field"),
    [
        pytest.param({"event": "e1"}, "e2", "event", id="two events"),
        pytest.param({"event": ""}, None, "event", id="an empty event"),
        pytest.param({"event": "e" * 129}, None, "event", id="too long"),
        pytest.param({"event": "é" * 65}, None, "event", id="too long in bytes"),
        pytest.param({"event": 1}, None, "event", id="no string"),
        pytest.param({}, '""', "Idempotency-Key", id="an empty header"),
        pytest.param({}, "e" * 129, "Idempotency-Key", id="too long a header"),
        pytest.param({}, "\xe9", "Idempotency-Key", id="a header that is not ASCII"),
    ],
)
def test_an_invalid_event_is_refused_by_name(
    client: ServiceClient, body: dict[str, Any], key: str | None, field: str
) -> None:
    headers = {} if key is None else {"Idempotency-Key": key}

    answer = client.post(REWARDS, json={"reward": 1, **body}, headers=headers)

    assert (answer.status_code, answer.json["field"]) == (422, field)
    assert client.get("/boards/b").status_code == 404


def test_features_keep_their_types_and_digits(client: ServiceClient) -> None:
    document = '{"age":31,"big":12345678901234567890123.45,"id":9007199254740993,"name":"Ann \\"A\\"","vip":true}'

    put = client.put(FEATURES, data=document, content_type=JSON)
    got = client.get(FEATURES)

    assert (put.status_code, got.status_code) == (200, 200)
    assert (
        numbers(put.data)
        == numbers(got.data)
        == {
            "age": 31,
            "big": Decimal("12345678901234567890123.45"),
            "id": 9007199254740993,
            "name": 'Ann "A"',
            "vip": True,
        }
    )


def test_numbers_of_features_are_strings_if_asked_for(client: ServiceClient) -> None:
    client.put(FEATURES, data='{"id": 9007199254740993, "weight": 61.50, "vip": false}', content_type=JSON)

    assert client.get(f"{FEATURES}?exact=string").json == {"id": "9007199254740993", "weight": "61.50", "vip": False}


def test_a_feature_that_is_0_or_false_or_empty_is_there(client: ServiceClient) -> None:
    nothing = {"age": 0, "vip": False, "name": ""}

    client.put(FEATURES, json=nothing)

    assert client.get(FEATURES).json == nothing
    assert client.get("/boards/b/members/bob/features").json == {}


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        pytest.param({"weight": 62}, {"age": 31, "weight": 62}, id="changes"),
        pytest.param({"age": None}, {"weight": 61.5}, id="null removes"),
        pytest.param({"gender": "f"}, {"age": 31, "weight": 61.5, "gender": "f"}, id="adds"),
        pytest.param({"gender": None}, {"age": 31, "weight": 61.5}, id="null of what is not there"),
        pytest.param({}, {"age": 31, "weight": 61.5}, id="nothing"),
    ],
)
@pytest.mark.parametrize("content_type", ["application/merge-patch+json", JSON])
def test_features_are_patched_as_rfc_7396_says(
    client: ServiceClient, patch: dict[str, Any], expected: dict[str, Any], content_type: str
) -> None:
    client.put(FEATURES, json={"age": 31, "weight": 61.5})

    answer = client.patch(FEATURES, json=patch, headers={"Content-Type": content_type})

    assert answer.json == client.get(FEATURES).json == expected


def test_put_replaces_features_and_delete_removes_them(client: ServiceClient) -> None:
    client.put(FEATURES, json={"age": 31})
    client.put(FEATURES, json={"weight": 61.5})
    assert client.get(FEATURES).json == {"weight": 61.5}

    assert client.delete(FEATURES).status_code == 204
    assert client.get(FEATURES).json == {}


def test_features_go_with_the_member(board: ServiceClient) -> None:
    board.put(FEATURES, json={"age": 31})

    board.delete("/boards/b/members/ann")

    assert board.get(FEATURES).json == {}


@pytest.mark.parametrize(
    ("method", "data", "content_type", "status", "field"),
    [
        pytest.param("PUT", '{"a": null}', JSON, 422, "a", id="null is nothing to put"),
        pytest.param("PUT", '{"a": [1]}', JSON, 422, "a", id="a list"),
        pytest.param("PATCH", '{"a": {"b": 1}}', JSON, 422, "a", id="an object"),
        pytest.param("PATCH", '{"": 1}', JSON, 422, "features", id="a feature without a name"),
        pytest.param("PUT", '{"%s": 1}' % ("n" * 129), JSON, 422, "features", id="too long a name"),
        pytest.param("PUT", '{"a": "%s"}' % ("v" * 5000), JSON, 422, "a", id="too long a value"),
        pytest.param("PUT", '{"a": %s}' % ("1" * 5000), JSON, 422, None, id="more digits than anybody needs"),
        pytest.param("PUT", '{"a": 1e99999999999999999999}', JSON, 422, None, id="an exponent beyond decimals"),
        pytest.param("PUT", "[1]", JSON, 422, None, id="no object"),
        pytest.param("PUT", '{"a": NaN}', JSON, 400, None, id="NaN is not JSON"),
        pytest.param("PUT", '{"a": ', JSON, 400, None, id="broken"),
        pytest.param("PUT", '{"a": "\\ud800"}', JSON, 400, None, id="half a character"),
        pytest.param("PUT", "[" * 100_000, JSON, 422, None, id="nested"),
        pytest.param("PUT", '{"a": 1}', "text/plain", 415, None, id="another media type"),
        pytest.param("PATCH", "[]", "application/json-patch+json", 415, None, id="another kind of patch"),
        pytest.param("PUT", " " * (1024 * 1024 + 1), JSON, 413, None, id="too long"),
    ],
)
def test_an_invalid_feature_is_refused(
    client: ServiceClient, method: str, data: str, content_type: str, status: int, field: str | None
) -> None:
    answer = client.open(FEATURES, method=method, data=data, content_type=content_type)

    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert answer.json.get("field") == field
    assert client.get(FEATURES).json == {}


def test_a_segment_ranks_its_members_among_themselves(board: ServiceClient) -> None:
    for member in ("bob", "cid", "later"):
        assert board.put(f"/boards/b/members/{member}/segments/gold").status_code == 204

    assert board.get("/boards/b/members/cid?segment=gold&order=asc").json["rank"] == 1
    assert board.get("/boards/b/members/cid/ranks?segment=gold&order=asc").json["ordinal"] == 1
    assert board.get("/boards/b/sum?rank=1&segment=gold").json["sum"] == 9.5
    assert board.get("/boards/b/sum?below=0&segment=gold").json["count"] == 1
    assert board.get("/boards/b/statistics?segment=gold").json["count"] == 2
    assert board.get("/boards/b?segment=gold").json["sum"] == 9.5
    assert board.get("/boards/b?segment=none").status_code == 404
    assert board.get("/boards/b/reach?share=1&segment=gold").json["member"] == "cid"
    assert board.get("/boards/b/percentiles/50?segment=gold").json["member"] == "bob"
    assert [row["member"] for row in board.get("/boards/b/top?segment=gold").json["members"]] == ["cid", "bob"]
    assert board.get("/boards/b/members?segment=gold&limit=1").headers["Link"].count("segment=gold") == 1
    assert board.get("/boards/b/members/ann?segment=gold").status_code == 404


def test_a_score_that_comes_later_counts_in_the_segment(board: ServiceClient) -> None:
    board.put("/boards/b/members/later/segments/gold")
    assert board.get("/boards/b/top?segment=gold").status_code == 404

    board.put("/boards/b/members/later", json={"score": 7})

    assert board.get("/boards/b/sum?rank=0&segment=gold").json["sum"] == 7


def test_segments_are_listed_and_left(board: ServiceClient) -> None:
    for segment in ("silver", "gold"):
        board.put(f"/boards/b/members/ann/segments/{segment}")
    assert board.get("/boards/b/segments").json == {"board": "b", "segments": ["gold", "silver"]}
    assert board.get("/boards/b/members/ann/segments").json["segments"] == ["gold", "silver"]
    assert board.get("/boards/b/members/bob/segments").json["segments"] == []

    assert board.delete("/boards/b/members/ann/segments/gold").status_code == 204
    gone = board.delete("/boards/b/members/ann/segments/gold")
    assert gone.status_code == 404
    assert gone.json["detail"] == "'ann' is not in the segment 'gold' of the board 'b'"

    assert board.get("/boards/b/segments").json["segments"] == ["silver"]


def test_segments_of_what_is_not_there_are_not_found(board: ServiceClient) -> None:
    assert board.get("/boards/b/segments").json == {"board": "b", "segments": []}
    assert board.get("/boards/nosuch/segments").status_code == 404
    assert board.get("/boards/b/members/nobody/segments").status_code == 404
    board.put("/boards/empty", json={})
    assert board.get("/boards/empty/segments").json["segments"] == []
    board.put("/boards/later/members/ann/segments/gold")
    assert board.get("/boards/later/segments").json["segments"] == ["gold"]
    assert board.get("/boards/later/members/ann/segments").json["segments"] == ["gold"]


def test_a_board_has_at_most_64_segments(board: ServiceClient) -> None:
    for number in range(64):
        assert board.put(f"/boards/b/members/ann/segments/s{number}").status_code == 204

    answer = board.put("/boards/b/members/ann/segments/more")

    assert (answer.status_code, answer.json["field"]) == (422, "segment")


def test_an_invalid_segment_is_refused_by_name(board: ServiceClient) -> None:
    assert board.put("/boards/b/members/ann/segments/-").json["field"] == "segment"
    assert board.get("/boards/b/sum?rank=0&segment=none").status_code == 404


def test_the_standings_of_a_member_on_several_boards(board: ServiceClient) -> None:
    board.put("/boards/c/members/ann", json={"score": 0})

    answer = board.get("/boards?member=ann&board=b&board=nothing&board=c")

    assert answer.status_code == 200
    assert answer.json == {
        "member": "ann",
        "boards": [
            {"board": "b", "standing": {"member": "ann", "score": 0.2, "rank": 1, "order": "desc", "count": 4}},
            {"board": "nothing", "standing": None},
            {"board": "c", "standing": {"member": "ann", "score": 0, "rank": 0, "order": "desc", "count": 1}},
        ],
    }
    assert board.get("/boards?member=ann&board=b&exact=string").json["boards"][0]["standing"]["score"] == "0.2"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        pytest.param("board=b", "member", id="no member"),
        pytest.param("member=ann&prefix=b", "member", id="a list, too"),
        pytest.param("member=ann&member=bob&board=b", "member", id="two members"),
        pytest.param("member=ann&board=b&board=-", "board[1]", id="no name of a board"),
        pytest.param("member=ann&" + "&".join(["board=b"] * 51), "board", id="too many boards"),
    ],
)
def test_several_boards_are_asked_for_properly(client: ServiceClient, query: str, field: str) -> None:
    answer = client.get(f"/boards?{query}")

    assert (answer.status_code, answer.json["field"]) == (422, field)
