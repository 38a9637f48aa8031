"""Members that are asked for by name, kinds of ranks in lists, and members that no path can name."""

from __future__ import annotations

from typing import Any

import pytest

from ..conftest import ServiceClient


@pytest.fixture
def tied(client: ServiceClient) -> ServiceClient:
    """The board `t`: 9, 7, 7, 5."""
    for member, score in {"ann": 9, "bob": 7, "cid": 7, "dee": 5}.items():
        client.put(f"/boards/t/members/{member}", json={"score": score})
    return client


@pytest.mark.parametrize(
    ("ranks", "expected"),
    [
        pytest.param("", [0, 1, 2, 3], id="ordinal, if nobody says"),
        pytest.param("ranks=ordinal", [0, 1, 2, 3], id="ordinal"),
        pytest.param("ranks=competition", [0, 1, 1, 3], id="competition"),
        pytest.param("ranks=dense", [0, 1, 1, 2], id="dense"),
    ],
)
@pytest.mark.parametrize("path", ["members", "members?from=0", "members?min=0", "members?around=bob", "top"])
def test_lists_have_ranks_of_the_kind_that_is_asked_for(
    tied: ServiceClient, path: str, ranks: str, expected: list[int]
) -> None:
    page = tied.get(f"/boards/t/{path}{'&' if '?' in path else '?'}{ranks}").json

    assert page["ranks"] == (ranks.partition("=")[2] or "ordinal")
    assert [row["rank"] for row in page["members"]] == expected


def test_the_next_page_has_ranks_of_the_same_kind(tied: ServiceClient) -> None:
    first = tied.get("/boards/t/top?limit=2&ranks=competition")
    link = first.headers["Link"].partition(">")[0].removeprefix("<")

    assert [row["rank"] for row in tied.get(link).json["members"]] == [1, 3]
    assert [row["rank"] for row in tied.get("/boards/t/bottom?ranks=dense").json["members"]] == [0, 1, 1, 2]


@pytest.mark.core
def test_friends_are_ranked_in_one_request(tied: ServiceClient) -> None:
    expected = {
        "board": "t",
        "order": "desc",
        "ranks": "competition",
        "count": 4,
        "members": [
            {"member": "cid", "score": 7, "rank": 1, "place": 0},
            {"member": "dee", "score": 5, "rank": 3, "place": 1},
        ],
        "missing": ["nobody"],
    }

    got = tied.get("/boards/t/members?member=dee&member=nobody&member=cid&ranks=competition")
    posted = tied.post("/boards/t/standings", json={"members": ["dee", "nobody", "cid"], "ranks": "competition"})

    assert (got.status_code, posted.status_code) == (200, 200)
    assert got.json == posted.json == expected


def test_friends_in_a_segment_and_in_the_other_order(tied: ServiceClient) -> None:
    for member in ("bob", "dee"):
        tied.put(f"/boards/t/members/{member}/segments/gold")

    answer = tied.post("/boards/t/standings?segment=gold&order=asc&exact=string", json={"members": ["bob", "ann"]}).json

    assert answer["members"] == [{"member": "bob", "score": "7", "rank": 1, "place": 0}]
    assert (answer["missing"], answer["order"], answer["count"]) == (["ann"], "asc", 2)


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        pytest.param("GET", "members?member=", None, "member", id="no name"),
        pytest.param("GET", "members?member=" + "x" * 513, None, "member", id="a name that is too long"),
        pytest.param("GET", "members?" + "&".join(["member=x"] * 101), None, "member", id="too many in a query"),
        pytest.param("GET", "members?member=ann&around=bob", None, "member", id="by name and around one"),
        pytest.param("GET", "members?member=ann&limit=3", None, "member", id="by name and in pages"),
        pytest.param("GET", "members?ranks=olympic", None, "ranks", id="no kind of ranks"),
        pytest.param("POST", "standings", {"members": []}, "members", id="nobody"),
        pytest.param("POST", "standings", {"members": ["x"] * 501}, "members", id="too many in a body"),
        pytest.param("POST", "standings", {"members": ["x\0"]}, "member", id="a name with a 0"),
        pytest.param("POST", "standings", {"members": ["x"], "board": "b"}, "board", id="an unknown field"),
        pytest.param("DELETE", "members", None, "member", id="nobody to remove"),
        pytest.param("DELETE", "members?" + "&".join(["member=x"] * 101), None, "member", id="too many to remove"),
    ],
)
def test_a_list_of_names_that_is_wrong_is_refused(
    tied: ServiceClient, method: str, path: str, body: Any, field: str
) -> None:
    answer = tied.open(f"/boards/t/{path}", method=method, json=body)

    assert (answer.status_code, answer.json["field"].partition("[")[0]) == (422, field)
    assert tied.get("/boards/t").json["count"] == 4


def test_no_board_has_no_standings(client: ServiceClient) -> None:
    assert client.get("/boards/nothing/members?member=ann").status_code == 404
    assert client.post("/boards/nothing/standings", json={"members": ["ann"]}).status_code == 404


def test_members_that_no_path_can_name_are_read_and_removed(client: ServiceClient) -> None:
    client.post("/boards/n/members", json=[{"member": name, "score": 1} for name in (".", "..", "a/b", "stays")])

    found = client.get("/boards/n/members?member=.&member=..").json
    removed = client.delete("/boards/n/members?member=.&member=..&member=a%2Fb&member=nobody&member=.")

    assert [row["member"] for row in found["members"]] == ["..", "."]
    assert removed.status_code == 200
    assert removed.json == {"board": "n", "removed": 3, "missing": ["nobody"]}
    assert [row["member"] for row in client.get("/boards/n/members").json["members"]] == ["stays"]
    assert client.delete("/boards/n/members?member=.").json == {"board": "n", "removed": 0, "missing": ["."]}
