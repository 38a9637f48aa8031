"""Each mistake that a page can have is refused: the build warns of it, and fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Built, build

#: A mistake: the kind of warning that names its page, and the page's text.
MISTAKES = {
    "a page that is missing": ("myst.xref_missing", "[x](nope.md)"),
    "an anchor of another page": ("myst.xref_missing", "[x](good.md#nope)"),
    "an anchor of its own": ("myst.xref_missing", "[x](#nope)"),
    "a picture": ("image.not_readable", "![x](nope.svg)"),
    "a file outside of the docs": ("myst.xref_missing", "[x](../nope.py)"),
    "a link in raw HTML": ("built.link", '<a href="nope/">x</a>'),
    "a picture in raw HTML": ("built.link", '<img src="nope.svg" alt="">'),
    "a reference without its definition": ("built.reference", "[x][nope]"),
    "an address from the root": ("myst.xref_missing", "[x](/nope)"),
    "an address from the root in raw HTML": ("built.link", '<a href="/good/">x</a>'),
    "an included file": ("docutils", "```{literalinclude} nope.py\n```"),
    "a name of code": ("code.symbol", "[x](../app.py#App.nope)"),
    "a file of a step": ("docutils", "```{step} nope.py\n```"),
    "a figure that is old": ("figure.stale", "[0.40](cost.json#/get/share)"),
    "a figure that is missing": ("figure.missing", "[0.5](cost.json#/get/nope)"),
    "a figure in words": ("figure.missing", "[half](cost.json#/get/share)"),
    "a table that is old": ("figure.stale", "<!-- cost.json#/table -->\n| | us |\n|---|---|\n| GET | 4 |"),
    "a row that is missing": ("figure.missing", "<!-- cost.json#/table -->\n| | us |\n|---|---|\n| PUT | 4 |"),
    "figures of nowhere": ("figure.origin", "[1](bare.json#/x)"),
    "a script in the page": ("built.script", "<script>alert(1)</script>"),
    "a handler in the page": ("built.script", '<p onclick="alert(1)">x</p>'),
}

GOOD = """# Good

[page](index.md), [heading](#here), [`match`](../app.py#App.match), [folder](../docs), [0.46](cost.json#/get/share),
`[x][nope]`, ![picture](picture.svg)

```text
[x](../nope.py) [x][nope] <script>alert(1)</script>
```

## Here

<details><summary>Answer</summary>

It is [here](#here).

</details>
"""


def _name(mistake: str) -> str:
    return mistake.replace(" ", "-")


@pytest.fixture(scope="session")
def mistaken(shared: Callable[[str], Path]) -> Built:
    """A repository of one file of code, and of pages with a mistake each but one."""
    root = shared("mistaken")
    docs = root / "docs"
    docs.mkdir(exist_ok=True)
    (root / "app.py").write_text("class App:\n    def match(self): ...\n")
    (docs / "picture.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>')
    origin = {"commit": "abc1234", "python": "3.11.0", "cores": 2, "architecture": "x86_64"}
    (docs / "cost.json").write_text(json.dumps(origin | {"get": {"share": 0.4583}, "table": {"GET": [5]}}, indent=1))
    (docs / "bare.json").write_text(json.dumps({"x": 1}, indent=1))
    names = ["good", *map(_name, MISTAKES)]
    (docs / "index.md").write_text("# Index\n\n```{toctree}\n" + "\n".join(names) + "\n```\n")
    (docs / "good.md").write_text(GOOD)
    (docs / "alone.md").write_text("# Alone\n")
    for mistake, (_, text) in MISTAKES.items():
        (docs / f"{_name(mistake)}.md").write_text(f"# Mistaken\n\n{text}\n")
    return build(docs, shared("mistaken-site"))


def warned_of(site: Built, name: str) -> list[str]:
    return [line for line in site.warnings if f"docs/{name}.md:" in line]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused(mistaken: Built, mistake: str) -> None:
    kind, _ = MISTAKES[mistake]

    assert mistaken.status == 1
    assert [line for line in warned_of(mistaken, _name(mistake)) if f"[{kind}" in line]


def test_a_page_in_no_navigation_is_refused(mistaken: Built) -> None:
    assert [line for line in warned_of(mistaken, "alone") if "[toc.not_included]" in line]


def test_a_page_without_a_mistake_is_not(mistaken: Built) -> None:
    page = (mistaken.folder / "good/index.html").read_text()

    assert warned_of(mistaken, "good") == []
    assert 'href="../code/app.py/#L2"' in page
    assert "cost.json</a>, commit abc1234, Python 3.11.0, 2 cores, x86_64." in page
