"""The language of every block of code is one that is in use: one that is misspelt is shown without colours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .repository import FILES, ROOT

PAGES = sorted(path for path in FILES if path.suffix == ".md")

_FENCE = re.compile(
    r"^ *(?P<fence>```+|~~~+)(?P<language>[^\s`]*).*?\n.*?^ *(?P=fence)[ \t]*$", re.DOTALL | re.MULTILINE
)

LANGUAGES = {
    *("bash", "sh", "console", "powershell"),
    *("c", "diff", "go", "java", "javascript", "js", "lua", "pycon", "python", "sql"),
    *("html", "http", "ini", "json", "nginx", "text", "toml", "xml"),
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_block_of_code_names_a_language_that_is_in_use(page: Path) -> None:
    named = {block["language"] for block in _FENCE.finditer(page.read_text())}

    assert {name for name in named if not name.startswith("{")} <= LANGUAGES  # the build knows its directives
