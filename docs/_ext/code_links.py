"""Links from a page to code: `[App.match](../wz/app.py#App.match)`.

Such a link leads to the file at GitHub, which takes no notice of what is after the #. Here it leads to a page made of
that file, to the line of what is named, which is found at each build: a name that is gone is a warning, `code.symbol`.

    source-read         ](../wz/app.py#App.match)  becomes  ](code:wz/app.py#App.match), if the file is there
    doctree-resolved    that becomes  code/wz/app.py/#L127
    html-collect-pages  a page for each file that something links to, and one that lists them by folder
    html-page-context   those pages share their navigation, which furo would make anew for each
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_for_filename
from pygments.util import ClassNotFound
from sphinx.application import Sphinx
from sphinx.util import logging

from .lines import line_of

log = logging.getLogger(__name__)

#: A block or a span of code, in which nothing is a link; or a link's target, inline or as a definition.
_LINK = re.compile(
    r"^ *(?P<fence>```+|~~~+|:::+\{).*?^ *(?P=fence)[ \t]*$"
    r"|(?P<span>`+)(?!`).*?(?<!`)(?P=span)(?!`)"
    r"|(?P<before>\]\(|^\[[^\]]+\]: +)(?P<path>[\w./-]+)(?P<name>#[^)\s]*)?",
    re.DOTALL | re.MULTILINE,
)

_PICTURES = (".svg", ".png")


class CodePages:
    """The files that pages link to, as paths below the root of the repository, which holds the folder of the docs."""

    def __init__(self, app: Sphinx) -> None:
        self.app = app
        self.root = Path(app.srcdir).parent
        self.linked: set[str] = set()  # files
        self.folders: set[str] = set()
        self.navigation: dict[int, str] = {}  # by how deep a page is: its links are relative

    def rewrite(self, app: Sphinx, docname: str, source: list[str]) -> None:
        """Give links to code a scheme of their own: MyST would make downloads of them, without what is after the #."""
        folder = Path(app.env.doc2path(docname)).parent

        def target(link: re.Match[str]) -> str:
            path = (folder / (link["path"] or "")).resolve()
            if not link["path"] or not self._is_code(path):
                return link[0]
            return f"{link['before']}code:{path.relative_to(self.root).as_posix()}{link['name'] or ''}"

        source[0] = _LINK.sub(target, source[0])

    def _is_code(self, path: Path) -> bool:
        """Say whether it is for this file: not if it is missing, of which MyST then warns."""
        if not path.exists() or not path.is_relative_to(self.root):
            return False
        if not path.is_relative_to(self.app.srcdir):
            return True
        if path.suffix == ".md":  # a page, unless it is a part of one
            return self.app.env.path2doc(path) not in self.app.env.found_docs
        return path.suffix not in _PICTURES

    def resolve(self, app: Sphinx, doctree: nodes.document, docname: str) -> None:
        """Lead each such link to its page and line."""
        for node in doctree.findall(nodes.reference):
            if node.get("refuri", "").startswith("code:"):
                name, _, symbol = node["refuri"].removeprefix("code:").partition("#")
                node["classes"].append("code-link")
                node["internal"] = True
                node["refuri"] = self._address(docname, name, symbol, node)

    def _address(self, docname: str, name: str, symbol: str, node: nodes.reference) -> str:
        path = self.root / name
        if path.is_dir():
            self.folders.add(name)
            return self._relative(docname, "code/index") + f"#{_anchor(name)}"
        self.linked.add(name)
        line = line_of(path, symbol) if symbol else None
        if symbol and line is None:
            log.warning("%s has no %s", name, symbol, location=node, type="code", subtype="symbol")
        return self._relative(docname, f"code/{name}") + (f"#L{line}" if line else "")

    def _relative(self, source: str, target: str) -> str:
        return self.app.builder.get_relative_uri(source, target)

    def collect(self, app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
        """Yield the pages' names, what is on them, and their template."""
        for name in sorted(self.linked):
            body = f"<h1>{escape(name)}</h1>{_numbered(self.root / name)}"
            yield f"code/{name}", {"title": name, "body": body}, "page.html"
        yield "code/index", {"title": "Code", "body": f"<h1>Code</h1>{self._listing()}"}, "page.html"

    def share_navigation(
        self, app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: nodes.document | None
    ) -> None:
        make = context.get("toctree")
        if pagename.startswith("code/") and make is not None:
            depth = app.builder.get_target_uri(pagename).count("/")

            def toctree(**options: Any) -> str:
                if depth not in self.navigation:
                    self.navigation[depth] = make(**options)
                return self.navigation[depth]

            context["toctree"] = toctree

    def _listing(self) -> str:
        """Return all files by folder. A link to a folder leads to its heading."""
        files: dict[str, list[str]] = {folder: [] for folder in self.folders}
        for name in sorted(self.linked):
            files.setdefault(Path(name).parent.as_posix(), []).append(name)
        return "".join(
            f'<h2 id="{_anchor(folder)}">{escape(folder)}</h2><ul>'
            + "".join(f'<li><a href="{self._relative("code/index", f"code/{n}")}">{escape(n)}</a></li>' for n in names)
            + "</ul>"
            for folder, names in sorted(files.items())
        )


def _anchor(folder: str) -> str:
    return folder.replace("/", "-").strip(".") or "root"


def _numbered(path: Path) -> str:
    """Return the file in colours, each line with its number, which is a link to it: L1, L2 and so on."""
    try:
        lexer = get_lexer_for_filename(path.name, stripnl=False)
    except ClassNotFound:
        lexer = TextLexer(stripnl=False)
    formatter = HtmlFormatter(
        linenos="inline", linespans="L", anchorlinenos=True, wrapcode=True, cssclass="highlight source"
    )
    return re.sub(r'(id="|href="#)L-', r"\1L", highlight(path.read_text(), lexer, formatter))


def setup(app: Sphinx) -> None:
    pages = CodePages(app)
    app.connect("source-read", pages.rewrite)
    app.connect("doctree-resolved", pages.resolve)
    app.connect("html-collect-pages", pages.collect)
    app.connect("html-page-context", pages.share_navigation, priority=400)  # before furo's
