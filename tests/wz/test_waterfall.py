"""The rows of a trace: nested by time, and their own times add up to the whole."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from wz.tracing import Change, Span, Trace
from wz.tracing.text import WIDTH, draw
from wz.tracing.waterfall import rows, shares


def trace_of(*spans: Span) -> Trace:
    return Trace("id", "GET", "/", 200, "/", 0, 1, "main", spans=list(spans))


def span(name: str, begin: int, end: int, unsure: int = 0) -> Span:
    return Span(
        "redis" if name.startswith("r") else "view",
        name,
        "redis" if name[0] == "r" else "wz",
        begin,
        end,
        unsure=unsure,
    )


def drawn(*spans: Span) -> list[tuple[str, int, int]]:
    return [(row.span.name, row.depth, row.own) for row in rows(trace_of(*spans))]


def test_what_lies_within_another_is_below_it_and_not_in_its_own_time() -> None:
    found = rows(trace_of(span("r", 130, 150), span("view", 120, 160), span("app", 100, 200)))

    assert [(row.span.name, row.depth, row.at, row.took, row.own) for row in found] == [
        ("app", 0, 0, 100, 60),
        ("view", 1, 20, 40, 20),
        ("r", 2, 30, 20, 20),
    ]
    assert [row.parts for row in found] == [[(0, 20), (60, 100)], [(20, 30), (50, 60)], [(30, 50)]]
    assert shares(found) == {"wz": 80, "redis": 20}


def test_of_two_with_the_same_times_the_one_noted_later_is_the_outer() -> None:
    assert drawn(span("inner", 10, 20), span("outer", 10, 20)) == [("outer", 0, 0), ("inner", 1, 10)]


def test_where_two_overlap_the_later_one_has_the_time() -> None:
    assert drawn(span("a", 0, 10), span("b", 5, 15)) == [("a", 0, 5), ("b", 0, 10)]


def test_time_that_no_step_covers_is_shown_as_that() -> None:
    assert drawn(span("a", 0, 10), span("b", 14, 20)) == [("time that no step covers", 0, 4), ("a", 1, 10), ("b", 1, 6)]


def test_a_span_that_is_unsure_holds_what_sticks_out_by_no_more() -> None:
    """nginx counts milliseconds: what it passes on may seem to end after its own end."""
    assert drawn(span("nginx", 0, 20, unsure=10), span("call", 12, 25)) == [("nginx", 0, 12), ("call", 1, 13)]
    assert drawn(span("nginx", 0, 20, unsure=4), span("call", 12, 25)) == [("nginx", 0, 12), ("call", 0, 13)]


def test_a_step_of_the_clock_takes_no_negative_time() -> None:
    assert drawn(span("a", 10, 5), span("b", 10, 20)) == [("b", 0, 10), ("a", 1, 0)]


def test_a_trace_without_spans_has_no_rows() -> None:
    assert rows(trace_of()) == []
    assert shares([]) == {}


times = st.integers(0, 40)
any_span = st.builds(lambda a, b, unsure: span("x", a, b, unsure), times, times, st.integers(0, 3))


@given(st.lists(any_span, min_size=1, max_size=30))
def test_own_times_add_up_to_the_whole_whatever_the_spans(spans: list[Span]) -> None:
    found = rows(trace_of(*spans))
    begin = min(one.begin for one in spans)
    whole = max(max(one.begin, one.end) for one in spans) - begin

    assert sum(row.own for row in found) == sum(shares(found).values()) == whole
    pieces = sorted(part for row in found for part in row.parts)
    assert all(a < b for a, b in pieces)
    assert all(first[1] == second[0] for first, second in pairwise(pieces))
    for row in found:
        assert row.own == sum(b - a for a, b in row.parts)
        assert all(row.at <= a and b <= row.at + row.took for a, b in row.parts)
    draw(trace_of(*spans))


@st.composite
def nested(draw_from: st.DrawFn, begin: int = 0, end: int = 1000, depth: int = 0) -> list[tuple[int, int, int]]:
    """Spans as one thread makes them: depth, begin and end; each lies within the one that called it."""
    found = [(depth, begin, end)]
    at = begin + 1
    while depth < 4 and at < end - 2 and draw_from(st.booleans()):
        first = draw_from(st.integers(at, end - 2))
        last = draw_from(st.integers(first + 1, end - 1))
        found += draw_from(nested(first, last, depth + 1))
        at = last + 1
    return found


@given(nested())
def test_spans_that_one_thread_made_are_nested_as_they_were(spans: list[tuple[int, int, int]]) -> None:
    found = rows(trace_of(*(span("x", begin, end) for _depth, begin, end in reversed(spans))))

    assert [(row.depth, row.at, row.at + row.took) for row in found] == spans


def test_what_a_step_says_of_itself_is_shown_whole_and_a_value_is_cut() -> None:
    step = span("match", 0, 10)
    step.detail = " ".join(["308 by Werkzeug's Map: Map merges slashes"] * 3)
    step.changes.append(Change("header", "Location", None, "x" * WIDTH))

    lines = draw(trace_of(step)).splitlines()
    assert step.detail in " ".join(" ".join(lines).split())
    assert [line for line in lines if line.endswith("…")] == [line for line in lines if "Location" in line]
    assert max(map(len, lines)) == WIDTH
