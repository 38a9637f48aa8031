"""The tour's costs as a picture: three bars for each step, one for each request, as shares of Flask's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .drawing import legend, line, rect, svg, text

WIDTH, LEFT, RIGHT, TOP = 800, 140, 130, 84
BAR, GROUP = 9, 38  # height of a bar, and from one step to the next

KINDS = {"GET": "strong blue", "PUT": "strong green", "missing": "strong orange"}


def drawing(shares: Mapping[str, Mapping[str, float]], whole: str) -> str:
    """Return an SVG, with a line where the costs are those of `whole`."""
    widest = max(share for costs in shares.values() for share in costs.values())
    scale = (WIDTH - LEFT - RIGHT) / widest
    height = TOP + GROUP * len(shares) + 8
    lines = [text(24, 26, "Processor time of a request, as a share of what Flask takes for the same")]
    lines += [*legend(24, 42, {_class(request): request for request in shares[whole]}), *_grid(scale, height)]
    for number, (step, costs) in enumerate(shares.items()):
        lines += _bars(name_of(step), costs, TOP + GROUP * number, scale)
    description = "From a run of bench.tour: for each step, bars for a GET, a PUT and a 404; Flask is 1."
    return svg("What each step of the tour costs", description, WIDTH, height, lines, KINDS)


def name_of(step: str) -> str:
    """Return what a reader is shown for a file's name."""
    return "Flask" if step == "in_flask" else step.lstrip("0").replace("_", " ")


def _bars(name: str, costs: Mapping[str, float], top: int, scale: float) -> Iterator[str]:
    yield text(LEFT - 12, top + 20, name, "end")
    for place, (request, share) in enumerate(costs.items()):
        yield rect(LEFT, top + place * (BAR + 1), share * scale, BAR, _class(request))
    label = " · ".join(f"{share:.2f}" for share in costs.values())
    yield text(LEFT + max(costs.values()) * scale + 8, top + 19, label, "small")


def _grid(scale: float, height: int) -> Iterator[str]:
    for quarter in range(1, 5):
        x = LEFT + quarter / 4 * scale
        yield line((x, TOP - 6), (x, height - 8), kind="grid")
        yield text(x, TOP - 12, f"{quarter / 4:g}", "small middle")


def _class(request: str) -> str:
    return "missing" if request == "404" else request
