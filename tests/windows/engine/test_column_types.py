"""CREATE TABLE: rows whose values do not have the types are left out, and counted as events that are not readable."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from pipeline.windows.engine.column_types import typed
from pipeline.windows.engine.event_times import TimePolicies
from pipeline.windows.engine.input_rows import InputRows
from pipeline.windows.language.parser import parse
from pipeline.windows.language.render import render
from pipeline.windows.language.syntax import TypedColumn
from pipeline.windows.language.tokens import At, QueryError
from pipeline.windows.language.values import Columns, Datetime, RowError
from pipeline.windows.operators.faults import EVENT_TIME, INPUT, Faults
from pipeline.windows.row import Row

from ..support.run import planned, run, ticks

TOLL = """CREATE TABLE Entry (
	TollId bigint,
	EntryTime datetime,
	LicensePlate nvarchar(max),
	State nvarchar(max),
	Make nvarchar(max),
	Model nvarchar(max),
	VehicleType bigint,
	VehicleWeight float,
	Toll float,
	Tag bigint
);

SELECT
	DATEADD(hour,-1,System.Timestamp()) AS WindowStart,
	System.Timestamp AS WindowEnd,
	TollId,
	SUM(Toll) AS TollTotal -- guaranteed to be a float
INTO MyOutput
FROM Entry TIMESTAMP BY EntryTime -- guaranteed to be a timestamp
GROUP BY TollId, Tumbling(hour,1)"""

CAR = {
    "TollId": 1,
    "EntryTime": "2014-09-10T12:11:00.0000000Z",
    "LicensePlate": "NJB 1006",
    "State": "CT",
    "Make": "Ford",
    "Model": "Focus",
    "VehicleType": 1,
    "VehicleWeight": 0,
    "Toll": 4.5,
    "Tag": 678912345,
}


def test_the_example_of_the_documentation() -> None:
    """VehicleWeight is 0, a bigint in JSON, which is a float without loss; so is a Toll of 2."""
    events = [(0, CAR), (60, {**CAR, "EntryTime": "2014-09-10T12:30:00Z", "Toll": 2})]

    ((_, row),) = run(TOLL, events, base="2014-09-10T12:11:00Z")["MyOutput"]

    assert (row["TollId"], row["TollTotal"]) == (1, 6.5)
    assert row["WindowEnd"] == ticks(0, "2014-09-10T13:00:00Z")


def test_apply_has_its_example_with_the_types() -> None:
    rows = run(
        """CREATE TABLE input(TollId nvarchar(max), EntryTime datetime, Licenses array)

        SELECT e.TollId, e.EntryTime, flat.ArrayValue AS licensePlate
           FROM input AS e
           CROSS APPLY GetArrayElements(e.Licenses) AS flat""",
        [(1, {"TollId": "1", "EntryTime": "2014-09-10T12:11:00Z", "Licenses": ["NJB 1006", "TRL 7"]}), (2, {})],
    )["output"]

    assert [(row["TollId"], row["licensePlate"]) for _, row in rows] == [("1", "NJB 1006"), ("1", "TRL 7")]
    assert {type(row["EntryTime"]) for _, row in rows} == {Datetime}


TAKEN = [
    ("bigint", 5, 5),
    ("bigint", 5.0, 5),
    ("float", 5, 5.0),
    ("float", 2.5, 2.5),
    ("nvarchar", "x", "x"),
    ("datetime", "2024-05-01", Datetime(638501184000000000)),
    ("datetime", Datetime(7), Datetime(7)),
    ("bit", True, True),
    ("record", {"a": 1}, {"a": 1}),
    ("array", [1], [1]),
]
NOT_TAKEN: dict[str, tuple[Any, ...]] = {
    "bigint": ("5", 5.5, True, 1e300, [5]),
    "float": ("2.5", False, {}),
    "nvarchar": (5, True, Datetime(7), {}),
    "datetime": ("noon", "", 5, "5"),
    "bit": (0, 1, "true"),
    "record": ("{}", []),
    "array": ("[]", {}),
}
REFUSED = [(to, value) for to, values in NOT_TAKEN.items() for value in values]
AS_TEXT = [
    ("bigint", " 5 ", 5),
    ("float", "2.5e1", 25.0),
    ("bit", "TRUE", True),
    ("bit", "", None),
    ("nvarchar", "", ""),
]


def read(to: Any, value: Any, *, is_text: bool = False) -> Any:
    """Return the value of a column c with a type; raise the fault."""
    counts = Counter[str]()
    rows = typed(
        [Row({"c": value, "d": 1}, 1, ())], [TypedColumn("c", to, At(1, 1))], Faults("t", counts), is_text=is_text
    )
    if not rows:
        assert counts == {INPUT: 1}
        raise RowError
    assert rows[0].columns["d"] == 1
    return rows[0].columns["c"]


@pytest.mark.parametrize(("to", "value", "expected"), TAKEN)
def test_a_value_of_the_type_is_taken(to: str, value: Any, expected: Any) -> None:
    found = read(to, value)

    assert found == expected
    assert type(found) is type(expected)
    assert read(to, None) is None


@pytest.mark.parametrize(("to", "value"), REFUSED, ids=repr)
def test_no_other_value_is_converted(to: str, value: Any) -> None:
    """The page: 'CREATE TABLE cannot be used to convert types'."""
    with pytest.raises(RowError):
        read(to, value)


@pytest.mark.parametrize(("to", "text", "expected"), AS_TEXT)
def test_csv_has_text_only_which_is_read(to: str, text: str, expected: Any) -> None:
    found = read(to, text, is_text=True)

    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(("to", "text"), [("bigint", "x"), ("datetime", "5"), ("record", "{}"), ("bit", "maybe")])
def test_csv_text_that_is_not_of_the_type_is_a_fault(to: str, text: str) -> None:
    with pytest.raises(RowError):
        read(to, text, is_text=True)


def test_names_ignore_case_and_the_row_keeps_its_spelling() -> None:
    (row,) = typed(
        [Row(Columns({"ENTRYTIME": "2024-05-01"}), 1, ())],
        [TypedColumn("EntryTime", "datetime", At(1, 1))],
        Faults("t", Counter()),
    )

    assert row.columns == {"ENTRYTIME": Datetime(638501184000000000)}
    assert row.columns.get("entrytime") == Datetime(638501184000000000)


def test_each_stream_of_the_input_gets_the_rows_that_fit() -> None:
    plan = planned(
        "CREATE TABLE I (t datetime, n bigint) SELECT MAX(t) AS t INTO a FROM i TIMESTAMP BY t "
        "GROUP BY TumblingWindow(day, 1) SELECT n INTO b FROM i"
    )
    counts = Counter[str]()
    rows = InputRows(plan.streams, "i", TimePolicies(), Faults("t", counts))
    time = ticks(0, "2024-05-01T00:00:00Z")

    given = rows.by_stream(
        [Row(columns, time, (0, n, 0)) for n, columns in enumerate([{"t": "2024-05-01", "n": 1}, {"t": "x"}, {"n": 2}])]
    )

    assert [(stream, [row.columns for row in taken]) for stream, taken in given] == [
        (0, [{"t": Datetime(time), "n": 1}]),
        (1, [{"t": Datetime(time), "n": 1}, {"n": 2}]),
    ]
    assert counts == {INPUT: 1, EVENT_TIME: 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("CREATE TABLE j (a bigint) SELECT a FROM i", "1:14: j is no input that a FROM or JOIN reads; these are: i"),
        ("CREATE TABLE s (a bigint); WITH s AS (SELECT a FROM i) SELECT a FROM s", "s is no input"),
        ("CREATE TABLE r (a bigint) SELECT i.a FROM i JOIN r ON r.a = i.a", "r is no input"),
        ("CREATE TABLE i (a bigint, b bit, A float) SELECT a FROM i", "1:14: CREATE TABLE i has a column twice"),
        ("CREATE TABLE i (a bit) CREATE TABLE I (b bit) SELECT a FROM i", "1:37: two CREATE TABLE are for I"),
        ("CREATE TABLE i (a int) SELECT a FROM i", r"1:19: expected a type \(bigint, float, nvarchar, .*found 'int'"),
        ("CREATE TABLE i (a nvarchar(10)) SELECT a FROM i", "1:28: expected max"),
        ("CREATE TABLE i () SELECT a FROM i", "1:17: expected a column"),
        ("CREATE TABLE i (a) SELECT a FROM i", "1:18: expected a type"),
        ("CREATE TABLE (a bit) SELECT a FROM i", "1:14: expected the name of an input"),
        ("SELECT a FROM i CREATE TABLE i (a bit)", "1:17: CREATE TABLE is allowed only at the beginning"),
        ("WITH s AS (SELECT a FROM i) CREATE TABLE i (a bit) SELECT a FROM s", "only at the beginning"),
        ("CREATE TABLE i (a bit)", "expected SELECT, found the end"),
    ],
)
def test_a_mistake_is_refused(text: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        planned(text, ["r"])


def test_the_types_are_a_part_of_the_text_that_a_job_is_known_by() -> None:
    text = "CREATE TABLE [my in] ([a b] nvarchar, c datetime)\n; SELECT c FROM [my in]"

    assert render(parse(text)) == "CREATE TABLE [my in] ([a b] nvarchar(max), c datetime);\nSELECT c FROM [my in]"
    assert parse(render(parse(text))) == parse(text)
