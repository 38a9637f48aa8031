from __future__ import annotations

import pytest

from pipeline.windows.clock import TICKS_PER_SECOND
from pipeline.windows.panes import Window
from pipeline.windows.plan import plan
from pipeline.windows.query import parse
from pipeline.windows.tokens import QueryError

from .example import JOB

SECOND = TICKS_PER_SECOND
HOUR = 3600 * SECOND
DAY = 24 * HOUR


def over(window: str) -> str:
    return f"SELECT k FROM Input GROUP BY k, {window}"


@pytest.mark.parametrize(
    ("text", "window"),
    [
        pytest.param("HoppingWindow(Duration(hour, 2), Hop(hour, 1))", Window(2 * HOUR, HOUR), id="long"),
        pytest.param(
            "HoppingWindow(Duration(d, 1), Hop(hh, 1), Offset(n, 5))", Window(DAY, HOUR, 300 * SECOND), id="mixed"
        ),
        pytest.param("hoppingwindow(SECOND, 10, 5)", Window(10 * SECOND, 5 * SECOND), id="short: duration, then hop"),
        pytest.param("Hopping(ss, 10, 5, 2)", Window(10 * SECOND, 5 * SECOND, 2 * SECOND), id="short, with an offset"),
        pytest.param("TumblingWindow(day, 7)", Window(7 * DAY, 7 * DAY), id="tumbling"),
        pytest.param("Tumbling(Duration(s, 3))", Window(3 * SECOND, 3 * SECOND), id="tumbling, long"),
        pytest.param(
            "TumblingWindow(Duration(s, 3), Offset(ms, -1))",
            Window(3 * SECOND, 3 * SECOND, 3 * SECOND - 10_000),
            id="an offset below 0",
        ),
        pytest.param("TumblingWindow(mcs, 7)", Window(70, 70), id="microseconds"),
    ],
)
def test_windows(text: str, window: Window) -> None:
    assert parse(over(text)).statements[0].window == window


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("select a as b into o from i", id="lower case"),
        pytest.param("SELECT b = a INTO o FROM i;", id="the name first"),
        pytest.param("SELECT a b INTO o FROM i", id="no AS"),
        pytest.param("SELECT [a]AS[b]INTO[o]FROM[i]", id="brackets"),
        pytest.param("-- why\nSELECT a /* which\n */ AS b -- and\nINTO o FROM i -- end", id="comments"),
    ],
)
def test_spellings_of_one_query(text: str) -> None:
    assert parse(text) == parse("SELECT a AS b INTO o FROM i")


def test_any_text_may_stand_in_brackets() -> None:
    assert parse("SELECT [select].[a ]] b] FROM i").statements[0].items[0].name == "a ] b"


def test_a_property_may_have_a_keyword_s_name() -> None:
    assert parse("SELECT rec.timestamp FROM i").statements[0].items[0].name == "timestamp"


def test_statements_need_no_semicolon_and_may_leave_out_into() -> None:
    query = parse("SELECT a INTO o FROM i SELECT * FROM i; SELECT b INTO p FROM i;")

    assert [statement.into for statement in query.statements] == ["o", "output", "p"]


def test_the_job_s_query_has_two_outputs() -> None:
    assert plan(parse((JOB / "query.asaql").read_text())).outputs == ("OutputWindow", "Output")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        # Not the language
        pytest.param("", "1:1: expected SELECT, found the end of the query", id="nothing"),
        pytest.param("SELECT a\nFORM i", "2:6: expected a comma, INTO or FROM, found 'i'", id="a misspelt keyword"),
        pytest.param(
            "SELECT a,\n  FROM i", "2:3: expected a column or an aggregate, found 'FROM'", id="a comma too many"
        ),
        pytest.param(
            "SELECT a FROM i x",
            "1:17: expected GROUP BY, another SELECT or the end, found 'x'",
            id="words after the end",
        ),
        pytest.param("SELECT a /* b", "1:10: this comment has no end: write */", id="an open comment"),
        pytest.param("SELECT [a FROM i", "1:8: [ has no end: write ]", id="an open bracket"),
        pytest.param("SELECT 'a", "1:8: ' has no end: write '", id="an open string"),
        pytest.param("SELECT a # b", "1:10: '#' means nothing here", id="a foreign sign"),
        pytest.param(
            "WITH s AS (SELECT a INTO o FROM i) SELECT b FROM s",
            "1:21: INTO can't stand inside WITH",
            id="INTO in a step",
        ),
        pytest.param(over("HoppingWindow(hour, 2)"), "1:54: expected a comma, found ')'", id="no hop"),
        pytest.param(
            over("HoppingWindow(Duration(hour, 2), Offset(hour, 1))"),
            "1:66: expected Hop(unit, number), found 'Offset'",
            id="no Hop()",
        ),
        pytest.param(
            over("TumblingWindow(year, 1)"),
            "1:48: expected day, hour, minute, second, millisecond or microsecond, found 'year'",
            id="a unit",
        ),
        pytest.param(over("TumblingWindow(hour, 1.5)"), "1:54: expected a whole number, found '1.5'", id="a fraction"),
        pytest.param(
            "SELECT MAX(MAX(a)) AS b FROM i", "1:15: expected ), found '('", id="an aggregate in an aggregate"
        ),
        pytest.param("SELECT TopOne() AS b FROM i", "1:17: expected OVER, found 'AS'", id="TopOne without an order"),
        # Without a meaning
        pytest.param(
            "SELECT MAX(a) FROM i",
            "1:8: this aggregate needs a name: write AS and one",
            id="an aggregate without a name",
        ),
        pytest.param(
            "SELECT MAX(a) AS a FROM i",
            "1:8: an aggregate needs GROUP BY with a window",
            id="an aggregate without a window",
        ),
        pytest.param(
            "SELECT a FROM i GROUP BY a",
            "1:23: GROUP BY needs a window, such as TumblingWindow(minute, 5)",
            id="no window",
        ),
        pytest.param(over("Tumbling(s, 1), Tumbling(s, 2)"), "1:49: GROUP BY takes one window", id="two windows"),
        pytest.param(over("Tumbling(s, 0)"), "1:33: a window's duration and hop must be above 0", id="an empty window"),
        pytest.param(
            over("Tumbling(day, 8)"), "1:33: a window's duration and hop may be 7 days at most", id="a long window"
        ),
        pytest.param(
            "SELECT * FROM i GROUP BY Tumbling(s, 1)",
            "1:8: SELECT * can't stand with GROUP BY: name the columns",
            id="* with GROUP BY",
        ),
        pytest.param(
            "SELECT b FROM i GROUP BY a, Tumbling(s, 1)",
            "1:8: b must be in GROUP BY or in an aggregate",
            id="not a group",
        ),
        pytest.param(
            "SELECT [a.b] FROM i GROUP BY a.b, Tumbling(s, 1)",
            "1:8: a.b must be in GROUP BY or in an aggregate",
            id="not that group",
        ),
        pytest.param(
            "SELECT a, b AS A FROM i",
            "1:1: the column A stands twice: give one another name with AS",
            id="a column twice",
        ),
        pytest.param(
            "SELECT a INTO o FROM i\nSELECT b INTO O FROM i", "2:1: the output O stands twice", id="an output twice"
        ),
        pytest.param(
            "WITH s AS (SELECT a FROM i), S AS (SELECT b FROM i) SELECT a FROM s",
            "1:36: the step S stands twice",
            id="a step twice",
        ),
        pytest.param(
            "WITH s AS (SELECT a FROM t), t AS (SELECT b FROM i) SELECT a FROM s",
            "1:12: t must come before the step that reads it",
            id="a later step",
        ),
        pytest.param(
            "WITH s AS (SELECT a, c.b FROM i)\nSELECT c FROM s",
            "2:8: s has no column c; it has a, b",
            id="a step's column",
        ),
        # Known, and refused by name
        pytest.param("SELECT a FROM i TIMESTAMP BY t", "1:17: TIMESTAMP BY is not supported yet", id="TIMESTAMP BY"),
        pytest.param("SELECT a FROM i PARTITION BY k", "1:17: PARTITION BY is not supported yet", id="PARTITION BY"),
        pytest.param("SELECT a FROM i WHERE a > 1", "1:17: WHERE is not supported yet", id="WHERE"),
        pytest.param(
            "WITH s AS (SELECT a FROM i WHERE a > 1) SELECT a FROM s",
            "1:28: WHERE is not supported yet",
            id="WHERE in a step",
        ),
        pytest.param("SELECT a FROM i JOIN j ON i.k = j.k", "1:17: JOIN is not supported yet", id="JOIN"),
        pytest.param(over("Tumbling(s, 1) HAVING k > 1"), "1:48: HAVING is not supported yet", id="HAVING"),
        pytest.param(
            "SELECT DISTINCT a FROM i",
            "1:8: DISTINCT is not supported yet; as a name, write [DISTINCT]",
            id="DISTINCT is no column",
        ),
        pytest.param(
            "SELECT CASE WHEN a THEN b END FROM i", "1:8: CASE is not supported yet; as a name, write [CASE]", id="CASE"
        ),
        pytest.param("SELECT a + 1 AS b FROM i", "1:10: the operator + is not supported yet", id="arithmetic"),
        pytest.param("SELECT 1 AS b FROM i", "1:8: the constant 1 is not supported yet", id="a constant"),
        pytest.param(
            "SELECT COUNT(*) AS n FROM i", "1:8: COUNT() is not supported yet: write TopOne, MAX or MIN", id="COUNT"
        ),
        pytest.param(
            "SELECT System.Timestamp() AS t FROM i",
            "1:8: System.Timestamp() is not supported yet: write TopOne, MAX or MIN",
            id="System.Timestamp()",
        ),
        pytest.param(
            over("SlidingWindow(s, 1)"),
            "1:33: SlidingWindow() is not supported yet: write HoppingWindow or TumblingWindow",
            id="SlidingWindow",
        ),
        pytest.param("SELECT *, a FROM i", "1:8: * beside other columns is not supported yet", id="* and more"),
        pytest.param(
            "SELECT a INTO o FROM i SELECT b INTO p FROM j",
            "1:24: j is a second input beside i, which is not supported yet",
            id="two inputs",
        ),
        pytest.param(
            f"WITH s AS ({over('Tumbling(s, 1)')}) SELECT k FROM s GROUP BY k, Tumbling(s, 2)",
            "1:60: a window over s, which has a window, is not supported yet",
            id="a window over a window",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, error: str) -> None:
    with pytest.raises(QueryError) as caught:
        plan(parse(text))

    assert str(caught.value) == error
