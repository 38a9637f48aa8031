"""What a client may rely on. A test has a board of its own, as over a server it can't empty the app's memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import uuid4

import pytest
from client import Client
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


@pytest.fixture
def board() -> str:
    return f"/boards/{uuid4()}"


@pytest.mark.parametrize(
    ("others", "rank"),
    [
        pytest.param({}, 1, id="alone"),
        pytest.param({"bob": 20, "cid": 5}, 2, id="beaten by one"),
        pytest.param({"bob": 10}, 1, id="a tie is one rank"),
    ],
)
def test_a_rank_is_one_more_than_members_that_are_better(
    client: Client, board: str, others: dict[str, float], rank: int
) -> None:
    for member, score in others.items():
        client.put(f"{board}/members/{member}", json={"score": score})

    assert client.put(f"{board}/members/ann", json={"score": 10}).json == {"member": "ann", "score": 10, "rank": rank}


names = st.text(st.characters(categories=["L", "N"]), min_size=1)


@settings(max_examples=25, deadline=None)
@given(scores=st.dictionaries(names, st.integers(-3, 3), min_size=1, max_size=5))
def test_ranks_are_those_of_a_sorted_list(place: WSGIApplication, scores: dict[str, int]) -> None:
    client, board = Client(place), f"/boards/{uuid4()}"
    for member, score in scores.items():
        client.put(f"{board}/members/{quote(member)}", json={"score": score})

    best_first = sorted(scores.values(), reverse=True)
    for member, score in scores.items():
        rank = best_first.index(score) + 1
        assert client.get(f"{board}/members/{quote(member)}").json == {"member": member, "score": score, "rank": rank}


def test_a_follower_is_told_of_a_change_at_once(client: Client, board: str) -> None:
    with client.get(f"{board}/changes", buffered=False) as stream:
        told = lines(stream)
        assert next(told) == {"members": 0}

        client.put(f"{board}/members/ann", json={"score": 1})

        assert next(told) == {"member": "ann", "score": 1}


def lines(stream: Response) -> Iterator[object]:
    return (json.loads(chunk) for chunk in stream.response if chunk.strip())


def test_a_redirect_leads_to_the_host_that_the_client_has_named(client: Client, board: str) -> None:
    answer = client.get(f"{board}//changes", base_url="http://rewards.example")

    url = f"http://rewards.example{board}/changes"
    assert (answer.status_code, answer.location) == (308, url)
    assert f'href="{url}"' in answer.text


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "error"),
    [
        pytest.param("GET", "/members/nobody", b"", 404, "'nobody' has no score on", id="no such member"),
        pytest.param("GET", "/nowhere", b"", 404, "The requested URL was not found", id="no such URL"),
        pytest.param("DELETE", "/members/ann", b"", 405, "The method is not allowed", id="no such method"),
        pytest.param("PUT", "/members/ann", b"{", 400, "Failed to decode JSON object", id="broken JSON"),
        pytest.param("PUT", "/members/ann", b'{"score": "7"}', 400, "the body is no object with", id="no number"),
    ],
)
def test_an_error_says_in_json_what_is_wrong(
    client: Client, board: str, method: str, path: str, body: bytes, status: int, error: str
) -> None:
    answer = client.open(board + path, method=method, data=body, content_type="application/json")

    assert (answer.status_code, answer.content_type) == (status, "application/json")
    assert answer.json["error"].startswith(error)
