"""The page of a board in a browser: a script moves along its curve and keeps it current."""

from __future__ import annotations

import json
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from .browser import Watched
from .conftest import Site


def ask(site: Site, path: str, body: object = None, method: str = "GET") -> Any:
    """Ask the API; None for what is not there."""
    headers = {"Authorization": site.up.authorization, "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    try:
        with urlopen(Request(site.url + path, data, headers, method=method)) as answer:
            return json.loads(answer.read() or b"null") if answer.headers.get_content_subtype() == "json" else None
    except HTTPError as exc:
        if exc.code == 404:
            return None
        raise


@pytest.fixture(scope="module")
def board(site: Site) -> str:
    """A board of some size."""
    records = [{"member": f"m{number}", "score": (number * 7919 % 1009) ** 2 / 100} for number in range(2000)]
    ask(site, "/boards/seen/members", records, "POST")
    ask(site, "/boards/seen/members/m7/segments/gold", method="PUT")
    ask(site, "/boards/seen/members/m7/features", {"age": 31, "gender": "f"}, "PUT")
    return "/console/boards/seen"


def test_the_sum_for_the_rank_under_the_pointer_is_asked_from_the_service(
    site: Site, board: str, person: Watched
) -> None:
    page = person.page
    page.goto(f"{board}?k=0")
    figure = page.locator("[data-curve] > svg")
    figure.scroll_into_view_if_needed()
    figure.hover()  # its middle
    page.wait_for_function("() => +document.querySelector('[data-k]').textContent.replace(',', '') > 900")
    page.wait_for_function(
        "() => +document.getElementById('k').value === +document.querySelector('[data-k]').textContent.replace(',', '')"
    )
    rank = int(page.locator("[data-k]").inner_text().replace(",", ""))
    shown = page.locator("[data-sum]").inner_text().replace(",", "")
    assert float(shown) == ask(site, f"/boards/seen/sum?rank={rank}&order=desc")["sum"]
    assert page.locator(".dot").get_attribute("cx") == f"{(rank + 1) * 100 / 2000:g}%"


def test_a_board_stays_current(site: Site, board: str, person: Watched) -> None:
    page = person.page
    page.goto(board)
    page.locator("#k").fill("5")
    ask(site, "/boards/seen/members/first/rewards", {"reward": 10**6}, "POST")
    page.wait_for_function("() => document.querySelector('[data-live=ranks] tbody th').textContent === 'first'")
    assert page.locator("#k").input_value() == "5"


def test_a_score_is_changed_and_a_member_removed(site: Site, board: str, person: Watched) -> None:
    page = person.page
    page.goto(board)
    page.get_by_label("Member", exact=True).fill("a & b")
    page.get_by_label("Number").fill("1.5")
    page.get_by_role("button", name="Change it").click()
    page.wait_for_url("**/console/boards/seen?member=a+%26+b#near")
    assert page.locator("#near").inner_text() == "Around a & b"
    page.get_by_role("link", name="Remove a & b").click()
    page.get_by_role("button", name="Remove it").click()
    page.wait_for_url("**/console/boards/seen")
    assert ask(site, "/boards/seen/members/a%20%26%20b") is None
