"""The tour's costs as a picture: three bars for each step, one for each request, as shares of Flask's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

WIDTH, LEFT, RIGHT, TOP = 800, 140, 130, 84
BAR, GROUP = 9, 38  # height of a bar, and from one step to the next

STYLE = """\
    text { font: 14px system-ui, sans-serif; fill: #1f2328 }
    .small { font-size: 12px; fill: #59636e }
    .end { text-anchor: end } .middle { text-anchor: middle }
    .GET { fill: #2a6fbb } .PUT { fill: #3a8a4a } .missing { fill: #b0622a }
    line { stroke: #8c959f; stroke-width: 1; stroke-dasharray: 3 3; stroke-opacity: 0.5 }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc } .small { fill: #b1bac4 } line { stroke: #768390 }
      .GET { fill: #6cb0f5 } .PUT { fill: #7ccf8c } .missing { fill: #f0a46c }
    }"""


def drawing(shares: Mapping[str, Mapping[str, float]], whole: str) -> str:
    """Return an SVG, with a line where the costs are those of `whole`."""
    widest = max(share for costs in shares.values() for share in costs.values())
    scale = (WIDTH - LEFT - RIGHT) / widest
    height = TOP + GROUP * len(shares) + 8
    lines = [*_head(height, shares[whole]), *_grid(scale, height)]
    for number, (step, costs) in enumerate(shares.items()):
        lines += _bars(name_of(step), costs, TOP + GROUP * number, scale)
    return "\n".join([*lines, "</svg>", ""])


def name_of(step: str) -> str:
    """Return what a reader is shown for a file's name."""
    return "Flask" if step == "in_flask" else step.lstrip("0").replace("_", " ")


def _bars(name: str, costs: Mapping[str, float], top: int, scale: float) -> Iterator[str]:
    yield f'  <text class="end" x="{LEFT - 12}" y="{top + 20}">{name}</text>'
    for place, (request, share) in enumerate(costs.items()):
        y, width = top + place * (BAR + 1), share * scale
        yield f'  <rect class="{_class(request)}" x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}"/>'
    label = " · ".join(f"{share:.2f}" for share in costs.values())
    yield f'  <text class="small" x="{LEFT + max(costs.values()) * scale + 8:.1f}" y="{top + 19}">{label}</text>'


def _grid(scale: float, height: int) -> Iterator[str]:
    for quarter in range(1, 5):
        x = LEFT + quarter / 4 * scale
        yield f'  <line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{height - 8}"/>'
        yield f'  <text class="small middle" x="{x:.1f}" y="{TOP - 12}">{quarter / 4:g}</text>'


def _head(height: int, requests: Mapping[str, float]) -> Iterator[str]:
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    yield "  <title>What each step of the tour costs</title>"
    yield "  <desc>From a run of bench.tour: for each step, bars for a GET, a PUT and a 404; Flask is 1.</desc>"
    yield f"  <style>\n{STYLE}\n  </style>"
    yield '  <text x="24" y="26">Processor time of a request, as a share of what Flask takes for the same</text>'
    left = 24
    for request in requests:
        yield f'  <rect class="{_class(request)}" x="{left}" y="42" width="14" height="14"/>'
        yield f'  <text class="small" x="{left + 20}" y="54">{request}</text>'
        left += 70


def _class(request: str) -> str:
    return "missing" if request == "404" else request
