"""Which TopOne() of a whole row keeps only what is read of it. That the rows are the same, test_engine.py shows."""

from __future__ import annotations

import pytest

from pipeline.windows.operators.aggregates import TopOne
from pipeline.windows.planning.narrowing import narrowed
from pipeline.windows.planning.nodes import Window
from pipeline.windows.planning.topology import topology

from ..support.run import planned, run

FIRST = (
    "WITH w AS (SELECT k, MAX(x) AS m, TopOne() OVER (ORDER BY x) AS r FROM i GROUP BY k, TumblingWindow(second, 9))"
)


@pytest.mark.parametrize(
    ("query", "is_whole"),
    [
        pytest.param(f"{FIRST} SELECT k, r.a AS a, r.b.c AS c INTO o FROM w", False, id="properties"),
        pytest.param(f"{FIRST} SELECT k, m INTO o FROM w WHERE r.a + 1 > m", False, id="in a condition"),
        pytest.param(f"{FIRST} SELECT r INTO o FROM w", True, id="the row itself"),
        pytest.param(f"{FIRST} SELECT r.a AS a, r.* INTO o FROM w", True, id="all of it"),
        pytest.param(f"{FIRST} SELECT r.a AS a INTO o FROM w WHERE r IS NULL", True, id="whether it is NULL"),
        pytest.param(f"{FIRST} SELECT m INTO o FROM w", True, id="nothing"),
        pytest.param(
            f"WITH s AS (SELECT k, x, a FROM i), {FIRST[5:].replace('FROM i', 'FROM s')} SELECT r.A AS a INTO o FROM w",
            True,
            id="rows of a step",
        ),
    ],
)
def test_what_is_kept_of_a_row(query: str, is_whole: bool) -> None:
    for plan in (planned(query), topology(planned(query), {}).plan):
        windows = [node for node in narrowed(plan).nodes if isinstance(node, Window)]
        assert len(windows) in (1, 2)
        for window in windows:
            assert [each.is_whole for each in window.aggregates if isinstance(each, TopOne)] == [is_whole]


def test_names_are_found_in_any_case_and_missing_ones_are_null() -> None:
    query = f"{FIRST} SELECT r.A AS one, r.a AS two, r.b.C AS three, r.z.z AS four INTO o FROM w"
    events = [(1, {"k": "x", "x": 1, "a": 5, "b": {"c": 7}}), (2, {"k": "y", "x": 1, "A": 6, "a": 8})]

    (first, second) = [columns for _, columns in run(query, events)["o"]]

    assert first == {"one": 5, "two": 5, "three": 7, "four": None}
    assert second == {"one": 6, "two": 8, "three": None, "four": None}
