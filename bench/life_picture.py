"""The stations of a request as a picture: a row for each, whose bar begins where the one above it ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from xml.sax.saxutils import escape

from .life_stations import FOLDER, STATIONS, Part, Recording, by_part

#: By the file that has the recording: the picture's, and its title.
PICTURES = {
    "request.json": ("way.svg", "GET /boards/points/members/ann"),
    "event.json": ("event.svg", "POST /events/messages"),
}

PARTS: tuple[Part, ...] = ("the way", "gunicorn", "wz", "service", "Redis")

WIDTH, LEFT, RIGHT, TOP = 800, 200, 60, 130
ROW, BAR = 24, 16  # px from one row to the next, and of a bar
STRIP = 26  # px
NARROW = 34  # px of a part that is too narrow for its number

STYLE = """\
    text { font: 14px system-ui, sans-serif; fill: #1f2328 }
    .small { font-size: 12px; fill: #59636e }
    .part { font-size: 12px; fill: #1f2328; text-anchor: middle }
    .end { text-anchor: end }
    .line { stroke: #8c959f; stroke-opacity: 0.35 }
    .the-way { fill: #c3ccd6 } .gunicorn { fill: #a4dbae } .wz { fill: #ffd36b }
    .service { fill: #f7b27a } .Redis { fill: #e79a92 }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc } .small { fill: #b1bac4 } .part { fill: #1f2328 }
    }"""


def write(recordings: Mapping[str, Recording]) -> None:
    for file, (picture, title) in PICTURES.items():
        (FOLDER / picture).write_text(drawing(title, recordings[file].shares))


def drawing(title: str, shares: Mapping[str, float]) -> str:
    """Return an SVG of these shares, which add up to 1."""
    return "\n".join([*_head(title, len(shares)), *_strip(shares), *_rows(shares), "</svg>", ""])


def _head(title: str, rows: int) -> Iterator[str]:
    height = TOP + rows * ROW + 10
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img">'
    yield f"  <title>Whose time it is: {escape(title)}</title>"
    yield "  <desc>The share of each station in the time of a request, from the client's first byte to its last.</desc>"
    yield f"  <style>\n{STYLE}\n  </style>"
    yield f'  <text x="0" y="20">{escape(title)}</text>'
    left = 0
    for part in PARTS:
        label = "client, nginx and sockets" if part == "the way" else part
        yield f'  <rect class="{_class(part)}" x="{left}" y="36" width="14" height="14"/>'
        yield f'  <text class="small" x="{left + 20}" y="48">{label}</text>'
        left += 40 + 7 * len(label)


def _strip(shares: Mapping[str, float]) -> Iterator[str]:
    """The whole, by part: what came in and what goes out are one."""
    left, found = 0.0, by_part(shares)
    for part in PARTS:
        width = found[part] * WIDTH
        yield f'  <rect class="{_class(part)}" x="{left:.1f}" y="64" width="{width:.1f}" height="{STRIP}"/>'
        if width >= NARROW:
            yield f'  <text class="part" x="{left + width / 2:.1f}" y="{64 + 18}">{found[part]:.0%}</text>'
        left += width


def _rows(shares: Mapping[str, float]) -> Iterator[str]:
    scale, at = WIDTH - LEFT - RIGHT, 0.0
    for number, (name, share) in enumerate(shares.items()):
        station, top = STATIONS[name], TOP + number * ROW
        x, width = LEFT + at * scale, max(share * scale, 1.5)
        label = "In: client, nginx, socket" if name == "client" else station.heading
        yield f'  <line class="line" x1="0" x2="{WIDTH}" y1="{top - 4}" y2="{top - 4}"/>'
        yield f'  <text class="small" x="0" y="{top + 13}">{escape(label)}</text>'
        yield f'  <rect class="{_class(station.part)}" x="{x:.1f}" y="{top}" width="{width:.1f}" height="{BAR}"/>'
        yield f'  <text class="small end" x="{WIDTH}" y="{top + 13}">{share:.1%}</text>'
        at += share


def _class(part: Part) -> str:
    return part.replace(" ", "-")
