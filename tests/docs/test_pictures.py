"""The pictures of the guide: each is as its script draws it now, says what it shows, and reads in light and dark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest

from bench.drawing import svg, text
from bench.pictures.registry import drawn

from .repository import ROOT

SVG = "{http://www.w3.org/2000/svg}"

DRAWN = dict(drawn())
PICTURES = [pytest.param(path, id=str(path.relative_to(ROOT / "docs"))) for path in sorted(DRAWN)]

#: What a picture may stand on, by the scheme: GitHub's page, and that of the built guide.
PAGES = {"light": ("#ffffff",), "dark": ("#0d1117", "#131416")}

#: Of WCAG 2.1, 1.4.3, for text that is not large.
LEAST = 4.5


def test_every_picture_of_the_guide_is_drawn_by_a_script() -> None:
    there = {path for path in (ROOT / "docs").rglob("*.svg") if path.name != "icon.svg"}

    assert there == set(DRAWN)


@pytest.mark.parametrize("path", PICTURES)
def test_a_picture_is_as_its_script_draws_it(path: Path) -> None:
    assert path.read_text() == DRAWN[path](), "make pictures"


@pytest.mark.parametrize("path", PICTURES)
def test_a_picture_says_what_it_shows(path: Path) -> None:
    root = ElementTree.parse(path).getroot()
    title, description = root.findtext(f"{SVG}title"), root.findtext(f"{SVG}desc")

    assert title
    assert description
    assert root.get("role") == "img"


@pytest.mark.parametrize("scheme", PAGES)
@pytest.mark.parametrize("path", PICTURES)
def test_each_text_has_contrast_in_light_and_in_dark(path: Path, scheme: str) -> None:
    assert [dim for dim in texts(path.read_text(), scheme) if dim.contrast < LEAST] == []


@pytest.mark.parametrize("path", PICTURES)
def test_a_picture_has_no_background_and_all_its_text_within(path: Path) -> None:
    root = ElementTree.parse(path).getroot()
    width, height = float(root.attrib["width"]), float(root.attrib["height"])

    for shape in root.iter(f"{SVG}rect"):
        assert float(shape.attrib["width"]) < width - 20 or float(shape.attrib["height"]) < height / 2
    for label in root.iter(f"{SVG}text"):
        assert 0 < float(label.attrib["y"]) < height
        left, right = extent(label)
        assert left >= 0, label.text
        assert right <= width, label.text


@pytest.mark.parametrize("scheme", PAGES)
def test_text_that_can_not_be_read_is_found(scheme: str) -> None:
    """What the test of contrast is worth: text in the colour of what it stands on is none."""
    picture = svg("A", "a", 100, 40, [text(10, 20, "seen"), text(10, 30, "unseen", "dim")], {"dim": "grey"})

    contrasts = {found.content: found.contrast for found in texts(picture, scheme)}

    assert contrasts["seen"] > LEAST > contrasts["unseen"]


class Text(NamedTuple):
    content: str
    contrast: float  # the least, over the pages


def texts(picture: str, scheme: str) -> Iterator[Text]:
    """Give each text, with the contrast to what is drawn below it, or else to the page."""
    colours = styles(picture, scheme)
    shapes: list[tuple[float, float, float, float, str]] = []
    for element in ElementTree.fromstring(picture).iter():
        fill = colour(element, colours)
        if element.tag == f"{SVG}rect" and fill != "none":
            x, y, width, height = (float(element.attrib[name]) for name in ("x", "y", "width", "height"))
            shapes.append((x, y, x + width, y + height, fill))
        elif element.tag == f"{SVG}text":
            left, right = extent(element)
            x, y = (left + right) / 2, float(element.attrib["y"]) - 4
            below = [ground for x1, y1, x2, y2, ground in shapes if x1 <= x <= x2 and y1 <= y <= y2]
            grounds = below[-1:] or PAGES[scheme]
            yield Text(element.text or "", min(contrast(fill, ground) for ground in grounds))


def styles(picture: str, scheme: str) -> dict[str, str]:
    """Return the fill that each selector gives in this scheme."""
    (style,) = re.findall(r"<style>(.*?)</style>", picture, re.DOTALL)
    light, _, dark = style.partition("@media (prefers-color-scheme: dark) {")
    assert dark
    rules = light + dark if scheme == "dark" else light
    return dict(re.findall(r"([.\w-]+) \{[^}]*?fill: ([#\w]+)", rules))


def colour(element: ElementTree.Element, colours: dict[str, str]) -> str:
    """Return the fill of an element: that of the last of its classes that has one, or of its name, or black."""
    own = [f for f in colours if f.startswith(".") and f[1:] in element.get("class", "").split()]
    return colours[own[-1]] if own else colours.get(element.tag.removeprefix(SVG), "#000000")


def extent(label: ElementTree.Element) -> tuple[float, float]:
    """Return about where a text begins and ends: its font is the reader's."""
    kinds, x = label.get("class", "").split(), float(label.attrib["x"])
    em = 6.0 if "small" in kinds else 7.8 if "code" in kinds else 6.6
    length = em * len(label.text or "")
    left = x - length / 2 if "middle" in kinds else x - length if "end" in kinds else x
    return left, left + length


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as WCAG 2.1 defines it."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return sum(share * value for share, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
