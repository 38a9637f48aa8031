"""A name is a name: each addresses the member of that very name, or is refused."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
import redis as redis_py
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from ... import stack
from ..conftest import ServiceClient

PROBLEM = "application/problem+json"

SLASHES = [
    "x/features",
    "x/segments/gold",
    "a/b",
    "/z",
    "z/",
    "//",
    "a//b",
    "/",
    "x/",
    "a/members/b",
    "../b",
    "é/ü",
    "a%2Fb",
]


@pytest.fixture
def others(client: ServiceClient) -> ServiceClient:
    """Members whom a name with a slash must not reach, with features, in a segment."""
    for member in ("x", "z", "a", "b", "é"):
        path = f"/boards/b/members/{quote(member)}"
        assert client.put(path, json={"score": 5}).status_code == 200
        assert client.put(f"{path}/features", json={"age": 1}).status_code == 200
        assert client.put(f"{path}/segments/gold").status_code == 204
    return client


@pytest.mark.parametrize("name", SLASHES)
def test_a_slash_is_part_of_a_members_name(others: ServiceClient, redis: redis_py.Redis, name: str) -> None:
    path = f"/boards/b/members/{quote(name, safe='')}"
    before = {member: others.get(f"/boards/b/members/{member}/features").json for member in ("x", "z", "a", "b")}

    put = others.put(path, json={"score": 9})
    assert (put.status_code, put.json["member"]) == (200, name)
    assert others.put(f"{path}/features", json={"age": 7}).json == {"age": 7}
    assert others.put(f"{path}/segments/gold").status_code == 204
    assert others.post(f"{path}/rewards", json={"reward": 1}).json["score"] == 10
    assert (others.get(path).json["member"], others.get(path).json["score"]) == (name, 10)
    assert others.get(f"{path}/ranks").json["competition"] == 0
    assert others.get(f"{path}/segments").json == {"board": "b", "member": name, "segments": ["gold"]}
    assert redis.zscore("{board:b}:scores", name) == 10_000_000
    assert others.get(f"/boards?board=b&member={quote(name, safe='')}").json["boards"][0]["standing"]["score"] == 10
    assert others.get(f"/boards/b/members?around={quote(name, safe='')}&radius=0").json["members"][0]["member"] == name

    assert others.delete(f"{path}/segments/gold").status_code == 204
    assert others.delete(f"{path}/features").status_code == 204
    assert others.delete(path).status_code == 204
    assert others.get(path).status_code == 404
    after = {member: others.get(f"/boards/b/members/{member}/features").json for member in before}
    assert (after, others.get("/boards/b").json["count"]) == (before, 5)
    assert others.get("/boards/b/top?segment=gold").json["members"][0]["score"] == 5


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example("a\n").via("the end of a line")
@example("é\n").via("which is no end of a name")
@example("a?b#c;d&e=f+g%41")
@example(" ")
@example("\\..\\")
def test_any_name_is_that_member_s(client: ServiceClient, redis: redis_py.Redis, name: str) -> None:
    assume(name not in (".", ".."))  # clients and servers take these as steps
    path = f"/boards/b/members/{quote(name, safe='')}"

    assert client.put(path, json={"score": 9}).json["member"] == name
    assert redis.zscore("{board:b}:scores", name) == 9_000_000
    assert client.get(f"{path}/ranks").json["member"] == name
    assert client.delete(path).status_code == 204
    assert redis.exists("{board:b}:scores") == 0


@pytest.mark.parametrize("path", ["/boards/b/members/x%2ffeatures", "/boards//b/members//x%2Ffeatures"])
def test_other_ways_of_writing_the_same(others: ServiceClient, path: str) -> None:
    assert others.put(path, json={"score": 1}).json["member"] == "x/features"


@pytest.mark.parametrize("name", ["a%2Fmembers%2Fb", "b%2Fmembers%2Fx", "%2Fb", "b%2F", "b%2Ftop", "b%2F..%2Fb"])
@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_no_board_has_a_slash_in_its_name(others: ServiceClient, name: str, method: str) -> None:
    answer = others.open(f"/boards/{name}", method=method, json={})

    assert (answer.status_code, answer.json["field"]) == (422, "board")
    assert others.get("/boards/b").json["count"] == 5
    assert others.get("/boards/b/members/x").status_code == 200


@pytest.mark.parametrize("path", ["/boards%2Fb", "/boards%2Fb/members/x", "/boards%2Fb%2Fmembers%2Fx", "/boards%2F"])
def test_the_slash_after_boards_is_none_when_it_is_escaped(others: ServiceClient, path: str) -> None:
    assert others.delete(path).status_code in (400, 404)  # as for any hub that is not there
    assert others.get("/boards/b").json["count"] == 5


def test_no_segment_has_a_slash_in_its_name(others: ServiceClient) -> None:
    answer = others.put("/boards/b/members/x/segments/a%2Fb")

    assert (answer.status_code, answer.json["field"]) == (422, "segment")


def test_a_token_sees_the_same_names(others: ServiceClient) -> None:
    def status(path: str, method: str = "GET", **kwargs: object) -> int:
        return others.open(path, method=method, headers={"Authorization": token}, **kwargs).status_code

    token = stack.token("boards/b")
    assert status("/boards/b/members/a%2Fb") == 404
    assert status("/boards/b%2F..%2Fother") == 401
    assert status("/boards/b%2Fmembers%2Fx", "DELETE") == 401

    token = stack.token("boards/b/members/a%2Fb")
    assert status("/boards/b/members/a%2Fb") == 404
    assert status("/boards/b/members/a%2Fb", "PUT", json={"score": 1}) == 200
    assert status("/boards/b/members/a/ranks") == 401
    assert status("/boards/b/members/a") == 401
    assert status("/boards/b/members/a", "DELETE") == 401


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/boards/b/members/%FF", "member"),
        ("/boards/b/members/x%FF%2Ffeatures", "member"),
        ("/boards/b/members/%C3%28", "member"),
        ("/boards/b/members/%ED%A0%80/features", "member"),
        ("/boards/%FF", "board"),
        ("/boards?board=b&member=%FF", "member"),
        ("/boards?board=b&member=%C3%28", "member"),
        ("/boards?member=x&board=%FF", "board"),
        ("/boards/b/members?around=a%FE", "around"),
        ("/boards/b/top?segment=%FF", "segment"),
        ("/boards/b/top?%FF=1", "\ufffd"),
    ],
)
def test_bytes_that_are_no_text_are_refused(others: ServiceClient, path: str, field: str) -> None:
    answer = others.get(path)

    assert (answer.status_code, answer.mimetype, answer.json["field"]) == (400, PROBLEM, field)
    assert others.get("/boards/b").json["count"] == 5


def test_a_replacement_character_is_a_name(others: ServiceClient) -> None:
    assert others.put("/boards/b/members/%EF%BF%BD", json={"score": 1}).json["member"] == "\ufffd"


@pytest.mark.parametrize("path", ["/boards/b/members/x%00", "/boards/b/members/a%00%2Fb", "/boards/b/members/%00"])
def test_no_name_in_a_path_has_a_nul(others: ServiceClient, path: str) -> None:
    answer = others.put(path, json={"score": 1})

    assert (answer.status_code, answer.mimetype) in {(400, PROBLEM), (404, PROBLEM)}
    assert others.get("/boards/b").json["count"] == 5


@pytest.mark.parametrize("kind", ["members", "rewards"])
def test_no_name_in_a_record_has_a_nul(others: ServiceClient, kind: str) -> None:
    record = {"member": "x\0y", "score" if kind == "members" else "reward": 1}

    answer = others.post(f"/boards/b/{kind}", data=json.dumps(record), content_type="application/x-ndjson")

    result = json.loads(answer.text.splitlines()[0])
    assert (result["record"], result["field"]) == (1, "member")
    assert others.get("/boards/b").json["count"] == 5
