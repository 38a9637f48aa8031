"""The navigation names every page of the guide; here it leaves out those that nobody has written yet."""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx


def leave_out(app: Sphinx, docname: str, source: list[str]) -> None:
    def entry(line: re.Match[str]) -> str:
        return line[0] if any(Path(app.srcdir).glob(f"{line[0]}.md")) else ""

    if docname == app.config.root_doc:
        source[0] = re.sub(r"^[a-z][\w/*-]*$", entry, source[0], flags=re.MULTILINE)


def setup(app: Sphinx) -> None:
    app.connect("source-read", leave_out)
