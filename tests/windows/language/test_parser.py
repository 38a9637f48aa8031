from __future__ import annotations

import pytest

from pipeline.windows.language.parser import parse
from pipeline.windows.language.render import render, render_expression
from pipeline.windows.language.syntax import (
    Between,
    Binary,
    Call,
    Case,
    Cast,
    Column,
    Constant,
    Expression,
    Hopping,
    In,
    IsNull,
    Like,
    NamedWindow,
    OrderBy,
    Over,
    Property,
    Select,
    Session,
    Sliding,
    Snapshot,
    Star,
    Unary,
    Unit,
    Window,
)
from pipeline.windows.language.ticks import TICKS_PER_SECOND
from pipeline.windows.language.tokens import At, QueryError, spelled

from ..support.example import JOB

SECOND = TICKS_PER_SECOND
MINUTE = 60 * SECOND
HOUR = 3600 * SECOND
DAY = 24 * HOUR
AT = At(1, 1)

a, b, c = (Column((name,), AT) for name in "abc")
NULL = Constant(None, AT)
NOW = Call("SYSTEM.TIMESTAMP", (), False, None, AT)


def n(value: int | float | str) -> Constant:
    return Constant(value, AT)


def call(function: str, *arguments: Expression | Star, over: Over | None = None) -> Call:
    return Call(function, arguments, False, over, AT)


def binary(left: Expression, operator: str, right: Expression) -> Binary:
    return Binary(operator, left, right, AT)  # type: ignore[arg-type]


def select(text: str) -> Select:
    return parse(text).statements[0].selects[0]


def expression(text: str) -> Expression | Star:
    return select(f"SELECT {text} AS x FROM i").items[0].expression


def over(window: str) -> str:
    return f"SELECT k FROM i GROUP BY k, {window}"


# Expressions


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        pytest.param("1", n(1), id="a bigint"),
        pytest.param("9223372036854775807", n(2**63 - 1), id="the largest bigint"),
        pytest.param("-9223372036854775808", n(-(2**63)), id="the smallest bigint"),
        pytest.param("- 1", Unary("-", n(1), AT), id="a sign"),
        pytest.param("1.0", n(1.0), id="a float is not a bigint"),
        pytest.param(".5", n(0.5), id="a float without an integer part"),
        pytest.param("1e3", n(1000.0), id="a float with an exponent"),
        pytest.param("1.5E-3", n(0.0015), id="a float with both"),
        pytest.param("'it''s'", n("it's"), id="a doubled quote"),
        pytest.param("N'\u00e9'", n("\u00e9"), id="a national text"),
        pytest.param("'-- no /* comment'", n("-- no /* comment"), id="a comment in a text"),
        pytest.param("null", NULL, id="NULL"),
        pytest.param("a.b.c", Column(("a", "b", "c"), AT), id="a record in a record"),
        pytest.param("[a b].[c]]d].[from]", Column(("a b", "c]d", "from"), AT), id="names in brackets"),
        pytest.param("a.order.timestamp", Column(("a", "order", "timestamp"), AT), id="keywords after a dot"),
        pytest.param("timestamp", Column(("timestamp",), AT), id="a column named timestamp"),
    ],
)
def test_values(text: str, tree: Expression) -> None:
    assert expression(text) == tree


@pytest.mark.parametrize(
    ("text", "same"),
    [
        pytest.param("a + b * c", "a + (b * c)", id="* before +"),
        pytest.param("a - b - c", "(a - b) - c", id="- from the left"),
        pytest.param("a / b % c", "(a / b) % c", id="/ and % from the left"),
        pytest.param("-a * b", "(-a) * b", id="a sign before *"),
        pytest.param("- -a", "-(-a)", id="two signs"),
        pytest.param("(a + b < c)", "((a + b) < c)", id="+ before <"),
        pytest.param("(a < b AND b < c)", "((a < b) AND (b < c))", id="< before AND"),
        pytest.param("a OR b AND c", "a OR (b AND c)", id="AND before OR"),
        pytest.param("NOT a = b AND c", "(NOT (a = b)) AND c", id="NOT before AND, after ="),
        pytest.param("NOT NOT a", "NOT (NOT a)", id="NOT of NOT"),
        pytest.param("(a BETWEEN b AND c AND a)", "((a BETWEEN b AND c) AND a)", id="BETWEEN takes the first AND"),
        pytest.param("(a != b)", "(a <> b)", id="!="),
        pytest.param("(a !< b)", "(a >= b)", id="!<"),
        pytest.param("(a !> b)", "(a <= b)", id="!>"),
        pytest.param("(a + b IS NULL)", "((a + b) IS NULL)", id="+ before IS"),
        pytest.param("System.Timestamp", "System.Timestamp()", id="as System.Timestamp() was written of old"),
        pytest.param("count(ALL a)", "Count(a)", id="ALL is what COUNT counts"),
        pytest.param("DATEADD(mi, 5, a)", "DateAdd(Minute, 5, a)", id="an abbreviation"),
        pytest.param("DATEPART(w, a)", "DATEPART(weekday, a)", id="an abbreviation of one letter"),
        pytest.param("CAST(a AS NVarChar(MAX))", "CAST(a AS nvarchar)", id="the length of a text"),
    ],
)
def test_two_spellings_of_one_expression(text: str, same: str) -> None:
    assert expression(text) == expression(same)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        pytest.param("a % b", binary(a, "%", b), id="an operator"),
        pytest.param("NOT a", Unary("NOT", a, AT), id="NOT"),
        pytest.param("(a LIKE 'x%')", Like(a, n("x%"), None, False, AT), id="LIKE"),
        pytest.param("(a NOT LIKE b ESCAPE '!')", Like(a, b, n("!"), True, AT), id="NOT LIKE, ESCAPE"),
        pytest.param("(a IN (1, b))", In(a, (n(1), b), False, AT), id="IN"),
        pytest.param("(a NOT IN (1))", In(a, (n(1),), True, AT), id="NOT IN"),
        pytest.param("(a BETWEEN b AND c)", Between(a, b, c, False, AT), id="BETWEEN"),
        pytest.param("(a NOT BETWEEN 1 AND 2)", Between(a, n(1), n(2), True, AT), id="NOT BETWEEN"),
        pytest.param("(a IS NULL)", IsNull(a, False, AT), id="IS NULL"),
        pytest.param("(a IS NOT NULL)", IsNull(a, True, AT), id="IS NOT NULL"),
        pytest.param("CASE a WHEN 1 THEN b ELSE c END", Case(a, ((n(1), b),), c, AT), id="CASE of a value"),
        pytest.param(
            "CASE WHEN a THEN 1 WHEN b THEN 2 END",
            Case(None, ((a, n(1)), (b, n(2))), None, AT),
            id="CASE of conditions",
        ),
        pytest.param("CAST(a AS bigint)", Cast(a, "bigint", False, AT), id="CAST"),
        pytest.param("TRY_CAST(a + b AS float)", Cast(binary(a, "+", b), "float", True, AT), id="TRY_CAST"),
        pytest.param("UDF.X(a)", call("UDF.X", a), id="a function with a prefix"),
        pytest.param("left(a, 2)", call("LEFT", a, n(2)), id="a function named as a keyword"),
        pytest.param("COUNT(*)", call("COUNT", Star((), AT)), id="COUNT(*)"),
        pytest.param("COUNT(DISTINCT a)", Call("COUNT", (a,), True, None, AT), id="COUNT(DISTINCT)"),
        pytest.param("System.Window().Id", Property(call("SYSTEM.WINDOW"), "Id", AT), id="System.Window().Id"),
        pytest.param("f(a).b.c", Property(Property(call("F", a), "b", AT), "c", AT), id="properties of a call"),
        pytest.param("DATEDIFF(ss, a, b)", call("DATEDIFF", Unit("second", AT), a, b), id="a unit as an argument"),
        pytest.param(
            "TopOne(a) OVER (ORDER BY b DESC, c)",
            call("TOPONE", a, over=Over(order_by=(OrderBy(b, True), OrderBy(c, False)))),
            id="TopOne",
        ),
        pytest.param(
            "LAG(a, 1, 'none') OVER (PARTITION BY b, c LIMIT DURATION(hour, 1) WHEN a IS NOT NULL)",
            call("LAG", a, n(1), n("none"), over=Over((b, c), (), HOUR, IsNull(a, True, AT))),
            id="LAG",
        ),
        pytest.param(
            "LAST(*) OVER (LIMIT DURATION (wk, 1))",
            call("LAST", Star((), AT), over=Over(limit=7 * DAY)),
            id="LAST of the whole event",
        ),
        pytest.param(
            "LAST(a) OVER (WHEN b LIMIT DURATION(d, 7) PARTITION BY c)",
            call("LAST", a, over=Over((c,), (), 7 * DAY, b)),
            id="OVER in another order",
        ),
        pytest.param(
            "ISFIRST(mi, 10) OVER (PARTITION BY a)",
            call("ISFIRST", Unit("minute", AT), n(10), over=Over((a,))),
            id="ISFIRST",
        ),
        pytest.param("f() OVER ()", call("F", over=Over()), id="an empty OVER"),
    ],
)
def test_expressions(text: str, tree: Expression) -> None:
    assert expression(text) == tree


def test_an_expression_knows_its_place() -> None:
    where = select("SELECT a\nFROM i\nWHERE a\n = 'b'").where

    assert isinstance(where, Binary)
    assert (where.at, where.left.at, where.right.at) == (At(4, 2), At(3, 7), At(4, 4))


# Windows


@pytest.mark.parametrize(
    ("text", "window"),
    [
        pytest.param("HoppingWindow(Duration(hour, 2), Hop(hour, 1))", Hopping(2 * HOUR, HOUR, 0, AT), id="long"),
        pytest.param(
            "HoppingWindow(Duration(d, 1), Hop(hh, 1), Offset(n, 5))", Hopping(DAY, HOUR, 5 * MINUTE, AT), id="mixed"
        ),
        pytest.param("hoppingwindow(SECOND, 10, 5)", Hopping(10 * SECOND, 5 * SECOND, 0, AT), id="duration, then hop"),
        pytest.param("Hopping(ss, 10, 5, 2)", Hopping(10 * SECOND, 5 * SECOND, 2 * SECOND, AT), id="short, an offset"),
        pytest.param("TumblingWindow(day, 7)", Hopping(7 * DAY, 7 * DAY, 0, AT), id="tumbling"),
        pytest.param("Tumbling(Duration(s, 3))", Hopping(3 * SECOND, 3 * SECOND, 0, AT), id="tumbling, long"),
        pytest.param(
            "TumblingWindow(Duration(s, 3), Offset(ms, -1))",
            Hopping(3 * SECOND, 3 * SECOND, 3 * SECOND - 10_000, AT),
            id="an offset below 0",
        ),
        pytest.param("TumblingWindow(mcs, 7)", Hopping(70, 70, 0, AT), id="microseconds"),
        pytest.param("SlidingWindow(dd, 1)", Sliding(DAY, AT), id="sliding"),
        pytest.param("Sliding(Duration(millisecond, 5))", Sliding(50_000, AT), id="sliding, long"),
        pytest.param("SessionWindow(minute, 5, 10)", Session(5 * MINUTE, 10 * MINUTE, (), AT), id="session"),
        pytest.param(
            "Session(Timeout(second, 5), MaxDuration(minute, 1)) OVER (PARTITION BY a, b)",
            Session(5 * SECOND, MINUTE, (a, b), AT),
            id="session, long, with keys",
        ),
        pytest.param("System.Timestamp()", Snapshot(AT), id="snapshot"),
    ],
)
def test_windows(text: str, window: Window) -> None:
    assert select(over(text)).windows == (NamedWindow(None, window),)
    assert select(f"SELECT k FROM i GROUP BY {text}, k").keys == select(over(text)).keys


def test_a_query_may_have_several_windows() -> None:
    tumbling = Hopping(MINUTE, MINUTE, 0, AT)

    assert select(over("Windows(Tumbling(minute, 1), System.Timestamp())")).windows == (
        NamedWindow(None, tumbling),
        NamedWindow(None, Snapshot(AT)),
    )
    assert select(over("Windows(Window('1 min', Tumbling(minute, 1)), Window('', Sliding(s, 1)))")).windows == (
        NamedWindow("1 min", tumbling),
        NamedWindow("", Sliding(SECOND, AT)),
    )


def test_the_time_is_a_key_beside_a_window() -> None:
    assert select(over("System.Timestamp(), Tumbling(hour, 2)")).keys == (Column(("k",), AT), NOW)
    assert select(over("System.Timestamp(), System.Timestamp()")).keys == (Column(("k",), AT), NOW)


# Clauses


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("select a as b into o from i", id="lower case"),
        pytest.param("SELECT b = a INTO o FROM i;", id="the name first"),
        pytest.param("SELECT a b INTO o FROM i", id="no AS"),
        pytest.param("SELECT [a]AS[b]INTO[o]FROM[i]", id="brackets"),
        pytest.param("SELECT ALL a b INTO o FROM i", id="ALL"),
        pytest.param("(SELECT a b INTO o FROM i)", id="parentheses"),
        pytest.param("\ufeffSELECT a b\u00a0INTO o FROM i", id="a byte order mark"),
        pytest.param("-- why\nSELECT a /* which\n */ AS b -- and\nINTO o FROM i -- end", id="comments"),
    ],
)
def test_spellings_of_one_query(text: str) -> None:
    assert parse(text) == parse("SELECT a AS b INTO o FROM i")


def test_statements_need_no_semicolon_and_may_leave_out_into() -> None:
    query = parse("SELECT a INTO o FROM i SELECT * FROM i; SELECT b INTO p FROM i;")

    assert [statement.into for statement in query.statements] == ["o", "output", "p"]


@pytest.mark.parametrize(
    ("item", "name"),
    [
        pytest.param("a.b", "b", id="a property"),
        pytest.param("[a ]] b]", "a ] b", id="brackets"),
        pytest.param("a.timestamp", "timestamp", id="a property named as a keyword"),
        pytest.param("System.Window().Id", "Id", id="a call's property"),
        pytest.param("COUNT(*)", "count", id="COUNT"),
        pytest.param("timestamp", "timestamp", id="a word that is a keyword elsewhere"),
        pytest.param("a timestamp", "timestamp", id="such an alias"),
        pytest.param("a first", "first", id="an alias"),
        pytest.param("*", "", id="a star"),
    ],
)
def test_a_column_s_name(item: str, name: str) -> None:
    assert select(f"SELECT {item} FROM i").items[0].name == name


def test_a_star_may_be_of_a_source_or_a_product() -> None:
    items = select("SELECT *, i.*, i.[a b].*, a * b AS c FROM i").items

    assert [item.expression for item in items] == [
        Star((), AT),
        Star(("i",), AT),
        Star(("i", "a b"), AT),
        binary(a, "*", b),
    ]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            "FROM i AS x TIMESTAMP BY DATEADD(ms, t, 0) OVER k, PartitionId PARTITION BY PartitionId", id="all"
        ),
        pytest.param(
            "FROM i x PARTITION BY PartitionId INTO 4 timestamp by DATEADD(ms, t, 0) OVER k, PartitionId", id="or"
        ),
    ],
)
def test_a_source(text: str) -> None:
    source = select(f"SELECT a {text} WHERE a = 1").source

    assert (source.name, source.alias) == ("i", "x")
    assert source.timestamp == call("DATEADD", Unit("millisecond", AT), Column(("t",), AT), n(0))
    assert source.over == (Column(("k",), AT), Column(("PartitionId",), AT))
    assert source.partition_by == Column(("PartitionId",), AT)


def test_each_join_has_a_kind_a_source_and_a_condition() -> None:
    joins = select(
        "SELECT i.a FROM i TIMESTAMP BY t JOIN j TIMESTAMP BY t ON i.k = j.k INNER JOIN r ON r.k = i.k"
        " LEFT JOIN l x ON l.k = 1 AND a LEFT OUTER JOIN m ON 1 = 1 WHERE m.a IS NULL"
    ).joins

    assert [(join.kind, join.source.name, join.source.alias) for join in joins] == [
        ("INNER", "j", "j"),
        ("INNER", "r", "r"),
        ("LEFT", "l", "x"),
        ("LEFT", "m", "m"),
    ]
    assert joins[0].source.timestamp == Column(("t",), AT)
    assert joins[2].on == binary(binary(Column(("l", "k"), AT), "=", n(1)), "AND", a)


def test_where_group_by_and_having() -> None:
    read = select("SELECT a, COUNT(*) AS n FROM i WHERE b > 1 GROUP BY a % 2, Tumbling(s, 1), c HAVING n >= 3")

    assert read.where == binary(b, ">", n(1))
    assert read.keys == (binary(a, "%", n(2)), c)
    assert read.having == binary(Column(("n",), AT), ">=", n(3))


def test_unions_are_flat() -> None:
    query = parse(
        "WITH s AS (SELECT a FROM i UNION SELECT a FROM j)"
        " (SELECT a INTO o FROM s UNION (SELECT a FROM k)) UNION SELECT a FROM l"
    )

    (statement,) = query.statements
    assert [select.source.name for select in statement.steps[0].selects] == ["i", "j"]
    assert [select.source.name for select in statement.selects] == ["s", "k", "l"]
    assert statement.into == "o"


def test_union_all_is_union() -> None:
    assert parse("SELECT a FROM i UNION ALL SELECT a FROM j") == parse("SELECT a FROM i UNION SELECT a FROM j")


def test_each_statement_may_have_steps() -> None:
    query = parse("SELECT a INTO o FROM i WITH s AS (SELECT a FROM i) SELECT a INTO p FROM s; SELECT a FROM s")

    assert [[step.name for step in statement.steps] for statement in query.statements] == [[], ["s"], []]


# Names


@pytest.mark.parametrize(
    ("items", "names"),
    [
        pytest.param("COUNT(*), TollId, a.b", ["count", "TollId", "b"], id="a function, columns"),
        pytest.param("AVG (Toll), DATEPART(day, t)", ["avg", "datepart"], id="functions in lower case"),
        pytest.param("System.Timestamp(), System.Window().Id", ["timestamp", "Id"], id="the last word of a function"),
        pytest.param("CAST(a AS bigint), TRY_CAST(b AS float)", ["cast", "try_cast"], id="casts"),
        pytest.param("a, a + 1, *, 'x'", ["a", "col2", "", "col4"], id="anything else by its place"),
        pytest.param("(a), (COUNT(*))", ["a", "count"], id="parentheses do not count"),
        pytest.param("a AS 'the name', b AS N'it''s'", ["the name", "it's"], id="a text after AS"),
        pytest.param('a AS "the ""name""", b "c]", "d" = 1', ['the "name"', "c]", "d"], id="double quotes"),
        pytest.param('"[my][Field]", "my"."Field"', ["[my][Field]", "Field"], id="a column in double quotes"),
    ],
)
def test_each_column_has_a_name(items: str, names: list[str]) -> None:
    read = parse(f"SELECT {items} FROM i")

    assert [item.name for item in read.statements[0].selects[0].items] == names
    assert parse(render(read)) == read


def test_an_item_knows_whether_it_was_given_its_name() -> None:
    read = select("SELECT a, b AS b, c d, e = 1, COUNT(*) FROM i")

    assert [item.has_alias for item in read.items] == [False, True, True, True, False]


def test_double_quotes_are_brackets_wherever_a_name_stands() -> None:
    quoted = parse(
        'WITH "s t" AS (SELECT "a b" AS "c" FROM "in" "x" WHERE x."order" > 1) SELECT "s t".* INTO "out" FROM "s t"'
    )

    assert quoted == parse(
        "WITH [s t] AS (SELECT [a b] AS [c] FROM [in] [x] WHERE x.[order] > 1) SELECT [s t].* INTO [out] FROM [s t]"
    )


@pytest.mark.parametrize(
    ("text", "same"),
    [
        pytest.param("(a.b).c", "a.b.c", id="of a column"),
        pytest.param("(LAG(a) OVER (LIMIT DURATION(s, 1))).v", "LAG(a) OVER (LIMIT DURATION(s, 1)).v", id="of LAG"),
        pytest.param("((f()).a).b", "f().a.b", id="twice"),
    ],
)
def test_a_property_of_parentheses(text: str, same: str) -> None:
    assert expression(text) == expression(same)


@pytest.mark.parametrize("text", ["(a + b).c", "(CASE WHEN a = 1 THEN b END).c", "('x').c", "(-a).c", "(NULL).c"])
def test_a_property_of_any_expression_comes_back(text: str) -> None:
    read = expression(text)

    assert isinstance(read, Property)
    assert render_expression(read) == text


# Rendered as text


@pytest.mark.parametrize(
    "text",
    [
        "a - (b - c) - -1",
        "(a OR b) AND NOT (a AND b)",
        "(a = b) = (NOT a)",
        "CASE a WHEN 1 THEN 'it''s' ELSE NULL END",
        "[from].[a ]] b].c",
        "[System].[Timestamp]",
        "COUNT(DISTINCT a) + SYSTEM.TIMESTAMP()",
        "LAG(a) OVER (PARTITION BY b ORDER BY c DESC LIMIT DURATION(second, 90) WHEN a < 1.5)",
    ],
)
def test_an_expression_s_text_has_the_parentheses_that_it_needs(text: str) -> None:
    where = select(f"SELECT a FROM i WHERE {text}").where

    assert where is not None
    assert render_expression(where) == text


def test_a_query_s_text() -> None:
    text = (
        "WITH s AS (SELECT a, b = a = 1 FROM i AS x TIMESTAMP BY t OVER k UNION SELECT * FROM j)\n"
        "SELECT a + 1 AS b, COUNT(*) INTO o FROM s LEFT JOIN [left] ON a = b WHERE a GROUP BY a,"
        " Windows(Window('x', HoppingWindow(Duration(minute, 90), Hop(day, 1), Offset(second, 1))),"
        " Window('y', SessionWindow(Timeout(second, 1), MaxDuration(minute, 1)) OVER (PARTITION BY a))) HAVING b\n"
        "SELECT a FROM s PARTITION BY k"
    )

    assert render(parse(text)) == text


def test_the_job_s_query_comes_back() -> None:
    query = parse((JOB / "query.asaql").read_text())

    assert [statement.into for statement in query.statements] == ["OutputWindow", "Output"]
    assert parse(render(query)) == query


# What is wrong


@pytest.mark.parametrize(
    ("text", "error"),
    [
        # Words
        pytest.param("SELECT a /* b", "1:10: this comment has no end: write */", id="an open comment"),
        pytest.param(
            "SELECT a /* b /* c */ */", "1:10: a comment inside a comment is not supported", id="a comment in a comment"
        ),
        pytest.param("SELECT [a FROM i", "1:8: [ has no end: write ]", id="an open bracket"),
        pytest.param("SELECT [] FROM i", "1:8: a name in brackets can't be empty", id="an empty name"),
        pytest.param("SELECT 'a''b", "1:8: ' has no end: write '", id="an open text"),
        pytest.param('SELECT "a', '1:8: " has no end: write "', id="open quotes"),
        pytest.param('SELECT "" FROM i', "1:8: a name in double quotes can't be empty", id="empty quotes"),
        pytest.param("SELECT a # b", "1:10: '#' means nothing here", id="a foreign sign"),
        pytest.param("SELECT 1a", "1:8: a number can't be followed by letters", id="letters after a number"),
        pytest.param(
            "SELECT 9223372036854775808 AS b FROM i",
            "1:8: this is too large for a bigint; write a float, such as 1e19, or a text",
            id="a bigint of 65 bits",
        ),
        pytest.param("SELECT 1e999 AS b FROM i", "1:8: this is too large for a float", id="infinity"),
        # Statements
        pytest.param("", "1:1: expected SELECT, found the end of the query", id="nothing"),
        pytest.param("SELECT a\nFORM i", "2:6: expected a comma, INTO or FROM, found 'i'", id="a misspelt keyword"),
        pytest.param(
            "SELECT a,\n  FROM i",
            "2:3: expected a name, a value or a function, found 'FROM'; as a name, write [FROM]",
            id="a comma too many",
        ),
        pytest.param(
            "SELECT a FROM i x y",
            "1:19: expected JOIN, APPLY, WHERE, GROUP BY, HAVING, UNION, another SELECT or the end, found 'y'",
            id="words after the source",
        ),
        pytest.param(
            "SELECT a FROM i WHERE a b",
            "1:25: expected an operator, GROUP BY, HAVING, UNION, another SELECT or the end, found 'b'",
            id="words after WHERE",
        ),
        pytest.param(
            "WITH s AS (SELECT a FROM i",
            "1:27: expected JOIN, APPLY, WHERE, GROUP BY, HAVING, UNION or ), found the end of the query",
            id="an open step",
        ),
        pytest.param(
            "WITH s AS (SELECT a FROM i)", "1:28: expected SELECT, found the end of the query", id="steps only"
        ),
        pytest.param(
            "WITH (SELECT a FROM i)", "1:6: expected a name for the step, found '('", id="a step without a name"
        ),
        pytest.param(
            "WITH s AS (SELECT a FROM i) WITH",
            "1:29: WITH is allowed only before a statement, and once for it",
            id="WITH twice",
        ),
        pytest.param(
            "WITH s AS (SELECT a INTO o FROM i) SELECT b FROM s",
            "1:21: INTO is not allowed inside WITH",
            id="INTO in a step",
        ),
        pytest.param(
            "SELECT a FROM i UNION SELECT a INTO o FROM j",
            "1:32: INTO belongs in the first SELECT of a UNION",
            id="INTO in the second SELECT",
        ),
        pytest.param(
            "SELECT a FROM i INTO o",
            "1:17: INTO is allowed only before the FROM of a statement's first SELECT",
            id="INTO after FROM",
        ),
        # Items and sources
        pytest.param(
            "SELECT a AS order FROM i",
            "1:13: expected a name for the column, found 'order'; as a name, write [order]",
            id="a reserved word",
        ),
        pytest.param(
            "SELECT a AS '' FROM i",
            "1:13: a column's name can't be empty, and has no line breaks",
            id="no text after AS",
        ),
        pytest.param(
            "SELECT a[0] FROM i",
            "1:9: [0] is not an element of an array here: write GetArrayElement(array, 0); as a column's name, AS [0]",
            id="an element as an item",
        ),
        pytest.param(
            "SELECT a FROM i WHERE a[12] > 1",
            "1:24: [12] is not an element of an array here: write GetArrayElement(array, 12); as a column's name, "
            "AS [12]",
            id="an element in WHERE",
        ),
        pytest.param("SELECT a. FROM", "1:15: expected a comma, INTO or FROM, found the end of the query", id="a dot"),
        pytest.param("SELECT a.1 FROM i", "1:9: expected a comma, INTO or FROM, found '.1'", id="a number for a name"),
        pytest.param("SELECT 1 + i.* AS b FROM i", "1:12: x.* is allowed only as an item of SELECT", id="a star added"),
        pytest.param(
            "SELECT a FROM i, j", "1:16: several inputs after FROM are not supported: write JOIN ... ON", id="a comma"
        ),
        pytest.param(
            "SELECT a FROM i JOIN j WHERE a",
            "1:24: expected TIMESTAMP BY, PARTITION BY or ON, found 'WHERE'",
            id="no ON",
        ),
        pytest.param("SELECT a FROM i LEFT j", "1:22: expected OUTER or JOIN, found 'j'", id="LEFT alone"),
        pytest.param(
            "SELECT a FROM i PARTITION BY a, b",
            "1:30: PARTITION BY anything but one column is not supported",
            id="two partition keys",
        ),
        pytest.param(
            "SELECT a FROM i PARTITION BY a INTO 1",
            "1:37: PARTITION BY ... INTO takes a number above 1",
            id="one partition",
        ),
        # Windows
        pytest.param(
            "SELECT a FROM i GROUP BY a",
            "1:23: GROUP BY needs a window, such as TumblingWindow(minute, 5)",
            id="no window",
        ),
        pytest.param(
            "SELECT a FROM i GROUP BY DATEPART(s, System.Timestamp())",
            "1:23: GROUP BY needs a window, such as TumblingWindow(minute, 5)",
            id="an expression of the time is not a window",
        ),
        pytest.param(
            over("Tumbling(s, 1), Tumbling(s, 2)"),
            "1:45: GROUP BY takes one window; write several as Windows(...)",
            id="two windows",
        ),
        pytest.param(over("HoppingWindow(hour, 2)"), "1:50: expected a comma, found ')'", id="no hop"),
        pytest.param(
            over("HoppingWindow(Duration(hour, 2), Offset(hour, 1))"),
            "1:62: expected Hop(unit, number), found 'Offset'",
            id="no Hop()",
        ),
        pytest.param(
            over("TumblingWindow(year, 1)"),
            "1:44: expected day, hour, minute, second, millisecond or microsecond, found 'year'",
            id="a unit",
        ),
        pytest.param(over("TumblingWindow(hour, 1.5)"), "1:50: expected a whole number, found '1.5'", id="a fraction"),
        pytest.param(over("Tumbling(s, 0)"), "1:41: a duration must be above 0", id="an empty window"),
        pytest.param(over("Tumbling(day, 8)"), "1:43: a duration may be 7 days at most", id="a long window"),
        pytest.param(over("Hopping(day, 1, -1)"), "1:45: a duration must be above 0", id="a hop back"),
        pytest.param(
            over("Windows(Windows(Tumbling(s, 1)))"),
            "1:37: Windows() is not allowed inside Windows()",
            id="Windows in Windows",
        ),
        pytest.param(
            over("Window('a', Tumbling(s, 1))"), "1:29: Window() is allowed only in Windows()", id="one Window()"
        ),
        pytest.param(
            over("Windows(Window(NULL, Tumbling(s, 1)))"),
            "1:44: expected an id, as a 'text', found 'NULL'",
            id="id NULL",
        ),
        pytest.param(
            over("Windows(Window('a', Tumbling(s, 1)), Tumbling(s, 2))"),
            "1:29: either all members of Windows() have an id, as in Window('id', ...), or none has one",
            id="an id for one",
        ),
        pytest.param(
            over("Windows(Window('a', Tumbling(s, 1)), Window('A', Tumbling(s, 2)))"),
            "1:29: the ids in Windows() must differ in more than their case",
            id="one id for two",
        ),
        pytest.param(
            over("Windows(k)"),
            "1:37: expected a window, such as TumblingWindow(minute, 5), found 'k'",
            id="no such window",
        ),
        pytest.param(
            "SELECT Tumbling(s, 1) AS b FROM i",
            "1:8: Tumbling() is allowed only in GROUP BY, as an item of its own",
            id="a window selected",
        ),
        # Expressions
        pytest.param(
            "SELECT a FROM i WHERE a < b < c",
            "1:29: expected an operator, GROUP BY, HAVING, UNION, another SELECT or the end, found '<'",
            id="two comparisons",
        ),
        pytest.param(
            "SELECT a FROM i WHERE a NOT b", "1:29: expected LIKE, BETWEEN or IN after NOT, found 'b'", id="NOT b"
        ),
        pytest.param("SELECT a FROM i WHERE a IS 1", "1:28: expected NULL or NOT NULL, found '1'", id="IS 1"),
        pytest.param("SELECT (a AS b FROM i", "1:11: expected an operator or ), found 'AS'", id="an open parenthesis"),
        pytest.param("SELECT CASE a END AS b FROM i", "1:15: expected WHEN, found 'END'", id="CASE without WHEN"),
        pytest.param(
            "SELECT CASE WHEN a THEN b FROM i", "1:27: expected WHEN, ELSE or END, found 'FROM'", id="CASE without END"
        ),
        pytest.param(
            "SELECT CAST(a AS int) AS b FROM i",
            "1:18: expected a type (bigint, float, nvarchar, datetime, bit, record, array), found 'int'",
            id="a foreign type",
        ),
        pytest.param(
            "SELECT CAST(a AS nvarchar(5)) AS b FROM i",
            "1:27: expected max, found '5'",
            id="a text's length",
        ),
        pytest.param("SELECT f(a b) AS c FROM i", "1:12: expected an operator, a comma or ), found 'b'", id="no comma"),
        pytest.param(
            "SELECT SUM(*) AS b FROM i", "1:12: expected a name, a value or a function, found '*'", id="SUM(*)"
        ),
        pytest.param(
            "SELECT DATEDIFF(century, a, b) AS c FROM i",
            "1:17: expected year, quarter, month, dayofyear, day, week, weekday, hour, minute, second, millisecond or"
            " microsecond, found 'century'",
            id="an unknown unit",
        ),
        pytest.param(
            "SELECT LAG(a) OVER (LIMIT DURATION(month, 1)) AS b FROM i",
            "1:36: expected week, day, hour, minute, second, millisecond or microsecond, found 'month'",
            id="a unit without a length",
        ),
        pytest.param(
            "SELECT LAG(a) OVER (LIMIT DURATION(d, 8)) AS b FROM i",
            "1:39: a duration may be 7 days at most",
            id="a long history",
        ),
        pytest.param(
            "SELECT ISFIRST(d, 8) AS b FROM i", "1:19: a duration may be 7 days at most", id="a long interval"
        ),
        pytest.param(
            "SELECT ISFIRST(d, a) AS b FROM i", "1:19: expected a whole number, found 'a'", id="an interval's column"
        ),
        pytest.param(
            "SELECT f(a) OVER (ORDER BY a ORDER BY b) AS c FROM i",
            "1:30: OVER takes each of its clauses once",
            id="an order twice",
        ),
        pytest.param(
            "SELECT f(a) OVER (a) AS c FROM i",
            "1:19: expected PARTITION BY, ORDER BY, LIMIT DURATION, WHEN or ), found 'a'",
            id="no clause",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, error: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text)

    assert str(caught.value) == error


@pytest.mark.parametrize(
    ("text", "error"),
    [
        pytest.param(
            over("HopingWindow(hour, 2, 1)"), "1:29: there is no window HopingWindow; did you mean HoppingWindow?"
        ),
        pytest.param(
            over("TumblngWindow(s, 1)"), "1:29: there is no window TumblngWindow; did you mean TumblingWindow?"
        ),
        pytest.param(over("Sesion(s, 1, 2)"), "1:29: there is no window Sesion; did you mean SessionWindow?"),
        pytest.param(
            over("Sldingwindow(s, 1), Tumbling(s, 1)"),
            "1:29: there is no window Sldingwindow; did you mean SlidingWindow?",
        ),
        pytest.param(over("k, SnapshotWindow()"), "1:32: there is no window SnapshotWindow: write System.Timestamp()"),
        pytest.param(
            over("Weekly(a)"),
            "1:29: there is no window Weekly; there are TumblingWindow, HoppingWindow, SlidingWindow, SessionWindow,"
            " Windows, Window",
        ),
        pytest.param(
            over("Windws(Tumbling(s, 1), Sliding(s, 1))"),
            "1:29: there is no window Windws; did you mean Windows or Window?",
        ),
        pytest.param(
            over("Windows(Tumbling(s, 1), Slding(s, 1))"),
            "1:53: there is no window Slding; did you mean SlidingWindow?",
        ),
        pytest.param(
            over("Windows(Window('a', HopingWindow(s, 2, 1)))"),
            "1:49: there is no window HopingWindow; did you mean HoppingWindow?",
        ),
        pytest.param(
            over("HoppingWindow(Duraton(hour, 2), Hop(hour, 1))"),
            "1:43: expected Duration(unit, number), found 'Duraton'",
        ),
        pytest.param(
            over("TumblingWindow(secnd, 1)"),
            "1:44: expected day, hour, minute, second, millisecond or microsecond, found 'secnd'; did you mean second?",
        ),
        pytest.param(
            "SELECT DATEADD(mnth, 1, t) AS a FROM i",
            "1:16: expected year, quarter, month, dayofyear, day, week, weekday, hour, minute, second, millisecond or"
            " microsecond, found 'mnth'; did you mean month?",
        ),
        pytest.param(
            "SELECT ISFIRST(minut, 1) AS a FROM i",
            "1:16: expected day, hour, minute, second, millisecond or microsecond, found 'minut'; did you mean minute?",
        ),
        pytest.param(
            "SELECT LAG(a) OVER (LIMIT DURATION(wek, 1)) AS a FROM i",
            "1:36: expected week, day, hour, minute, second, millisecond or microsecond,"
            " found 'wek'; did you mean week?",
        ),
    ],
)
def test_a_window_or_a_unit_with_its_name_misspelt_is_told_as_what_it_is(text: str, error: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text)

    assert str(caught.value) == error


@pytest.mark.parametrize(
    "key", ["CAST(a AS bigint)", "(a)", "ISNULL(a, 1)", "CASE WHEN (a) THEN b END", "NOT (a)", "LEFT(a, 1)"]
)
def test_what_is_not_a_window_is_not_taken_for_one(key: str) -> None:
    with pytest.raises(QueryError, match=r"^1:23: GROUP BY needs a window"):
        parse(over(key))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("CREATE FUNCTION f() RETURNS bigint", "1:1: CREATE FUNCTION is not supported"),
        (
            "SELECT a FROM i MATCH_RECOGNIZE (LIMIT DURATION(s, 1))",
            "1:17: MATCH_RECOGNIZE is not supported: write LAG, LAST or ISFIRST with WHEN",
        ),
        ("SELECT a FROM i CROSS JOIN j", "1:17: CROSS JOIN is not supported: write JOIN ... ON"),
        (
            "SELECT a FROM i RIGHT JOIN j ON a",
            "1:17: RIGHT JOIN is not supported: change the sides and write LEFT JOIN",
        ),
        (
            "SELECT a FROM i FULL OUTER JOIN j ON a",
            "1:17: FULL OUTER JOIN is not supported: write LEFT JOIN, both ways, and UNION",
        ),
        (
            "SELECT a FROM i EXCEPT SELECT a FROM j",
            "1:17: EXCEPT is not supported: write LEFT JOIN ... WHERE ... IS NULL",
        ),
        ("SELECT a FROM i INTERSECT SELECT a FROM j", "1:17: INTERSECT is not supported: write JOIN ... ON"),
        (
            "SELECT a FROM (SELECT a FROM i)",
            "1:16: a SELECT inside another is not supported: give it a name in WITH",
        ),
        ("SELECT a FROM (i)", "1:15: parentheses after FROM are not supported"),
        (
            "SELECT a FROM i WHERE a IN (SELECT a FROM j)",
            "1:29: a SELECT inside another is not supported: give it a name in WITH",
        ),
        ("SELECT a FROM i WHERE EXISTS (SELECT a FROM j)", "1:23: EXISTS is not supported: write JOIN ... ON"),
        (
            "SELECT DISTINCT a FROM i",
            "1:8: SELECT DISTINCT is not supported: GROUP BY the columns and a window; as a name, write [DISTINCT]",
        ),
        (
            "SELECT TOP 5 a FROM i",
            "1:8: SELECT TOP is not supported: write TopOne or CollectTop and a window; as a name, write [TOP]",
        ),
        (
            "SELECT a FROM i ORDER BY a",
            "1:17: ORDER BY is not supported here: rows come in the order of their time",
        ),
    ],
)
def test_what_the_language_has_beyond_is_refused_by_name(text: str, error: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text)

    assert str(caught.value) == error


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("(" * 9999 + "a", id="parentheses"),
        pytest.param("f(" * 9999 + "a", id="calls"),
        pytest.param("CASE " * 9999 + "a", id="CASE"),
        pytest.param("NOT " * 9999 + "a", id="NOT"),
        pytest.param("- " * 9999 + "a", id="signs"),
        pytest.param("CAST(" * 9999 + "a", id="CAST"),
        pytest.param("f() OVER (PARTITION BY " * 9999 + "a", id="OVER"),
    ],
)
def test_what_is_nested_too_deeply_is_refused(text: str) -> None:
    with pytest.raises(QueryError, match="this is nested more than 50 levels deep"):
        parse(f"SELECT {text}")


def test_a_long_row_of_operators_is_refused() -> None:
    parse("SELECT a FROM i WHERE " + " OR ".join(["a = 1"] * 199))

    with pytest.raises(QueryError, match="200 operators in a row"):
        parse("SELECT a FROM i WHERE " + " OR ".join(["a = 1"] * 9999))
    with pytest.raises(QueryError, match="200 operators in a row"):
        parse("SELECT f()" + ".a" * 9999 + " FROM i")


def test_what_is_in_a_row_and_not_deep_may_be_long() -> None:
    parse(f"SELECT a FROM i WHERE a IN ({', '.join(['1'] * 9999)})")
    parse(" UNION ".join(["SELECT a FROM i"] * 999))
    parse("(" * 9999 + "SELECT a FROM i" + ")" * 9999)


@pytest.mark.parametrize(
    "text",
    ["SELECT a, 'it''s' -- why\nINTO [Out x] FROM Input /* all\nof it */ WHERE n >= 1.5e3", "SELECT 'no end", "", "\n"],
)
def test_a_query_is_spelled_as_it_is_written(text: str) -> None:
    assert "".join(word for _, word in spelled(text)) == text
