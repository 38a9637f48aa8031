"""Queries that can be parsed, but have no meaning."""

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
    "step twice": ("WITH a AS (SELECT * FROM I), A AS (SELECT * FROM I) SELECT * FROM a", "two steps are called A"),
    "time of a step": (
        "WITH a AS (SELECT * FROM I) SELECT * FROM a TIMESTAMP BY t",
        "TIMESTAMP BY is for inputs, and a is a step",
    ),
    "a time of what APPLY makes": (
        "SELECT x.ArrayValue AS v FROM I TIMESTAMP BY x.t CROSS APPLY GetArrayElements(a) AS x",
        "x.t can't be used here: only columns of I are known before",
    ),
    "a partition of the other side": (
        "SELECT a.x FROM a PARTITION BY b.k JOIN b PARTITION BY b.k ON a.k = b.k AND DATEDIFF(s, a, b) BETWEEN 0 AND 1",
        "b.k can't be used here: only columns of a are known before",
    ),
    "column twice": ("SELECT x, y AS X FROM I", "two columns are called X: give one"),
    "unnamed columns of one function": ("SELECT ABS(x), ABS(y) FROM I", "two columns are called abs: give one another"),
    "a step called like an input before": (
        "SELECT * INTO o FROM s WITH s AS (SELECT * FROM I) SELECT * FROM s",
        "s is read as an input before: give the step another name",
    ),
    "a step two statements before its own": (
        "SELECT * INTO o FROM I WITH s AS (SELECT * FROM I) SELECT * INTO p FROM s WITH S AS (SELECT * FROM I) "
        "SELECT * FROM s",
        "two steps are called S",
    ),
    "a text in double quotes": (
        'SELECT * FROM I WHERE state = "WA"',
        "\"WA\" is a name: write 'WA' for a text, or [WA]",
    ),
    "an apostrophe in double quotes": ('SELECT * FROM I WHERE x IN (1, "it\'s")', "write 'it''s' for a text"),
    "a pattern in double quotes": ('SELECT * FROM I WHERE x LIKE "a%"', "write 'a%' for a text"),
    "a text in double quotes, in a step's rows": (
        'WITH s AS (SELECT x FROM I) SELECT x FROM s WHERE CASE WHEN x = "y" THEN 1 END = 1',
        "write 'y' for a text",
    ),
    "aggregate without window": ("SELECT SUM(x) AS s FROM I", "SUM is not allowed here: it needs GROUP BY"),
    "aggregate in WHERE": ("SELECT x FROM I WHERE COUNT(*) > 1", "COUNT is not allowed here"),
    "aggregate in an aggregate": (
        "SELECT MAX(SUM(x)) AS m FROM I GROUP BY TumblingWindow(second, 1)",
        "SUM is not allowed here",
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
        "SELECT * is not allowed with GROUP BY",
    ),
    "an alias is not a key": (
        "WITH s AS (SELECT x FROM I) SELECT x AS y, COUNT(*) AS n FROM s GROUP BY y, TumblingWindow(second, 1)",
        "s has no column y",
    ),
    "window id as a key": (
        "SELECT COUNT(*) AS n FROM I GROUP BY System.Window().Id, TumblingWindow(second, 1)",
        "only in SELECT",
    ),
    "which of two times": (
        "SELECT System.Timestamp() AS t FROM I GROUP BY System.Timestamp(), TumblingWindow(second, 1)",
        "would be both a key and the end of the window here",
    ),
    "OVER of a plain function": ("SELECT LEN(x) OVER (PARTITION BY y) AS n FROM I", "LEN takes no OVER"),
    "OVER of an unsupported function": (
        "SELECT AnomalyDetection_SpikeAndDip(x, 95, 120) OVER (LIMIT DURATION(second, 120)) AS a FROM I",
        "not supported",
    ),
    "LAG of LAG": (
        "SELECT LAG(LAG(x) OVER (LIMIT DURATION(second, 1))) OVER (LIMIT DURATION(second, 1)) AS y FROM I",
        "LAG is not allowed here, or inside another",
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
        "SELECT * is not allowed with JOIN: write a.*, b.*",
    ),
    "column of either": (
        "SELECT x FROM A a JOIN B b ON DATEDIFF(second, a, b) BETWEEN 0 AND 5",
        "several sources may have x: write a.x or b.x",
    ),
    "one name for two": (
        "SELECT x FROM A JOIN A ON DATEDIFF(second, A, A) BETWEEN 0 AND 5",
        "two sources are called A: give one",
    ),
    "whole row of a JOIN": (
        "SELECT TopOne() OVER (ORDER BY a.x) AS x FROM A a JOIN B b ON DATEDIFF(second, a, b) BETWEEN 0 AND 5 "
        "GROUP BY TumblingWindow(second, 5)",
        "takes a whole row",
    ),
    "JOIN over partitions": (
        "SELECT a.x AS x FROM A a PARTITION BY k JOIN B b ON a.x = b.x AND DATEDIFF(second, a, b) BETWEEN 0 AND 5",
        "joined on these columns as well",
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
    "UNION in another order": ("SELECT x, y FROM A UNION SELECT y, x FROM B", "in the same order"),
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


def grouped(item: str, window: str = "TumblingWindow(second, 10)") -> str:
    return f"SELECT\n {item} AS g FROM i TIMESTAMP BY t\nGROUP BY {window}"


@pytest.mark.parametrize(
    ("query", "error"),
    [
        pytest.param(grouped("SUMM(a)"), "2:2: there is no function SUMM; did you mean SUM?", id="an aggregate"),
        pytest.param(grouped("1 + AVGG(a)"), "2:6: there is no function AVGG; did you mean AVG?", id="inside"),
        pytest.param(
            grouped("SUM(ABSS(a))"), "2:6: there is no function ABSS; did you mean ABS?", id="in an aggregate"
        ),
        pytest.param(
            grouped("MEDIAN(a)"),
            "2:2: there is no function MEDIAN: write PERCENTILE_CONT(0.5) OVER (ORDER BY ...)",
            id="another SQL's",
        ),
        pytest.param(
            grouped("Conut(*)"), "2:2: there is no function CONUT; did you mean COUNT or CONCAT?", id="with a star"
        ),
        pytest.param(
            grouped("COUNTT(DISTINCT a)"), "2:2: there is no function COUNTT; did you mean COUNT?", id="DISTINCT"
        ),
        pytest.param(
            grouped("TopOn() OVER (ORDER BY a)"), "2:2: there is no function TOPON; did you mean TopOne?", id="ordered"
        ),
        pytest.param(
            grouped("CollectTopp(3) OVER (ORDER BY a)"),
            "2:2: there is no function COLLECTTOPP; did you mean CollectTop?",
            id="with a number first",
        ),
        pytest.param(grouped("b"), "2:2: b must be in GROUP BY or in an aggregate", id="a column is a column"),
        pytest.param(
            "SELECT\n LAGG(a) OVER (LIMIT DURATION(second, 1)) AS g FROM i",
            "2:2: there is no function LAGG; did you mean LAG?",
            id="an analytic function",
        ),
        pytest.param(
            "SELECT ISFRST(minute, 1) AS g FROM i",
            "1:8: there is no function ISFRST; did you mean ISFIRST?",
            id="ISFIRST",
        ),
        pytest.param(
            "SELECT DATEADDD(minute, 1, t) AS g FROM i",
            "1:8: there is no function DATEADDD; did you mean DATEADD?",
            id="with a unit",
        ),
        pytest.param(
            "SELECT CASTT(a AS bigint) AS g FROM i", "1:8: there is no function CASTT; did you mean CAST?", id="a cast"
        ),
        pytest.param(
            "SELECT System.Timestmp() AS g FROM i",
            "1:8: there is no function SYSTEM.TIMESTMP; did you mean System.Timestamp?",
            id="the time",
        ),
        pytest.param(
            "SELECT a FROM i WHERE LENN(a) > 1", "1:23: there is no function LENN; did you mean LEN?", id="WHERE"
        ),
        pytest.param(
            grouped("COUNT(*)", "LENN(a), TumblingWindow(second, 1)"),
            "3:10: there is no function LENN; did you mean LEN?",
            id="a key",
        ),
        pytest.param(
            grouped("COUNT(*)") + " HAVING\n SUMM(a) > 1",
            "4:2: there is no function SUMM; did you mean SUM?",
            id="HAVING",
        ),
        pytest.param(
            "SELECT a FROM i TIMESTAMP BY DATEADDD(s, a, b)",
            "1:30: there is no function DATEADDD; did you mean DATEADD?",
            id="TIMESTAMP BY",
        ),
        pytest.param(
            "SELECT a.x FROM a JOIN b ON DATEDIF(s, a, b) BETWEEN 0 AND 1",
            "1:29: there is no function DATEDIF; did you mean DATEDIFF?",
            id="ON",
        ),
        pytest.param(
            "WITH s AS (SELECT LENN(a) AS b FROM i) SELECT a FROM i",
            "1:19: there is no function LENN; did you mean LEN?",
            id="a step that nothing reads",
        ),
        pytest.param(
            "SELECT LAG(a) OVER (PARTITION BY LENN(b) LIMIT DURATION(second, 1)) AS g FROM i",
            "1:34: there is no function LENN; did you mean LEN?",
            id="OVER",
        ),
        pytest.param(
            grouped("COUNT(*)", "SessionWindow(second, 1, 2) OVER (PARTITION BY LENN(a))"),
            "3:57: there is no function LENN; did you mean LEN?",
            id="a session's key",
        ),
    ],
)
def test_a_function_with_its_name_misspelt_is_told_as_what_it_is(query: str, error: str) -> None:
    with pytest.raises(QueryError) as caught:
        planned(query)

    assert str(caught.value) == error
