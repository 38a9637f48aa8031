from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.windows.expressions.casts import to_datetime
from pipeline.windows.expressions.closures import compile_expression, property_of
from pipeline.windows.language.syntax import Call, Column
from pipeline.windows.language.tokens import QueryError
from pipeline.windows.language.values import BIGINT_LEAST, BIGINT_MOST, Columns, Datetime, RowError
from pipeline.windows.row import Evaluate, Fixed

from ..support.evaluate import AnyColumn, compiled, condition, expression, row, same, value_of

T, F, N = True, False, None
LOGIC = {"TRUE": "1 = 1", "FALSE": "1 = 0", "NULL": "1 = NULL"}
TRUTH: dict[str, Any] = {"TRUE": T, "FALSE": F, "NULL": N}


def table(rows: str) -> list[tuple[str, str, Any]]:
    """Read a truth table: it has a line for each left side, in the order of `TRUTH`, and a word for each right side."""
    words = [line.split() for line in rows.split("/")]
    return [(a, b, TRUTH[words[i][j]]) for (i, a), (j, b) in itertools.product(enumerate(TRUTH), enumerate(TRUTH))]


AND = table("TRUE FALSE NULL / FALSE FALSE FALSE / NULL FALSE NULL")
OR = table("TRUE TRUE TRUE / TRUE FALSE NULL / TRUE NULL NULL")


@pytest.mark.parametrize("operator", ["AND", "OR"])
@pytest.mark.parametrize("place", range(9))
def test_and_and_or_know_three_values(operator: str, place: int) -> None:
    a, b, result = (AND if operator == "AND" else OR)[place]

    assert condition(f"{LOGIC[a]} {operator} {LOGIC[b]}")(row()) is result
    assert condition(f"a {operator} b")(row(a=TRUTH[a], b=TRUTH[b])) is result


@pytest.mark.parametrize(("value", "result"), [(T, F), (F, T), (N, N)])
def test_not_of_null_is_null(value: Any, result: Any) -> None:
    assert condition("NOT a")(row(a=value)) is result


@pytest.mark.parametrize(
    ("text", "columns", "result"),
    [
        pytest.param("a = b", {"a": 1, "b": 1.0}, T, id="a bigint and a float"),
        pytest.param("a = b", {"a": 2**53 + 1, "b": 2.0**53}, F, id="exactly, though the float is near"),
        pytest.param("a < b", {"a": 2.0**53, "b": 2**53 + 1}, T, id="and less"),
        pytest.param("a = b", {"a": N, "b": N}, N, id="NULL is not equal to NULL"),
        pytest.param("a <> b", {"a": 1, "b": N}, N, id="nor different"),
        pytest.param("missing = 1", {}, N, id="an absent column is NULL"),
        pytest.param("a = 'ABC'", {"a": "abc"}, F, id="case counts"),
        pytest.param("a = 'abc '", {"a": "abc"}, F, id="blanks at the end count"),
        pytest.param("a < b", {"a": "Z", "b": "a"}, T, id="texts by code point"),
        pytest.param("a = 5", {"a": "5"}, T, id="text as a bigint"),
        pytest.param("a = 9007199254740993", {"a": "9007199254740993"}, T, id="exactly"),
        pytest.param("a > 1.5", {"a": "1e1"}, T, id="text as a float"),
        pytest.param("5 < a", {"a": "10"}, T, id="text on the right"),
        pytest.param("a = 1", {"a": T}, T, id="a bit as a number"),
        pytest.param("a = 'true'", {"a": T}, T, id="text as a bit"),
        pytest.param("a >= '2024-05-01'", {"a": to_datetime("2024-05-01T00:00:00Z")}, T, id="text as a datetime"),
        pytest.param(
            "a = b", {"a": to_datetime("2024-05-01"), "b": "2024-05-01T02:00:00+02:00"}, T, id="in any offset"
        ),
        pytest.param("a != 1", {"a": 2}, T, id="!="),
        pytest.param("a IN (1, 2)", {"a": 2.0}, T, id="IN, of another type"),
        pytest.param("a IN (1, 2)", {"a": 2}, T, id="IN constants"),
        pytest.param("a IN ('x', 'y')", {"a": "z"}, F, id="not IN constants"),
        pytest.param("a IN (1, 'x')", {"a": 1}, T, id="IN constants of two types"),
        pytest.param("a IN (1, NULL)", {"a": 1}, T, id="IN, before a NULL"),
        pytest.param("a IN (1, NULL)", {"a": 2}, N, id="maybe IN"),
        pytest.param("a NOT IN (1, NULL)", {"a": 2}, N, id="maybe NOT IN"),
        pytest.param("a NOT IN (1, b)", {"a": 2, "b": 3}, T, id="NOT IN"),
        pytest.param("a IN (1, 2)", {}, N, id="NULL IN"),
        pytest.param("a BETWEEN 1 AND 2", {"a": 2}, T, id="BETWEEN includes its ends"),
        pytest.param("a BETWEEN 2 AND 1", {"a": 2}, F, id="BETWEEN, the wrong way round"),
        pytest.param("a NOT BETWEEN 1 AND 2", {"a": 3}, T, id="NOT BETWEEN"),
        pytest.param("a BETWEEN b AND 2", {"a": 3, "b": N}, F, id="BETWEEN, false whatever the NULL is"),
        pytest.param("a BETWEEN b AND 2", {"a": 1, "b": N}, N, id="BETWEEN, unknown"),
        pytest.param("a IS NULL", {}, T, id="IS NULL"),
        pytest.param("a IS NOT NULL", {"a": 0}, T, id="0 is not NULL"),
        pytest.param("a IS NOT NULL", {"a": ""}, T, id="nor is an empty text"),
        pytest.param("NOT a > 1 AND b LIKE 'x%'", {"a": 1, "b": "xy"}, T, id="together"),
    ],
)
def test_a_condition_is_true_false_or_unknown(text: str, columns: dict[str, Any], result: bool | None) -> None:
    assert condition(text)(row(**columns)) is result


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        pytest.param("a = 5", {"a": "x"}, id="text that is not a number"),
        pytest.param("a = 5", {"a": {}}, id="a record"),
        pytest.param("a = b", {"a": [], "b": []}, id="arrays"),
        pytest.param("a < 5", {"a": Datetime(1)}, id="a datetime and a number"),
        pytest.param("a = b", {"a": Datetime(1), "b": "noon"}, id="text that is not a datetime"),
        pytest.param("a", {"a": 1}, id="a number as a condition"),
        pytest.param("a AND 1 = 1", {"a": "true"}, id="text as a condition"),
    ],
)
def test_a_condition_on_values_of_other_types_leaves_the_row_out(text: str, columns: dict[str, Any]) -> None:
    with pytest.raises(RowError):
        condition(text)(row(**columns))


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("1 + 2 * 3", 7),
        ("7 / 2", 3),
        ("-7 / 2", -3),
        ("7 / -2", -3),
        ("-7 % 3", -1),
        ("7 % -3", 1),
        ("7 / 2.0", 3.5),
        ("7.5 % 2", 1.5),
        ("1 + 1.0", 2.0),
        ("0 + 5", 5),
        ("5 - 0", 5),
        ("0 / 5", 0),
        ("'1' + 2", 3),
        ("'1.5' * 2", 3.0),
        ("'a' + 'b'", "ab"),
        ("'1' + '2'", "12"),
        ("1 + NULL", None),
        ("NULL / 0", None),
        ("-(-3)", 3),
        ("-'3'", -3),
        ("+3", 3),
        ("CAST('true' AS bit) + 1", 2),
        ("-9223372036854775808", BIGINT_LEAST),
        ("9223372036854775807 + 0", BIGINT_MOST),
        ("9223372036854775807 * 1.0", 2.0**63),
        ("RTRIM('LastName  ') + ',' + SPACE(1) +  LTRIM('    FirstName')", "LastName, FirstName"),  # R/space
    ],
)
def test_arithmetic(text: str, result: Any) -> None:
    assert same(value_of(text), result)


BIGINTS = st.integers(BIGINT_LEAST, BIGINT_MOST)


@given(BIGINTS, BIGINTS.filter(bool))
def test_division_and_remainder_belong_together(a: int, b: int) -> None:
    if (a, b) == (BIGINT_LEAST, -1):
        return  # overflows
    quotient, remainder = value_of("a / b", a=a, b=b), value_of("a % b", a=a, b=b)

    assert quotient * b + remainder == a
    assert abs(remainder) < abs(b)
    assert remainder == 0 or (remainder < 0) == (a < 0)


@given(BIGINTS, st.sampled_from(["+", "-", "*"]), BIGINTS)
def test_a_bigint_is_exact_or_refused(a: int, operator: str, b: int) -> None:
    exact = {"+": a + b, "-": a - b, "*": a * b}[operator]
    if BIGINT_LEAST <= exact <= BIGINT_MOST:
        assert same(value_of(f"a {operator} b", a=a, b=b), exact)
    else:
        with pytest.raises(RowError, match="out of bigint's range"):
            value_of(f"a {operator} b", a=a, b=b)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a / 0", "divides by zero"),
        ("a % 0", "divides by zero"),
        ("a / 0.0", "divides by zero"),
        ("a % 0.0", "divides by zero"),
        ("a * 1e308 * 10", "out of float's range"),
        ("-(a - 9223372036854775807 - 6)", "out of bigint's range"),
        ("a + 'x'", "'x' is not a float"),
        ("a + r", "record is not a number"),
        ("a + l", "array is not a number"),
        ("t + a", "use DATEADD or DATEDIFF"),
        ("-t", "a datetime has no sign"),
        ("REPLICATE('x', 1000000) + REPLICATE('x', 1000000)", "is longer than"),
    ],
)
def test_a_value_that_can_not_be_is_refused(text: str, message: str) -> None:
    with pytest.raises((RowError, QueryError), match=message):
        value_of(text, a=5, r={}, l=[], t=Datetime(1))


@pytest.mark.parametrize(
    ("text", "columns", "result"),
    [
        pytest.param(
            "CASE a WHEN 'S' THEN 'Sedan' WHEN 'T' THEN 'Truck' ELSE NULL END", {"a": "T"}, "Truck", id="simple"
        ),
        pytest.param("CASE a WHEN 'S' THEN 'Sedan' ELSE 'other' END", {"a": N}, "other", id="NULL matches no branch"),
        pytest.param("CASE a WHEN NULL THEN 1 END", {"a": N}, N, id="NULL is not equal to NULL"),
        pytest.param("CASE WHEN a < 60 THEN 'Alert' ELSE 'OK' END", {"a": 59.5}, "Alert", id="searched"),
        pytest.param("CASE WHEN a < 60 THEN 'Alert' ELSE 'OK' END", {"a": N}, "OK", id="unknown is not true"),
        pytest.param("CASE WHEN a <> 0 THEN 10 / a ELSE 0 END", {"a": 0}, 0, id="only the branch taken is worked out"),
        pytest.param("CASE WHEN a = 1 THEN 'one' END", {"a": 2}, N, id="without ELSE"),
        pytest.param("COALESCE(a, 10 / b)", {"a": 1, "b": 0}, 1, id="COALESCE looks no further"),
        pytest.param("(a = 1 OR 10 / b = 1)", {"a": 1, "b": 0}, T, id="nor does OR"),
        pytest.param("(a = 2 AND 10 / b = 1)", {"a": 1, "b": 0}, F, id="nor does AND"),
        pytest.param("a.b.C", {"a": {"B": {"c": 3}}}, 3, id="properties ignore case"),
        pytest.param("a.b", {"a": {"B": 1, "b": None}}, N, id="the same case wins, even for NULL"),
        pytest.param("a.b.c", {"a": {"b": 5}}, N, id="a property of no record"),
        pytest.param("JSON_PARSE(a).b", {"a": '{"B": 2}'}, 2, id="a property of a call"),
        pytest.param("a > 1", {"a": 2}, T, id="a condition is a bit"),
    ],
)
def test_an_expression_has_a_value(text: str, columns: dict[str, Any], result: Any) -> None:
    assert same(value_of(text, **columns), result)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 / 0", "1:10: bigint 1 / bigint 0 divides by zero"),
        ("CAST('this is a string' AS bigint)", "'this is a string' is not a bigint"),
        ("9223372036854775807 + 1", "out of bigint's range"),
        ("NOT 5", "a condition is missing"),
        ("NOT (a + 1)", r"a condition is missing: \+ gives a number"),
        ("a LIKE 'x' ESCAPE 'ab'", "ESCAPE takes one character"),
        ("REGEXMATCH(a, '(?=x)')", "not supported"),
        ("LEFT('abc', -1)", "negative length"),
        ("UPPER(a, b)", "UPPER takes 1 argument, not 2"),
        ("CONCAT(a)", "CONCAT takes at least 2 arguments, not 1"),
        ("CHARINDEX(a)", "CHARINDEX takes 2 to 3 arguments, not 1"),
        ("DATEADD(day, 1)", "DATEADD takes a unit of time and 2 arguments, not 1"),
        ("UPPR(a)", r"there is no function UPPR; did you mean UPPER\?$"),
        ("SUMM(a)", r"there is no function SUMM; did you mean SUM\?$"),
        ("QXYZ(a)", r"there is no function QXYZ$"),
        ("IIF(a = 1, 2, 3)", "write CASE WHEN"),
        ("ISNULL(a, 2)", "write COALESCE"),
        ("ST_DISTANCE(a, b)", "ST_DISTANCE is a function of Stream Analytics that is not supported"),
        ("CreatePoint(a, b)", "CREATEPOINT is .* that is not supported; instead: BETWEEN of latitude and longitude"),
        ("UDF.twice(a)", r"there is no function UDF.TWICE: its source belongs in functions/"),
        ("UDA.twice(a)", r"UDA.TWICE is a user-defined aggregate, which is not supported"),
        ("MAX(a)", "MAX is not allowed here"),
        ("UPPER(a) OVER (PARTITION BY b)", "UPPER takes no OVER"),
        ("UPPER(DISTINCT a)", "UPPER takes no DISTINCT"),
    ],
)
def test_what_can_not_be_meant_is_the_query_s_fault(text: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        compiled(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "1 + 2",
            "'a' LIKE 'a%'",
            "DATEADD(day, 1, '2024-05-01')",
            "NULL",
            "1 IN (1, 2)",
            "1 BETWEEN 0 AND 2",
            "-(1)",
        ),
        *("NULL IS NULL", "CAST('1' AS bigint) = 1 AND NOT 1 > 2", "COALESCE(NULL, 1)"),
    ],
)
def test_a_constant_is_worked_out_once(text: str) -> None:
    assert isinstance(compiled(text), Fixed)


def test_a_datetime_of_the_row_is_compared_and_measured() -> None:
    noon = row(to_datetime("2024-05-01T12:00:00Z"))

    assert compiled("DATEDIFF(minute, '2024-05-01', System.Timestamp())")(noon) == 720
    assert condition("System.Timestamp() >= '2024-05-01T14:00:00+02:00'")(noon) is True


def test_a_scope_says_what_columns_and_calls_are() -> None:
    class Planned(AnyColumn):
        def column(self, column: Column) -> Evaluate:
            if column.names != ("known",):
                raise QueryError(f"there is no {column}", column.at)
            return super().column(column)

        def call(self, call: Call) -> Evaluate | None:
            return (lambda row: 42) if call.function == "MAX" else None

    evaluate = compile_expression(expression("MAX(x) + known"), Planned())
    assert evaluate(row(known=1)) == 43
    with pytest.raises(QueryError, match=r"there is no un\.known"):
        compile_expression(expression("UPPER(un.known)"), Planned())


def test_a_kind_of_column_that_a_planner_adds_is_a_column() -> None:
    class Resolved(Column):
        pass

    at = expression("a").at
    assert compile_expression(Resolved(("a",), at), AnyColumn())(row(a=7)) == 7


def test_a_property_is_got_in_any_case_and_is_null_without_a_record() -> None:
    whole = row(a=Columns({"B": {"c": 1}})).columns

    assert property_of(property_of(lambda row: whole["a"], "b"), "C")(row()) == 1
    assert property_of(lambda row: whole["a"], "x")(row()) is None
    assert property_of(lambda row: 5, "x")(row()) is None
