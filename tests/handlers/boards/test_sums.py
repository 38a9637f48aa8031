"""Sums, statistics, shares, percentiles and ranks, exact in every digit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ..conftest import ServiceClient, numbers

#: The highest score that a board with 6 places can have.
HIGHEST = Decimal("9007199254.740991")


@pytest.fixture
def heavy(client: ServiceClient) -> ServiceClient:
    """The board `h`: five members of the highest score, one of the lowest."""
    for member in "abcde":
        client.put(f"/boards/h/members/{member}", json={"score": str(HIGHEST)})
    client.put("/boards/h/members/low", json={"score": "-0.000001"})
    return client


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        pytest.param("below=0.2", {"score": 0.2, "count": 1, "sum": -3}, id="below a tie"),
        pytest.param("below=0.200001", {"score": 0.200001, "count": 3, "sum": -2.6}, id="above a tie"),
        pytest.param("below=-3", {"score": -3, "count": 0, "sum": 0}, id="below all"),
        pytest.param("below=13", {"score": 13, "count": 4, "sum": 9.9}, id="above all"),
    ],
)
def test_sum_below_a_score(board: ServiceClient, query: str, answer: dict[str, Any]) -> None:
    assert board.get(f"/boards/b/sum?{query}").json == answer


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("sum?rank=3&order=asc", {"sum": 3 * HIGHEST - Decimal("0.000001")}, id="to a rank"),
        pytest.param("sum?rank=4", {"sum": 5 * HIGHEST}, id="from the top"),
        pytest.param("sum?below=9007199254.740991", {"sum": Decimal("-0.000001")}, id="below a score"),
        pytest.param("statistics?to=4", {"sum": 5 * HIGHEST, "mean": HIGHEST, "variance": 0}, id="of ranks"),
        pytest.param("statistics?min=1", {"sum": 5 * HIGHEST, "max": HIGHEST, "min": HIGHEST}, id="of scores"),
        pytest.param("reach?share=0.8", {"sum": 4 * HIGHEST, "rank": 3, "count": 4}, id="a share"),
        pytest.param("percentiles/0", {"score": Decimal("-0.000001"), "member": "low", "rank": 5}, id="a percentile"),
        pytest.param("members/low/ranks", {"score": Decimal("-0.000001")}, id="ranks"),
    ],
)
def test_no_digit_is_lost_beyond_doubles(heavy: ServiceClient, path: str, expected: dict[str, Any]) -> None:
    url = f"/boards/h/{path}"

    as_numbers = numbers(heavy.get(url).data)
    as_strings = heavy.get(f"{url}{'&' if '?' in url else '?'}exact=string").json

    assert {key: as_numbers[key] for key in expected} == expected
    for key, value in expected.items():
        assert as_strings[key] == (str(value) if isinstance(as_numbers[key], Decimal) or value == 0 else value)


def test_rows_are_also_exact(heavy: ServiceClient) -> None:
    rows = numbers(heavy.get("/boards/h/members?order=asc").data)["members"]
    strings = heavy.get("/boards/h/members?exact=string&order=asc").json["members"]

    assert [row["sum"] for row in rows] == [n * HIGHEST - Decimal("0.000001") for n in range(6)]
    assert [Decimal(row["sum"]) for row in strings] == [row["sum"] for row in rows]
    assert all(isinstance(row["score"], str) for row in strings)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        pytest.param("GET", "/boards/b", None, id="summary"),
        pytest.param("GET", "/boards/b/members/ann", None, id="standing"),
        pytest.param("PUT", "/boards/b/members/ann", {"score": 0.2}, id="set"),
        pytest.param("POST", "/boards/b/members/ann/rewards", {"reward": 0}, id="add"),
    ],
)
def test_decimals_are_strings_if_asked_for(board: ServiceClient, method: str, path: str, body: Any) -> None:
    answer = board.open(f"{path}?exact=string", method=method, json=body)

    assert answer.status_code == 200
    decimals = {"score": "0.2", "sum": "9.9", "mean": "2.475", "min": "-3", "max": "12.5", "variance": "35.206875"}
    found = {key: value for key, value in answer.json.items() if key in decimals}
    assert found
    assert found == {key: decimals[key] for key in found}
    assert isinstance(answer.json.get("rank", answer.json.get("count")), int)


ALL = {"count": 4, "sum": 9.9, "mean": 2.475, "min": -3, "max": 12.5, "variance": 35.206875}
TIE = {"count": 2, "sum": 0.4, "mean": 0.2, "min": 0.2, "max": 0.2, "variance": 0}
NONE = {"count": 0, "sum": 0, "mean": None, "min": None, "max": None, "variance": None}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("", ALL, id="all"),
        pytest.param("from=1&to=2", TIE, id="ranks"),
        pytest.param("from=1&to=2&order=asc", TIE, id="ranks from the lowest"),
        pytest.param("to=99", ALL, id="to beyond the end"),
        pytest.param("from=4", NONE, id="after the end"),
        pytest.param("min=0&max=1", TIE, id="scores"),
        pytest.param("min=0.2&max=0.2", TIE, id="one score"),
        pytest.param("min=1&max=2", NONE, id="between two scores"),
        pytest.param("max=12.5", ALL, id="up to the highest"),
    ],
)
def test_statistics(board: ServiceClient, query: str, expected: dict[str, Any]) -> None:
    assert board.get(f"/boards/b/statistics?{query}").json == expected


@pytest.mark.parametrize(
    ("query", "member", "rank"),
    [
        pytest.param("share=0.8", "two", 1, id="from the top"),
        pytest.param("share=0.6", "six", 0, id="reached exactly"),
        pytest.param("share=0.600001", "two", 1, id="a millionth more"),
        pytest.param("share=0.8&order=asc", "six", 3, id="from the bottom"),
        pytest.param("share=1", "one-b", 3, id="all of it"),
    ],
)
def test_the_rank_that_reaches_a_share(client: ServiceClient, query: str, member: str, rank: int) -> None:
    for name, score in {"six": 6, "two": 2, "one-b": 1, "one-c": 1}.items():
        client.put(f"/boards/p/members/{name}", json={"score": score})

    answer = client.get(f"/boards/p/reach?{query}").json

    assert answer["rank"] == rank
    assert answer["count"] == rank + 1
    assert answer["member"] == member


@pytest.mark.parametrize(
    ("percentile", "member"),
    [("0", "bob"), ("25", "bob"), ("25.000001", "amy"), ("50", "amy"), ("99.9", "cid"), ("100", "cid")],
)
def test_the_member_at_a_percentile(board: ServiceClient, percentile: str, member: str) -> None:
    assert board.get(f"/boards/b/percentiles/{percentile}").json["member"] == member


@pytest.mark.parametrize(
    ("member", "query", "expected"),
    [
        pytest.param("cid", "", (0, 0, 0, 87.5), id="the best"),
        pytest.param("ann", "", (1, 1, 1, 50), id="tie"),
        pytest.param("amy", "", (2, 1, 1, 50), id="tie, later"),
        pytest.param("bob", "", (3, 3, 2, 12.5), id="after a tie"),
        pytest.param("cid", "?order=asc", (3, 3, 2, 87.5), id="from the lowest"),
    ],
)
def test_ranks_in_the_usual_ways(
    board: ServiceClient, member: str, query: str, expected: tuple[int, int, int, float]
) -> None:
    answer = board.get(f"/boards/b/members/{member}/ranks{query}").json

    assert (answer["ordinal"], answer["competition"], answer["dense"], answer["percentile"]) == expected
    assert answer["count"] == 4


def test_an_estimate_is_given_with_the_sum(client: ServiceClient) -> None:
    client.put("/boards/e", json={"sample": 1000})
    for member in range(20):
        client.put(f"/boards/e/members/m{member}", json={"score": member})

    answer = client.get("/boards/e/sum?rank=9&estimate=true&order=asc").json

    assert (answer["count"], answer["sum"]) == (10, 45)
    assert answer["estimate"]["low"] <= answer["estimate"]["sum"] <= answer["estimate"]["high"]
    assert answer["estimate"]["sample"] == 20


def test_without_a_sample_there_is_no_estimate(board: ServiceClient) -> None:
    answer = board.get("/boards/b/sum?rank=1&estimate=true")

    assert (answer.status_code, answer.mimetype) == (409, "application/problem+json")
    assert board.get("/boards/b/sum?rank=1&estimate=false").status_code == 200


@pytest.mark.parametrize(
    ("path", "field"),
    [
        pytest.param("sum?rank=1&below=2", "below", id="to a rank and below a score"),
        pytest.param("sum?below=1&estimate=true", "estimate", id="an estimate below a score"),
        pytest.param("sum?order=asc&below=1", "below", id="below a score, in an order"),
        pytest.param("sum?estimate=true", "rank", id="an estimate of nothing"),
        pytest.param("sum?rank=1&estimate=maybe", "estimate", id="neither true nor false"),
        pytest.param("sum?below=NaN", "below", id="below NaN"),
        pytest.param("sum?below=0.1234567", "below", id="below what has too many places"),
        pytest.param("statistics?from=1&max=2", "max", id="statistics of ranks and of scores"),
        pytest.param("statistics?from=2&to=1", "to", id="statistics of reversed ranks"),
        pytest.param("statistics?min=2&max=1", "max", id="statistics of reversed scores"),
        pytest.param("statistics?min=NaN&max=1", "min", id="statistics above NaN"),
        pytest.param("reach", "share", id="no share"),
        pytest.param("reach?share=0", "share", id="a share of nothing"),
        pytest.param("reach?share=1.1", "share", id="more than all"),
        pytest.param("reach?share=NaN", "share", id="NaN"),
        pytest.param("reach?share=1e-999999999", "share", id="an exponent that nobody needs"),
        pytest.param("percentiles/101", "percentile", id="beyond the last percentile"),
        pytest.param("percentiles/-1", "percentile", id="before the first percentile"),
        pytest.param("percentiles/x", "percentile", id="no percentile"),
        pytest.param("percentiles/NaN", "percentile", id="a percentile that is not a number"),
        pytest.param("members/ann/ranks?order=up", "order", id="ranks in no order"),
        pytest.param("top?limit=0", "limit", id="no member at the top"),
        pytest.param("top?from=1", "from", id="the top from another rank"),
    ],
)
def test_a_wrong_question_is_refused_by_name(board: ServiceClient, path: str, field: str) -> None:
    answer = board.get(f"/boards/b/{path}")

    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    assert answer.json["field"] == field


def test_there_is_no_share_of_nothing(client: ServiceClient) -> None:
    client.put("/boards/z/members/zero", json={"score": 0})

    answer = client.get("/boards/z/reach?share=0.5")

    assert (answer.status_code, answer.json["field"]) == (422, "share")


@pytest.mark.parametrize("path", ["sum?rank=0", "statistics", "statistics?min=0", "reach?share=1", "percentiles/50"])
def test_nothing_is_told_of_no_board(client: ServiceClient, path: str) -> None:
    assert client.get(f"/boards/nothing/{path}").status_code == 404


def test_no_member_has_no_ranks(board: ServiceClient) -> None:
    assert board.get("/boards/b/members/nobody/ranks").status_code == 404
