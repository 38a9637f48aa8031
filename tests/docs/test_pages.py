"""What the pages for people point to exists: files, anchors, and what stands in backticks as a path or a setting."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .markdown import broken_links, prose
from .repository import FILES, PACKAGES, ROOT

PAGES = sorted(path for path in FILES if path.suffix == ".md" and path.name != "CHANGES.md")

#: Files of users, as examples name them.
ELSEWHERE = {"config.toml", "hello.py", "pipeline.py"}

_PATH = re.compile(rf"`((?:{'|'.join((*PACKAGES, 'docs', 'examples', 'jobs', 'requirements'))})/[^`\s]*)`")
_FILE = re.compile(r"`([\w-]+(?:\.[\w-]+)*\.(?:py|lua|md|toml|conf))`")
_SETTING = re.compile(r"\bWZ_[A-Z_]*[A-Z]\b")

_NAMES = {path.name for path in FILES} | ELSEWHERE


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_files_that_are_named_exist(page: Path) -> None:
    paths = [
        path
        for path in _PATH.findall(prose(page))
        if not ((ROOT / path).exists() or (page.parent / path).exists())  # tests/README.md speaks of its own folders
    ]
    files = [file for file in _FILE.findall(prose(page)) if file not in _NAMES]

    assert [*broken_links(page), *paths, *files] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_settings_exist(page: Path) -> None:
    code = "".join(path.read_text() for path in FILES if path.suffix in (".py", ".conf") and "tests" not in path.parts)

    known = set(_SETTING.findall(code))
    named = set(_SETTING.findall(prose(page)))
    assert {name for name in named if not known & {name, name.removesuffix("_FILE")}} == set()  # X_FILE: a file with X
