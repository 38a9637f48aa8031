"""Queries that run, but may not mean what they seem to."""

from __future__ import annotations

import pytest

from ..support.run import planned

#: What is odd -> a query, and the place and the beginning of each warning.
ODD = {
    "an alias in WHERE": (
        "SELECT x * 2 AS y FROM I WHERE y > 4",
        ["1:32 y is here a column of I, and not what SELECT calls y"],
    ),
    "an alias in GROUP BY": (
        "SELECT UPPER(x) AS k, COUNT(*) FROM I GROUP BY x, k, TumblingWindow(second, 1)",
        ["1:51 k is here a column of I"],
    ),
    "an alias as the key of sessions": (
        "SELECT x AS k, COUNT(*) FROM I GROUP BY x, SessionWindow(second, 1, 2) OVER (PARTITION BY k)",
        ["1:91 k is here a column of I"],
    ),
    "a step that is not in FROM": (
        "WITH s AS (SELECT * FROM I) SELECT s.x INTO a FROM s SELECT s.x INTO b FROM I",
        ["1:61 s is not in this FROM, so that s.x is a property of I's column s"],
    ),
    "the name that an alias hides": (
        "SELECT a.x FROM I a WHERE i.x = 1",
        ["1:27 i has the name a in this FROM, so that i.x is a property of a's column i"],
    ),
    "the name that an alias hides, in TIMESTAMP BY": (
        "SELECT a.x FROM I a TIMESTAMP BY I.t JOIN J b ON DATEDIFF(second, a, b) BETWEEN 0 AND 1",
        ["1:34 I has the name a in this FROM, so that I.t is a property of a's column I"],
    ),
    "a hop longer than its window": (
        "SELECT COUNT(*) FROM I GROUP BY HoppingWindow(second, 5, 10)",
        ["1:33 the hop is longer than the window"],
    ),
    "one of several windows": (
        "SELECT COUNT(*) FROM I GROUP BY Windows(TumblingWindow(second, 1), HoppingWindow(second, 5, 10))",
        ["1:68 the hop is longer"],
    ),
    "a time of JSON in MAX and MIN": (
        "SELECT MIN(T) AS a, MAX(i.t) AS b, MAX(x) AS c FROM I TIMESTAMP BY t GROUP BY TumblingWindow(day, 1)",
        [
            "1:12 Stream Analytics wants CAST(T AS datetime) here, since T is text",
            "1:25 Stream Analytics wants CAST(i.t",
        ],
    ),
    "a time of JSON in ORDER BY": (
        "SELECT TopOne() OVER (ORDER BY x, a.t DESC) AS o FROM I a TIMESTAMP BY a.t GROUP BY TumblingWindow(day, 1)",
        ["1:35 Stream Analytics wants CAST(a.t AS datetime) here"],
    ),
    "a column that CREATE TABLE calls text": (
        "CREATE TABLE I (u nvarchar(max), t datetime) SELECT MAX(u) AS u, MAX(t) AS t FROM I TIMESTAMP BY t "
        "GROUP BY TumblingWindow(day, 1)",
        ["1:57 Stream Analytics wants CAST(u AS datetime) here"],
    ),
}

#: Queries that look like those, but mean what they say.
FINE = {
    "a column that is named like itself": "SELECT CAST(x AS bigint) AS x FROM I WHERE x > 1",
    "a time that is cast": "SELECT MAX(CAST(t AS datetime)) AS t FROM I TIMESTAMP BY t GROUP BY TumblingWindow(day, 1)",
    "a time of another input": (
        "SELECT MAX(b.t) AS t FROM I a TIMESTAMP BY t JOIN B b ON DATEDIFF(day, a, b) = 0 "
        "GROUP BY TumblingWindow(day, 1)"
    ),
    "a column that another item reads": "SELECT a AS b, b AS c FROM I WHERE b > 1",
    "an alias after its source": "SELECT x * 2 AS y FROM I WHERE I.y > 4",
    "an alias in HAVING": "SELECT COUNT(*) AS n FROM I GROUP BY TumblingWindow(second, 1) HAVING n > 1",
    "a column that a step gives": "WITH s AS (SELECT x, y FROM I) SELECT x AS y FROM s WHERE y > 1",
    "a record of a step, called like an input": "WITH s AS (SELECT I FROM I) SELECT I.x FROM s",
    "a quoted column of a step": 'WITH s AS (SELECT x, "WA" FROM I) SELECT x FROM s WHERE x = "WA"',
    "a quoted column on the left": 'SELECT x FROM I WHERE "y z" = 1',
    "columns that CREATE TABLE names": (
        "CREATE TABLE I (y bigint, WA nvarchar(max), s record); WITH s AS (SELECT * FROM I) "
        'SELECT x AS y, s.x AS z FROM I WHERE Y > 1 AND x = "wa"'
    ),
    "a column that is called like a source, which CREATE TABLE names": (
        "CREATE TABLE I (i record); SELECT x FROM I a WHERE i.x = 1"
    ),
    "a hop as long as its window": "SELECT COUNT(*) FROM I GROUP BY HoppingWindow(second, 5, 5)",
}


@pytest.mark.parametrize(("query", "expected"), ODD.values(), ids=ODD)
def test_what_is_odd_is_told_with_its_place(query: str, expected: list[str]) -> None:
    found = [f"{warned.line}:{warned.column} {warned.message}" for warned in planned(query).warnings]

    assert len(found) == len(expected)
    assert all(one.startswith(beginning) for one, beginning in zip(found, expected, strict=True)), found


@pytest.mark.parametrize("query", FINE.values(), ids=FINE)
def test_what_is_fine_is_not_warned_of(query: str) -> None:
    assert planned(query).warnings == ()


def test_a_warning_shows_the_line() -> None:
    text = "SELECT x * 2 AS y\nFROM I\nWHERE y > 4"
    (warned,) = planned(text).warnings

    assert str(warned) == f"warning: 3:7: {warned.message}"
    assert str(warned.shown(text)) == f"{warned}\n  WHERE y > 4\n        ^"


def test_columns_that_were_given_names_are_known() -> None:
    query = (
        "WITH s AS (SELECT a + 1, a, b AS c FROM I) SELECT COUNT(*) INTO o FROM s GROUP BY TumblingWindow(second, 1)"
    )

    assert planned(query).named == ("s.col1 = a + 1", "o.count = COUNT(*)")
