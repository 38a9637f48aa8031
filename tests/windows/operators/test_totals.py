"""The totals of a queue of panes, compared with all rows of the window put together."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.windows.language.syntax import Call
from pipeline.windows.operators.aggregates import Aggregate
from pipeline.windows.operators.groups import Key, in_order, key_of
from pipeline.windows.operators.pane import Pane
from pipeline.windows.operators.totals import Totals
from pipeline.windows.row import Row

from ..support.operations import STAR, aggregate_of, call, column, constant, order_by

CALLS = (
    call("COUNT", STAR),
    call("MAX", column("v")),
    call("SUM", column("v")),
    call("TOPONE", column("v"), over=order_by("v")),
    call("COUNT", column("v"), distinct=True),
    call("COLLECT", column("v")),
    call("PERCENTILE_CONT", constant(0.5), over=order_by("v")),
)
KEYS = ("a", "b", "c", None, 1, True)


def pane_of(rows: Sequence[Row], aggregates: Sequence[Aggregate]) -> Pane:
    pane = Pane(len(aggregates))
    pane.fold(aggregates, [key_of([row.columns["k"]]) for row in rows], [each.item.many(rows) for each in aggregates])
    return pane


def totals_of(totals: Totals, aggregates: Sequence[Aggregate]) -> list[tuple[Any, ...]]:
    """Return (group, key's value, *results) of each group."""
    found: list[tuple[Any, ...]] = []
    for groups, values, partials in totals.totals():
        results = [each.results(column) for each, column in zip(aggregates, partials, strict=True)]
        found += zip(groups, *values, *results, strict=True)
    return found


def at_once(rows: Sequence[Row], aggregates: Sequence[Aggregate]) -> list[tuple[Any, ...]]:
    totals = Totals(1, aggregates)
    totals.push(pane_of(rows, aggregates))
    return totals_of(totals, aggregates)


panes_of_events = st.lists(
    st.lists(st.tuples(st.sampled_from(KEYS), st.one_of(st.none(), st.integers(0, 3))), max_size=6), max_size=14
)


@given(panes_of_events, st.integers(1, 8), st.data())
def test_the_totals_are_those_of_all_rows_in_the_window(
    events: list[list[tuple[Any, Any]]], most: int, data: st.DataObject
) -> None:
    aggregates = [aggregate_of(each) for each in CALLS]
    totals = Totals(1, aggregates)
    window: deque[tuple[list[Row], Pane, list[bytes]]] = deque()
    time = 0
    for some in events:
        rows = []
        for key, value in some:
            time += 1
            rows.append(Row({"k": key, "v": value}, time, (0, time, 0)))
        pane = pane_of(rows, aggregates)
        window.append((rows, pane, packed(pane, aggregates)))
        totals.push(pane)
        while len(window) > most:
            _, oldest, before = window.popleft()
            totals.pop()
            assert packed(oldest, aggregates) == before
        if data.draw(st.booleans()):
            expected = at_once([row for rows, *_ in window for row in rows], aggregates)
            assert totals_of(totals, aggregates) == expected
            assert [group for group, *_ in expected] == sorted({group for group, *_ in expected})
            assert bool(totals) == bool(expected)


def packed(pane: Pane, aggregates: Sequence[Aggregate]) -> list[bytes]:
    return [part for _, part in pane.packed(aggregates, 2)]


def counting(called: Call, merges: list[int]) -> Aggregate:
    """Return an aggregate that notes how many partial results each merge has."""
    aggregate = aggregate_of(called)
    merge = aggregate.merge

    def counted(column: list[Any], places: Sequence[int], partials: Sequence[Any]) -> None:
        merges.append(sum(partial is not None for partial in partials))
        merge(column, places, partials)

    aggregate.merge = counted  # type: ignore[method-assign, assignment]
    return aggregate


@pytest.mark.parametrize(("most", "limit"), [(1, 0), (2, 1), (3, 2), (24, 2), (1440, 2)])
def test_a_pane_of_a_group_costs_at_most_two_merges_however_many_there_are(most: int, limit: int) -> None:
    merges: list[int] = []
    aggregates = [counting(call("MAX", column("v")), merges)]
    totals = Totals(1, aggregates)
    pushed = 0
    for time in range(1, 3 * most + 20):
        keys = "abc"[: 1 + time % 3]
        pushed += len(keys)
        totals.push(pane_of([Row({"k": key, "v": time}, time, (0, time, 0)) for key in keys], aggregates))
        if time >= most:
            totals.pop()

    assert bool(totals) == (most > 1)
    assert sum(merges) <= limit * pushed


def test_groups_that_left_are_forgotten_when_they_are_many() -> None:
    """Of groups that never come back, only some more than the window has stay in memory."""
    aggregates = [aggregate_of(call("COUNT", STAR))]
    totals = Totals(1, aggregates)
    for number in range(50):
        keys: list[Key] = [f"{number}-{place}" for place in range(40)]
        pane = Pane(1)
        pane.fold(aggregates, keys, [[1] * 40])
        totals.push(pane)
        if number > 1:
            totals.pop()
        assert len(totals_of(totals, aggregates)) == 40 * min(number + 1, 2)

    assert len(totals._counts) <= 5 * 80
    assert len(totals._slots) <= 3 * 80 + 64


def test_a_group_comes_back_in_its_place() -> None:
    aggregates = [aggregate_of(call("COUNT", STAR))]
    totals = Totals(1, aggregates)
    for keys in (["b", "a"], ["c"], ["a", "b"]):
        pane = Pane(1)
        pane.fold(aggregates, list(keys), [[1] * len(keys)])
        totals.push(pane)
        found = [value for _, value, _ in totals_of(totals, aggregates)]
        assert found == in_order(keys)
        totals.pop()
        assert not totals
