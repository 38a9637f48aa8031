"""No page has a script inside it, so that `script-src 'self'` is enough: one that has is a warning, `guide.script`."""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util import logging

log = logging.getLogger(__name__)

_INSIDE = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>|<[a-z][^>]*\son[a-z]+=", re.IGNORECASE)


def check(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.format == "html":
        for page in sorted(Path(app.outdir).rglob("*.html")):
            for found in _INSIDE.findall(page.read_text()):
                log.warning("a script inside of a page: %s", found, location=str(page), type="guide", subtype="script")


def setup(app: Sphinx) -> None:
    app.connect("build-finished", check)
