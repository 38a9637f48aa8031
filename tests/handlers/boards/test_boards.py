from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import redis as redis_py

from ..conftest import ServiceClient, numbers

JSON = "application/json"


@pytest.mark.core
def test_a_score_that_is_set_can_be_read(client: ServiceClient) -> None:
    set_ = client.put("/boards/b/members/ann", json={"score": 12.5})
    got = client.get("/boards/b/members/ann")

    assert got.json == {"member": "ann", "score": 12.5, "rank": 0, "order": "desc", "count": 1}
    assert set_.json == got.json | {"changed": True}


@pytest.mark.parametrize(
    ("member", "lowest_first", "highest_first"),
    [
        pytest.param("bob", 0, 3, id="lowest"),
        pytest.param("amy", 1, 2, id="tie, first name"),
        pytest.param("ann", 2, 1, id="tie, second name"),
        pytest.param("cid", 3, 0, id="highest"),
    ],
)
def test_ranks_count_from_zero_at_both_ends(
    board: ServiceClient, member: str, lowest_first: int, highest_first: int
) -> None:
    url = f"/boards/b/members/{member}"

    answers = [board.get(url).json, board.get(f"{url}?order=desc").json, board.get(f"{url}?order=asc").json]

    assert [answer["rank"] for answer in answers] == [highest_first, highest_first, lowest_first]
    assert [answer["order"] for answer in answers] == ["desc", "desc", "asc"]
    assert {answer["count"] for answer in answers} == {4}


def test_rewards_add_up_exactly(client: ServiceClient) -> None:
    for reward in ("0.1", "0.2"):
        answer = client.post("/boards/b/members/ann/rewards", data=f'{{"reward": {reward}}}', content_type=JSON)

    assert answer.data.startswith(b'{"member":"ann","score":0.3,')


def test_sums_are_exact_in_the_json(client: ServiceClient) -> None:
    for member, score in {"a": "0.1", "b": "0.2", "c": "-3", "d": "0"}.items():
        client.put(f"/boards/b/members/{member}", data=f'{{"score": {score}}}', content_type=JSON)

    assert b'"sum":-2.7,' in client.get("/boards/b").data


def test_a_sum_beyond_the_range_of_a_double_keeps_all_digits(client: ServiceClient) -> None:
    for member in range(5):
        client.put(f"/boards/b/members/{member}", data='{"score": 9007199254.740991}', content_type=JSON)

    assert numbers(client.get("/boards/b").data)["sum"] == Decimal("45035996273.704955")


def test_a_score_may_be_a_string_of_digits(client: ServiceClient) -> None:
    assert client.put("/boards/b/members/ann", json={"score": "9007199254.740991"}).status_code == 200
    assert numbers(client.get("/boards/b/members/ann").data)["score"] == Decimal("9007199254.740991")


def test_a_summary_has_what_a_board_is_and_holds(board: ServiceClient) -> None:
    found = board.get("/boards/b").json

    assert found.pop("version")
    assert found == {
        "board": "b",
        "places": 6,
        "count": 4,
        "sum": 9.9,
        "mean": 2.475,
        "min": -3,
        "max": 12.5,
        "variance": 35.206875,
        "expires": None,
        "sample": 0,
        "order": "desc",
        "ties": "name",
        "most": 0,
    }


@pytest.mark.parametrize(
    ("query", "members"),
    [
        pytest.param("", ["cid", "ann", "amy", "bob"], id="all, best first"),
        pytest.param("?order=asc", ["bob", "amy", "ann", "cid"], id="lowest first"),
        pytest.param("?from=1&to=2", ["ann", "amy"], id="both ends included"),
        pytest.param("?from=3&to=9", ["bob"], id="beyond the end"),
        pytest.param("?from=4", [], id="after the end"),
        pytest.param("?from=0&to=0", ["cid"], id="the best"),
    ],
)
def test_members_by_rank(board: ServiceClient, query: str, members: list[str]) -> None:
    page = board.get(f"/boards/b/members{query}").json

    assert [row["member"] for row in page["members"]] == members


def test_ranks_in_a_list_count_in_its_order(board: ServiceClient) -> None:
    page = board.get("/boards/b/members?from=1&to=2").json

    assert page["members"] == [
        {"member": "ann", "score": 0.2, "rank": 1, "sum": 12.7},
        {"member": "amy", "score": 0.2, "rank": 2, "sum": 12.9},
    ]


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        pytest.param("rank=0&order=asc", {"rank": 0, "order": "asc", "count": 1, "sum": -3}, id="the lowest alone"),
        pytest.param("rank=2&order=asc", {"rank": 2, "order": "asc", "count": 3, "sum": -2.6}, id="up to a tie"),
        pytest.param("rank=1", {"rank": 1, "order": "desc", "count": 2, "sum": 12.7}, id="from the top"),
        pytest.param("rank=99", {"rank": 99, "order": "desc", "count": 4, "sum": 9.9}, id="beyond the end"),
    ],
)
def test_cumulative_sum(board: ServiceClient, query: str, answer: dict[str, Any]) -> None:
    assert board.get(f"/boards/b/sum?{query}").json == answer


def test_nil_is_not_zero(client: ServiceClient) -> None:
    client.put("/boards/b/members/zero", json={"score": 0})

    assert client.get("/boards/b/members/zero").json["score"] == 0
    assert client.get("/boards/b/members/nobody").status_code == 404
    assert client.get("/boards/nothing").status_code == 404
    assert client.get("/boards/nothing/sum?rank=0").status_code == 404
    assert client.get("/boards/nothing/members").status_code == 404


def test_a_board_that_another_program_wrote_to_says_so(board: ServiceClient, redis: redis_py.Redis) -> None:
    redis.zadd("{board:b}:scores", {"eve": 1})

    answer = board.get("/boards/b/sum?rank=0")

    assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")
    assert "rebuild" in answer.json["detail"]
    assert board.put("/boards/b/members/ann", json={"score": 1}).status_code == 503
    assert board.get("/boards/b/members/eve").json["score"] == 0.000001


def test_a_member_is_deleted(board: ServiceClient) -> None:
    assert board.delete("/boards/b/members/bob").status_code == 204
    assert board.delete("/boards/b/members/bob").status_code == 404
    assert board.get("/boards/b").json["count"] == 3


def test_a_board_is_deleted(board: ServiceClient) -> None:
    assert board.delete("/boards/b").status_code == 204
    assert board.delete("/boards/b").status_code == 404


@pytest.mark.core
@pytest.mark.parametrize("member", ["ünïcode", "two words", "50%", "a+b", "漢字", "?", "a&b=c", "%2F"])
def test_a_member_may_have_any_name(client: ServiceClient, member: str) -> None:
    from urllib.parse import quote

    path = f"/boards/b/members/{quote(member, safe='')}"

    assert client.put(path, json={"score": 1}).json["member"] == member
    assert client.get(path).json["member"] == member


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param('{"score": 0.1234567}', "score", id="more places than the board has"),
        pytest.param('{"score": 9007199254.740992}', "score", id="too large"),
        pytest.param('{"score": 1e400}', "score", id="larger than a double"),
        pytest.param('{"score": "NaN"}', "score", id="not a number"),
        pytest.param('{"score": "Infinity"}', "score", id="infinite"),
        pytest.param('{"score": true}', "score", id="a boolean"),
        pytest.param('{"score": null}', "score", id="null"),
        pytest.param('{"score": " 12"}', "score", id="a space before it"),
        pytest.param('{"score": "1_000"}', "score", id="an underscore in it"),
        pytest.param('{"score": "\\uff11"}', "score", id="a digit of another script"),
        pytest.param("{}", "score", id="missing"),
        pytest.param('{"score": 1, "scor": 2}', "scor", id="an unknown field"),
    ],
)
def test_an_invalid_score_is_refused_by_name(board: ServiceClient, body: str, field: str) -> None:
    answer = board.put("/boards/b/members/ann", data=body, content_type=JSON)

    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    assert answer.json["field"] == field
    assert board.get("/boards/b/members/ann").json["score"] == 0.2


@pytest.mark.parametrize(
    ("path", "field"),
    [
        pytest.param("/boards/b/sum", "rank", id="no rank"),
        pytest.param("/boards/b/sum?rank=x", "rank", id="rank is not a number"),
        pytest.param("/boards/b/sum?rank=-1", "rank", id="rank below zero"),
        pytest.param("/boards/b/sum?rank=99999999999999999999", "rank", id="rank beyond 64 bits"),
        pytest.param("/boards/b/sum?rank=1&rank=2", "rank", id="rank twice"),
        pytest.param("/boards/b/sum?rank=1&order=up", "order", id="no such order"),
        pytest.param("/boards/b/members?from=0&to=1000", "to", id="too many at once"),
        pytest.param("/boards/b/members?form=3", "form", id="a misspelt parameter"),
        pytest.param("/boards/-", "board", id="no name for a board"),
    ],
)
def test_a_wrong_question_is_refused_by_name(board: ServiceClient, path: str, field: str) -> None:
    answer = board.get(path)

    assert answer.status_code == 422
    assert answer.json["field"] == field


def test_a_reward_out_of_range_changes_nothing(client: ServiceClient) -> None:
    client.put("/boards/b/members/ann", json={"score": "9007199254.740991"})

    answer = client.post("/boards/b/members/ann/rewards", json={"reward": "0.000001"})

    assert (answer.status_code, answer.json["field"]) == (422, "reward")
    assert numbers(client.get("/boards/b/members/ann").data)["score"] == Decimal("9007199254.740991")


@pytest.mark.core
@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        pytest.param('{"score": 1}', "text/plain", 415, id="another media type"),
        pytest.param('{"score": 1', "application/json", 400, id="broken JSON"),
        pytest.param(b'{"score": "\xff"}', "application/json", 400, id="not UTF-8"),
        pytest.param("[]", "application/json", 422, id="no object"),
        pytest.param("[" * 100_000, "application/json", 400, id="brackets that nobody closes"),
        pytest.param('{"score": NaN}', "application/json", 400, id="NaN is not JSON"),
        pytest.param(b" " * (1024 * 1024 + 1), "application/json", 413, id="too long"),
    ],
)
def test_a_body_that_is_not_json(client: ServiceClient, data: str | bytes, content_type: str, status: int) -> None:
    answer = client.put("/boards/b/members/ann", data=data, content_type=content_type)

    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")


@pytest.mark.parametrize("path", ["members/ann", "members/ann/ranks", "top", "members?around=ann", "statistics"])
@pytest.mark.parametrize("score", ["1.5", "inf", "1e17"])
def test_a_score_that_no_board_can_have_is_told(
    board: ServiceClient, redis: redis_py.Redis, path: str, score: str
) -> None:
    redis.zadd("{board:b}:scores", {"ann": float(score)})

    answer = board.get(f"/boards/b/{path}")

    if path == "statistics":  # of the sums alone, which are those of the last score that a board can have
        assert (answer.status_code, answer.json["count"]) == (200, 4)
    else:
        assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")
        assert "'ann' has" in answer.json["detail"]
    assert board.get("/boards/b/members/cid").json["score"] == 12.5
