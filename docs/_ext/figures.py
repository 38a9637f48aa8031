"""Figures that are links into a bench's file, as bench/figures.py describes them: `[0.46](cost.json#/wz/get/share)`.

Or they are in a table, whose values a comment before it names. A text that differs from the file's value is a warning,
`figure.stale`. Below the page stands what its figures are of: the commit and the machine.
"""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

from bench.figures import filled_in, origin, read, shown, stored, tables

log = logging.getLogger(__name__)


def hold(app: Sphinx, doctree: nodes.document) -> None:
    root = Path(app.srcdir).parent
    files: list[str] = []
    for node in doctree.findall(nodes.reference):
        name, _, pointer = node.get("refuri", "").removeprefix("code:").partition("#")
        if not name.endswith(".json") or not pointer.startswith("/"):
            continue
        try:
            wanted = shown(node.astext(), read(root / name, pointer))
        except (LookupError, ValueError) as exc:
            log.warning("%s: %s", name, exc, location=node, type="figure", subtype="missing")
            continue
        if node.astext() != wanted:
            said = "the page says %s, and %s has %s: python -m bench.figures puts it in"
            log.warning(said, node.astext(), name, wanted, location=node, type="figure", subtype="stale")
        if name not in files:
            files.append(name)
    _hold_tables(app, root, files)
    if files:
        _top(doctree).append(_origins(app, files))


def _hold_tables(app: Sphinx, root: Path, files: list[str]) -> None:
    page = Path(app.env.doc2path(app.env.docname))
    found = dict.fromkeys(path.relative_to(root).as_posix() for path in tables(page))
    files += [name for name in found if name not in files]
    try:
        is_stale = bool(found) and filled_in(page) != page.read_text()
    except (LookupError, ValueError) as exc:
        log.warning("a table of %s: %s", page.name, exc, location=app.env.docname, type="figure", subtype="missing")
    else:
        if is_stale:
            said = "a table of %s is not what its file has: python -m bench.figures puts it in"
            log.warning(said, page.name, location=app.env.docname, type="figure", subtype="stale")


def _top(doctree: nodes.document) -> nodes.Element:
    return next(doctree.findall(nodes.section), doctree)


def _origins(app: Sphinx, files: list[str]) -> nodes.paragraph:
    paragraph = nodes.paragraph("", "Figures on this page: ", classes=["figures"])
    for name in files:
        link = nodes.reference("", Path(name).name, refuri=f"code:{name}")
        end = "." if name == files[-1] else "; "
        try:
            paragraph += [link, nodes.Text(f", {origin(stored(Path(app.srcdir).parent / name))}{end}")]
        except KeyError as exc:
            log.warning("%s does not say its %s", name, exc, location=app.env.docname, type="figure", subtype="origin")
    return paragraph


def setup(app: Sphinx) -> None:
    app.connect("doctree-read", hold)
