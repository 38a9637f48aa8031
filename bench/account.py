"""Where a request's processor time goes, as a picture: a bar for each contender, in parts.

Its numbers are hundredths of what the first contender takes for that endpoint, since microseconds are those of one
machine on one day. So what is stored, and drawn again by `python -m bench.pictures`, are these hundredths.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from . import figures
from .drawing import legend, rect, svg, text

DOCS = Path(__file__).parents[1] / "docs"
FILE, PICTURE = DOCS / "figures" / "service.json", DOCS / "deploy" / "account.svg"

PARTS = ("nginx", "gunicorn", "app", "redis-py", "Redis")

KINDS = dict(zip(PARTS, ("blue", "green", "yellow", "orange", "red"), strict=True))

WIDTH, LEFT, RIGHT, TOP = 800, 188, 56, 84
BAR, STEP, GROUP = 22, 28, 46  # height of a bar, from one to the next, and what a heading takes
NARROW = 22  # px of a part that is too narrow for its number

Bars = Mapping[str, Mapping[str, Sequence[float]]]


def write(bars: Bars) -> None:
    """Store what a run measured, and draw it."""
    figures.write(FILE, {"processor time": shares(bars)})
    PICTURE.write_text(stored())


def stored() -> str:
    """Return the picture of the run that is stored."""
    endpoints = figures.stored(FILE)["processor time"]
    return drawing(
        {
            title: {name: [parts[part] for part in PARTS] for name, parts in contenders.items()}
            for title, contenders in endpoints.items()
        }
    )


def shares(bars: Bars) -> dict[str, dict[str, dict[str, float]]]:
    """Return, for each endpoint, contender and part, the hundredths of what the first contender takes in all."""
    return {
        title: {
            name: {
                part: round(100 * cost / sum(_first(contenders)), 1) for part, cost in zip(PARTS, costs, strict=True)
            }
            for name, costs in contenders.items()
        }
        for title, contenders in bars.items()
    }


def drawing(bars: Bars) -> str:
    """Return an SVG: for each endpoint and contender, the cost of each of `PARTS`, in any unit."""
    widest = max(sum(costs) / sum(_first(contenders)) for contenders in bars.values() for costs in contenders.values())
    scale = (WIDTH - LEFT - RIGHT) / (100 * widest)  # px of a hundredth
    lines = [text(24, 34, "Processor time of a request; all that wz takes for it is 100")]
    lines += legend(24, 50, {part: "wz or Flask, the app" if part == "app" else part for part in PARTS})
    top = TOP
    for title, contenders in bars.items():
        lines.append(text(24, top + 18, title))
        top += STEP
        whole = sum(_first(contenders))
        for name, costs in contenders.items():
            lines += _bar(name, [100 * cost / whole for cost in costs], top, scale)
            top += STEP
        top += GROUP - STEP
    description = "From a run of bench.service: for each endpoint, a bar of wz, and of Flask in two deployments."
    return svg("Where a request's processor time goes", description, WIDTH, top, lines, KINDS)


def _first(contenders: Mapping[str, Sequence[float]]) -> Sequence[float]:
    return next(iter(contenders.values()))


def _bar(name: str, hundredths: list[float], top: int, scale: float) -> Iterator[str]:
    yield text(LEFT - 10, top + 15, name, "small end")
    left = float(LEFT)
    for part, cost in zip(PARTS, hundredths, strict=True):
        width = cost * scale
        yield rect(left, top, width, BAR, part)
        if width >= NARROW:
            yield text(left + width / 2, top + 15, f"{cost:.0f}", "small middle")
        left += width
    yield text(left + 8, top + 15, f"{sum(hundredths):.0f}", "small")
