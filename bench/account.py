"""Where a request's processor time goes, as a picture: a bar for each contender, in parts.

Its numbers are hundredths of what the first contender takes for that endpoint, since microseconds are those of one
machine on one day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from xml.sax.saxutils import escape

PARTS = ("nginx", "gunicorn", "app", "redis-py", "Redis")

WIDTH, LEFT, RIGHT, TOP = 800, 188, 56, 84
BAR, STEP, GROUP = 22, 28, 46  # height of a bar, from one to the next, and what a heading takes
NARROW = 22  # px of a part that is too narrow for its number

STYLE = """\
    text { font: 14px system-ui, sans-serif; fill: #1f2328 }
    .small { font-size: 12px; fill: #59636e }
    .part { font-size: 12px; fill: #1f2328; text-anchor: middle }
    .end { text-anchor: end }
    .box { fill: #ffffff; stroke: #6e7781 }
    .nginx { fill: #b6d7f5 } .gunicorn { fill: #bfe5c5 } .app { fill: #ffd98a }
    .redis-py { fill: #f5c3b8 } .Redis { fill: #e2a39c }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc } .small { fill: #b1bac4 } .box { fill: #0d1117 } .part { fill: #1f2328 }
    }"""


def drawing(bars: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    """Return an SVG: for each endpoint and contender, the cost of each of `PARTS`, in any unit."""
    widest = max(sum(costs) / sum(_first(contenders)) for contenders in bars.values() for costs in contenders.values())
    scale = (WIDTH - LEFT - RIGHT) / (100 * widest)  # px of a hundredth
    lines: list[str] = []
    top = TOP
    for title, contenders in bars.items():
        lines.append(f'  <text x="24" y="{top + 18}">{escape(title)}</text>')
        top += STEP
        whole = sum(_first(contenders))
        for name, costs in contenders.items():
            lines += _bar(name, [100 * cost / whole for cost in costs], top, scale)
            top += STEP
        top += GROUP - STEP
    return "\n".join([*_head(top), *lines, "</svg>", ""])


def _first(contenders: Mapping[str, Sequence[float]]) -> Sequence[float]:
    return next(iter(contenders.values()))


def _bar(name: str, hundredths: list[float], top: int, scale: float) -> Iterator[str]:
    yield f'  <text class="small end" x="{LEFT - 10}" y="{top + 15}">{escape(name)}</text>'
    left = float(LEFT)
    for part, cost in zip(PARTS, hundredths, strict=True):
        width = cost * scale
        yield f'  <rect class="{part}" x="{left:.1f}" y="{top}" width="{width:.1f}" height="{BAR}"/>'
        if width >= NARROW:
            yield f'  <text class="part" x="{left + width / 2:.1f}" y="{top + 15}">{cost:.0f}</text>'
        left += width
    yield f'  <text class="small" x="{left + 8:.1f}" y="{top + 15}">{sum(hundredths):.0f}</text>'


def _head(height: int) -> Iterator[str]:
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    yield "  <title>Where a request's processor time goes</title>"
    yield "  <desc>From a run of bench.service: for each endpoint, a bar of wz, and of Flask in two deployments.</desc>"
    yield f"  <style>\n{STYLE}\n  </style>"
    yield f'  <rect class="box" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>'
    yield '  <text x="24" y="34">Processor time of a request; all that wz takes for it is 100</text>'
    left = 24
    for part in PARTS:
        label = "wz or Flask, the app" if part == "app" else part
        yield f'  <rect class="{part}" x="{left}" y="50" width="14" height="14"/>'
        yield f'  <text class="small" x="{left + 20}" y="62">{label}</text>'
        left += 48 + 7 * len(label)
