"""How long each part of the suite takes: a run of pytest, as numbers and as a picture, for docs/suite.md.

    make test ARGS=--junit-xml=times.xml
    .venv/bin/python -m tests.times times.xml

writes docs/suite/times.json and times.svg. A test's time is that of its set-up, its call and its end, so a server that
several tests share is in the time of the first. Waiting counts as well as work.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict
from xml.etree import ElementTree

from bench.drawing import rect, svg, text

from .pictures import FOLDER, TESTS

JSON, SVG = FOLDER / "times.json", FOLDER / "times.svg"
LEFT, BAR, ROW, WIDTH = 120, 18, 26, 760

#: Tests that are in no folder of tests/.
OTHER = "other"


class Part(TypedDict):
    tests: int
    seconds: float


class Times(TypedDict):
    """`clock` is the whole run's, in seconds; it is less than the parts' sum where several processes share the work."""

    commit: str
    python: str
    machine: str
    clock: float
    parts: dict[str, Part]


def read(junit: Path) -> Times:
    """Return what a run took. `commit` and the machine are those of now, so call it after the run."""
    parts: dict[str, Part] = {}
    (suite,) = ElementTree.parse(junit).iter("testsuite")
    for case in suite.iter("testcase"):
        part = parts.setdefault(part_of(case.attrib["classname"]), Part(tests=0, seconds=0.0))
        part["tests"] += 1
        part["seconds"] += float(case.attrib["time"])
    longest_first = sorted(parts.items(), key=lambda one: -one[1]["seconds"])
    return Times(
        commit=subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], text=True, cwd=TESTS).strip(),
        python=platform.python_version(),
        machine=f"{os.cpu_count()} cores, {platform.machine()}",
        clock=round(float(suite.attrib["time"]), 1),
        parts={name: Part(tests=part["tests"], seconds=round(part["seconds"], 1)) for name, part in longest_first},
    )


def part_of(module: str) -> str:
    """Return the folder in tests/ that a module is in: `wz` of `tests.wz.test_hooks`."""
    _, folder, *rest = [*module.split("."), ""]
    return folder if module.startswith("tests.") and any(rest) else OTHER


def picture(times: Times) -> str:
    parts = times["parts"]
    height = 52 + ROW * len(parts)
    origin = f"commit {times['commit']}, Python {times['python']}, {times['machine']}"
    title = f"How long each part of the suite takes: {origin}"
    return svg(title, origin, WIDTH, height, _bars(times), {"part": "strong blue"})


def _bars(times: Times) -> Iterator[str]:
    parts = times["parts"]
    tests, whole = (sum(part[key] for part in parts.values()) for key in ("tests", "seconds"))
    heading = f"{tests:,} tests in {minutes(times['clock'])}, and each part's share of the time"
    yield text(16, 22, heading)
    yield text(16, 42, f"Python {times['python']}, {times['machine']}, commit {times['commit']}", "small")
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
        JSON.write_text(json.dumps(read(Path(sys.argv[1])), indent=1) + "\n")
    SVG.write_text(picture(json.loads(JSON.read_text())))


if __name__ == "__main__":
    main()
