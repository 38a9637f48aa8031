"""The geometry of charts, in percent and in the units of a view box: templates/charts.html only prints it.

Text in a chart never scales: the outer svg has no view box, and marks are in an inner one of 100 x 100 that stretches.
"""

from __future__ import annotations

from collections.abc import Sequence

_STEPS = tuple(digit * int(10**power) for power in range(12) for digit in (1, 2, 5))  # of an axis


def path_with_gaps(values: Sequence[float | None], high: float) -> str:
    """Return a path as `path` does, which has a gap where there is no value, and a dot where there is but one."""
    step = 100 / max(1, len(values) - 1)
    parts: list[str] = []
    before: float | None = None
    for number, value in enumerate(values):
        if value is not None:
            at = f"{number * step:.2f},{100 - value * 100 / high:.2f}"
            parts.append(f"L{at}" if before is not None else f"M{at} L{at}")
        before = value
    return " ".join(parts)


def path(values: Sequence[float], low: float = 0.0, high: float | None = None, closed: bool = False) -> str:
    """Return a path through `values`, evenly spaced over a view box of 100 x 100; `closed` is for an area below them.

    `high` is the value at the top, by default a little above the largest. At least two values are needed.
    """
    top = high or max(values) * 1.15 or 1
    step = 100 / (len(values) - 1)
    points = [
        f"{number * step:.2f},{100 - (value - low) * 100 / (top - low):.2f}" for number, value in enumerate(values)
    ]
    return "M" + " L".join([*(["0,100"] if closed else []), *points, *(["100,100Z"] if closed else [])])


def polyline(points: Sequence[tuple[float, float]], floor: float | None = None) -> str:
    """Return a path through points of a view box of 100 x 100; with `floor`, an area between them and that height."""
    line = " L".join(f"{x:.3f},{y:.3f}" for x, y in points)
    if floor is None:
        return f"M{line}"
    return f"M{points[0][0]:.3f},{floor:.3f} L{line} L{points[-1][0]:.3f},{floor:.3f}Z"


def axis_step(span: float) -> int:
    """Return a round step that cuts an axis of `span` into three to six parts."""
    return next(step for step in _STEPS if span / step <= 6.5)


def axis_marks(begin: float, span: float) -> list[tuple[float, float]]:
    """Return where an axis from `begin` has numbers: pairs of percent and value, none in its last 4 %."""
    step = axis_step(span)
    first = -int(-begin // step) * step
    marks = [((value - begin) * 100 / span, float(value)) for value in range(first, int(begin + span) + 1, step)]
    return [(percent, value) for percent, value in marks if percent < 96]
