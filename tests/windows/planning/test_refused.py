"""Queries that can be read, and mean nothing."""

from __future__ import annotations

import pytest

from pipeline.windows.language.tokens import QueryError

from ..support.run import planned

#: What is wrong -> a query, and what the error says.
REFUSED = {
    "unknown column": ("WITH s AS (SELECT y FROM Input) SELECT x FROM s", "s has no column x; it has y"),
    "unknown, with its source": ("WITH s AS (SELECT y, z FROM Input) SELECT s.x FROM s", "it has y, z"),
    "later step": ("WITH a AS (SELECT * FROM b), b AS (SELECT * FROM Input) SELECT * FROM b", "b must come before"),
    "step that reads itself": ("WITH a AS (SELECT * FROM a) SELECT * FROM a", "a must come before"),
    "step twice": ("WITH a AS (SELECT * FROM I), A AS (SELECT * FROM I) SELECT * FROM a", "the step A stands twice"),
    "time of a step": (
        "WITH a AS (SELECT * FROM I) SELECT * FROM a TIMESTAMP BY t",
        "TIMESTAMP BY is for inputs, and a is a step",
    ),
    "column twice": ("SELECT x, y AS X FROM I", "the column X stands twice"),
    "output twice": ("SELECT * INTO o FROM I SELECT * INTO O FROM I", "the output O stands twice"),
    "aggregate without window": ("SELECT SUM(x) AS s FROM I", "SUM can't stand here: it needs GROUP BY"),
    "aggregate in WHERE": ("SELECT x FROM I WHERE COUNT(*) > 1", "COUNT can't stand here"),
    "aggregate in an aggregate": (
        "SELECT MAX(SUM(x)) AS m FROM I GROUP BY TumblingWindow(second, 1)",
        "SUM can't stand here",
    ),
    "neither key nor aggregate": (
        "SELECT x, COUNT(*) AS n FROM I GROUP BY TumblingWindow(second, 1)",
        "x must be in GROUP BY or in an aggregate",
    ),
    "neither, in HAVING": (
        "SELECT n = COUNT(*) FROM I GROUP BY x, TumblingWindow(second, 1) HAVING y > 1",
        "y must be in GROUP BY",
    ),
    "an alias in an aggregate, in HAVING": (
        "WITH s AS (SELECT k FROM I) SELECT k AS x FROM s GROUP BY k, TumblingWindow(second, 1) HAVING SUM(x) > 1",
        "s has no column x",
    ),
    "star with GROUP BY": (
        "SELECT * FROM I GROUP BY x, TumblingWindow(second, 1)",
        "SELECT * can't stand with GROUP BY",
    ),
    "an alias is no key": (
        "WITH s AS (SELECT x FROM I) SELECT x AS y, COUNT(*) AS n FROM s GROUP BY y, TumblingWindow(second, 1)",
        "s has no column y",
    ),
    "window id as a key": (
        "SELECT COUNT(*) AS n FROM I GROUP BY System.Window().Id, TumblingWindow(second, 1)",
        "only in SELECT",
    ),
    "which of two times": (
        "SELECT System.Timestamp() AS t FROM I GROUP BY System.Timestamp(), TumblingWindow(second, 1)",
        "is a key here, and the end of the window",
    ),
    "OVER of a plain function": ("SELECT LEN(x) OVER (PARTITION BY y) AS n FROM I", "LEN takes no OVER"),
    "OVER of an unsupported function": (
        "SELECT AnomalyDetection_SpikeAndDip(x, 95, 120) OVER (LIMIT DURATION(second, 120)) AS a FROM I",
        "not supported",
    ),
    "LAG of LAG": (
        "SELECT LAG(LAG(x) OVER (LIMIT DURATION(second, 1))) OVER (LIMIT DURATION(second, 1)) AS y FROM I",
        "LAG can't stand inside another",
    ),
    "unknown function": ("SELECT Nonsense(x) AS y FROM I", "no function NONSENSE"),
    "JOIN without bounds": ("SELECT a.x AS x FROM A a JOIN B b ON a.k = b.k", "needs bounds in time on both sides"),
    "JOIN bounded on one side": (
        "SELECT a.x AS x FROM A a JOIN B b ON a.k = b.k AND DATEDIFF(second, a, b) < 5",
        "on both sides",
    ),
    "JOIN bounded by columns": (
        "SELECT a.x AS x FROM A a JOIN B b ON DATEDIFF(second, a.t, b.t) BETWEEN 0 AND 5",
        "on both sides",
    ),
    "JOIN of more than a week": ("SELECT a.x AS x FROM A a JOIN B b ON DATEDIFF(day, a, b) BETWEEN 0 AND 8", "7 days"),
    "JOIN by months": ("SELECT a.x AS x FROM A a JOIN B b ON DATEDIFF(month, a, b) BETWEEN 0 AND 1", "7 days"),
    "star with JOIN": (
        "SELECT * FROM A a JOIN B b ON DATEDIFF(second, a, b) BETWEEN 0 AND 5",
        "SELECT * can't stand with JOIN: write a.*, b.*",
    ),
    "column of either": (
        "SELECT x FROM A a JOIN B b ON DATEDIFF(second, a, b) BETWEEN 0 AND 5",
        "whose column is x? Write a.x or b.x",
    ),
    "one name for two": (
        "SELECT x FROM A JOIN A ON DATEDIFF(second, A, A) BETWEEN 0 AND 5",
        "the source A stands twice",
    ),
    "whole row of a JOIN": (
        "SELECT TopOne() OVER (ORDER BY a.x) AS x FROM A a JOIN B b ON DATEDIFF(second, a, b) BETWEEN 0 AND 5 "
        "GROUP BY TumblingWindow(second, 5)",
        "takes a whole row",
    ),
    "JOIN over partitions": (
        "SELECT a.x AS x FROM A a PARTITION BY k JOIN B b ON a.x = b.x AND DATEDIFF(second, a, b) BETWEEN 0 AND 5",
        "joined on these columns, too",
    ),
    "LAG of a later source": (
        "SELECT a.x AS x FROM A a JOIN B b ON LAG(c.x) OVER (LIMIT DURATION(second, 1)) = b.x "
        "AND DATEDIFF(second, a, b) BETWEEN 0 AND 5 JOIN C c ON DATEDIFF(second, a, c) BETWEEN 0 AND 5",
        "LAG is about c, which is joined after this",
    ),
    "LAG of two sources": (
        "SELECT LAG(a.x + b.x) OVER (LIMIT DURATION(second, 1)) AS x FROM A a JOIN B b "
        "ON DATEDIFF(second, a, b) BETWEEN 0 AND 5",
        "one source",
    ),
    "UNION of other columns": ("SELECT x FROM A UNION SELECT y FROM B", "the same columns"),
    "UNION in another order": ("SELECT x, y FROM A UNION SELECT y, x FROM B", "in one order"),
    "OVER without GROUP BY": (
        "SELECT COUNT(*) AS n FROM A TIMESTAMP BY t OVER k GROUP BY TumblingWindow(second, 5)",
        "k must be in the GROUP BY",
    ),
    "OVER for one input": (
        "SELECT x FROM A TIMESTAMP BY t OVER k UNION SELECT x FROM B",
        "for all inputs, or for none",
    ),
}


@pytest.mark.parametrize(("query", "message"), REFUSED.values(), ids=REFUSED)
def test_what_has_no_meaning_is_refused(query: str, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        planned(query)

    assert message in caught.value.message


def test_an_error_says_where() -> None:
    with pytest.raises(QueryError, match=r"^3:3: s has no column x; it has y$"):
        planned("WITH s AS (SELECT y FROM I)\nSELECT y,\n  x FROM s")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        pytest.param("SELECT x FROM R", "R is reference data: it can be joined", id="rows of it"),
        pytest.param("SELECT i.x AS x FROM I i JOIN R r TIMESTAMP BY t ON i.k = r.k", "TIMESTAMP BY", id="its time"),
        pytest.param(
            "SELECT i.x AS x FROM I i JOIN R r ON i.k = r.k AND DATEDIFF(second, i, r) BETWEEN 0 AND 1",
            "it has no time",
            id="bounds",
        ),
    ],
)
def test_what_reference_data_can_not_do(query: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        planned(query, {"R"})
