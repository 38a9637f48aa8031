"""Figures in the guide come from the files that benches write: its tables, its links, and nothing typed by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from bench.figures import filled_in, origin, stored, tables

from .repository import ROOT

DOCS = ROOT / "docs"
PAGES = [
    pytest.param(path, id=str(path.relative_to(DOCS)))
    for path in sorted(DOCS.rglob("*.md"))
    if not path.is_relative_to(DOCS / "decisions")  # these keep the figures of their day, and so does their list
    and path.name != "decisions.md"
    and not path.is_relative_to(DOCS / "life")  # bench.life writes them whole, and tests/docs/test_life.py compares
]

#: What looks like a measurement and is none, or follows from one: a part of its line, and why it may stand there.
ALLOWED: dict[str, dict[str, str]] = {
    "boards.md": {
        "Redis longer than 5 ms": "a promise",
        "have 80 % of the total": "the example of a question",
    },
    "console.md": {"at 100 times their speed": "a setting of the demo"},
    "glossary.md": {"100 ns since the year 1": "a definition"},
    "hub.md": {
        "lets a hub take 1 MiB or 1,000 events a second": "a definition: Azure's throughput unit",
        "WzRedisMemory from 80 %": "the threshold of an alert",
    },
    "scaling-hubs.md": {
        "1,000 events/s of 1 kB": "an example, of which the rest of the sentence follows",
        "At 60 % of a core": "a rule for plans; the rates follow from the table of processor time",
        "above 60 % of": "a rule for plans",
        "100 events and takes 20 ms": "what a plan assumes",
        "| 1 % of a core": "a plan: it follows from the table of relaying",
    },
    "sums/index.md": {"have 80 % of all": "the example of a question"},
    "windows.md": {
        "more than 5% of the last minute": "the threshold of an alert",
        "rounded to 100 ns": "a definition",
    },
}
_FIGURE = re.compile(
    r"\d ?(?:us|µs|ns|ms|%)(?!\w)|\d times\b(?! (?:in|out)\b)|\d (?:events|requests|calls|members)(?:/s| a second)"
)
_TABLE = re.compile(r"^<!-- \S+\.json#/\S+ -->\n+(?:\|.*\n)+", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\([\w./-]+\.json#/[^)\s]*\)")
_CODE_BLOCK = re.compile(r"^ *(```+|~~~+).*?^ *\1 *$|^ {4}.*?$", re.DOTALL | re.MULTILINE)
_TARGET = re.compile(r"\]\([^)\s]*\)")


class Loose(NamedTuple):
    line: int
    text: str


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_shows_is_what_its_files_have(page: Path) -> None:
    assert page.read_text() == filled_in(page), "python -m bench.figures"


@pytest.mark.parametrize("page", PAGES)
def test_no_figure_is_typed_by_hand(page: Path) -> None:
    allowed = ALLOWED.get(page.relative_to(DOCS).as_posix(), {})

    found = [one for one in loose(page.read_text()) if not any(part in one.text for part in allowed)]

    assert found == [], "put it into a file, as bench/figures.py says, or allow it above, with the reason"


@pytest.mark.parametrize(("page", "part"), [(page, part) for page, parts in ALLOWED.items() for part in parts])
def test_what_is_allowed_is_still_there(page: str, part: str) -> None:
    assert any(part in one.text for one in loose((DOCS / page).read_text()))


@pytest.mark.parametrize("path", sorted((DOCS / "figures").glob("*.json")), ids=lambda path: path.name)
def test_a_file_of_figures_says_where_it_is_from_and_is_used(path: Path) -> None:
    pages = {page for parameter in PAGES for page in parameter.values if isinstance(page, Path)}
    is_shown = any(path in tables(page) for page in pages)

    assert origin(stored(path)).startswith(f"commit {stored(path)['commit']}, Python 3.")
    assert is_shown or path.name == "service.json"  # which is drawn: docs/deploy/account.svg


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param("It takes 5 us.", ["It takes 5 us."], id="a time"),
        pytest.param("| GET | 3.1 (22 us) |", ["| GET | 3.1 (22 us) |"], id="a table of no file"),
        pytest.param("<!-- a.json#/b -->\n| a | b |\n|---|---|\n| GET | 22 us |\n", [], id="a table of a file"),
        pytest.param("It takes [5 us](a.json#/b), [6 us](b.md).", ["It takes , [6 us."], id="a link into a file"),
        pytest.param("It is 1.2 times faster.", ["It is 1.2 times faster."], id="a ratio"),
        pytest.param("It is asked 3 times in a row.", [], id="a count"),
        pytest.param("```text\n3 us\n```\n", [], id="output of a program"),
        pytest.param("some 4,000 requests a second", ["some 4,000 requests a second"], id="a rate"),
        pytest.param("5 usual ones, 5 %s", [], id="no unit"),
    ],
)
def test_figures_that_are_typed_by_hand_are_found(text: str, wanted: list[str]) -> None:
    assert [one.text for one in loose(text)] == wanted


def loose(text: str) -> Iterator[Loose]:
    """Give the lines of a page with figures that are of no file, without what is of one, and without blocks of code."""
    for part in (_TABLE, _CODE_BLOCK, _LINK, _TARGET):
        text = part.sub(lambda found: "\n" * found[0].count("\n"), text)
    for number, line in enumerate(text.splitlines(), 1):
        if _FIGURE.search(line):
            yield Loose(number, line)
