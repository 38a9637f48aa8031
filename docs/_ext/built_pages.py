"""What is mended in the built pages, and then looked for: what no extension sees in the sources, or templates make.

A warning, `built.*`, is

- `built.link`: a link, a picture or a script that is not there, an anchor that its page does not have, an address from
  the root, since the guide is served below /guide. Links in raw HTML are looked at here alone;
- `built.reference`: `[text][name]` without a definition of the name, which Markdown takes for text;
- `built.script`: a script inside of a page. Without any, `script-src 'self'` is enough.
"""

from __future__ import annotations

import posixpath
import re
import shutil
from collections.abc import Iterator
from functools import cached_property
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sphinx.application import Sphinx
from sphinx.util import logging

log = logging.getLogger(__name__)

_LINK = re.compile(r'<[a-z][^>]*?\s(?:href|src|action)="([^"]*)"', re.IGNORECASE)
_ID = re.compile(r'<[a-z][^>]*?\sid="([^"]*)"', re.IGNORECASE)
_SCRIPT = re.compile(r"<script(?![^>]*\ssrc=)[^>]*>|<[a-z][^>]*\son[a-z]+=\S+", re.IGNORECASE)
_CODE = re.compile(r"<(pre|code|script|style)\b.*?</\1>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_REFERENCE = re.compile(r"\[[^\[\]]+\]\[[^\[\]]*\]")

#: Code, tables and pictures that are too wide scroll, so they take the focus, and then the arrow keys. The head of a
#: column without a name, such as a table's corner, is no head. furo's columns get names, and its captions a level.
_MENDED = (
    (re.compile(r'<(pre|div class="table-wrapper[^"]*")>'), r'<\1 tabindex="0">'),
    (re.compile(r'<p>(?=(?:<a [^>]*>)?<img [^>]*\.svg")'), '<p class="picture" tabindex="0">'),
    (re.compile(r'<th class="head[^"]*"><p></p></th>'), "<td></td>"),
    (re.compile(r'(<p class="caption" role="heading")>'), r'\1 aria-level="2">'),
    (re.compile(r'<aside class="sidebar-drawer">'), '<aside class="sidebar-drawer" aria-label="All pages">'),
    (re.compile(r'<aside class="(toc-drawer[^"]*)">'), r'<aside class="\1" aria-label="On this page">'),
)


class BuiltPage:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = path.read_text()

    def mend(self) -> None:
        text = self.text
        for pattern, replacement in _MENDED:
            text = pattern.sub(replacement, text)
        if text != self.text:
            self.path.write_text(text)
            self.text = text

    @cached_property
    def anchors(self) -> frozenset[str]:
        return frozenset(map(unescape, _ID.findall(self.text)))

    def links(self) -> Iterator[str]:
        """Yield what the page links to on this site, and shows from it."""
        for link in map(unescape, _LINK.findall(self.text)):
            if not urlsplit(link).scheme:
                yield link

    def references(self) -> Iterator[str]:
        yield from _REFERENCE.findall(_TAG.sub("", _CODE.sub("", self.text)))

    def scripts(self) -> Iterator[str]:
        yield from _SCRIPT.findall(self.text)


class BuiltSite:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pages = {path: BuiltPage(path) for path in sorted(folder.rglob("*.html"))}

    def mend(self) -> None:
        for page in self.pages.values():
            page.mend()

    def faults(self) -> Iterator[tuple[Path, str, str]]:
        """Yield each fault: the page, the kind of warning, and what it is."""
        for path, page in self.pages.items():
            yield from ((path, "link", link) for link in sorted(set(page.links())) if not self._is_there(path, link))
            yield from ((path, "script", script) for script in page.scripts())
            if not path.is_relative_to(self.folder / "code"):  # that is others' text
                yield from ((path, "reference", found) for found in page.references())

    def _is_there(self, path: Path, link: str) -> bool:
        name, anchor = unquote(urlsplit(link).path), unquote(urlsplit(link).fragment)
        if name.startswith("/"):
            return False
        target = Path(posixpath.normpath(path.parent / name)) if name else path
        target = target / "index.html" if target.is_dir() else target
        if not target.is_file() or not target.is_relative_to(self.folder):
            return False
        return not anchor or target not in self.pages or anchor in self.pages[target].anchors


_SAID = {
    "link": "leads nowhere: %s",
    "reference": "has no definition of its name: %s",
    "script": "is a script inside of the page: %s",
}


def look(app: Sphinx, exception: Exception | None) -> None:
    shutil.rmtree(app.doctreedir, ignore_errors=True)  # has paths of the machine, and -E never reads it
    if exception is None and app.builder.format == "html":
        site = BuiltSite(Path(app.outdir))
        site.mend()
        for page, kind, found in site.faults():
            log.warning(_SAID[kind], found, location=_source(app, page), type="built", subtype=kind)


def _source(app: Sphinx, page: Path) -> str:
    """Return the name of the document that a page is made of, or of the page if it is made of none."""
    path = page.relative_to(app.outdir)
    names = (path.with_suffix("").as_posix(), path.parent.as_posix())
    return next((name for name in names if name in app.env.found_docs), path.as_posix())


def setup(app: Sphinx) -> None:
    app.connect("build-finished", look)
