"""Draws the pictures of docs/suite.md from the tests' own code: the layers, and the fixtures behind `client`.

`python -m tests.pictures` writes them; tests/docs/test_suite.py holds that they are as it would write them now.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from bench.drawing import line, rect, svg, text

from .conftest import LAYERS

TESTS = Path(__file__).parent
FOLDER = TESTS.parent / "docs" / "suite"

KINDS = {"once": "blue", "each": "yellow"}

#: What a request passes on each layer, and how it gets from one to the next.
PASSES: dict[str, Sequence[str]] = {
    "wsgi": ("Client", "a call", "app"),
    "validated": ("Client", "a call", "validate", "a call", "app"),
    "gunicorn": ("Client", "unix socket", "gunicorn", "a call", "app"),
    "nginx": ("Client", "TCP", "nginx", "unix socket", "gunicorn", "a call", "app"),
    "tls": ("Client", "TLS, HTTP/2", "nginx", "unix socket", "gunicorn", "a call", "app"),
}
COLUMNS = {"Client": 118, "nginx": 308, "gunicorn": 498, "validate": 498, "app": 662}
ROW, BOX, HIGH = 58, 90, 34

#: The conftests whose fixtures are drawn, and those of them that `client` of the endpoints' tests is made of.
CONFTESTS = (TESTS / "conftest.py", TESTS / "handlers" / "conftest.py")
#: These ask for others by name when a test runs, so no signature tells of them.
BY_NAME = {"client": tuple(LAYERS), "settings": ("server_settings",)}
#: Each in a row of its own, so that no line runs through a box that it has nothing to do with.
ROWS = ("gunicorn", "run nginx", "tls", "redis_url server_settings wsgi client", "validated", "settings redis", "place")
WIDE, GAP, STEP = 132, 44, 44


class Fixture(NamedTuple):
    needs: tuple[str, ...]
    is_once: bool  # for the session, and not for each test


def layers() -> str:
    """Return the picture of what is between the client and the app."""
    assert list(PASSES) == list(LAYERS)
    lines: list[str] = []
    for row, (layer, passed) in enumerate(PASSES.items()):
        y = 16 + row * ROW
        lines.append(text(16, y + 22, layer, "code"))
        for here, way, there in zip(passed[::2], passed[1::2], passed[2::2], strict=False):
            begin, end = COLUMNS[here] + BOX, COLUMNS[there]
            lines += arrow(begin, y + HIGH / 2, end, y + HIGH / 2)
            lines.append(text((begin + end) / 2, y + 11, way, "small middle"))
        for part in passed[::2]:
            kind = "each" if part == "Client" else "once"
            lines += box(COLUMNS[part], y, BOX, part, kind)
    title = "The five layers over which the tests of endpoints run"
    description = " ".join(f"{name}: {what}." for name, what in LAYERS.items())
    return svg(title, description, 768, 8 + ROW * 5, lines, KINDS)


def fixtures() -> str:
    """Return the picture of what `client` is made of."""
    found = fixtures_of_conftests()
    drawn = closure("client", found)
    rows = {name: row for row, names in enumerate(ROWS) for name in names.split()}
    assert set(rows) == drawn
    places = {name: (16 + depth(name) * (WIDE + GAP), 44 + row * STEP) for name, row in rows.items()}
    lines: list[str] = []
    for name, (x, y) in places.items():
        for needed in found[name].needs:
            if needed in places:
                lines += link(places[needed], (x, y), dashed=False)
        for needed in BY_NAME.get(name, ()):
            lines += link(places[needed], (x, y), dashed=True)
    for name, (x, y) in places.items():
        lines += box(x, y, WIDE, name, "once" if found[name].is_once else "each")
    legend = [
        *box(16, 8, 18, "", "once", 18),
        text(42, 22, "made once", "small"),
        *box(130, 8, 18, "", "each", 18),
        text(156, 22, "made for each test", "small"),
        *arrow(290, 17, 330, 17, dashed=True),
        text(338, 22, "the one that the layer names", "small"),
    ]
    width = 32 + max(x for x, _ in places.values()) + WIDE - 16
    height = 44 + len(ROWS) * STEP
    return svg("The fixtures that make a client", " ".join(sorted(drawn)), width, height, [*legend, *lines], KINDS)


def fixtures_of_conftests() -> dict[str, Fixture]:
    found: dict[str, Fixture] = {}
    for path in CONFTESTS:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef):
                marks = [ast.unparse(one) for one in node.decorator_list if "fixture" in ast.unparse(one)]
                needs = tuple(arg.arg for arg in node.args.args if arg.arg not in ("request", "tmp_path_factory"))
                if marks:
                    found[node.name] = Fixture(needs, "session" in marks[0])
    return found


def closure(name: str, found: Mapping[str, Fixture]) -> set[str]:
    below = [one for one in (*found[name].needs, *BY_NAME.get(name, ())) if one in found]
    return {name}.union(*(closure(one, found) for one in below))


@cache
def depth(name: str) -> int:
    found = fixtures_of_conftests()
    below = [one for one in (*found[name].needs, *BY_NAME.get(name, ())) if one in found]
    return 1 + max(map(depth, below), default=-1)


def link(here: tuple[int, int], there: tuple[int, int], dashed: bool) -> Iterator[str]:
    """Draw a line that stays in its row up to the last gap."""
    x, y, gap = here[0] + WIDE, here[1] + HIGH / 2, there[0] - GAP
    if gap > x:
        yield line((x, y), (gap, y), kind="line dashed" if dashed else "line")
    yield from arrow(gap, y, there[0], there[1] + HIGH / 2, dashed)


def box(x: float, y: float, width: int, name: str, kind: str, height: int = HIGH) -> Iterator[str]:
    yield rect(x, y, width, height, kind, 5)
    if name:
        yield text(x + width / 2, y + 22, name, "code middle")


def arrow(x: float, y: float, to_x: float, to_y: float, dashed: bool = False) -> Iterator[str]:
    """Draw an arrow that begins and ends level, whatever is between."""
    middle = (x + to_x) / 2
    dash = " dashed" if dashed else ""
    yield f'<path class="line{dash}" d="M{x} {y}C{middle} {y} {middle} {to_y} {to_x - 7} {to_y}"/>'
    yield f'<path class="tip" d="M{to_x - 8} {to_y - 4}L{to_x - 1} {to_y}L{to_x - 8} {to_y + 4}z"/>'


#: The pictures, by the names of their files.
PICTURES = {"layers.svg": layers, "fixtures.svg": fixtures}

if __name__ == "__main__":
    for name, draw in PICTURES.items():
        (FOLDER / name).write_text(draw())
