"""What all pictures of the guide are drawn with: one palette, for light and for dark, and elements of SVG as text.

A picture has no background of its own, so it stands on that of the page. Its shapes have classes that say what they
mean, such as `held`; a picture names the hue of each, and `svg` writes both forms of it into the file:

    svg("Title", "What it shows, for who can't see it.", 800, 120, [rect(24, 20, 90, 40, "held")], {"held": "yellow"})

tests/docs/test_pictures.py computes the contrast of each text, on the page and on what it stands on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import hypot
from xml.sax.saxutils import escape, quoteattr

#: By hue: fill and edge on a light page, then fill and edge on a dark one. All take text in the page's colours.
HUES: dict[str, tuple[str, str, str, str]] = {
    "page": ("none", "#6e7781", "none", "#8b949e"),
    "grey": ("#eceef1", "#6e7781", "#2a3038", "#8b949e"),
    "blue": ("#dbeafe", "#2a6fbb", "#1d324f", "#6cb0f5"),
    "green": ("#c9f0d3", "#3a8a4a", "#1b3d26", "#7ccf8c"),
    "yellow": ("#fdecb4", "#8a6d1f", "#42360f", "#d0b25a"),
    "orange": ("#fcdcc0", "#b0622a", "#4a2c16", "#f0a46c"),
    "red": ("#ffd9d6", "#b3443c", "#4d2220", "#f08b84"),
}

_BASE = """\
    text { font: 14px system-ui, sans-serif; fill: #1f2328 }
    .code { font-family: ui-monospace, monospace; font-size: 13px }
    .small { font-size: 12px; fill: #4d5761 }
    .middle { text-anchor: middle } .end { text-anchor: end }
    .line { fill: none; stroke: #6e7781; stroke-width: 1.3 } .dashed { stroke-dasharray: 4 4 } .tip { fill: #6e7781 }
    .grid { fill: none; stroke: #8c959f; stroke-opacity: 0.5 } .mark { fill: none; stroke: #1f2328; stroke-width: 3 }"""
_DARK = """\
      text { fill: #f0f6fc } .small { fill: #b1bac4 }
      .line { stroke: #9ea7b3 } .tip { fill: #9ea7b3 } .grid { stroke: #768390 } .mark { stroke: #f0f6fc }"""


def svg(title: str, description: str, width: int, height: float, lines: Iterable[str], kinds: Mapping[str, str]) -> str:
    """Return a whole file. `kinds` are the classes of its shapes, with the hue of each.

    A hue with "strong" before it is its edge alone: for bars too thin to be outlined, with no text on them.
    """
    size = f'viewBox="0 0 {width} {_n(height)}" width="{width}" height="{_n(height)}"'
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        f"  <title>{escape(title)}</title>",
        f"  <desc>{escape(description)}</desc>",
        f"  <style>\n{_style(kinds)}\n  </style>",
    ]
    return "\n".join([*head, *(f"  {line}" for line in lines), "</svg>", ""])


def _style(kinds: Mapping[str, str]) -> str:
    light, dark = [_BASE], [_DARK]
    for kind, named in kinds.items():
        hue = named.removeprefix("strong ")
        fill, edge, dark_fill, dark_edge = HUES[hue]
        if hue == named:
            light.append(f"    .{kind} {{ fill: {fill}; stroke: {edge} }}")
            dark.append(f"      .{kind} {{ fill: {dark_fill}; stroke: {dark_edge} }}")
        else:
            light.append(f"    .{kind} {{ fill: {edge} }}")
            dark.append(f"      .{kind} {{ fill: {dark_edge} }}")
    return "\n".join([*light, "    @media (prefers-color-scheme: dark) {", *dark, "    }"])


def text(x: float, y: float, content: str, kind: str = "", /, **data: object) -> str:
    """Return a text whose baseline is at y. `data` becomes attributes: `end=5` is `data-end="5"`."""
    more = "".join(f" data-{name}={quoteattr(str(value))}" for name, value in data.items())
    return f'<text{_class(kind)} x="{_n(x)}" y="{_n(y)}"{more}>{escape(content)}</text>'


def rect(x: float, y: float, width: float, height: float, kind: str, radius: float = 0) -> str:
    rounded = f' rx="{_n(radius)}"' if radius else ""
    size = f'x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"'
    return f"<rect{_class(kind)} {size}{rounded}/>"


def circle(x: float, y: float, radius: float, kind: str) -> str:
    return f'<circle{_class(kind)} cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}"/>'


def line(*points: tuple[float, float], kind: str = "line") -> str:
    return f'<path{_class(kind)} d="M{"L".join(f"{_n(x)} {_n(y)}" for x, y in points)}"/>'


def arrow(x: float, y: float, to_x: float, to_y: float) -> Iterator[str]:
    """Draw a straight arrow whose tip is at the second point."""
    length = hypot(to_x - x, to_y - y)
    right, down = (to_x - x) / length, (to_y - y) / length
    end_x, end_y = to_x - 8 * right, to_y - 8 * down
    yield line((x, y), (end_x, end_y))
    corners = (end_x - 4 * down, end_y + 4 * right), (to_x, to_y), (end_x + 4 * down, end_y - 4 * right)
    yield f'<path class="tip" d="M{"L".join(f"{_n(x)} {_n(y)}" for x, y in corners)}z"/>'


def box(x: float, y: float, width: float, height: float, kind: str, *lines: str, radius: float = 4) -> Iterator[str]:
    """Draw a rectangle with text in its middle, the first line in full size."""
    yield rect(x, y, width, height, kind, radius)
    top = y + height / 2 - 9.5 * (len(lines) - 1) + 5
    for number, content in enumerate(lines):
        yield text(x + width / 2, top + 19 * number, content, "small middle" if number else "middle")


def legend(x: float, y: float, kinds: Mapping[str, str]) -> Iterator[str]:
    """Explain kinds in a row: a square of each, and what it says."""
    for kind, meaning in kinds.items():
        yield rect(x, y, 14, 14, kind)
        yield text(x + 20, y + 12, meaning, "small")
        x += 48 + 6.5 * len(meaning)


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


def _n(number: float) -> str:
    """A tenth of a pixel is exact enough."""
    return f"{number:.1f}".removesuffix(".0")
