"""docs/hub.md lists exactly the headers that are no user properties."""

from __future__ import annotations

import re

from pipeline.hub.headers import RESERVED, RESERVED_PREFIXES, is_property

from .repository import ROOT

PAGE = (ROOT / "docs" / "hub.md").read_text()
SECTION = PAGE.partition("### Headers that are properties\n")[2].partition("\n## ")[0]
NAMES, PREFIXES, PRIORITY = re.findall(r"^- (.*?)[;.]$", SECTION, re.DOTALL | re.MULTILINE)


def quoted(text: str) -> list[str]:
    return re.findall("`(.+?)`", text)


def test_the_page_has_each_reserved_name_in_order() -> None:
    assert quoted(NAMES) == sorted(RESERVED)
    assert quoted(PREFIXES) == sorted(RESERVED_PREFIXES)


def test_the_page_s_examples_are_so() -> None:
    name, browsers, example = quoted(PRIORITY)
    others = quoted(SECTION.partition("These have another meaning")[0])

    assert not is_property(name, browsers)
    assert all(is_property(other.partition(": ")[0], other.partition(": ")[2]) for other in (example, *others))
