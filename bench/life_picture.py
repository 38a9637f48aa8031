"""The stations of a request as a picture: a row for each, whose bar begins where the one above it ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from .drawing import legend, line, rect, svg, text
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

KINDS = {"the-way": "grey", "gunicorn": "green", "wz": "yellow", "service": "orange", "Redis": "red"}


def write(recordings: Mapping[str, Recording]) -> None:
    for file in PICTURES:
        file_of(file).write_text(of_recording(file, recordings[file]))


def file_of(recording: str) -> Path:
    """Return where the picture of a recording is, which is named by its file."""
    return FOLDER / PICTURES[recording][0]


def of_recording(file: str, recording: Recording) -> str:
    return drawing(PICTURES[file][1], recording.shares)


def drawing(title: str, shares: Mapping[str, float]) -> str:
    """Return an SVG of these shares, which add up to 1."""
    labels = {_class(part): "client, nginx and sockets" if part == "the way" else part for part in PARTS}
    lines = [text(0, 20, title), *legend(0, 36, labels), *_strip(shares), *_rows(shares)]
    description = "The share of each station in the time of a request, from the client's first byte to its last."
    return svg(f"Whose time it is: {title}", description, WIDTH, TOP + len(shares) * ROW + 10, lines, KINDS)


def _strip(shares: Mapping[str, float]) -> Iterator[str]:
    """The whole, by part: what came in and what goes out are one."""
    left, found = 0.0, by_part(shares)
    for part in PARTS:
        width = found[part] * WIDTH
        yield rect(left, 64, width, STRIP, _class(part))
        if width >= NARROW:
            yield text(left + width / 2, 64 + 18, f"{found[part]:.0%}", "small middle")
        left += width


def _rows(shares: Mapping[str, float]) -> Iterator[str]:
    scale, at = WIDTH - LEFT - RIGHT, 0.0
    for number, (name, share) in enumerate(shares.items()):
        station, top = STATIONS[name], TOP + number * ROW
        label = "In: client, nginx, socket" if name == "client" else station.heading
        yield line((0, top - 4), (WIDTH, top - 4), kind="grid")
        yield text(0, top + 13, label, "small")
        yield rect(LEFT + at * scale, top, max(share * scale, 1.5), BAR, _class(station.part))
        yield text(WIDTH, top + 13, f"{share:.1%}", "small end")
        at += share


def _class(part: Part) -> str:
    return part.replace(" ", "-")
