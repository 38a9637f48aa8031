"""The winner has rank 0 at every endpoint, and each answer with a rank says which order it is of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ..conftest import ServiceClient


@pytest.fixture(params=["desc", "asc"])
def winner(request: pytest.FixtureRequest, client: ServiceClient) -> str:
    client.put("/boards/r", json={"sample": 100})
    for score, member in enumerate(["low", "middle", "high"], 1):
        client.put(f"/boards/r/members/{member}", json={"score": score})
    if request.param == "asc":
        client.put("/boards/r", json={"order": "asc"})
        return "low"
    return "high"


def ranked(answer: Any, order: str | None = None) -> Iterator[tuple[str | None, int, str]]:
    """The member, rank and order of everything in an answer that has a rank."""
    if isinstance(answer, dict):
        order = answer.get("order", order)
        if "rank" in answer:
            assert order is not None
            yield answer.get("member"), answer["rank"], order
    for part in answer.values() if isinstance(answer, dict) else answer if isinstance(answer, list) else ():
        yield from ranked(part, order)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        pytest.param("GET", "members/WINNER", None, id="its standing"),
        pytest.param("PUT", "members/WINNER", {"score": "SCORE"}, id="its score is set"),
        pytest.param("POST", "members/WINNER/rewards", {"reward": 0}, id="it gets a reward"),
        pytest.param("GET", "members", None, id="a page"),
        pytest.param("GET", "members?from=0&to=2", None, id="a list by rank"),
        pytest.param("GET", "members?min=1&max=3", None, id="a list by score"),
        pytest.param("GET", "members?around=WINNER", None, id="around it"),
        pytest.param("GET", "top", None, id="the best"),
        pytest.param("GET", "sum?rank=0", None, id="the sum"),
        pytest.param("GET", "sum?rank=0&estimate=true", None, id="the estimated sum"),
        pytest.param("GET", "reach?share=0.01", None, id="a share"),
        pytest.param("GET", "percentiles/WORST", None, id="a percentile"),
        pytest.param("GET", "../boards?member=WINNER&board=r", None, id="on several boards"),
    ],
)
def test_the_winner_has_rank_0_at_every_endpoint(
    client: ServiceClient, winner: str, method: str, path: str, body: dict[str, Any] | None
) -> None:
    score, order = (1, "asc") if winner == "low" else (3, "desc")
    path = path.replace("WINNER", winner).replace("WORST", "0" if winner == "low" else "100")
    body = body and {key: score if value == "SCORE" else value for key, value in body.items()}
    url = path.removeprefix("..") if path.startswith("..") else f"/boards/r/{path}"

    found = list(ranked(client.open(url, method=method, json=body).json))

    assert found
    assert {of_order for _, _, of_order in found} == {order}
    assert [rank for member, rank, _ in found if member in (None, winner)] == [0]


def test_the_winner_is_first_in_each_kind_of_ranks(client: ServiceClient, winner: str) -> None:
    answer = client.get(f"/boards/r/members/{winner}/ranks").json

    assert (answer["ordinal"], answer["competition"], answer["dense"]) == (0, 0, 0)


def test_the_other_order_is_asked_for_by_name(client: ServiceClient, winner: str) -> None:
    other, score = ("desc", 1) if winner == "low" else ("asc", 3)
    member = f"/boards/r/members/{winner}?order={other}"

    answers = [client.get(member), client.put(member, json={"score": score})]
    answers += [client.post(f"/boards/r/members/{winner}/rewards?order={other}", json={"reward": 0})]

    assert [(answer.json["rank"], answer.json["order"]) for answer in answers] == [(2, other)] * 3


def test_the_bottom_is_the_other_end(client: ServiceClient, winner: str) -> None:
    page = client.get("/boards/r/bottom?limit=1").json

    assert (page["order"], page["members"][0]["rank"]) == ("desc" if winner == "low" else "asc", 0)
    assert page["members"][0]["member"] == ("high" if winner == "low" else "low")
