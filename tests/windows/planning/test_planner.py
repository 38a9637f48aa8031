from __future__ import annotations

from typing import Any

import pytest

from pipeline.windows.language.parser import parse
from pipeline.windows.planning.nodes import Analytic, Input, Node, Select, Union, Window
from pipeline.windows.planning.planner import plan

from ..support.run import Event, planned, run

# The graph


def kinds(query: str) -> list[type[Node]]:
    return [type(node) for node in planned(query).nodes]


def test_statements_share_the_step_that_they_read() -> None:
    made = kinds(
        "WITH s AS (SELECT k, COUNT(*) AS n FROM I GROUP BY k, TumblingWindow(second, 5)) "
        "SELECT k INTO a FROM s SELECT n INTO b FROM s WHERE n > 1"
    )

    assert made.count(Input) == made.count(Window) == 1


def test_a_step_that_nothing_reads_is_left_out() -> None:
    made = planned("WITH s AS (SELECT COUNT(*) AS n FROM J GROUP BY TumblingWindow(second, 5)) SELECT * FROM I")

    assert made.inputs == ("I",)
    assert len(made.streams) == 1


def test_an_input_with_two_ideas_of_its_time_is_two_streams() -> None:
    made = planned("SELECT * INTO a FROM I SELECT * INTO b FROM i TIMESTAMP BY t SELECT * INTO c FROM I TIMESTAMP BY T")

    assert made.inputs == ("I",)
    assert [stream.timestamp is None for stream in made.streams] == [True, False]


def test_reference_data_has_one_name_however_it_is_written() -> None:
    made = planned("SELECT a.x FROM A a JOIN R ON a.k = R.k JOIN r AS s ON a.k = s.j", {"R"})

    assert made.references == ("R",)


def test_each_of_several_windows_is_a_node() -> None:
    made = kinds(
        "SELECT System.Window().Id AS w, COUNT(*) AS n FROM I "
        "GROUP BY Windows(Window('a', TumblingWindow(second, 5)), Window('b', SlidingWindow(second, 5)))"
    )

    assert (made.count(Window), made.count(Union)) == (2, 1)


def test_an_aggregate_that_is_written_twice_is_computed_once() -> None:
    made = planned(
        "SELECT SUM(x) / COUNT(*) AS mean, SUM(I.X) AS sum FROM I "
        "GROUP BY TumblingWindow(second, 5) HAVING COUNT(*) > 1 AND sum > 2"
    )
    (window,) = (node for node in made.nodes if isinstance(node, Window))

    assert [call.function for call in window.calls] == ["SUM", "COUNT"]


def test_an_analytic_call_that_is_written_twice_is_computed_once() -> None:
    made = planned(
        "SELECT LAG(x) OVER (LIMIT DURATION(second, 5)) AS a, "
        "1 + LAG(i.X) OVER (LIMIT DURATION(second, 5)) AS b FROM I i"
    )
    (node,) = (node for node in made.nodes if isinstance(node, Analytic))

    assert len(node.calls) == 1


def test_two_selects_that_name_columns_become_one() -> None:
    made = kinds("WITH s AS (SELECT a AS b FROM I WHERE a > 1) SELECT b + 1 AS c FROM s")

    assert made.count(Select) == 1


def test_two_conditions_are_asked_one_after_the_other() -> None:
    made = kinds("WITH s AS (SELECT a AS b FROM I WHERE a > 1) SELECT b FROM s WHERE 1 / b < 5")

    assert made.count(Select) == 2


def test_a_step_whose_columns_may_fail_stays_by_itself() -> None:
    made = kinds("WITH s AS (SELECT a AS b, 1 / d AS e FROM I) SELECT b FROM s")

    assert made.count(Select) == 2


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        pytest.param("SELECT * FROM I", 0, id="no state"),
        pytest.param("SELECT COUNT(*) AS n FROM I GROUP BY HoppingWindow(second, 10, 5)", 10, id="window"),
        pytest.param("SELECT COUNT(*) AS n FROM I GROUP BY SessionWindow(second, 5, 10)", 25, id="session"),
        pytest.param(
            "WITH s AS (SELECT LAG(x) OVER (LIMIT DURATION(second, 7)) AS x FROM I) "
            "SELECT COUNT(*) AS n FROM s GROUP BY TumblingWindow(second, 10)",
            17,
            id="a window over LAG",
        ),
        pytest.param("SELECT x FROM I WHERE ISFIRST(minute, 2) = 1", 120, id="first of an interval"),
    ],
)
def test_how_far_back_an_input_matters(query: str, seconds: int) -> None:
    assert planned(query).span == seconds * 10_000_000


def test_the_names_that_rows_are_made_with_are_all_of_the_query() -> None:
    names = plan(parse("SELECT a.b AS c, I.* FROM I WHERE D = 1")).names

    assert names.mapping({"d": 1}).get("D") == 1


# Names, run


@pytest.mark.parametrize(
    ("query", "row"),
    [
        pytest.param("SELECT X, i.Rec.A FROM I i", {"X": 1, "A": 2}, id="whatever the case"),
        pytest.param("SELECT rec.* FROM I", {"a": 2, "x": 3}, id="a record's star"),
        pytest.param("SELECT x, rec.* FROM I", {"x": 1, "a": 2}, id="left wins over a star"),
        pytest.param("SELECT rec.*, x FROM I", {"a": 2, "x": 3}, id="a star wins over what is right of it"),
        pytest.param("SELECT y = x, I.* FROM I", {"y": 1, "x": 1, "rec": {"a": 2, "x": 3}}, id="a source's star"),
        pytest.param("SELECT System.Window().Id AS w FROM I", {"w": None}, id="no window"),
        pytest.param(
            "WITH s AS (SELECT rec AS r FROM I) SELECT r.a, R.none FROM s", {"a": 2, "none": None}, id="in a step"
        ),
        pytest.param(
            "WITH s AS (SELECT *, rec.a AS A FROM I) SELECT a, REC FROM s",
            {"a": 2, "REC": {"a": 2, "x": 3}},
            id="beside a star",
        ),
    ],
)
def test_what_a_name_means(query: str, row: dict[str, Any]) -> None:
    events: list[Event] = [(1, {"x": 1, "rec": {"a": 2, "x": 3}})]

    assert run(query, events)["output"] == [(1, row)]
