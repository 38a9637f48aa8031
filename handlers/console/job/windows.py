"""The picture of a job's windows over event time: those that are over, the one that ends next, and those behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.windows.jobs.outputs import StoredRow
from pipeline.windows.jobs.reports import JobStatus, WaitingWindow
from pipeline.windows.language.syntax import Hopping
from pipeline.windows.language.ticks import TICKS_PER_MINUTE, TICKS_PER_SECOND, isoformat, parse
from pipeline.windows.planning import nodes
from pipeline.windows.planning.nodes import Plan

#: Windows that are over, and are drawn.
DONE = 2

#: Rows that an output is asked for; fewer are all that it has.
ROWS = 500

_DAY = 24 * 60 * TICKS_PER_MINUTE
_STEPS = [each * TICKS_PER_SECOND for each in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800)]
_STEPS += [each * 60 * TICKS_PER_MINUTE for each in (1, 2, 3, 6, 12, 24, 48, 168, 336, 720, 8760)]


@dataclass(frozen=True)
class Bar:
    """A window: `x` and `width` in percent. `state` is done, next or open; `end` a UTC time."""

    x: float
    width: float
    state: str
    end: str
    label: str

    @property
    def is_right(self) -> bool:
        """Whether its label is to end with it, since there is no room behind it."""
        return self.x > 55


@dataclass(frozen=True)
class Picture:
    """`marks` are percent and text; `watermark` is in percent, None if it is far from these windows."""

    step: str
    length: Hopping
    bars: Sequence[Bar]
    marks: Sequence[tuple[float, str]]
    watermark: float | None
    watermark_text: str


def windowed_steps(plan: Plan) -> set[str]:
    """Return the steps of a query that have windows."""
    return {node.step for node in plan.nodes if isinstance(node, nodes.Window)}


def headline(plan: Plan | None, status: JobStatus | None) -> WaitingWindow | None:
    """Return the window that ends next, or what waits in a step without windows if none does."""
    waiting = [] if status is None else list(status.waiting)
    steps = windowed_steps(plan) if plan is not None else set()
    return next((each for each in waiting if each.step in steps), waiting[0] if waiting else None)


def picture(plan: Plan, status: JobStatus, rows: Sequence[StoredRow]) -> Picture | None:
    """Draw the windows of the step that ends next. `rows` are the newest of an output, newest first.

    None for a query without hopping or tumbling windows, or before anything has come.
    """
    lengths = {
        node.step: node.window
        for node in plan.nodes
        if isinstance(node, nodes.Window) and isinstance(node.window, Hopping)
    }
    waiting = [each for each in status.waiting if each.step in lengths]
    step = waiting[0].step if waiting else next(iter(lengths), None)
    if step is None or status.watermark is None:
        return None
    length = lengths[step]
    open_ = [each for each in waiting if each.step == step]
    done = _done(rows, parse(status.watermark), open_, length)
    ends = [end for end, _ in done] + [parse(each.end) for each in open_]
    if not ends:
        return None
    begin, end = min(ends) - length.duration, max(ends)
    span = end - begin

    def at(time: int) -> float:
        return (time - begin) * 100 / span

    def bar(its_end: int, state: str, label: str) -> Bar:
        width = at(its_end) - at(its_end - length.duration)
        return Bar(at(its_end - length.duration), width, state, isoformat(its_end), label)

    bars = [bar(its_end, "done", f"{count:,} row{'s' * (count != 1)}") for its_end, count in done]
    for number, each in enumerate(open_):
        count, word = (each.groups, "group") if each.groups else (each.events, "event")
        what = f"{count:,} {word}{'s' * (count != 1)}"
        label = f"{what} wait{'s' * (count == 1)}" if not number else f"{what} so far"
        bars.append(bar(parse(each.end), "open" if number else "next", label))
    watermark = at(parse(status.watermark))
    return Picture(
        step,
        length,
        bars,
        _marks(begin, span),
        watermark if 0 <= watermark <= 100 else None,
        clock_of(status.watermark, span),
    )


def _done(
    rows: Sequence[StoredRow], watermark: int, open_: Sequence[WaitingWindow], length: Hopping
) -> list[tuple[int, int]]:
    """Return end and number of rows of the last windows that are over; the oldest, which may be cut, is left out."""
    found = Counter(parse(row.window_end) for row in rows if row.window_end is not None)
    ends = sorted(end for end in found if end <= watermark)[-DONE - 1 :]
    if len(ends) == len(found) and len(rows) >= ROWS:
        ends = ends[1:]
    first = parse(open_[0].end) - length.duration if open_ else 0
    return [(end, found[end]) for end in ends[-DONE:] if end >= first - 2 * length.duration]


def _marks(begin: int, span: int) -> list[tuple[float, str]]:
    step = next((each for each in _STEPS if span / each <= 5), _STEPS[-1])
    first = -(-begin // step) * step
    return [
        ((time - begin) * 100 / span, clock_of(isoformat(time), span))
        for time in range(first, begin + span + 1, step)
        if (time - begin) / span < 0.96 or time == begin + span
    ][:7]


def clock_of(time: str, span: int) -> str:
    """Return a UTC time as an axis of `span` ticks shows it."""
    if span > 2 * _DAY:
        return time[5:16].replace("T", " ") if span < 14 * _DAY else time[:10]
    return time[11:16] if span >= 10 * TICKS_PER_MINUTE else time[11:19]
