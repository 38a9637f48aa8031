"""Both ways to compute the totals of panes, compared with each other."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.windows.operators.aggregates import SideBySide
from pipeline.windows.operators.codec import pack
from pipeline.windows.operators.groups import Key, in_order, key_of
from pipeline.windows.operators.totals import FEW, MergedAnew, Pane, RolledUp, totals_of_panes
from pipeline.windows.row import Row

from ..support.operations import STAR, aggregate_of, call, column, constant, order_by

CALLS = (
    call("COUNT", STAR),
    call("MAX", column("v")),
    call("TOPONE", column("v"), over=order_by("v")),
    call("COUNT", column("v"), distinct=True),
    call("COLLECT", column("v")),
    call("PERCENTILE_CONT", constant(0.5), over=order_by("v")),
)
KEYS = ("a", "b", "c", None, 1, True)


def pane_of(rows: list[Row], sides: SideBySide) -> Pane:
    pane: Pane = {}
    for row in rows:
        key = key_of([row.columns["k"]])
        if key in pane:
            sides.add(pane[key], sides.items_of(row))
        else:
            pane[key] = sides.start(sides.items_of(row))
    return pane


def results(totals: Any, sides: SideBySide) -> list[tuple[Key, list[Any]]]:
    return [(key, sides.results((), partials)) for key, partials in totals]


panes_of_events = st.lists(
    st.lists(st.tuples(st.sampled_from(KEYS), st.one_of(st.none(), st.integers(0, 3))), max_size=6), max_size=14
)


@given(panes_of_events, st.integers(1, 8), st.data())
def test_merging_anew_and_roll_ups_are_the_same(
    events: list[list[tuple[Any, Any]]], most: int, data: st.DataObject
) -> None:
    sides = SideBySide([aggregate_of(each) for each in CALLS])
    merged, rolled_up = MergedAnew(sides), RolledUp(sides)
    window: deque[tuple[list[Row], Pane]] = deque()
    time = 0
    for some in events:
        rows = []
        for key, value in some:
            time += 1
            rows.append(Row({"k": key, "v": value}, time, (0, time, 0)))
        pane = pane_of(rows, sides)
        before = pack(list(pane.items()))
        window.append((rows, pane))
        for totals in (merged, rolled_up):
            totals.push(pane)
        while len(window) > most:
            _, oldest = window.popleft()
            for totals in (merged, rolled_up):
                totals.pop(oldest)
        if data.draw(st.booleans()):
            at_once = pane_of([row for rows, _ in window for row in rows], sides)
            expected = results(((key, at_once[key]) for key in in_order(at_once)), sides)
            assert results(merged.totals(), sides) == results(rolled_up.totals(), sides) == expected
            assert bool(merged) == bool(rolled_up) == bool(expected)
        assert pack(list(pane.items())) == before


@pytest.mark.parametrize(("count", "way"), [(1, MergedAnew), (FEW, MergedAnew), (FEW + 1, RolledUp), (1440, RolledUp)])
def test_few_panes_are_merged_anew(count: int, way: type) -> None:
    assert type(totals_of_panes(count, SideBySide([]))) is way


def test_groups_are_forgotten_with_their_panes() -> None:
    sides = SideBySide([aggregate_of(call("COUNT", STAR))])
    for totals in (MergedAnew(sides), RolledUp(sides)):
        pane: Pane = {"a": [1]}
        totals.push(pane)
        assert totals
        totals.pop(pane)
        assert not totals
        totals.push({"b": [2]})
        assert list(totals.totals()) == [("b", [2])]
