"""bench.tour: what the tour's pages tell of costs is the stored run, and a run now has the same steps."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from bench import framework
from bench.tour import PICTURE, REQUESTS, line, measure, rewritten, stored, table
from bench.tour_chart import drawing
from tests.tour.steps import FLASK, STEPS, TOUR

PAGES = [TOUR / f"{step}.md" for step in STEPS if step != FLASK]


def test_the_stored_run_has_what_a_run_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framework, "CALLS", 1)  # what they are does not matter here
    run, found = measure(rounds=2), stored()

    each_has_all = {step: list(REQUESTS) for step in STEPS}

    assert list(found) == list(run)
    assert {step: list(shares) for step, shares in found["shares"].items()} == each_has_all
    assert {step: list(shares) for step, shares in run["shares"].items()} == each_has_all
    assert set(found["shares"][FLASK].values()) == set(run["shares"][FLASK].values()) == {1.0}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_tells_the_stored_run(page: Path) -> None:
    text = page.read_text()

    assert line(page.stem, stored()["shares"]) in text
    assert rewritten(page, stored()) == text, "write it anew: python -m bench.tour --pages"


def test_the_picture_is_of_the_stored_run() -> None:
    assert PICTURE.read_text() == drawing(stored()["shares"], FLASK)


def test_what_the_page_reads_in_the_figures_is_in_them() -> None:
    """That Request and Response, the Map, and the layers (around step 5) are the three steps up of a GET."""
    get = {step: shares["GET"] for step, shares in stored()["shares"].items()}
    before = {later: earlier for earlier, later in pairwise(STEPS[:9])} | {"08_middleware": "05_errors"}
    up = {step: get[step] - get[earlier] for step, earlier in before.items() if step != "09_layer_or_not"}

    assert set(sorted(up, key=lambda step: -up[step])[:3]) == {"03_request", "04_map", "08_middleware"}
    assert get["12_wz"] < get["03_request"]
    assert stored()["shares"]["12_wz"]["PUT"] < stored()["shares"]["03_request"]["PUT"]


def test_a_run_is_printed_with_all_that_it_has() -> None:
    lines = table(stored()).splitlines()

    assert [line.split()[0] for line in lines[3:]] == list(STEPS)
    assert lines[2].split() == list(REQUESTS)
