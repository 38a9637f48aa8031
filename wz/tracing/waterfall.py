"""A trace as a waterfall: which span lies within which, and whose time each nanosecond was.

Both the terminal and the page are drawn from `rows`. Every moment between the first and the last that is known of the
request belongs to one row, the innermost span that covers it, so the rows' own times add up to the whole exactly.
"""

from __future__ import annotations

import heapq
from itertools import pairwise

import msgspec

from .spans import Span, Trace, Who


class Row(msgspec.Struct, frozen=True):
    """One span in the waterfall. Times are nanoseconds; `at` and `parts` count from the trace's beginning.

    `took` is all of its time, `own` what is left of it without the spans inside, and `parts` the pieces of `own`, each
    with its begin and its end, in order.
    """

    depth: int
    span: Span
    at: int
    took: int
    own: int
    parts: list[tuple[int, int]]


def rows(trace: Trace) -> list[Row]:
    """Return the spans in the order in which they began, each below the one that it lies within.

    Where two overlap and neither lies within the other, the later one has the time that both cover. A span that is
    `unsure` of its times may hold one that sticks out by no more than that. If moments are covered by no span, the
    first row is one that covers all, with `step` "rest".
    """
    spans = _sorted(trace.spans)
    if not spans:
        return []
    begin, end = spans[0].begin, max(_end(span) for span in spans)
    if _gap(spans):
        spans.insert(0, Span("rest", "time that no step covers", "rest", begin, end))
    depths = _depths(spans)
    pieces = _pieces(spans, depths)
    return [
        Row(depth, span, span.begin - begin, _end(span) - span.begin, sum(b - a for a, b in own), own)
        for depth, span, own in zip(
            depths, spans, [[(a - begin, b - begin) for a, b in piece] for piece in pieces], strict=True
        )
    ]


def shares(waterfall: list[Row]) -> dict[Who, int]:
    """Return how many nanoseconds of the whole were whose, in the order in which they first appear."""
    found: dict[Who, int] = {}
    for row in waterfall:
        found[row.span.who] = found.get(row.span.who, 0) + row.own
    return {who: took for who, took in found.items() if took}


def _end(span: Span) -> int:
    """A step of the clock may let a span end before it began: then it took no time."""
    return max(span.begin, span.end)


def _sorted(spans: list[Span]) -> list[Span]:
    """Outer ones first. Of two with the same times the one that was noted later is the outer: it was left later."""
    numbered = sorted(enumerate(spans), key=lambda pair: (pair[1].begin, -_end(pair[1]), -pair[0]))
    return [span for _number, span in numbered]


def _gap(spans: list[Span]) -> bool:
    until = spans[0].begin
    for span in spans:
        if span.begin > until:
            return True
        until = max(until, _end(span))
    return False


def _depths(spans: list[Span]) -> list[int]:
    """How many spans each lies within."""
    depths: list[int] = []
    open_spans: list[tuple[Span, int]] = []  # that have not ended when the next begins, the innermost last
    for span in spans:
        open_spans = [(outer, depth) for outer, depth in open_spans if _end(outer) + outer.unsure >= span.begin]
        holding = [depth for outer, depth in open_spans if _end(span) <= _end(outer)]
        nearly = [
            depth
            for outer, depth in open_spans
            if span.begin < _end(outer) and _end(span) <= _end(outer) + outer.unsure
        ]
        depth = max(holding or nearly[:1], default=-1) + 1
        depths.append(depth)
        open_spans.append((span, depth))
    return depths


def _pieces(spans: list[Span], depths: list[int]) -> list[list[tuple[int, int]]]:
    """Give each moment to the deepest span that covers it, of two equally deep ones to the later."""
    pieces: list[list[tuple[int, int]]] = [[] for _ in spans]
    times = sorted({time for span in spans for time in (span.begin, _end(span))})
    covering: list[tuple[int, int]] = []  # a heap of (-depth, -number); those that have ended are dropped when met
    following = 0
    for begin, end in pairwise(times):
        while following < len(spans) and spans[following].begin <= begin:
            heapq.heappush(covering, (-depths[following], -following))
            following += 1
        while _end(spans[-covering[0][1]]) <= begin:
            heapq.heappop(covering)
        own = pieces[-covering[0][1]]
        if own and own[-1][1] == begin:
            own[-1] = own[-1][0], end
        else:
            own.append((begin, end))
    return pieces
