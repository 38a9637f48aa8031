"""tests/README.md names every part of the suite."""

from __future__ import annotations

import re

from ..stack import REPOSITORY

TESTS = REPOSITORY / "tests"
GUIDE = (TESTS / "README.md").read_text()
PARTS = sorted(path.parent.name for path in TESTS.glob("*/__init__.py"))


def test_the_guide_names_every_part() -> None:
    named = re.findall(r"\(([a-z]+)\)", GUIDE)

    assert [part for part in PARTS if part not in named] == []
