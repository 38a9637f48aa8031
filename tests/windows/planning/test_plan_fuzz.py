"""Random queries: each one is run or refused, and no value of an event can do worse than be a fault."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

from hypothesis import event, given, settings
from hypothesis import strategies as st

from pipeline.windows.engine.engine import Engine
from pipeline.windows.explanation.explain import FORMATS, explain
from pipeline.windows.language.syntax import Query
from pipeline.windows.language.tokens import QueryError
from pipeline.windows.operators.codec import pack
from pipeline.windows.operators.faults import Faults
from pipeline.windows.planning.nodes import Plan
from pipeline.windows.planning.planner import plan

from ..support.queries import queries
from ..support.run import NEVER_FULL, planned, rows_of, ticks


@settings(max_examples=10, deadline=None)
@given(queries())
def test_any_query_is_planned_or_refused(query: Query) -> None:
    with suppress(QueryError):
        plan(query)


def some(*texts: str) -> st.SearchStrategy[str]:
    return st.sampled_from(texts)


def expressions(columns: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Expressions of a row's values; some also use earlier rows."""
    leaves = columns | some("1", "'a'", "NULL", "System.Timestamp()")
    before = st.builds(
        "{}({}) OVER ({}LIMIT DURATION(second, 3))".format,
        some("LAG", "LAST", "SUM", "COUNT"),
        columns,
        st.just("") | st.builds("PARTITION BY {} ".format, columns),
    )
    return st.recursive(leaves | before, _composed, max_leaves=3)


def _composed(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({} {} {})".format, parts, some("+", "-", "*", "/", "%", "&", "|", "^"), parts),
        st.builds("({}).a".format, parts),
        st.builds("~{}".format, parts),
        st.builds("{}({})".format, some("LEN", "UPPER", "ABS"), parts),
        st.builds("CASE WHEN {} > 1 THEN {} END".format, parts, parts),
        st.builds("TRY_CAST({} AS {})".format, parts, some("bigint", "nvarchar(max)", "datetime")),
    )


def aggregates(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{}({})".format, some("SUM", "COUNT", "MIN", "MAX", "AVG", "Collect", "STDEV"), parts),
        st.builds("TopOne({}) OVER (ORDER BY {} DESC)".format, parts, parts),
        some(
            "COUNT(*)",
            "TopOne() OVER (ORDER BY System.Timestamp())",
            "System.Timestamp()",
            "System.Window().Id",
            "1 + COUNT(*)",
        ),
    )


# Most names exist; some do not, and some exist in both sources, so that they need the source's name.
ALONE = some(*["x", "k", "rec.a", "rec"] * 9, "none", "I.x", "s.k")
PAIRED = some(*["A.x", "A.k", "B.k", "A.rec.a", "B.rec"] * 9, "x")
WINDOWS = some(
    "TumblingWindow(second, 3)",
    "HoppingWindow(second, 5, 2)",
    "SlidingWindow(second, 2)",
    "SessionWindow(second, 1, 4)",
    "System.Timestamp()",
    "Windows(Window('a', TumblingWindow(second, 3)), Window('b', SlidingWindow(second, 2)))",
)
OF_ROWS = {columns: expressions(columns) for columns in (ALONE, PAIRED)}
OF_GROUPS = {columns: aggregates(expressions(columns)) for columns in (ALONE, PAIRED)}


@st.composite
def selects(draw: st.DrawFn, sources: st.SearchStrategy[str], into: str = "") -> str:
    """Draw up to three items, with the names x, k and rec, so that another SELECT may read them."""
    source, columns = draw(sources), ALONE
    if source == "A":
        kind, low, key = draw(some("", "LEFT ")), draw(st.integers(-1, 1)), draw(some("k", "rec.a"))
        source += f" {kind}JOIN B ON A.k = B.{key} AND DATEDIFF(second, A, B) BETWEEN {low} AND 2"
        columns = PAIRED
    rows, groups = OF_ROWS[columns], OF_GROUPS[columns]
    where = f" WHERE {draw(rows)} > {draw(rows)}" if draw(st.booleans()) else ""
    if draw(st.booleans()):
        items = [f"{draw(rows)} AS {name}" for name in ("x", "k", "rec")]
        items += draw(st.lists(some("1", "'a' + 'b'"), max_size=2))
        star = draw(some("", "", "", f"{source.split()[0]}.*, ", "*, " if columns is ALONE else ""))
        return f"SELECT {star}{', '.join(items)}{into} FROM {source}{where}"
    keys = draw(st.lists(rows, min_size=1, max_size=2))
    items = [f"{draw(groups | st.sampled_from(keys))} AS {name}" for name in ("x", "k", "rec")]
    having = f" HAVING {draw(groups)} >= 1" if draw(st.booleans()) else ""
    by = ", ".join([*keys, draw(WINDOWS)])
    return f"SELECT {', '.join(items)}{into} FROM {source}{where} GROUP BY {by}{having}"


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Draw a step and two statements. A second step may stand between these, and both may write to one output."""
    step = draw(selects(some("I", "A")))
    union = draw(some("", "UNION ", "UNION ALL "))
    first = draw(selects(some("I", "s", "s", "A"), ' INTO "one"')) + (
        f" {union}{draw(selects(some('I', 's')))}" if union else ""
    )
    between = draw(st.just("") | st.builds("WITH [t] AS ({})\n".format, selects(some("s", "I"))))
    second = draw(selects(some("I", "s", "t" if between else "s"), draw(some(" INTO two", " INTO One"))))
    return f"WITH s AS ({step})\n{first}\n{between}{second}"


VALUES = st.one_of(
    st.none(), st.integers(-2, 3), st.sampled_from(["", "a", "2", 1.5, True, [1], {"a": 1}, "2024-05-01T00:00:00Z"])
)
RECORDS = st.fixed_dictionaries({}, optional=dict.fromkeys(("x", "k", "K", "rec"), VALUES))
HAPPENED = st.lists(st.tuples(st.integers(0, 20), RECORDS), max_size=8)


def results(made: Plan, happened: list[tuple[int, dict[str, object]]], with_crash: bool) -> list[str]:
    engine = Engine(made, Faults("fuzz", Counter()))
    given = [row for stream in range(len(made.streams)) for row in engine.feed(stream, rows_of(made, stream, happened))]
    if with_crash:
        fields = {name: value for name, value in engine.snapshot() if value is not None}
        engine = Engine(made, Faults("fuzz", Counter()))
        engine.restore(fields, 0)
    given += engine.advance(ticks(100), NEVER_FULL)
    return sorted(pack([row.output, row.time, row.arrival, dict(row.columns)]).hex() for row in given)


@settings(max_examples=40, deadline=None)
@given(text=texts(), happened=HAPPENED)
def test_any_text_is_run_or_refused(text: str, happened: list[tuple[int, dict[str, object]]]) -> None:
    try:
        made = planned(text)
    except QueryError as error:
        event("refused: " + error.message.split(":")[0][:40])
        return
    event("run")
    for format in FORMATS:
        assert explain(made, format=format)

    assert results(made, happened, with_crash=False) == results(made, happened, with_crash=True)
