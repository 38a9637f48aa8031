"""What the tests ask of a Markdown page: its code blocks, its text without them, its links, and its anchors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import NamedTuple

from myst_parser.slugs import github_slugify

_CODE_BLOCK = re.compile(r"^(```|~~~).*?^\1[ \t]*$", re.DOTALL | re.MULTILINE)
_OPENED = re.compile(r"(?P<indent> *)(?P<fence>`{3,}|~{3,}) *(?P<info>[^`\n]*)")
_COMMENT = re.compile(r"<!-- *(?P<kind>not run|from): *(?P<text>.*?) *-->")
_LINK = re.compile(r"\[[^\]]*\]\(([^()\s]+)\)|^\[[^\]]+\]: +(\S+)", re.MULTILINE)
_IMAGE = re.compile(r'<img src="([^"]+)"')
_HEADING = re.compile(r"^#{1,6} +(.*?) *$", re.MULTILINE)


class Block(NamedTuple):
    """A block of code.

    `line` is that of its first line; `info` what is behind the fence: a language, and more that a test may need.
    """

    page: str
    line: int
    info: str
    source: str
    mark: str  # "not run", "from" or ""
    reason: str  # what the mark says

    @property
    def language(self) -> str:
        return self.info.partition(" ")[0]

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    def text(self) -> str:
        """Return the source with the page's line numbers."""
        return "\n" * (self.line - 1) + self.source

    def code(self) -> CodeType:
        """Return the program; its errors and tracebacks show the lines of the page."""
        return compile(self.text(), self.page, "exec", dont_inherit=True)


def blocks_of(text: str, page: str) -> Iterator[Block]:
    """Yield the page's blocks, but not Sphinx's directives, as ```{step}: what these include is a file."""
    lines = text.splitlines()
    number, above = 0, ""
    while number < len(lines):
        opened = _OPENED.fullmatch(lines[number].rstrip())
        if opened is None:
            above = lines[number].strip() or above
            number += 1
            continue
        first = number + 1
        while (number := number + 1) < len(lines) and not _closes(lines[number], opened["fence"]):
            pass
        source = "".join(line.removeprefix(opened["indent"]) + "\n" for line in lines[first:number])
        comment = _COMMENT.fullmatch(above)
        if not opened["info"].startswith("{"):
            kind, reason = (comment["kind"], comment["text"]) if comment else ("", "")
            yield Block(page, first + 1, opened["info"].strip(), source, kind, reason)
        number, above = number + 1, ""


def _closes(line: str, fence: str) -> bool:
    stripped = line.strip()
    return len(stripped) >= len(fence) and set(stripped) == {fence[0]}


def blocks(page: Path, language: str) -> Iterator[Block]:
    """Yield the blocks of a page that are in a language."""
    yield from (block for block in blocks_of(page.read_text(), str(page)) if block.language == language)


def prose(page: Path) -> str:
    """Return the page's text; what is in code blocks is left out, and lines stay where they are."""
    return _CODE_BLOCK.sub(lambda block: "\n" * block[0].count("\n"), page.read_text())


def anchors(page: Path) -> set[str]:
    return {github_slugify(heading) for heading in _HEADING.findall(prose(page))}


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
