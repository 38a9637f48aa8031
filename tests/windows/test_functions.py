"""The table of functions: each entry has its code, and all that is derived from the table agrees with it."""

from __future__ import annotations

import re

import pytest

from pipeline.windows.expressions.scalar import SCALAR_FUNCTIONS
from pipeline.windows.expressions.scalar.binding import anything, strict
from pipeline.windows.expressions.scalar.dates import PARTS
from pipeline.windows.functions import CAST, FUNCTIONS, METADATA, TIMESTAMP, TRY_CAST, WINDOW, Function, Kind, kind_of
from pipeline.windows.language import parser
from pipeline.windows.language.ticks import TICKS_PER_SECOND
from pipeline.windows.language.time_units import LIMIT_UNITS, TIME_UNITS, UNITS, WINDOW_UNITS, TimeUnit
from pipeline.windows.language.tokens import QueryError
from pipeline.windows.language.window_parser import WINDOWS
from pipeline.windows.operators.aggregates import calls
from pipeline.windows.operators.analytic import ANALYTIC
from pipeline.windows.operators.elements import APPLIED

from ..docs.language_tables import function_table
from .support.run import planned, run


def names_of(*kinds: Kind) -> set[str]:
    return {function.name.upper() for function in FUNCTIONS.values() if function.kind in kinds}


def test_each_function_has_code_and_each_code_an_entry() -> None:
    assert names_of("scalar") == set(SCALAR_FUNCTIONS)
    assert names_of("aggregate") == set(calls.AGGREGATES)
    assert names_of("analytic") == set(ANALYTIC)
    assert names_of("window") == {*WINDOWS, "WINDOW", "WINDOWS"}
    assert names_of("system") == {METADATA, TIMESTAMP, WINDOW}
    assert names_of("applied") == set(APPLIED)
    assert names_of("cast") == {CAST, TRY_CAST}


def test_the_grammar_has_each_window_and_each_cast() -> None:
    grammar = str(parser.__doc__)
    spelt = [function.name for function in FUNCTIONS.values() if function.kind in ("window", "cast", "applied")]

    assert [name for name in spelt if not re.search(rf"\b{name}\b", grammar)] == []
    assert set(re.findall(r"\b\w+Window\b", grammar)) <= set(spelt)


def test_a_name_means_one_function() -> None:
    names = [function.name.upper() for function in dict.fromkeys(FUNCTIONS.values())]
    short = [function.short.upper() for function in dict.fromkeys(FUNCTIONS.values()) if function.short]

    assert sorted([*names, *short]) == sorted(FUNCTIONS)
    assert kind_of("UPPER") == "scalar"
    assert kind_of("MAX") == "aggregate"
    assert kind_of("upper") is None


def test_what_is_here_is_in_the_documentation_and_what_is_not_says_what_else() -> None:
    assert all(
        bool(function.family) != (kind_of(name) in ("unsupported", "foreign")) for name, function in FUNCTIONS.items()
    )
    assert all(function.instead for function in FUNCTIONS.values() if function.kind == "foreign")


def call_of(name: str, count: int) -> str:
    """Return a call of a scalar function with so many arguments beside its unit. All are NULL, which always fits."""
    unit = ["day"] if FUNCTIONS[name].first == "unit" else []
    return f"SELECT {name}({', '.join([*unit, *['NULL'] * count])}) AS x FROM Input"


@pytest.mark.parametrize("name", sorted(SCALAR_FUNCTIONS))
def test_a_scalar_function_takes_as_many_arguments_as_its_entry_says(name: str) -> None:
    least, most = FUNCTIONS[name].least, FUNCTIONS[name].most
    for count in range(least, (least + 3 if most is None else most) + 1):
        run(call_of(name, count), [(1, {})])

    for count in [least - 1] if most is None else [least - 1, most + 1]:
        with pytest.raises(QueryError, match=rf"{name} takes .*, not {count}$"):
            planned(call_of(name, count))


def test_each_unit_of_time_has_what_computes_its_part() -> None:
    assert set(PARTS) == set(TIME_UNITS)
    assert len(UNITS) == sum(1 + len(unit.abbreviations) for unit in TIME_UNITS.values())
    assert all(bool(unit.ticks) != bool(unit.months) for unit in TIME_UNITS.values())


@pytest.fixture
def grand_total(monkeypatch: pytest.MonkeyPatch) -> None:
    """One more aggregate: its entry and its code."""
    monkeypatch.setitem(FUNCTIONS, "GRANDTOTAL", Function("GrandTotal", "aggregate", "Aggregates", moving=True))
    monkeypatch.setitem(calls.AGGREGATES, "GRANDTOTAL", calls.AGGREGATES["SUM"])


EVENTS = [(1, {"v": 1}), (2, {"v": 2}), (8, {"v": 4})]


@pytest.mark.usefixtures("grand_total")
def test_an_aggregate_that_is_added_works_wherever_aggregates_do() -> None:
    select, window = "SELECT GrandTotal(v){} AS n INTO Totals FROM Input", "TumblingWindow(second, 5)"
    grouped = select.format("") + f" GROUP BY {window} HAVING GrandTotal(v) > 3"
    moving = select.format(" OVER (LIMIT DURATION(second, 3))")

    assert run(grouped, EVENTS, base="2024-05-01T00:00:00Z")["Totals"] == [(10, {"n": 4})]
    assert run(moving, EVENTS)["Totals"] == [(1, {"n": 1}), (2, {"n": 3}), (8, {"n": 4})]
    with pytest.raises(QueryError, match="GRANDTOTAL is not allowed here: it needs GROUP BY"):
        planned("SELECT v FROM Input WHERE GrandTotal(v) > 1")
    with pytest.raises(QueryError, match=r"GRANDTOTAL takes 1 argument, not 2$"):
        planned(f"SELECT GrandTotal(v, v) AS n FROM Input GROUP BY {window}")


@pytest.mark.usefixtures("grand_total")
def test_an_aggregate_that_is_added_is_suggested_and_documented() -> None:
    with pytest.raises(QueryError, match=r"^1:8: there is no function GRANTOTAL; did you mean GrandTotal\?$"):
        planned("SELECT GranTotal(v) AS n FROM Input GROUP BY TumblingWindow(second, 5)")

    rows = dict(line.strip("| ").split(" | ", 1) for line in function_table().splitlines()[2:])
    assert "GrandTotal" in rows["Aggregates"].split(", ")
    assert ", GrandTotal, " in rows["Analytic"]


@pytest.fixture
def doubled(monkeypatch: pytest.MonkeyPatch) -> None:
    """One more scalar function: its entry and its code."""
    monkeypatch.setitem(FUNCTIONS, "DOUBLED", Function("Doubled", "scalar", "Numbers"))
    monkeypatch.setitem(SCALAR_FUNCTIONS, "DOUBLED", strict(lambda value: 2 * value, anything))


@pytest.mark.usefixtures("doubled")
def test_a_scalar_function_that_is_added_works_is_suggested_and_documented() -> None:
    assert run("SELECT Doubled(v) AS n FROM Input", EVENTS[:2])["output"] == [(1, {"n": 2}), (2, {"n": 4})]
    with pytest.raises(QueryError, match=r"DOUBLED takes 1 argument, not 2$"):
        planned("SELECT Doubled(v, v) AS n FROM Input")
    with pytest.raises(QueryError, match=r"^1:8: there is no function DUBLED; did you mean Doubled\?$"):
        planned("SELECT Dubled(v) AS n FROM Input")

    rows = dict(line.strip("| ").split(" | ", 1) for line in function_table().splitlines()[2:])
    assert "CEILING, Doubled, EXP" in rows["Numbers"]


@pytest.mark.parametrize("name", ["CONCAT", "DATEADD", "CAST", "LAG", "SUM", "System.Timestamp"])
def test_a_function_of_each_kind_is_suggested(name: str) -> None:
    with pytest.raises(QueryError, match=rf"did you mean .*{name}"):
        planned(f"SELECT {name}X(v) AS n FROM Input")


@pytest.fixture
def dozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """One more unit of time: its entry, with the tables that follow from it, and what computes its part."""
    unit = TimeUnit("dozen", ("dz",), 12 * TICKS_PER_SECOND, of_windows=True, of_limits=True)
    monkeypatch.setitem(TIME_UNITS, "dozen", unit)
    for written in ("dozen", "dz"):
        monkeypatch.setitem(UNITS, written, "dozen")
    for units in (WINDOW_UNITS, LIMIT_UNITS):
        monkeypatch.setitem(units, "dozen", unit.ticks)
    monkeypatch.setitem(PARTS, "dozen", lambda time: time // unit.ticks % 5)


LATER = [(1, {"v": 1}), (13, {"v": 2}), (30, {"v": 4})]


@pytest.mark.usefixtures("dozen")
@pytest.mark.parametrize("unit", ["dozen", "DZ"])
@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("SELECT DATEPART({}, System.Timestamp()) AS n FROM Input", [0, 1, 2]),
        ("SELECT DATEDIFF({}, '2024-05-01', System.Timestamp()) AS n FROM Input", [0, 1, 2]),
        (
            "SELECT DATEDIFF(second, System.Timestamp(), DATEADD({}, v, System.Timestamp())) AS n FROM Input",
            [12, 24, 48],
        ),
        ("SELECT SUM(v) OVER (LIMIT DURATION({}, 1)) AS n FROM Input", [1, 2, 4]),
        ("SELECT ISFIRST({}, 2) AS n FROM Input", [1, 0, 1]),
        ("SELECT SUM(v) AS n FROM Input GROUP BY TumblingWindow({}, 2)", [3, 4]),
        ("SELECT SUM(v) AS n FROM Input GROUP BY SlidingWindow(Duration({}, 1))", [1, 2, 4]),
        ("SELECT a.v + b.v AS n FROM Input a JOIN Input b ON DATEDIFF({}, a, b) BETWEEN 1 AND 1", [3, 6]),
    ],
)
def test_a_unit_that_is_added_works_wherever_units_do(query: str, numbers: list[int], unit: str) -> None:
    rows = run(query.format(unit), LATER, base="2024-05-01T00:00:00Z")["output"]

    assert [columns["n"] for _, columns in rows] == numbers


@pytest.mark.usefixtures("dozen")
@pytest.mark.parametrize(
    "query",
    [
        "SELECT DATEPART(dozn, v) AS n FROM Input",
        "SELECT ISFIRST(dozn, 1) AS n FROM Input",
        "SELECT SUM(v) OVER (LIMIT DURATION(dozn, 1)) AS n FROM Input",
        "SELECT SUM(v) AS n FROM Input GROUP BY TumblingWindow(dozn, 1)",
    ],
)
def test_a_unit_that_is_added_is_suggested_and_documented(query: str) -> None:
    with pytest.raises(QueryError, match=r"dozen, found 'dozn'; did you mean dozen\?$"):
        planned(query)

    assert "dozen (dz)" in function_table()
