"""The tables of the tour say what the suite says."""

from __future__ import annotations

from itertools import pairwise

from bench.page_parts import named

from .progress import PROGRAM, cases, pages
from .steps import FLASK, STEPS, TOUR


def test_the_tables_on_the_pages_are_those_of_the_suite() -> None:
    stale = [
        page.name
        for page, text in pages().items()
        if page.read_text() != text or list(named(text, PROGRAM)) != ["tests"]
    ]

    assert stale == [], "run python -m tests.tour.progress"


def test_every_step_is_in_the_suite() -> None:
    files = {
        path.stem
        for path in TOUR.glob("[0-9][0-9]_*.py")
        if "\ndef app(" in (text := path.read_text()) or "\napp = " in text
    }

    assert files == {name for name in STEPS if name != FLASK}


def test_no_step_forgets_what_the_one_before_has_learnt() -> None:
    passed = [{test for test in cases() if test.passes(name)} for name in STEPS if name != FLASK]

    assert all(before <= after for before, after in pairwise(passed))
    assert len(passed[-1]) > len(passed[0]) > 0
