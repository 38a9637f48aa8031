"""Conditional requests: RFC 9110, 13; 428 of RFC 6585."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest
from werkzeug.datastructures import Headers
from werkzeug.exceptions import PreconditionFailed
from werkzeug.test import EnvironBuilder

from wz import App, Request, Response, abort
from wz.conditional import Preconditions, etag, refuse_conditions, require_if_match
from wz.testing import Client

from ..client import validated

EARLY, NOW, LATE = (f"Sun, 0{day} Nov 1994 08:49:37 GMT" for day in (5, 6, 7))
CHANGED = datetime(1994, 11, 6, 8, 49, 37, 500, tzinfo=UTC)


def preconditions(method: str, headers: dict[str, str]) -> Preconditions:
    return Preconditions.of(Request(EnvironBuilder(method=method, headers=Headers(headers)).get_environ()))


@pytest.mark.parametrize(
    ("headers", "read", "write"),
    [
        pytest.param({}, None, None, id="nothing asked"),
        pytest.param({"If-Match": '"a"'}, None, None, id="it is this one"),
        pytest.param({"If-Match": '"b", "a"'}, None, None, id="it is one of these"),
        pytest.param({"If-Match": '"b"'}, 412, 412, id="it is another"),
        pytest.param({"If-Match": 'W/"a"'}, 412, 412, id="a weak tag never matches strongly"),
        pytest.param({"If-Match": "*"}, None, None, id="there is one"),
        pytest.param({"If-Match": ""}, 412, 412, id="none of none"),
        pytest.param({"If-Match": '""'}, 412, 412, id="a tag without a character"),
        pytest.param({"If-Match": '"", "a"'}, None, None, id="it is one of these, the first of which has no character"),
        pytest.param({"If-None-Match": '"a"'}, 304, 412, id="the client has it"),
        pytest.param({"If-None-Match": 'W/"a"'}, 304, 412, id="the client has it, compared weakly"),
        pytest.param({"If-None-Match": '"b"'}, None, None, id="the client has another"),
        pytest.param({"If-None-Match": "*"}, 304, 412, id="there must be none"),
        pytest.param({"If-Unmodified-Since": EARLY}, 412, 412, id="changed after it"),
        pytest.param({"If-Unmodified-Since": NOW}, None, None, id="not changed since"),
        pytest.param({"If-Unmodified-Since": "today"}, None, None, id="no date"),
        pytest.param({"If-Modified-Since": LATE}, 304, None, id="not changed, for reads alone"),
        pytest.param({"If-Modified-Since": NOW}, 304, None, id="not changed since, to the second"),
        pytest.param({"If-Modified-Since": EARLY}, None, None, id="changed since"),
        pytest.param({"If-Match": '"a"', "If-Unmodified-Since": EARLY}, None, None, id="a tag counts before a date"),
        pytest.param({"If-None-Match": '"b"', "If-Modified-Since": LATE}, None, None, id="so it does for reads"),
        pytest.param({"If-Match": '"a"', "If-None-Match": '"a"'}, 304, 412, id="both are asked, in their order"),
        pytest.param({"If-Match": '"b"', "If-None-Match": '"a"'}, 412, 412, id="the first that fails is the answer"),
        pytest.param({"If-Unmodified-Since": NOW, "If-None-Match": '"a"'}, 304, 412, id="a date, then a tag"),
    ],
)
def test_what_is_asked_of_a_resource(headers: dict[str, str], read: int | None, write: int | None) -> None:
    for method, expected in (("GET", read), ("HEAD", read), ("PUT", write), ("DELETE", write)):
        assert preconditions(method, headers).status('"a"', CHANGED) == expected


def test_a_weak_tag_matches_weakly_alone() -> None:
    assert preconditions("PUT", {"If-Match": '"a"'}).status('W/"a"') == 412
    assert preconditions("GET", {"If-None-Match": '"a"'}).status('W/"a"') == 304


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"If-Match": "*"}, 412), ({"If-Match": '"a"'}, 412), ({"If-None-Match": "*"}, None), ({}, None)],
)
def test_a_resource_that_is_not_there(headers: dict[str, str], status: int | None) -> None:
    assert preconditions("PUT", headers).status(None, exists=False) == status


def by_the_rfc(asked: dict[str, str], is_read: bool, tag: str, changed: datetime) -> int | None:
    """RFC 9110, 13.2.2, step by step, for headers of one tag each."""
    weak, opaque = tag.startswith("W/"), tag.removeprefix("W/")
    if "If-Match" in asked:  # 1
        if not (asked["If-Match"] == "*" or (asked["If-Match"] == opaque and not weak)):
            return 412
    elif "If-Unmodified-Since" in asked and changed > DATES[asked["If-Unmodified-Since"]]:  # 2
        return 412
    if "If-None-Match" in asked:  # 3
        if asked["If-None-Match"] == "*" or asked["If-None-Match"].removeprefix("W/") == opaque:
            return 304 if is_read else 412
    elif is_read and "If-Modified-Since" in asked and changed <= DATES[asked["If-Modified-Since"]]:  # 4
        return 304
    return None


DATES = {text: datetime(1994, 11, day, 8, 49, 37, tzinfo=UTC) for text, day in ((EARLY, 5), (NOW, 6), (LATE, 7))}


def test_all_combinations_are_answered_as_the_rfc_says() -> None:
    tags, dates = [None, '"a"', 'W/"a"', '"b"', "*"], [None, EARLY, NOW, LATE]
    names = ("If-Match", "If-Unmodified-Since", "If-None-Match", "If-Modified-Since")
    for values in product(tags, dates, tags, dates):
        asked = {name: value for name, value in zip(names, values, strict=True) if value}
        for method, tag in product(("GET", "POST"), ('"a"', 'W/"a"')):
            expected = by_the_rfc(asked, method == "GET", tag, DATES[NOW])
            assert preconditions(method, asked).status(tag, DATES[NOW]) == expected, (method, asked, tag)


@pytest.fixture
def client() -> Client:
    app = App("test")
    notes = {"one": "first"}

    @app.get("/notes/<note>")
    @etag
    def read(note: str) -> dict[str, str]:
        return {"text": notes[note]} if note in notes else abort(404)

    @app.put("/notes/<note>")
    def write(request: Request, note: str) -> tuple[str, int]:
        if not require_if_match(request).is_strong("v1"):
            raise PreconditionFailed
        return "", 204

    @app.route("/weak", methods=["GET", "POST"])
    @etag(weak=True)
    async def weak() -> str:
        return "x"

    @app.get("/stream")
    @etag
    def stream() -> Iterator[str]:
        yield "x"

    @app.get("/versioned")
    @etag
    def versioned() -> Response:
        response = Response("x")
        response.set_etag("v7")
        response.last_modified = CHANGED
        return response

    return validated(app)


def test_an_answer_has_a_tag_and_is_not_sent_to_who_has_it(client: Client) -> None:
    first = client.get("/notes/one")
    tag = first.headers["ETag"]
    again = client.get("/notes/one", headers={"If-None-Match": tag})

    assert first.json == {"text": "first"}
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    assert client.head("/notes/one").headers["ETag"] == tag
    assert client.head("/notes/one", headers={"If-None-Match": tag}).status_code == 304


def test_a_read_of_another_version_is_412(client: Client) -> None:
    answer = client.get("/notes/one", headers={"If-Match": '"x"'})

    assert (answer.status_code, answer.mimetype) == (412, "application/problem+json")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/notes/none"), ("POST", "/weak"), ("GET", "/stream")], ids=["404", "POST", "a stream"]
)
def test_what_has_no_tag(client: Client, method: str, path: str) -> None:
    assert "ETag" not in client.open(path, method=method, headers={"If-None-Match": "*"}).headers


def test_a_weak_tag_saves_reading_and_never_allows_a_write(client: Client) -> None:
    tag = client.get("/weak").headers["ETag"]

    assert tag.startswith('W/"')
    assert client.get("/weak", headers={"If-None-Match": tag}).status_code == 304
    assert client.get("/weak", headers={"If-Match": tag}).status_code == 412


def test_a_tag_and_a_date_of_the_view_s_own(client: Client) -> None:
    assert client.get("/versioned").headers["ETag"] == '"v7"'
    assert client.get("/versioned", headers={"If-Modified-Since": NOW}).status_code == 304
    assert client.get("/versioned", headers={"If-Unmodified-Since": EARLY}).status_code == 412


@pytest.mark.parametrize(
    ("headers", "status"), [({}, 428), ({"If-Match": '"v0"'}, 412), ({"If-Match": '"v0", "v1"'}, 204)]
)
def test_a_write_that_must_not_lose_another(client: Client, headers: dict[str, str], status: int) -> None:
    assert client.put("/notes/one", headers=headers).status_code == status


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("PUT", {}, 200),
        ("GET", {"If-Match": '"x"'}, 200),
        ("PUT", {"If-None-Match": '"x"'}, 412),
        ("PUT", {"If-None-Match": "*"}, 412),
        ("PUT", {"If-Match": "nope"}, 412),
        ("PUT", {"If-Match": "*"}, 412),
        ("DELETE", {"If-Unmodified-Since": EARLY}, 200),
        ("OPTIONS", {"If-Match": "*"}, 200),
    ],
)
def test_conditions_that_can_t_be_checked_are_refused(method: str, headers: dict[str, str], status: int) -> None:
    app = App("test")
    app.before_request(refuse_conditions)
    app.add_url_rule("/", "view", lambda: "", methods=["GET", "PUT", "DELETE"])

    answer = validated(app).open("/", method=method, headers=headers)

    assert answer.status_code == status
    assert status == 200 or next(iter(headers)) in answer.json["detail"]


def test_the_view_keeps_its_signature() -> None:
    app = App("test")

    @app.get("/<int:number>")
    @etag
    def view(request: Request, number: int) -> dict[str, Any]:
        return {"number": number, "path": request.path}

    assert validated(app).get("/3").json == {"number": 3, "path": "/3"}


def test_a_tag_without_a_character_is_a_text() -> None:
    asked = preconditions("PUT", {"If-Match": '"", "a"', "If-None-Match": 'W/""'})

    assert asked.if_match is not None
    assert asked.if_none_match is not None
    assert asked.if_match.as_set() == {"", "a"}
    assert (asked.if_none_match.as_set(), asked.if_none_match.as_set(include_weak=True)) == (set(), {""})
