"""What a write of one member's score may ask for: an operator, a condition, an event, several boards."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from ..conftest import ServiceClient

MEMBER = "/boards/b/members/ann"
REWARDS = f"{MEMBER}/rewards"


def score(client: ServiceClient, path: str = MEMBER) -> Any:
    answer = client.get(path)
    return answer.json["score"] if answer.status_code == 200 else None


@pytest.mark.core
@pytest.mark.parametrize(
    ("operator", "given", "found"),
    [("max", 4, 5), ("max", 6, 6), ("max", 5, 5), ("min", 6, 5), ("min", -4, -4), ("set", 4, 4), ("set", 5, 5)],
)
def test_a_score_is_set_or_the_better_one_kept(client: ServiceClient, operator: str, given: int, found: int) -> None:
    first = client.put(MEMBER, json={"score": 5, "operator": operator})
    then = client.put(MEMBER, json={"score": given, "operator": operator})

    assert (first.status_code, first.json["score"], first.json["changed"]) == (200, 5, True)
    assert (then.json["score"], then.json["changed"]) == (found, found != 5)
    assert score(client) == found


def test_another_operator_is_refused(client: ServiceClient) -> None:
    answer = client.put(MEMBER, json={"score": 5, "operator": "add"})

    assert (answer.status_code, answer.json["field"]) == (422, "operator")


# -- conditions --------------------------------------------------------------------------------------------------------

WRITES = [
    pytest.param("PUT", MEMBER, {"score": 9}, id="set"),
    pytest.param("POST", REWARDS, {"reward": 4}, id="reward"),
    pytest.param("DELETE", MEMBER, None, id="remove"),
]


@pytest.mark.core
@pytest.mark.parametrize(
    ("header", "condition", "holds"),
    [
        pytest.param("If-Match", '"5000000.0.1"', True, id="its score"),
        pytest.param("If-Match", '"5000000.7.9"', True, id="its score, at another rank"),
        pytest.param("If-Match", '"x", "-1.0.1", "5000000.0.1"', True, id="one of several"),
        pytest.param("If-Match", "*", True, id="any score"),
        pytest.param("If-Match", '"5000001.0.1"', False, id="another score"),
        pytest.param("If-Match", '"50000000.0.1"', False, id="a longer number"),
        pytest.param("If-Match", 'W/"5000000.0.1"', False, id="a weak tag"),
        pytest.param("If-Match", '"nope"', False, id="no tag of a member"),
        pytest.param("If-Match", "", False, id="none"),
        pytest.param("If-None-Match", "*", False, id="no score"),
        pytest.param("If-None-Match", '"1.0.1"', False, id="what can't be checked"),
    ],
)
@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_a_score_is_written_only_if_it_is_as_expected(
    client: ServiceClient,
    method: str,
    path: str,
    body: dict[str, int] | None,
    header: str,
    condition: str,
    *,
    holds: bool,
) -> None:
    """F20: conditions were ignored, or all refused."""
    client.put(MEMBER, json={"score": 5})

    answer = client.open(path, method=method, headers={header: condition}, **({"json": body} if body else {}))

    assert answer.status_code == ((204 if method == "DELETE" else 200) if holds else 412)
    assert score(client) == ((None if method == "DELETE" else 9) if holds else 5)


@pytest.mark.parametrize(("method", "path", "body"), WRITES[:2])
def test_a_score_is_made_only_if_there_is_none(
    client: ServiceClient, method: str, path: str, body: dict[str, int]
) -> None:
    def statuses(header: str) -> list[int]:
        return [client.open(path, method=method, json=body, headers={header: "*"}).status_code for _ in range(2)]

    assert statuses("If-Match") == [412, 412]
    assert statuses("If-None-Match") == [200, 412]


def test_of_writers_who_have_read_the_same_score_one_writes(client: ServiceClient) -> None:
    client.put(MEMBER, json={"score": 5})
    barrier = threading.Barrier(4)
    statuses: list[int] = []

    def write(number: int) -> None:
        barrier.wait()
        answer = client.put(MEMBER, json={"score": number}, headers={"If-Match": '"5000000.0.1"'})
        statuses.append(answer.status_code)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(10, 14)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [200, 412, 412, 412]


def test_a_reward_that_comes_again_is_repeated_whatever_its_condition(client: ServiceClient) -> None:
    """A client that has lost the answer sends the same request again, whose condition has come false by itself."""
    client.put(MEMBER, json={"score": 5})
    headers = {"If-Match": '"5000000.0.1"', "Idempotency-Key": "order-17"}

    answers = [client.post(REWARDS, json={"reward": 1}, headers=headers) for _ in range(2)]

    assert [(answer.status_code, answer.json["score"]) for answer in answers] == [(200, 6)] * 2


# -- events ------------------------------------------------------------------------------------------------------------


@pytest.mark.core
@pytest.mark.parametrize(
    ("path", "reward"),
    [
        pytest.param(REWARDS, 2, id="another reward"),
        pytest.param("/boards/b/members/bob/rewards", 1, id="another member"),
    ],
)
def test_an_event_that_was_another_change_is_refused(client: ServiceClient, path: str, reward: int) -> None:
    """F8: the first was answered as a repetition, the second by a 404, and both rewards were lost without a word."""
    client.post(REWARDS, json={"reward": 1, "event": "order-17"})

    answer = client.post(path, json={"reward": reward}, headers={"Idempotency-Key": "order-17"})

    assert (answer.status_code, answer.json["field"]) == (422, "event")
    assert "'order-17' was applied" in answer.json["detail"]
    assert (score(client), score(client, "/boards/b/members/bob")) == (1, None)


# -- several boards ----------------------------------------------------------------------------------------------------


@pytest.mark.cluster
def test_one_score_goes_to_several_boards(client: ServiceClient) -> None:
    client.put("/boards/all", json={"places": 2})
    body = {"score": 5, "operator": "max", "also": ["b@day", "all"]}
    client.put("/boards/all/members/ann", json={"score": 7})

    answer = client.put(MEMBER, json=body)

    assert (answer.status_code, answer.json["score"], answer.json["changed"]) == (200, 5, True)
    (day, of_day), (name, of_all) = answer.json["also"].items()
    assert (day[:4], of_day["score"], of_day["changed"]) == ("b.20", 5, True)
    assert (name, of_all["score"], of_all["changed"]) == ("all", 7, False)
    assert (score(client, "/boards/b@day/members/ann"), score(client, "/boards/all/members/ann")) == (5, 7)
    assert client.get("/boards/b@day").json["expires"]


@pytest.mark.cluster
def test_a_reward_for_several_boards_counts_once_on_each(client: ServiceClient) -> None:
    """On a cluster the boards are changed one after the other; one that lacks a reward gets it when it comes again."""
    reward = {"reward": 1, "event": "order-17"}
    client.post(REWARDS, json=reward)

    answers = [client.post(REWARDS, json=reward | {"also": ["all"]}) for _ in range(2)]

    assert [answer.json["repeated"] for answer in answers] == [True, True]
    assert [answer.json["also"]["all"]["repeated"] for answer in answers] == [False, True]
    assert [score(client), score(client, "/boards/all/members/ann")] == [1, 1]


@pytest.mark.core
@pytest.mark.parametrize(
    ("write", "status", "field"),
    [
        pytest.param({"reward": 2}, 422, "reward", id="out of range on one"),
        pytest.param({"reward": 0.25}, 422, "reward", id="too many places for one"),
        pytest.param({"reward": 0.5, "event": "order-16"}, 422, "event", id="an event that one knows as another"),
        pytest.param({"reward": 0.5, "also": ["low", "high", "low"]}, 422, "also", id="a board twice"),
        pytest.param({"reward": 0.5, "also": ["b"]}, 422, "also", id="the board of the path"),
        pytest.param({"reward": 0.5, "also": ["low", "a/b"]}, 422, "also[1]", id="no name"),
        pytest.param({"reward": 0.5, "also": ["low"] * 17}, 422, "also", id="too many"),
        pytest.param({"reward": 0.5, "headers": {"If-None-Match": "*"}}, 412, None, id="a condition"),
    ],
)
def test_what_one_board_refuses_changes_none(
    client: ServiceClient, write: dict[str, Any], status: int, field: str | None
) -> None:
    client.put("/boards/high", json={"places": 1})
    client.put(MEMBER, json={"score": 1})
    client.put("/boards/high/members/ann", json={"score": 2**53 // 10 - 1})
    client.post("/boards/high/members/bob/rewards", json={"reward": 1, "event": "order-16"})
    body = {"also": ["low", "high"]} | {name: value for name, value in write.items() if name != "headers"}

    answer = client.post(REWARDS, json=body, headers=write.get("headers", {}))

    assert (answer.status_code, answer.json.get("field")) == (status, field)
    assert score(client) == 1
    assert score(client, "/boards/high/members/ann") == 2**53 // 10 - 1
    assert client.get("/boards/low").status_code == 404
