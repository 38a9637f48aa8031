"""How long each part of the suite takes: a run of pytest, as numbers and as a picture, for docs/suite.md.

    make test ARGS=--junit-xml=times.xml
    .venv/bin/python -m tests.times times.xml

writes docs/suite/times.json and times.svg. A test's time is that of its set-up, its call and its end, so a server that
several tests share is in the time of the first. Waiting counts as well as work.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict
from xml.etree import ElementTree

from bench import figures
from bench.drawing import rect, svg, text

from .pictures import FOLDER

JSON, SVG = FOLDER / "times.json", FOLDER / "times.svg"
LEFT, BAR, ROW, WIDTH = 120, 18, 26, 760

#: Tests that are in no folder of tests/.
OTHER = "other"


class Part(TypedDict):
    tests: int
    seconds: float


class Times(TypedDict):
    """`clock` is the whole run's, in seconds; it is less than the parts' sum where several processes share the work."""

    clock: float
    parts: dict[str, Part]


def read(junit: Path) -> Times:
    """Return what a run took."""
    parts: dict[str, Part] = {}
    (suite,) = ElementTree.parse(junit).iter("testsuite")
    for case in suite.iter("testcase"):
        part = parts.setdefault(part_of(case.attrib["classname"]), Part(tests=0, seconds=0.0))
        part["tests"] += 1
        part["seconds"] += float(case.attrib["time"])
    longest_first = sorted(parts.items(), key=lambda one: -one[1]["seconds"])
    return Times(
        clock=round(float(suite.attrib["time"]), 1),
        parts={name: Part(tests=part["tests"], seconds=round(part["seconds"], 1)) for name, part in longest_first},
    )


def part_of(module: str) -> str:
    """Return the folder in tests/ that a module is in: `wz` of `tests.wz.test_hooks`."""
    _, folder, *rest = [*module.split("."), ""]
    return folder if module.startswith("tests.") and any(rest) else OTHER


def picture(times: Times, origin: str) -> str:
    parts = times["parts"]
    height = 52 + ROW * len(parts)
    title = f"How long each part of the suite takes: {origin}"
    return svg(title, origin, WIDTH, height, _bars(times, origin), {"part": "strong blue"})


def picture_now() -> str:
    """Return the picture of the numbers that are stored."""
    found = figures.stored(JSON)
    return picture(Times(clock=found["clock"], parts=found["parts"]), figures.origin(found))


def _bars(times: Times, origin: str) -> Iterator[str]:
    parts = times["parts"]
    tests, whole = (sum(part[key] for part in parts.values()) for key in ("tests", "seconds"))
    heading = f"{tests:,} tests in {minutes(times['clock'])}, and each part's share of the time"
    yield text(16, 22, heading)
    yield text(16, 42, origin, "small")
    scale = (WIDTH - LEFT - 130) / max(part["seconds"] for part in parts.values())
    for row, (name, part) in enumerate(parts.items()):
        y, width = 54 + row * ROW, max(1.0, part["seconds"] * scale)
        yield text(16, y + 14, name, "code")
        yield rect(LEFT, y, width, BAR, "part")
        label = f"{100 * part['seconds'] / whole:.1f} %, {part['tests']:,} tests"
        yield text(LEFT + width + 8, y + 14, label, "small")


def minutes(seconds: float) -> str:
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


def main() -> None:
    if len(sys.argv) == 2:
        figures.write(JSON, {**read(Path(sys.argv[1]))})
    SVG.write_text(picture_now())


if __name__ == "__main__":
    main()
