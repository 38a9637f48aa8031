"""UDF.name(...) in queries: how values are converted, and what becomes of errors. The real engine runs them."""

from __future__ import annotations

import gc
import os
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline.javascript import WrongFunction
from pipeline.windows.engine.engine import Engine
from pipeline.windows.jobs.definition import Definition, read_definition
from pipeline.windows.jobs.job_toml import InvalidJob
from pipeline.windows.jobs.prepare import prepare
from pipeline.windows.language.parser import parse
from pipeline.windows.language.tokens import QueryError
from pipeline.windows.language.values import Datetime
from pipeline.windows.operators.faults import Faults
from pipeline.windows.planning.planner import plan

from ..support.evaluate import same
from ..support.run import NEVER_FULL, by_output, rows_of, ticks

pytest.importorskip("quickjs", reason="the extra is not installed: pip install '.[javascript]'")

SAME = {"same": "function main(x) { return x }"}


def run(select: str, functions: Mapping[str, str], *columns: Mapping[str, Any]) -> tuple[list[Any], Counter[str]]:
    """Return what each event gives as the column x, and the faults."""
    made = plan(parse(f"SELECT {select} AS x FROM Input"), functions=functions)
    faults: Counter[str] = Counter()
    engine = Engine(made, Faults("test", faults))
    given = engine.feed(0, rows_of(made, 0, [(number, each) for number, each in enumerate(columns)]))
    given += engine.advance(ticks(100), NEVER_FULL)
    return [columns["x"] for _, columns in by_output(given).get("output", [])], faults


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        0,
        2**53,
        -(2**53),
        1.5,
        -1e-300,
        "text é \0 \U0001f600",
        Datetime(638_000_000_000_000_000),
        Datetime(0),
        [1, [2.5, None], {"a": Datetime(638_000_000_000_000_000)}],
        {"a": {"b": [1]}, "__proto__": "x"},
    ],
    ids=repr,
)
def test_a_value_keeps_its_type_and_comes_back_exactly(value: Any) -> None:
    ((came,), faults) = run("UDF.same(v)", SAME, {"v": value})

    assert same(came, value)
    assert not faults


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("() => 5.0", 5),
        ("() => 1e18", 10**18),
        ("() => Math.pow(2, 62)", 2**62),
        ("() => -Math.pow(2, 63)", -(2**63)),
        ("() => Math.pow(2, 63)", float(2**63)),
        ("() => 1e300", 1e300),
        ("() => 0.5", 0.5),
        ("() => '5'", "5"),
        ("() => new Date(5)", Datetime(621_355_968_000_050_000)),
    ],
)
def test_a_round_number_that_fits_is_a_bigint(source: str, value: Any) -> None:
    ((came,), _) = run("UDF.f()", {"f": source}, {})

    assert same(came, value)


def test_a_datetime_is_cut_to_milliseconds() -> None:
    text = "2024-05-01T10:00:00.1239999Z"
    ((came,), _) = run(f"CAST(UDF.same(CAST('{text}' AS datetime)) AS nvarchar(max))", SAME, {})

    assert came == "2024-05-01T10:00:00.1230000Z"


@pytest.mark.parametrize("value", [2**53 + 1, -(2**63), [2**53 + 1], {"a": [{"b": 2**63 - 1}]}])
def test_a_bigint_that_javascript_would_round_leaves_the_row_out(value: Any) -> None:
    assert run("UDF.same(v)", SAME, {"v": value}, {"v": 1}) == ([1], Counter({"row_errors": 1}))
    if type(value) is int:
        assert run("UDF.same(CAST(v AS nvarchar(max)))", SAME, {"v": value})[0] == [str(value)]


@pytest.mark.parametrize(
    "source",
    [
        "x => { for (;;); }",
        "x => { throw 1 }",
        "x => 0 / 0",
        "x => '\\ud800'",
        "x => new Date(1e15)",
        "x => [Symbol()]",
    ],
)
def test_a_call_that_fails_leaves_its_row_out_and_no_other(source: str) -> None:
    functions = {"f": source, **SAME}
    select = "CASE WHEN v = 2 THEN UDF.f(v) ELSE UDF.same(v) END"

    assert run(select, functions, {"v": 1}, {"v": 2}, {"v": 3}) == ([1, 3], Counter({"row_errors": 1}))


def test_functions_work_wherever_expressions_do_and_their_names_ignore_case() -> None:
    functions = {"Plus": "(a, b) => a + b"}
    query = (
        "WITH Sums AS (SELECT udf.plus(MAX(v), COUNT(*)) AS s FROM Input WHERE UDF.PLUS(v, 1) > 1 "
        "GROUP BY UDF.Plus(k, 1), TumblingWindow(second, 10) HAVING Udf.plus(0, COUNT(*)) > 1) SELECT s FROM Sums"
    )
    made = plan(parse(query), functions=functions)
    engine = Engine(made, Faults("test", Counter()))
    events = [(1, {"v": 1, "k": 1}), (2, {"v": 5, "k": 1}), (3, {"v": 9, "k": 2}), (4, {"v": 0, "k": 1})]
    given = engine.feed(0, rows_of(made, 0, events))
    given += engine.advance(ticks(100), NEVER_FULL)

    assert [columns for _, columns in by_output(given)["output"]] == [{"s": 7}]


@pytest.mark.parametrize(
    ("select", "message"),
    [
        ("UDF.other(v)", r"^1:8: there is no function UDF.OTHER: its source belongs in functions/"),
        ("UDA.same(v)", r"^1:8: UDA.SAME is a user-defined aggregate, which is not supported"),
        ("UDF.same(*)", "expected .*, found '\\*'"),
        ("UDF.same(DISTINCT v)", "UDF.SAME takes no DISTINCT"),
        ("UDF.same(v) OVER (PARTITION BY k)", "UDF.SAME takes no OVER"),
    ],
)
def test_what_can_not_be_meant_is_refused(select: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        plan(parse(f"SELECT {select} AS x FROM Input"), functions=SAME)


def test_the_name_of_an_input_is_its_row_as_on_microsoft_s_page() -> None:
    functions = {"json_stringify": "function main(x) {\nreturn JSON.stringify(x);\n}"}
    rows, faults = run("UDF.json_stringify(input)", functions, {"a": 1, "b": {"c": [2]}}, {"INPUT": 5}, {"input": None})

    assert rows == ['{"a":1,"b":{"c":[2]}}', "5", "null"]
    assert not faults


def test_the_process_of_a_plan_ends_with_it_and_explaining_a_query_starts_none() -> None:
    def children() -> int:
        return len(Path(f"/proc/{os.getpid()}/task/{threading.get_native_id()}/children").read_text().split())

    gc.collect()  # those of other tests
    before = children()
    made = plan(parse("SELECT UDF.same(v) AS x FROM Input"), functions=SAME)
    assert children() == before
    engine = Engine(made, Faults("test", Counter()))
    engine.feed(0, rows_of(made, 0, [(1, {"v": 1})]))
    assert children() == before + 1
    del made, engine
    gc.collect()
    assert children() == before


def test_names_that_differ_in_case_only_are_refused() -> None:
    with pytest.raises(WrongFunction, match="there is also same, and names of functions ignore case"):
        plan(parse("SELECT v FROM Input"), functions={**SAME, "SAME": "x => x"})


# -- in a job ---------------------------------------------------------------------------------------------------------

DOCUMENT: dict[str, Any] = {"inputs": {"Input": {"hub": "events"}}, "outputs": {"Out": {"type": "stream"}}}
QUERY = "SELECT UDF.same(v) AS x INTO Out FROM Input"


def test_a_source_that_is_wrong_names_its_file_and_key() -> None:
    definition = Definition(QUERY, {**DOCUMENT, "functions": {"same": "function main(x) {\n return x x }"}})
    with pytest.raises(InvalidJob, match=r"^j/functions/same\.js: SyntaxError: .*, line 2$") as error:
        prepare(definition, Path("j"))

    assert error.value.field == "functions.same"


@pytest.mark.parametrize(
    ("functions", "message"),
    [
        ({"same": 5}, r"^j/job.toml: \[functions\]: Expected `str`, got `int` - at `\$\[...\]`$"),
        (["same"], r"^j/job.toml: functions must be written as \[functions.NAME\] tables$"),
    ],
)
def test_a_table_of_functions_that_is_none(functions: Any, message: str) -> None:
    with pytest.raises(InvalidJob, match=message):
        prepare(Definition(QUERY, {**DOCUMENT, "functions": functions}), Path("j"))


def test_a_folder_has_its_functions_in_files_or_in_job_toml(tmp_path: Path) -> None:
    (tmp_path / "query.asaql").write_text(QUERY)
    (tmp_path / "job.toml").write_text('[functions]\nother = "x => x"\n')
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / "same.js").write_text("x => x")

    assert read_definition(tmp_path).document == {"functions": {"other": "x => x", "same": "x => x"}}

    (tmp_path / "job.toml").write_text('[functions]\nsame = "x => x"\n')
    with pytest.raises(InvalidJob, match=r"job.toml: \[functions\]: same is also a file: keep one of the two"):
        read_definition(tmp_path)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "query.asaql").write_text(QUERY)
    (tmp_path / "job.toml").write_text("")
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / "same.js").write_bytes(b"\xff")
    with pytest.raises(InvalidJob, match=r"same\.js: can't be read: "):
        read_definition(tmp_path)
