"""docs/decisions.md is the index of docs/decisions/: each decision has an id, a date, links to the code, and a text."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from pathlib import Path
from typing import NamedTuple

import pytest

from .markdown import broken_links, prose

INDEX = Path(__file__).parents[2] / "docs" / "decisions.md"
PARTS = sorted((INDEX.parent / "decisions").glob("*.md"))

# ### H7: The title
#
# 2026-11-23 · [a/file.py](../../a/file.py), maybe more
#
# The text.
_ENTRY = re.compile(
    r"### (?P<id>\S+): (?P<title>.+)\n\n(?P<date>\S+) · (?P<links>(?:\[.+\]\(\S+\),?\s)+)\n(?P<text>\S[\s\S]*)\Z"
)


class Decision(NamedTuple):
    part: Path
    id: str
    title: str
    date: str
    links: str


def decisions(part: Path) -> list[Decision]:
    """Read a part's entries. Raises `ValueError` for one that is not of the form above."""
    found = []
    for text in re.split(r"^(?=### )", prose(part), flags=re.MULTILINE)[1:]:
        entry = _ENTRY.fullmatch(text)
        if entry is None:
            raise ValueError(f"{part.name}: not an id, a title, a date, links and a text: {text.partition(chr(10))[0]}")
        found.append(Decision(part, entry["id"], entry["title"], entry["date"], entry["links"]))
    return found


@pytest.fixture(scope="module")
def every() -> list[Decision]:
    return [decision for part in PARTS for decision in decisions(part)]


def test_ids_are_unique_and_of_one_letter_a_part(every: list[Decision]) -> None:
    assert [id_ for id_, count in Counter(decision.id for decision in every).items() if count > 1] == []
    assert all(re.fullmatch(r"[A-Z][1-9][0-9]*", decision.id) for decision in every)
    letters = {(decision.part, decision.id[0]) for decision in every}
    assert len(letters) == len(PARTS) == len({letter for _, letter in letters})


def test_dates_are_days(every: list[Decision]) -> None:
    assert all(date.fromisoformat(decision.date).isoformat() == decision.date for decision in every)


def test_links_lead_to_code(every: list[Decision]) -> None:
    assert [(one.id, link) for one in every for link in broken_links(one.part, one.links)] == []


def test_the_index_names_every_decision_in_the_order_of_its_page(every: list[Decision]) -> None:
    _, *sections = re.split(r"^## \[.+\]\(decisions/(.+)\)$", prose(INDEX), flags=re.MULTILINE)
    listed = {name: text.split("\n- ")[1:] for name, text in zip(sections[::2], sections[1::2], strict=True)}

    assert {name: [line.strip() for line in lines] for name, lines in listed.items()} == {
        part.name: [f"{one.id}: {one.title}" for one in every if one.part == part] for part in PARTS
    }


def test_ids_that_are_named_in_texts_exist(every: list[Decision]) -> None:
    ids = {one.id for one in every}
    letters = "".join({id_[0] for id_ in ids})
    named = {id_ for part in PARTS for id_ in re.findall(rf"\b[{letters}][1-9][0-9]*\b", prose(part))}

    assert named - ids == set()
