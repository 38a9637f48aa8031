"""Lists of members: by rank, in pages, by score, around a member, from both ends."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.http import parse_options_header

from ..conftest import ServiceClient


def names(page: Any) -> list[str]:
    return [row["member"] for row in page["members"]]


def next_of(link: str) -> str:
    """The address in a Link header, whose relation must be `next`."""
    target, options = parse_options_header(link)
    assert options == {"rel": "next"}
    return target.removeprefix("<").removesuffix(">")


def pages(client: ServiceClient, url: str) -> list[list[str]]:
    """Follow the Link headers to the end."""
    found = []
    link: str | None = f'<{url}>; rel="next"'
    while link:
        answer = client.get(next_of(link))
        assert answer.status_code == 200
        found.append(names(answer.json))
        link = answer.headers.get("Link")
        assert (answer.json["next"] is None) == (link is None)
    return found


@pytest.mark.core
@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param(
            "/boards/b/members?limit=3&order=asc", [["bob", "amy", "ann"], ["cid"]], id="the last page is short"
        ),
        pytest.param(
            "/boards/b/members?limit=2&order=asc", [["bob", "amy"], ["ann", "cid"]], id="the last page is full"
        ),
        pytest.param("/boards/b/members?order=asc", [["bob", "amy", "ann", "cid"]], id="one page"),
        pytest.param("/boards/b/members?limit=1", [["cid"], ["ann"], ["amy"], ["bob"]], id="best first"),
        pytest.param("/boards/b/members?min=-3&max=0.2&limit=2&order=asc", [["bob", "amy"], ["ann"]], id="by score"),
        pytest.param("/boards/b/members?max=0.2&limit=2", [["ann", "amy"], ["bob"]], id="by score, down"),
        pytest.param("/boards/b/members?min=0.2&max=0.2&limit=1&order=asc", [["amy"], ["ann"]], id="inside a tie"),
        pytest.param("/boards/b/top?limit=3", [["cid", "ann", "amy"], ["bob"]], id="on from the top"),
        pytest.param("/boards/b/bottom?limit=3", [["bob", "amy", "ann"], ["cid"]], id="on from the bottom"),
    ],
)
def test_links_lead_through_all_pages(board: ServiceClient, url: str, expected: list[list[str]]) -> None:
    found = pages(board, url)

    assert [page for page in found if page] == expected
    assert [] not in found[:-1]


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        pytest.param("limit=2&order=asc", [("bob", 0, -3), ("amy", 1, -2.8)], id="a page"),
        pytest.param("from=2&to=3&order=asc", [("ann", 2, -2.6), ("cid", 3, 9.9)], id="by rank"),
        pytest.param("min=0.1&max=1&order=asc", [("amy", 1, -2.8), ("ann", 2, -2.6)], id="by score"),
        pytest.param("min=0.1&max=1", [("ann", 1, 12.7), ("amy", 2, 12.9)], id="by score, down"),
        pytest.param("around=ann&radius=1", [("cid", 0, 12.5), ("ann", 1, 12.7), ("amy", 2, 12.9)], id="around"),
    ],
)
def test_each_row_has_its_rank_and_the_sum_up_to_it(
    board: ServiceClient, query: str, rows: list[tuple[str, int, float]]
) -> None:
    page = board.get(f"/boards/b/members?{query}").json

    assert [(row["member"], row["rank"], row["sum"]) for row in page["members"]] == rows


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_a_member_that_stays_is_in_exactly_one_page(client: ServiceClient, order: str) -> None:
    stay = [f"m{number:02}" for number in range(30)]
    for number, member in enumerate(stay):
        client.put(f"/boards/b/members/{member}", json={"score": number // 3})  # also of ties
    for member in ("go-low", "go-high"):
        client.put(f"/boards/b/members/{member}", json={"score": 0 if member == "go-low" else 9})

    seen: list[str] = []
    url = f"/boards/b/members?limit=4&order={order}"
    change = 0
    while url:
        answer = client.get(url)
        seen += names(answer.json)
        for score in (-1, 4, 11):
            client.put(f"/boards/b/members/new-{change}-{score}", json={"score": score})
        if change == 1:  # members that were seen, and the last of the previous page, may be removed
            client.delete(f"/boards/b/members/go-{'low' if order == 'asc' else 'high'}")
            client.delete(f"/boards/b/members/{seen[-1]}")
            stay.remove(seen[-1])
            seen.pop()
        change += 1
        url = next_of(answer.headers["Link"]) if "Link" in answer.headers else ""

    found = [member for member in seen if member in stay]
    assert found == sorted(stay, reverse=order == "desc")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("around=amy", ["cid", "ann", "amy", "bob"], id="five on each side"),
        pytest.param("around=amy&radius=0", ["amy"], id="alone"),
        pytest.param("around=bob&radius=1&order=asc", ["bob", "amy", "ann"], id="at the lower end"),
        pytest.param("around=bob&radius=1", ["ann", "amy", "bob"], id="at the end of the other order"),
        pytest.param("around=cid&radius=1", ["cid", "ann", "amy"], id="at the upper end"),
    ],
)
def test_members_around_one(board: ServiceClient, query: str, expected: list[str]) -> None:
    page = board.get(f"/boards/b/members?{query}").json

    assert names(page) == expected
    assert page["next"] is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("min=0.2", ["cid", "ann", "amy"], id="the bound itself"),
        pytest.param("min=0.200001", ["cid"], id="a millionth above"),
        pytest.param("max=-3", ["bob"], id="up to a bound"),
        pytest.param("max=-3.000001", [], id="below all"),
        pytest.param("min=13", [], id="above all"),
        pytest.param("min=1&max=2", [], id="between two"),
        pytest.param("min=1e1", ["cid"], id="with an exponent"),
    ],
)
def test_members_by_score(board: ServiceClient, query: str, expected: list[str]) -> None:
    assert names(board.get(f"/boards/b/members?{query}").json) == expected


def test_the_two_ends(board: ServiceClient) -> None:
    assert names(board.get("/boards/b/top?limit=2").json) == ["cid", "ann"]
    assert names(board.get("/boards/b/bottom?limit=2").json) == ["bob", "amy"]
    assert board.get("/boards/b/top?limit=1").json["order"] == "desc"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        pytest.param("from=0&min=1", "min", id="by rank and by score"),
        pytest.param("to=3&around=ann", "around", id="by rank and around a member"),
        pytest.param("from=0&limit=5", "limit", id="by rank and in pages"),
        pytest.param("from=0&cursor=x", "cursor", id="by rank and by cursor"),
        pytest.param("around=ann&limit=5", "limit", id="around a member and in pages"),
        pytest.param("around=ann&max=5", "max", id="around a member and by score"),
        pytest.param("radius=3", "radius", id="a radius around nobody"),
        pytest.param("from=3&to=1", "to", id="ranks reversed"),
        pytest.param("min=3&max=1", "max", id="scores reversed"),
        pytest.param("limit=0", "limit", id="a page of nothing"),
        pytest.param("limit=1001", "limit", id="too many in a page"),
        pytest.param("around=ann&radius=500", "radius", id="too many around"),
        pytest.param("from=0&to=1000", "to", id="too many by rank"),
        pytest.param("cursor=x", "cursor", id="no cursor"),
        pytest.param("cursor=%C3%BC", "cursor", id="a cursor that is not ASCII"),
        pytest.param("min=NaN", "min", id="NaN"),
        pytest.param("max=Infinity", "max", id="infinite"),
        pytest.param("min=0.1234567", "min", id="more places than the board has"),
        pytest.param("max=9007199254.740992", "max", id="out of range"),
        pytest.param("min=1e999999999", "min", id="an exponent that nobody needs"),
        pytest.param("min=x", "min", id="no number"),
        pytest.param("min=%201", "min", id="a space before a number"),
        pytest.param("min=1_0", "min", id="an underscore in a number"),
        pytest.param("min=%EF%BC%91", "min", id="a digit of another script"),
        pytest.param("segment=-", "segment", id="no name of a segment"),
        pytest.param("exact=yes", "exact", id="exact in another way"),
    ],
)
def test_what_contradicts_itself_or_is_out_of_range_is_refused_by_name(
    board: ServiceClient, query: str, field: str
) -> None:
    answer = board.get(f"/boards/b/members?{query}")

    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    assert answer.json["field"] == field


def test_a_cursor_is_for_one_order(board: ServiceClient) -> None:
    cursor = board.get("/boards/b/members?limit=1&order=asc").json["next"]

    answer = board.get(f"/boards/b/members?limit=1&cursor={cursor}")

    assert (answer.status_code, answer.json["field"]) == (422, "cursor")


@pytest.mark.parametrize("path", ["members", "top", "bottom", "members?min=0", "members?from=3", "members?around=ann"])
def test_no_board_has_no_list(client: ServiceClient, path: str) -> None:
    assert client.get(f"/boards/nothing/{path}").status_code == 404


def test_no_member_is_around_one_without_a_score(board: ServiceClient) -> None:
    assert board.get("/boards/b/members?around=nobody").status_code == 404


def test_the_next_page_is_as_long_as_the_first(client: ServiceClient) -> None:
    for member in range(21):
        client.put(f"/boards/b/members/{member}", json={"score": member})

    assert [len(page) for page in pages(client, "/boards/b/top")] == [10, 10, 1]


def test_the_link_keeps_what_was_asked_for(board: ServiceClient) -> None:
    link = next_of(board.get("/boards/b/members?limit=1&min=0&exact=string").headers["Link"])

    assert board.get(link).json["members"] == [{"member": "ann", "score": "0.2", "rank": 1, "sum": "12.7"}]
