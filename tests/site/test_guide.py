"""The guide is built without a warning, and every page has its place in it."""

from __future__ import annotations

import re

from ..stack import REPOSITORY
from .conftest import DOCS, Built

PAGES = sorted(
    path.relative_to(DOCS).with_suffix("").as_posix()
    for path in DOCS.rglob("*.md")
    if path.parent.name != "environs"  # a part of a page
)


def page(guide: Built, name: str) -> str:
    """Return the built page of a source."""
    return (guide.folder / ("" if name == "index" else name.removesuffix("/index")) / "index.html").read_text()


def navigation() -> list[str]:
    """Return the pages that docs/index.md lists, in its order. What a pattern stands for is listed after the rest."""
    entries = [
        re.sub(r".*<(.*)>", r"\1", line.strip())
        for block in re.findall(
            r"^```\{toctree\}\n(.*?)^```$", (DOCS / "index.md").read_text(), re.DOTALL | re.MULTILINE
        )
        for line in block.splitlines()
        if line and not line.startswith(":")
    ]
    listed = [entry for entry in entries if "*" not in entry]
    for pattern in (entry for entry in entries if "*" in entry):
        found = sorted(path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.glob(f"{pattern}.md"))
        listed += [name for name in found if name not in listed]
    return listed


def test_it_is_built_without_a_warning(guide: Built) -> None:
    assert guide.warnings == []
    assert guide.status == 0


def test_every_page_has_one_place_in_the_navigation() -> None:
    assert sorted([*navigation(), "index"]) == PAGES


def test_every_page_has_one_heading_of_the_first_level(guide: Built) -> None:
    assert {name: count for name in PAGES if (count := page(guide, name).count("<h1>")) != 1} == {}


def test_a_link_to_code_leads_to_the_line_of_what_it_names(guide: Built) -> None:
    definition = "    def match("
    lines = (REPOSITORY / "wz/app.py").read_text().splitlines()
    number = next(number for number, line in enumerate(lines, 1) if line.startswith(definition))

    linking = [path for path in guide.folder.rglob("*.html") if f'code/wz/app.py/#L{number}"' in path.read_text()]
    assert linking
    assert f'id="L{number}"' in (guide.folder / "code/wz/app.py/index.html").read_text()


def test_the_navigation_of_a_page_of_code_leads_to_pages(guide: Built) -> None:
    for path in (guide.folder / "code/index.html", guide.folder / "code/wz/app.py/index.html"):
        link = re.search(r'href="([./]*/hub/)"', path.read_text())
        assert link
        assert (path.parent / link[1] / "index.html").resolve() == (guide.folder / "hub/index.html").resolve()


def test_nothing_of_the_machine_is_in_it(guide: Built) -> None:
    with_paths = [
        path.relative_to(guide.folder)
        for path in guide.folder.rglob("*")
        if path.is_file() and str(REPOSITORY).encode() in path.read_bytes()
    ]

    assert with_paths == []
    assert not (guide.folder / ".doctrees").exists()


def test_every_step_shows_what_is_new_in_its_file(guide: Built) -> None:
    shown = page(guide, "tour/05_errors")

    assert '<span class="hll">' in shown
    assert re.search(r"What is gone: (\d+ lines|one line)", shown)
