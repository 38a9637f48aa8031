"""Whole boards: set up, copied, renamed, added up, boxed in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import redis as redis_py

from ..conftest import ServiceClient, numbers


def test_a_board_is_set_up_and_changed(client: ServiceClient) -> None:
    made = client.put("/boards/s", json={"places": 2, "sample": 1000})
    again = client.put("/boards/s", json={"sample": 2000})

    assert (made.status_code, again.status_code) == (201, 200)
    settings = {"board": "s", "places": 2, "order": "desc", "ties": "name", "most": 0, "expires": None}
    assert made.json == {**settings, "created": True, "sample": 1000, "version": "2.1000.0.0/1"}
    assert again.json == {**settings, "created": False, "sample": 2000, "version": "2.2000.0.0/2"}


def test_all_settings_are_told_and_changed(client: ServiceClient) -> None:
    client.put("/boards/s", json={"order": "asc", "ties": "first", "most": 100})
    changed = client.put("/boards/s", json={"order": "desc", "most": 0}).json

    assert (changed["order"], changed["ties"], changed["most"]) == ("desc", "first", 0)
    summary = client.get("/boards/s").json
    assert {name: changed[name] for name in ("order", "ties", "most", "places", "version")}.items() <= summary.items()


def test_ties_stay_as_they_are_while_there_are_scores(client: ServiceClient) -> None:
    client.put("/boards/s/members/ann", json={"score": 1})
    refused = client.put("/boards/s", json={"ties": "first", "order": "asc"})

    assert refused.status_code == 409
    assert client.get("/boards/s").json["order"] == "desc"
    assert client.put("/boards/s", json={"ties": "name", "order": "asc"}).json["order"] == "asc"


def test_settings_are_changed_only_if_they_are_those_that_were_read(client: ServiceClient) -> None:
    made = client.put("/boards/s", json={"places": 2}, headers={"If-None-Match": "*"})
    read = client.get("/boards/s").headers["ETag"]
    client.put("/boards/s/members/ann", json={"score": 1})  # a change of a score is none of the settings
    assert read == made.headers["ETag"] != client.get("/boards/s").headers["ETag"]

    changed = client.put("/boards/s", json={"sample": 200}, headers={"If-Match": read})
    assert (changed.status_code, changed.json["sample"]) == (200, 200)
    for condition in ({"If-Match": read}, {"If-None-Match": "*"}):
        refused = client.put("/boards/s", json={"sample": 300}, headers=condition)
        assert (refused.status_code, client.get("/boards/s").json["sample"]) == (412, 200)
    assert client.put("/boards/s", json={"sample": 300}, headers={"If-Match": "*"}).json["sample"] == 300
    assert client.put("/boards/t", json={}, headers={"If-Match": "*"}).status_code == 412
    assert client.get("/boards/t").status_code == 404
    assert client.put("/boards/s", json={}, headers={"If-None-Match": read}).status_code == 412


def test_a_board_that_was_set_up_is_there_without_members(client: ServiceClient) -> None:
    client.put("/boards/s", json={})

    summary = client.get("/boards/s").json

    assert (summary["count"], summary["sum"]) == (0, 0)
    assert (summary["mean"], summary["min"], summary["max"], summary["variance"]) == (None, None, None, None)


@pytest.mark.parametrize(
    ("places", "fits", "does_not"),
    [
        pytest.param(0, "9007199254740991", "0.1", id="none"),
        pytest.param(2, "0.01", "0.001", id="cents"),
        pytest.param(15, "0.000000000000001", "9.1", id="most"),
    ],
)
def test_a_board_takes_the_places_it_was_set_up_for(
    client: ServiceClient, places: int, fits: str, does_not: str
) -> None:
    client.put("/boards/s", json={"places": places})

    taken = client.put("/boards/s/members/ann", data=f'{{"score": {fits}}}', content_type="application/json")
    refused = client.put("/boards/s/members/ann", data=f'{{"score": {does_not}}}', content_type="application/json")

    assert taken.status_code == 200
    assert Decimal(numbers(taken.data)["score"]) == Decimal(fits)
    assert (refused.status_code, refused.json["field"]) == (422, "score")


def test_places_stay_once_there_are_scores(board: ServiceClient) -> None:
    answer = board.put("/boards/b", json={"places": 2})

    assert (answer.status_code, answer.mimetype) == (409, "application/problem+json")
    assert board.put("/boards/b", json={"places": 6}).status_code == 200


def test_a_board_expires_with_all_that_is_its(board: ServiceClient, redis: redis_py.Redis) -> None:
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    board.put("/boards/b/members/ann/features", json={"age": 31})

    answer = board.put("/boards/b", json={"expires": at.isoformat()})

    assert datetime.fromisoformat(answer.json["expires"]) == at
    assert datetime.fromisoformat(board.get("/boards/b").json["expires"]) == at
    assert [key for key in redis.scan_iter("{board:b}:*") if redis.ttl(key) < 0] == []

    assert board.put("/boards/b", json={"expires": "never"}).json["expires"] is None
    assert [key for key in redis.scan_iter("{board:b}:*") if redis.ttl(key) >= 0] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param({"places": 16}, "places", id="too many places"),
        pytest.param({"places": -1}, "places", id="fewer than none"),
        pytest.param({"places": 1.5}, "places", id="half a place"),
        pytest.param({"sample": -1}, "sample", id="a negative sample"),
        pytest.param({"sample": 10**9}, "sample", id="too large a sample"),
        pytest.param({"expires": "tomorrow"}, "expires", id="no time"),
        pytest.param({"expires": "2130-01-01T00:00:00"}, "expires", id="no time zone"),
        pytest.param({"expires": "2020-01-01T00:00:00Z"}, "expires", id="a time that has passed"),
        pytest.param({"expires": 5}, "expires", id="a number"),
        pytest.param({"size": 5}, "size", id="an unknown setting"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(client: ServiceClient, body: dict[str, Any], field: str) -> None:
    answer = client.put("/boards/s", json=body)

    assert (answer.status_code, answer.json["field"]) == (422, field)
    assert client.get("/boards/s").status_code == 404


def test_a_copy_has_all_and_a_life_of_its_own(board: ServiceClient) -> None:
    board.put("/boards/b/members/ann/features", json={"age": 31})
    board.put("/boards/b/members/ann/segments/gold")

    copied = board.post("/boards/b/copy", json={"to": "c"})
    board.put("/boards/b/members/ann", json={"score": 5})

    assert (copied.status_code, copied.json) == (200, {"board": "c"})
    assert board.get("/boards/c").json["sum"] == 9.9
    assert board.get("/boards/c/members/ann/features").json == {"age": 31}
    assert board.get("/boards/c/sum?rank=0&segment=gold").json["sum"] == 0.2


def test_a_copy_ends_when_it_is_asked_to_and_not_with_its_board(board: ServiceClient) -> None:
    end = "2100-01-01T00:00:00Z"
    board.put("/boards/b", json={"expires": end})
    board.post("/boards/b/copy", json={"to": "archive"})
    board.post("/boards/b/copy", json={"to": "other", "expires": end})
    refused = board.post("/boards/b/copy", json={"to": "third", "expires": "2020-01-01T00:00:00Z"})
    board.post("/boards/b/rename", json={"to": "c"})

    assert [board.get(f"/boards/{name}").json["expires"] for name in ("archive", "other", "c")] == [None, end, end]
    assert (refused.status_code, refused.json["field"]) == (422, "expires")


@pytest.mark.parametrize(
    ("sources", "status"),
    [({"b": 1, "nosuch": 1}, 404), ({"b": "0.00000001"}, 422), ({"b": "1e20"}, 422), ({"b": 1, "c": 1}, 422)],
)
def test_a_union_that_is_refused_leaves_what_it_would_have_replaced(
    board: ServiceClient, sources: dict[str, Any], status: int
) -> None:
    board.put("/boards/c/members/zed", json={"score": 5})
    board.put("/boards/c/members/zed/features", json={"age": 1})

    assert board.post("/boards/c/union", json={"sources": sources, "replace": True}).status_code == status
    assert board.get("/boards/c").json["sum"] == 5
    assert board.get("/boards/c/members/zed/features").json == {"age": 1}


def test_a_renamed_board_is_where_it_was_named_to(board: ServiceClient) -> None:
    assert board.post("/boards/b/rename", json={"to": "c"}).json == {"board": "c"}

    assert board.get("/boards/b").status_code == 404
    assert board.get("/boards/c").json["sum"] == 9.9


@pytest.mark.parametrize("what", ["copy", "rename"])
def test_a_board_is_replaced_only_if_asked(board: ServiceClient, what: str) -> None:
    board.put("/boards/c/members/eve", json={"score": 1})

    refused = board.post(f"/boards/b/{what}", json={"to": "c"})
    assert (refused.status_code, refused.mimetype) == (409, "application/problem+json")
    assert board.get("/boards/c").json["count"] == 1

    assert board.post(f"/boards/b/{what}", json={"to": "c", "replace": True}).status_code == 200
    assert board.get("/boards/c").json["count"] == 4


@pytest.mark.parametrize("what", ["copy", "rename"])
@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "to"), ({"to": "-"}, "to"), ({"to": "c@day"}, "to"), ({"to": "c", "replace": "yes"}, "replace")],
)
def test_a_wrong_target_is_refused_by_name(board: ServiceClient, what: str, body: dict[str, Any], field: str) -> None:
    answer = board.post(f"/boards/b/{what}", json=body)

    assert (answer.status_code, answer.json["field"]) == (422, field)


@pytest.mark.parametrize("what", ["copy", "rename"])
def test_no_board_is_not_copied(client: ServiceClient, what: str) -> None:
    assert client.post(f"/boards/nothing/{what}", json={"to": "c"}).status_code == 404


def test_a_union_adds_up_weighted_scores(board: ServiceClient) -> None:
    board.put("/boards/c/members/ann", json={"score": 1})
    board.put("/boards/c/members/eve", json={"score": 2})

    answer = board.post("/boards/u/union", json={"sources": {"b": 1, "c": "0.5"}})

    assert answer.status_code == 200
    assert (answer.json["board"], answer.json["count"], answer.json["sum"]) == ("u", 5, 11.4)
    assert board.get("/boards/u/members/ann").json["score"] == 0.7
    assert board.get("/boards/u/members/eve").json["score"] == 1


def test_a_union_replaces_only_if_asked(board: ServiceClient) -> None:
    board.put("/boards/u/members/eve", json={"score": 1})

    assert board.post("/boards/u/union", json={"sources": {"b": 1}}).status_code == 409
    assert board.post("/boards/u/union", json={"sources": {"b": 1}, "replace": True}).json["count"] == 4


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        pytest.param({}, 422, "sources", id="no sources"),
        pytest.param({"sources": {}}, 422, "sources", id="none of them"),
        pytest.param({"sources": {"-": 1}}, 422, "sources", id="no name of a board"),
        pytest.param({"sources": {"b": "NaN"}}, 422, "sources.b", id="no weight"),
        pytest.param({"sources": {"b": "1e-999999999"}}, 422, "sources.b", id="an exponent that nobody needs"),
        pytest.param({"sources": {"nothing": 1}}, 404, None, id="no board"),
    ],
)
def test_a_wrong_union_makes_no_board(
    board: ServiceClient, body: dict[str, Any], status: int, field: str | None
) -> None:
    answer = board.post("/boards/u/union", json=body)

    assert (answer.status_code, answer.json.get("field")) == (status, field)
    assert board.get("/boards/u").status_code == 404


@pytest.mark.parametrize(
    "weight", [pytest.param("0.000001", id="too many places"), pytest.param("1e12", id="out of range")]
)
def test_a_union_that_is_not_exact_makes_no_board(board: ServiceClient, weight: str) -> None:
    assert board.post("/boards/u/union", json={"sources": {"b": weight}}).status_code == 422
    assert board.get("/boards/u").status_code == 404


@pytest.mark.parametrize(
    ("period", "form"),
    [("hour", "%Y-%m-%d"), ("day", "%Y-%m-%d"), ("week", "%G-W%V"), ("month", "%Y-%m")],
)
def test_a_board_of_a_period_is_named_after_it_and_expires(client: ServiceClient, period: str, form: str) -> None:
    before = datetime.now(UTC)
    client.put(f"/boards/p@{period}/members/ann", json={"score": 1})

    listed = client.get(f"/boards/p@{period}/top").json
    name = listed["board"]
    summary = client.get(f"/boards/{name}").json

    assert any(name.startswith(f"p.{time.strftime(form)}") for time in (before, datetime.now(UTC)))
    assert summary["count"] == 1
    assert datetime.fromisoformat(summary["expires"]) > before


def test_pages_stay_on_the_board_that_the_first_was_of(client: ServiceClient) -> None:
    for member in "ab":
        client.put(f"/boards/p@day/members/{member}", json={"score": 1})

    answer = client.get("/boards/p@day/members?limit=1")

    assert f"</boards/{answer.json['board']}/members?" in answer.headers["Link"]


@pytest.mark.parametrize("name", ["p@", "p@year", "@day", "p@day@day", "p@DAY", "p" * 128 + "@day"])
def test_there_is_no_such_period(client: ServiceClient, name: str) -> None:
    answer = client.get(f"/boards/{name}")

    assert (answer.status_code, answer.json["field"]) == (422, "board")
