"""A trace as the pages draw it: whole microseconds that add up, and bars in percent of a scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from wz.tracing.spans import Span, Trace
from wz.tracing.waterfall import Row, rows

from .. import charts

#: Whose time it was, in the order of the legend.
WHOSE = {
    "nginx": "nginx",
    "socket": "on the socket",
    "gunicorn": "gunicorn",
    "wz": "wz",
    "handler": "the service",
    "redis": "Redis",
    "rest": "no step's",
}

#: Rows that are drawn, and pieces of one row's own time. All of them are in the JSON.
MAX_ROWS = 300
_MAX_PIECES = 100
_MAX_DEPTH = 8  # the style sheet indents no further

_LONG = 6  # characters of a number; of longer ones only every other fits below a narrow axis
_UNITS = (("s", 1_000_000), ("ms", 1000), ("µs", 1))  # in microseconds


class Piece(NamedTuple):
    """A bar from `x`, percent of the scale."""

    x: float
    width: float


@dataclass(frozen=True)
class Step:
    """A row of the waterfall. `number` is its place in it; times are whole microseconds since the trace's beginning."""

    number: int
    row: Row
    at: int
    took: int
    own: int

    @property
    def span(self) -> Span:
        return self.row.span

    @property
    def who(self) -> str:
        return self.span.who

    @property
    def unsure(self) -> bool:
        return bool(self.span.unsure)


def steps(trace: Trace) -> list[Step]:
    """Return the rows of a trace. The own times, rounded, have the sum of the whole, rounded."""
    found = rows(trace)
    own = whole_microseconds([row.own for row in found])
    return [
        Step(number, row, round(row.at / 1000), mine if row.own == row.took else round(row.took / 1000), mine)
        for number, (row, mine) in enumerate(zip(found, own, strict=True))
    ]


def whole_microseconds(nanoseconds: Sequence[int]) -> list[int]:
    """Round each to microseconds, so that they add up to their sum's microseconds: the largest remainders go up."""
    whole = [ns // 1000 for ns in nanoseconds]
    missing = round(sum(nanoseconds) / 1000) - sum(whole)
    by_remainder = sorted(range(len(whole)), key=lambda number: -(nanoseconds[number] % 1000))
    for number in by_remainder[:missing]:
        whole[number] += 1
    return whole


def shares(found: Sequence[Step]) -> dict[str, int]:
    """Return the microseconds of each of WHOSE that has some, in its order."""
    sums = dict.fromkeys(WHOSE, 0)
    for step in found:
        sums[step.who] += step.own
    return {who: sum_ for who, sum_ in sums.items() if sum_}


@dataclass(frozen=True)
class Scale:
    """What a waterfall's bars are percent of: microseconds from `begin` on. `span` is at least 1."""

    begin: int
    span: int

    @classmethod
    def over(cls, found: Sequence[Step]) -> Scale:
        begin = min((step.at for step in found), default=0)
        return cls(begin, max(1, max((step.at + step.took for step in found), default=0) - begin))

    @property
    def end(self) -> int:
        return self.begin + self.span

    def marks(self) -> list[tuple[float, str]]:
        """Return where the axis has numbers, and which: in the unit in which there are few digits."""
        unit, divisor = next((unit, of) for unit, of in _UNITS if self.span >= of or of == 1)
        words = [(x, f"{value / divisor:,.9g}") for x, value in charts.axis_marks(self.begin, self.span)]
        if any(len(word) > _LONG for _, word in words):
            words = words[::2]
        return [(x, word if number else f"{word}\u00a0{unit}") for number, (x, word) in enumerate(words)]

    def piece(self, begin: float, end: float) -> Piece:
        """Return the bar between two times in microseconds, within the scale."""
        x = min(max(0.0, (begin - self.begin) * 100 / self.span), 100.0)
        until = min(max(x, (end - self.begin) * 100 / self.span), 100.0)
        return Piece(x, until - x)

    def whole(self, step: Step) -> Piece:
        return self.piece(step.row.at / 1000, (step.row.at + step.row.took) / 1000)

    def own(self, step: Step) -> list[Piece]:
        return [self.piece(begin / 1000, end / 1000) for begin, end in step.row.parts[:_MAX_PIECES]]

    def unsure(self, step: Step) -> Piece:
        """Return where the step may have ended."""
        end, unsure = step.row.at + step.row.took, step.span.unsure
        return self.piece((end - unsure) / 1000, (end + unsure) / 1000)


def indent(step: Step, outermost: Step) -> int:
    return min(max(0, step.row.depth - outermost.row.depth), _MAX_DEPTH)


@dataclass(frozen=True)
class Zoom:
    """A part of the waterfall. `steps` are empty if the trace has no such part."""

    name: str
    words: str
    steps: list[Step]


def zooms(found: list[Step]) -> list[Zoom]:
    """Return the parts of a waterfall that can be looked at by themselves, the whole first."""
    choices = [Zoom("all", "Whole", found), Zoom("gunicorn", "From gunicorn", _from(found, "gunicorn."))]
    choices.append(Zoom("wz", "wz only", _from(found, "wsgi")))
    return [zoom for number, zoom in enumerate(choices) if zoom.steps and (not number or zoom.steps[0] is not found[0])]


def _from(found: list[Step], prefix: str) -> list[Step]:
    """Return what began with the first step of that kind or later, but what nginx did."""
    first = next((step for step in found if step.span.step.startswith(prefix)), None)
    if first is None:
        return []
    return [step for step in found if step.row.at >= first.row.at and step.who not in ("nginx", "rest")]
