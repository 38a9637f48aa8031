"""What the tests ask of a Markdown page: its text without code blocks, its links, and the anchors of its headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import NamedTuple

_CODE_BLOCK = re.compile(r"^(```|~~~).*?^\1[ \t]*$", re.DOTALL | re.MULTILINE)
_PYTHON = re.compile(r"^```python(?P<mark>[^\n]*)\n(?P<source>.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^()\s]+)\)|^\[[^\]]+\]: +(\S+)", re.MULTILINE)
_IMAGE = re.compile(r'<img src="([^"]+)"')
_HEADING = re.compile(r"^#{1,6} +(.*?) *$", re.MULTILINE)


class Block(NamedTuple):
    """A code block of Python; its errors and tracebacks show the lines of the page."""

    page: Path
    line: int
    mark: str  # what is written after "```python", such as " flask"
    source: str

    def text(self) -> str:
        """Return the source with the page's line numbers."""
        return "\n" * (self.line - 1) + self.source

    def code(self) -> CodeType:
        return compile(self.text(), str(self.page), "exec", dont_inherit=True)


def python_blocks(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for match in _PYTHON.finditer(text):
        yield Block(page, text.count("\n", 0, match.start()) + 2, match["mark"], match["source"])


def prose(page: Path) -> str:
    """Return the page's text; what is in code blocks is left out, and lines stay where they are."""
    return _CODE_BLOCK.sub(lambda block: "\n" * block[0].count("\n"), page.read_text())


def anchor(heading: str) -> str:
    """Return a heading's anchor as GitHub makes it: lower case, no punctuation, a hyphen for each space."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    return {anchor(heading) for heading in _HEADING.findall(prose(page))}


def broken_links(page: Path, text: str | None = None) -> Iterator[str]:
    """Yield the relative links of a page, or of a part of its text, whose file or anchor does not exist."""
    text = prose(page) if text is None else text
    for link in [*map("".join, _LINK.findall(text)), *_IMAGE.findall(text)]:
        if re.match(r"[a-z]+:", link):  # http:, https:, mailto:
            continue
        name, _, wanted = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (wanted and target.suffix == ".md" and wanted not in anchors(target)):
            yield link
