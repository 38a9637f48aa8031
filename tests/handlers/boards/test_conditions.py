"""Conditional requests: what the client has is not sent again, and no write is made under a false condition."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from pipeline.boards.features import version

from ..conftest import ServiceClient

FEATURES = "/boards/b/members/ann/features"
MEMBER = "/boards/b/members/ann"


@pytest.fixture(autouse=True)
def board(client: ServiceClient) -> None:
    client.put(MEMBER, json={"score": 1})


@pytest.mark.core
@pytest.mark.parametrize(
    "path",
    [
        "/boards/b",
        "/boards/b/top",
        "/boards/b/bottom",
        "/boards/b/members",
        "/boards/b/members?member=ann",
        "/boards/b/sum?rank=9",
        "/boards/b/statistics",
        "/boards/b/reach?share=1",
        "/boards/b/percentiles/100",
        MEMBER,
        f"{MEMBER}/ranks",
        FEATURES,
    ],
)
def test_a_client_that_has_the_answer_is_not_sent_it_again(client: ServiceClient, path: str) -> None:
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    client.put("/boards/b/members/bob", json={"score": 2})
    client.put(FEATURES, json={"age": 1})
    changed = client.get(path, headers={"If-None-Match": first.headers["ETag"]})

    assert first.headers["Cache-Control"] == again.headers["Cache-Control"] == "private, no-cache"
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert (changed.status_code, changed.json) == (200, client.get(path).json)


def test_a_member_has_a_tag_of_all_that_is_said_of_it(client: ServiceClient) -> None:
    client.put("/boards/b/members/bob", json={"score": 1})

    tags = [client.get(f"{MEMBER}{query}").headers["ETag"] for query in ("", "?order=asc", "?exact=string")]
    client.put("/boards/b/members/cid", json={"score": -5})
    tags.append(client.get(f"{MEMBER}?order=asc").headers["ETag"])

    assert tags == ['"1000000.1.2.desc.6"', '"1000000.0.2.asc.6"', '"1000000.1.2.desc.6"', '"1000000.1.3.asc.6"']


def test_a_score_is_changed_with_the_tag_that_was_read_whatever_became_of_the_rank(client: ServiceClient) -> None:
    read = client.get(MEMBER).headers["ETag"]
    client.put("/boards/b/members/bob", json={"score": 2})

    mine = client.put(MEMBER, json={"score": 3}, headers={"If-Match": read})
    theirs = client.put(MEMBER, json={"score": 4}, headers={"If-Match": read})

    assert (mine.status_code, theirs.status_code, client.get(MEMBER).json["score"]) == (200, 412, 3)


def test_a_segments_tag_is_of_the_segment(client: ServiceClient) -> None:
    client.put(f"{MEMBER}/segments/gold")
    client.put("/boards/b/members/bob/segments/silver")
    first = client.get("/boards/b?segment=gold").headers["ETag"]

    client.put("/boards/b/members/bob", json={"score": 4})
    same = client.get("/boards/b?segment=gold", headers={"If-None-Match": first})
    client.put(MEMBER, json={"score": 4})
    changed = client.get("/boards/b?segment=gold", headers={"If-None-Match": first})

    assert (changed.status_code, changed.json["sum"]) == (200, 4)
    assert same.status_code in (200, 304)


@pytest.mark.core
def test_features_are_changed_only_if_they_are_those_that_were_read(client: ServiceClient) -> None:
    client.put(FEATURES, json={"age": 31, "weight": 61.50, "name": "Ann", "vip": True})
    read = client.get(FEATURES).headers["ETag"]
    mine = client.patch(FEATURES, json={"age": 32}, headers={"If-Match": read})
    theirs = client.patch(FEATURES, json={"age": 33}, headers={"If-Match": read})

    assert (mine.status_code, mine.json["age"]) == (200, 32)
    assert (theirs.status_code, client.get(FEATURES).json["age"]) == (412, 32)
    assert "read them again" in theirs.json["detail"]


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        pytest.param("*", 200, id="any"),
        pytest.param('"x", {tag}', 200, id="one of several"),
        pytest.param("W/{tag}", 412, id="a weak tag"),
        pytest.param('"x"', 412, id="another"),
        pytest.param("nope", 412, id="no tag"),
        pytest.param("", 412, id="none"),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_what_if_match_may_say(client: ServiceClient, method: str, condition: str, status: int) -> None:
    tag = client.get(FEATURES).headers["ETag"]
    body: dict[str, Any] = {} if method == "DELETE" else {"json": {"age": 1}}

    answer = client.open(FEATURES, method=method, headers={"If-Match": condition.format(tag=tag)}, **body)

    assert answer.status_code == (204 if method == "DELETE" and status == 200 else status)
    assert client.get(FEATURES).json == ({"age": 1} if status == 200 and body else {})


def test_of_writers_who_have_read_the_same_one_writes(client: ServiceClient) -> None:
    tag = client.get(FEATURES).headers["ETag"]
    barrier = threading.Barrier(4)
    statuses: list[int] = []

    def write(number: int) -> None:
        barrier.wait()
        statuses.append(client.put(FEATURES, json={"n": number}, headers={"If-Match": tag}).status_code)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [200, 412, 412, 412]


@pytest.mark.parametrize("header", ["If-Match", "If-None-Match"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", f"{MEMBER}/segments/gold"),
        ("DELETE", f"{MEMBER}/segments/gold"),
        ("POST", "/boards/b/rewards"),
        ("DELETE", "/boards/b"),
        ("POST", "/boards/b/copy"),
        ("PUT", "/jobs/j"),
        ("DELETE", "/jobs/j"),
    ],
)
def test_a_condition_that_can_t_be_checked_with_the_write_is_refused(
    client: ServiceClient, method: str, path: str, header: str
) -> None:
    answer = client.open(path, method=method, headers={header: "*"}, json={"score": 5, "reward": 5})

    assert answer.status_code == 412
    assert header in answer.json["detail"]
    assert client.get(MEMBER).json["score"] == 1


def test_a_version_is_of_names_and_values() -> None:
    different: list[dict[str, Any]] = [{}, {"a": 1}, {"a": "1"}, {"a": True}, {"a1": 1}, {"a": 1, "b": 1}, {"b": 1}]

    assert len({version(features) for features in different}) == len(different)
    assert version({"a": 1, "b": 2}) == version({"b": 2, "a": 1})


@pytest.mark.parametrize("tag", ['""', '"a", ""', '"?"', '"-"', '"*"', '"none"', '"none *"', '"6.0.0.0 *"', ","])
@pytest.mark.parametrize("board", ["b", "new"], ids=["there", "not there"])
def test_a_tag_that_nothing_has_changes_nothing(client: ServiceClient, board: str, tag: str) -> None:
    member = f"/boards/{board}/members/ann"
    headers = {"If-Match": tag}
    before = client.get(f"/boards/{board}")

    answers = [
        client.put(f"/boards/{board}", json={"sample": 500}, headers=headers),
        client.put(member, json={"score": 7}, headers=headers),
        client.post(f"{member}/rewards", json={"reward": 7}, headers=headers),
        client.put(f"{member}/features", json={"age": 7}, headers=headers),
        client.delete(member, headers=headers),
    ]

    assert [answer.status_code for answer in answers] == [412] * len(answers)
    after = client.get(f"/boards/{board}")
    assert (after.status_code, after.headers.get("ETag")) == (before.status_code, before.headers.get("ETag"))
    assert client.get(f"{member}/features").json == {}


def test_settings_of_a_board_that_is_gone_are_not_changed(client: ServiceClient) -> None:
    tag = client.get("/boards/b").headers["ETag"]
    client.delete("/boards/b")

    assert client.put("/boards/b", json={"sample": 500}, headers={"If-Match": tag}).status_code == 412
    assert client.get("/boards/b").status_code == 404
