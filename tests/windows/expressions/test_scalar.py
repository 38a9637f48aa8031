"""Each example of the documentation, under the page's name, then the rules of T-SQL that the pages don't mention."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.windows.expressions.casts import to_datetime
from pipeline.windows.expressions.scalar import SCALAR_FUNCTIONS
from pipeline.windows.functions import FUNCTIONS
from pipeline.windows.language.ticks import TICKS_PER_SECOND, isoformat
from pipeline.windows.language.values import BIGINT_LEAST, BIGINT_MOST, Datetime, RowError, to_json
from pipeline.windows.operators.codec import pack, unpack
from pipeline.windows.row import Fixed

from ..support.evaluate import row, same, value_of

N = None
SENSORS = {"Temperature": 80, "Humidity": 70, "CustomSensor": [1, 1, 0]}
EVENT = {"old": '{"SalesOrderID":"65191","SalesOrderDetailID":"89090"}', "current": '{"ProductName":"Touring-2000"}'}

EXAMPLES = [
    # concat
    ("CONCAT ( 'Make: ', Make, ', Model: ', Model)", "Make: Contoso, Model: QRTZX22"),
    ("CONCAT(NULL, NULL)", ""),
    # concat-ws
    ("CONCAT_WS(', ', '1 Microsoft Way', NULL, 'Redmond', 'WA', '98052', NULL)", "1 Microsoft Way, Redmond, WA, 98052"),
    ("CONCAT_WS(', ', NULL, NULL)", ""),
    # left, right, reverse, substring, stuff
    ("LEFT('abcdefg',2)", "ab"),
    ("RIGHT('abcdefg',2)", "fg"),
    ("REVERSE('abcdefg')", "gfedcba"),
    ("SUBSTRING('abcdefg',2,4)", "bcde"),
    ("STUFF('abcdef', 2, 3, 'ijklmn')", "aijklmnef"),
    # len
    ("LEN('abc  ')", 3),
    # ltrim, rtrim, trim
    ("LTRIM( '      Left test' )", "Left test"),
    ("RTRIM( 'Right test    ' )", "Right test"),
    ("TRIM( '      a test    ' )", "a test"),
    # nchar, unicode
    ("NCHAR(33590)", "茶"),
    ("NCHAR(UNICODE('茶'))", "茶"),
    ("UNICODE('茶')", 33590),
    ("NCHAR(1114112)", N),
    ("NCHAR(-1)", N),
    # regexmatch
    ("REGEXMATCH('AB 123', '[0-9][0-9][0-9]')", 4),
    ("REGEXMATCH(NULL, 'a')", N),
    ("REGEXMATCH('a', NULL)", N),
    ("REGEXMATCH('a', '(')", 0),
    # replace
    ("REPLACE('abcde', 'cd', 'xx')", "abxxe"),
    ("REPLACE('cdabcd', 'cd', 'x')", "xabx"),
    ("REPLACE('cd', 'cd', 'xxx')", "xxx"),
    ("REPLACE('abcde', 'gh', 'xx')", "abcde"),
    ("REPLACE('abcde', 'cde', '')", "ab"),
    ("REPLACE('abcde', '', 'xxx')", "abcde"),
    ("REPLACE('', 'cde', 'xxx')", ""),
    ("REPLACE(NULL, 'cde', 'xxx')", N),
    ("REPLACE('abcde', NULL, 'xxx')", N),
    ("REPLACE('abcde', 'cde', NULL)", N),
    # replicate; the page's table has a zero too many for 'T'
    ("CONCAT(REPLICATE('0', 4 - LEN('T')), 'T')", "000T"),
    ("CONCAT(REPLICATE('0', 4 - LEN('1222X')), '1222X')", "1222X"),
    ("REPLICATE('0', -5)", N),
    # space
    ("SPACE(3)", "   "),
    ("SPACE(-1)", N),
    # translate
    ("TRANSLATE('2*[3+4]/{7-2}', '[]{}', '()()')", "2*(3+4)/(7-2)"),
    ("TRANSLATE('[137.4,72.3]', '[,]', '( )')", "(137.4 72.3)"),
    # round
    ("ROUND(1, 0)", 1),
    ("ROUND(0, 0)", 0),
    ("ROUND(-1, 0)", -1),
    ("ROUND(1.0, 0)", 1.0),
    ("ROUND(0.5, 0)", 1.0),
    ("ROUND(-0.5, 0)", -1.0),
    ("ROUND(1.234, 2)", 1.23),
    ("ROUND(1.234, 10)", 1.234),
    ("ROUND(123.4, -1)", 120.0),
    ("ROUND(123.4, -10)", 0.0),
    ("ROUND(501.0101, -3)", 1000.0),
    ("ROUND(123.9995, 3)", 124.0),
    # coalesce, nullif
    ("COALESCE(0, 'a')", 0),
    ("COALESCE(NULL, 'a')", "a"),
    ("COALESCE(NULL, NULL)", N),
    ("COALESCE(NULL, NULL, 2, NULL)", 2),
    ("NULLIF(4,4)", N),
    ("NULLIF(5,7)", 5),
    # dateadd, datediff, datename, datepart, day, month, year, datetimefromparts
    ("DATEADD(hour,2,EntryTime)", to_datetime("2014-09-10T14:01:00")),
    ("DATEDIFF (minute, EntryTime, CAST('2014-09-10 12:00:00' AS datetime))", -1),
    ("DATEDIFF (minute, EntryTime, DATEADD(hour,2,EntryTime))", 120),
    ("DATENAME (month, EntryTime)", "September"),
    ("DATEPART (weekday, EntryTime)", 4),
    ("DAY (EntryTime)", 10),
    ("MONTH (EntryTime)", 9),
    ("YEAR (EntryTime)", 2014),
    ("DATETIMEFROMPARTS(2014,9,10,12,DATEPART(minute,EntryTime)+10,00,00)", to_datetime("2014-09-10T12:11:00")),
    # getarrayelement, getarraylength, getrecordpropertyvalue
    ("SensorReadings.Temperature", 80),
    ("GetArrayElement(SensorReadings.CustomSensor,0)", 1),
    ("GetArrayElement(SensorReadings.CustomSensor,2)", 0),
    ("GetArrayLength(SensorReadings.CustomSensor)", 3),
    ("GetRecordPropertyValue(SensorReadings, 'Humidity')", 70),
    # gettype, and bitwise-and's types
    ("GetType( EntryTime )", "datetime"),
    ("GetType(Make)", "nvarchar(max)"),
    ("GetType(SensorReadings)", "record"),
    ("GetType(SensorReadings.CustomSensor)", "array"),
    ("GetType(CAST(0 AS BIT))", "bit"),
    ("GetType(CAST(0 AS BIGINT))", "bigint"),
    ("GetType(0.5)", "float"),
    # json-parse
    ("JSON_PARSE(eventrow.old)", {"SalesOrderID": "65191", "SalesOrderDetailID": "89090"}),
    ("JSON_PARSE(eventrow.[current]).ProductName", "Touring-2000"),
    ("JSON_PARSE('no JSON')", N),
    ("JSON_PARSE('[1]')", N),
    ("JSON_PARSE(5)", N),
    ("JSON_PARSE('{\"a\": 9223372036854775808}')", N),
]


@pytest.mark.parametrize(("text", "result"), EXAMPLES)
def test_an_example_of_the_documentation(text: str, result: Any) -> None:
    columns = {"Make": "Contoso", "Model": "QRTZX22", "EntryTime": to_datetime("2014-09-10T12:01:00")}

    assert same(value_of(text, SensorReadings=SENSORS, eventrow=EVENT, **columns), result)


OTHERS = [
    # text
    ("CHARINDEX('us', 'Focus')", 4),
    ("CHARINDEX('US', 'Focus')", 0),
    ("CHARINDEX('a', 'banana', 3)", 4),
    ("CHARINDEX('b', 'banana', -5)", 1),
    ("CHARINDEX('a', 'banana', 7)", 0),
    ("CHARINDEX('', 'banana')", 0),
    ("LEFT('abc', 9)", "abc"),
    ("LEFT('abc', 0)", ""),
    ("RIGHT('abc', 9)", "abc"),
    ("RIGHT('abc', 0)", ""),
    ("SUBSTRING('abc', 0, 2)", "a"),
    ("SUBSTRING('abc', -5, 2)", ""),
    ("SUBSTRING('abc', 9, 2)", ""),
    ("SUBSTRING('abc', 2, 9)", "bc"),
    ("STUFF('abc', 0, 1, 'x')", "xbc"),
    ("STUFF('abc', 4, 1, 'x')", ""),
    ("STUFF('abc', 2, 0, 'x')", "axbc"),
    ("STUFF('abc', 2, 9, 'x')", "ax"),
    ("LEN('  a')", 3),
    ("LEN('')", 0),
    ("LEN(12345)", 5),
    ("UPPER('straße 1')", "STRASSE 1"),
    ("LOWER('ÄB')", "äb"),
    ("CONCAT('a', 1, 1.5, CAST(1 AS bit))", "a11.5true"),
    ("CONCAT_WS(NULL, 'a', 'b')", "ab"),
    ("UNICODE('')", N),
    ("NCHAR(55296)", N),
    ("TRANSLATE('aa', 'aa', 'bc')", "bb"),
    ("REPLICATE('ab', 0)", ""),
    # numbers
    ("ABS(-5)", 5),
    ("ABS(-5.5)", 5.5),
    ("CEILING(1.2)", 2.0),
    ("CEILING(-1.2)", -1.0),
    ("CEILING(3)", 3),
    ("FLOOR(-1.2)", -2.0),
    ("FLOOR('1.9')", 1.0),
    ("EXP(0)", 1.0),
    ("POWER(2, 10)", 1024),
    ("POWER(2.0, -1)", 0.5),
    ("POWER(2, -1)", 0),
    ("POWER(2, 0.5)", 1),
    ("POWER(-1, 63)", -1),
    ("POWER(-2, 63)", BIGINT_LEAST),
    ("POWER(0, 0)", 1),
    ("SIGN(-2)", -1),
    ("SIGN(0.0)", 0.0),
    ("SIGN(2.5)", 1.0),
    ("SQRT(16)", 4.0),
    ("SQUARE(3)", 9.0),
    ("ROUND(125, -1)", 130),
    ("ROUND(-125, -1)", -130),
    ("ROUND(2.675, 2)", 2.68),
    ("ROUND(1e300, 2)", 1e300),
    ("ROUND(5, 400)", 5),
    ("ROUND(5, -400)", 0),
    ("ROUND(9223372036854775807, 2)", BIGINT_MOST),
    # records and arrays
    ("GetArrayElement(l, 9)", N),
    ("GetArrayElement(l, -1)", N),
    ("GetRecordPropertyValue(r, 'X')", 1),
    ("GetRecordPropertyValue(r, 'none')", N),
    ("GetType(NULL)", N),
    ("NULLIF(NULL, 1)", N),
    ("NULLIF(1, NULL)", 1),
    ("NULLIF('1', 1)", N),
]


@pytest.mark.parametrize(("text", "result"), OTHERS)
def test_a_function(text: str, result: Any) -> None:
    assert same(value_of(text, l=[1, 2], r={"x": 1}), result)


REFUSED = [
    ("LEFT(s, -1)", "negative length"),
    ("RIGHT(s, -1)", "negative length"),
    ("SUBSTRING(s, 1, -1)", "negative length"),
    ("STUFF(s, 1, -1, 'x')", "negative length"),
    ("TRANSLATE(s, 'ab', 'c')", "as many translations"),
    ("REPLICATE(s, 1000000)", "longer than"),
    ("REPLACE(REPLICATE('a', 10000), 'a', REPLICATE(s, 1000))", "longer than"),
    ("CONCAT(REPLICATE(s, 300000), REPLICATE(s, 300000))", "longer than"),
    ("SPACE(n * 2000000)", "longer than"),
    ("EXP(n * 1000)", "out of float's range"),
    ("SQRT(-n)", "no negative number"),
    ("SQUARE(n * 1e200)", "out of float's range"),
    ("POWER(n + 9, 19)", "out of bigint's range"),
    ("POWER(n + 9, 1000000000)", "out of bigint's range"),
    ("POWER(n * 1e10, 100)", "out of float's range"),
    ("POWER(-n * 1.0, 0.5)", "not a number"),
    ("POWER(n - 1, -1)", "not a number"),
    ("ABS(least)", "out of bigint's range"),
    ("ROUND(most, -1)", "out of bigint's range"),
    ("FLOOR(s)", "not a float"),
    ("DATEADD(day, 4000000, t)", "years 1 to 9999"),
    ("DATEADD(month, 120000, t)", "years 1 to 9999"),
    ("DATEADD(year, -3000, t)", "years 1 to 9999"),
    ("DATEADD(day, 1, s)", "not a datetime"),
    ("DAY(n)", "not a datetime"),
    ("DATETIMEFROMPARTS(2023, 2, 29, n, 0, 0, 0)", "no datetime of the parts"),
    ("DATETIMEFROMPARTS(2023, 13, 1, n, 0, 0, 0)", "no datetime of the parts"),
    ("DATETIMEFROMPARTS(2023, 1, 1, 0, 0, 60, n)", "no datetime of the parts"),
    ("DATETIMEFROMPARTS(2023, 1, 1, 24, 0, 0, n)", "no datetime of the parts"),
    ("GetArrayElement(s, 0)", "not an array"),
    ("GetArrayLength(r)", "not an array"),
    ("GetRecordPropertyValue(s, 'a')", "not a record"),
    ("GetArrayElement(l, s)", "not a bigint"),
    ("NULLIF(r, 1)", "can't be compared"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_a_value_that_a_function_can_not_work_with_is_refused(text: str, message: str) -> None:
    time = to_datetime("2024-05-01T10:00:00Z")

    with pytest.raises(RowError, match=message):
        value_of(text, s="abc", n=1, r={}, l=[1], t=time, least=BIGINT_LEAST, most=BIGINT_MOST)


NULLS_ARE_TAKEN = {"COALESCE", "CONCAT", "CONCAT_WS", "NULLIF"}


@pytest.mark.parametrize("name", sorted(set(SCALAR_FUNCTIONS) - NULLS_ARE_TAKEN))
def test_null_gives_null(name: str) -> None:
    assert SCALAR_FUNCTIONS[name]([Fixed(None)] * FUNCTIONS[name].least, "day")(row()) is None


def test_white_space_is_what_the_documentation_lists() -> None:
    spaces = "\t\n\v\f\r \x85\xa0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000"

    assert value_of("TRIM(s)", s=f"{spaces}a{spaces}") == "a"
    assert value_of("TRIM(s)", s="\x1fa\u200b") == "\x1fa\u200b"


# Dates.

UNITS = {
    "year": "2025-02-28T10:20:30.1234567Z",
    "quarter": "2024-05-29T10:20:30.1234567Z",
    "month": "2024-03-29T10:20:30.1234567Z",
    "dayofyear": "2024-03-01T10:20:30.1234567Z",
    "day": "2024-03-01T10:20:30.1234567Z",
    "week": "2024-03-07T10:20:30.1234567Z",
    "weekday": "2024-03-01T10:20:30.1234567Z",
    "hour": "2024-02-29T11:20:30.1234567Z",
    "minute": "2024-02-29T10:21:30.1234567Z",
    "second": "2024-02-29T10:20:31.1234567Z",
    "millisecond": "2024-02-29T10:20:30.1244567Z",
    "microsecond": "2024-02-29T10:20:30.1234577Z",
}
PARTS = {
    "year": (2024, "2024"),
    "quarter": (1, "1"),
    "month": (2, "February"),
    "dayofyear": (60, "60"),
    "day": (29, "29"),
    "week": (9, "9"),
    "weekday": (5, "Thursday"),
    "hour": (10, "10"),
    "minute": (20, "20"),
    "second": (30, "30"),
    "millisecond": (123, "123"),
    "microsecond": (123456, "123456"),
}
LEAP_DAY = to_datetime("2024-02-29T10:20:30.1234567Z")


@pytest.mark.parametrize("unit", UNITS)
def test_each_unit_is_added_named_and_taken_apart(unit: str) -> None:
    later = value_of(f"DATEADD({unit}, 1, t)", t=LEAP_DAY)

    assert type(later) is Datetime
    assert isoformat(later) == UNITS[unit]
    assert value_of(f"DATEDIFF({unit}, t, u)", t=LEAP_DAY, u=later) == 1
    assert value_of(f"DATEDIFF({unit}, u, t)", t=LEAP_DAY, u=later) == -1
    number, name = PARTS[unit]
    assert same(value_of(f"DATEPART({unit}, t)", t=LEAP_DAY), number)
    assert same(value_of(f"DATENAME({unit}, t)", t=LEAP_DAY), name)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        pytest.param("DATEADD(month, 1, '2024-01-31')", "2024-02-29", id="the last of a shorter month"),
        pytest.param("DATEADD(month, -1, '2024-03-31')", "2024-02-29", id="back"),
        pytest.param("DATEADD(month, -13, '2024-01-31')", "2022-12-31", id="back over two years"),
        pytest.param("DATEADD(day, 1.9, '2024-01-31')", "2024-02-01", id="a fraction is cut off"),
        pytest.param("DATEADD(day, -1.9, '2024-01-31')", "2024-01-30", id="towards zero"),
        pytest.param("DATEADD(minute, '5', '2024-01-31T00:00+01:00')", "2024-01-30T23:05", id="texts"),
    ],
)
def test_dateadd(text: str, result: str) -> None:
    assert value_of(text) == to_datetime(result)


@pytest.mark.parametrize(
    ("unit", "start", "end", "count"),
    [
        pytest.param("minute", "2024-05-01T10:00:59.9999999", "2024-05-01T10:01:00", 1, id="a boundary after a tick"),
        pytest.param("minute", "2024-05-01T10:00:00", "2024-05-01T10:00:59", 0, id="none in 59 seconds"),
        pytest.param("year", "2023-12-31T23:59:59", "2024-01-01", 1, id="New Year"),
        pytest.param("quarter", "2024-03-31", "2024-04-01", 1, id="a quarter"),
        pytest.param("week", "2024-05-04", "2024-05-05", 1, id="a week begins on Sunday"),
        pytest.param("week", "2024-05-05", "2024-05-11", 0, id="and ends on Saturday"),
        pytest.param("hour", "2024-05-01T10:00:00+02:00", "2024-05-01T10:00:00Z", 2, id="offsets count"),
    ],
)
def test_datediff_counts_boundaries(unit: str, start: str, end: str, count: int) -> None:
    assert value_of(f"DATEDIFF({unit}, '{start}', '{end}')") == count
    assert value_of(f"DATEDIFF({unit}, '{end}', '{start}')") == -count


TIMES = st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31))


def ticks(time: datetime) -> Datetime:
    since = time - datetime.min
    return Datetime((since.days * 86_400 + since.seconds) * TICKS_PER_SECOND + since.microseconds * 10)


@given(TIMES)
def test_parts_are_what_python_takes_apart(time: datetime) -> None:
    def part(unit: str) -> Any:
        return value_of(f"DATEPART({unit}, t)", t=ticks(time))

    units = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    assert [part(unit) for unit in units] == [getattr(time, unit) for unit in units]
    assert part("weekday") == time.isoweekday() % 7 + 1
    assert part("dayofyear") == (time.date() - date(time.year, 1, 1)).days + 1
    days = (date(time.year, 1, 1) + timedelta(days) for days in range(1, part("dayofyear")))
    assert part("week") == 1 + sum(day.isoweekday() == 7 for day in days)


@given(TIMES, st.integers(-2_000, 2_000))
def test_dateadd_of_months_clamps_to_the_month(time: datetime, months: int) -> None:
    total = time.year * 12 + time.month - 1 + months
    if not 12 <= total < 120_000:
        return
    later = value_of("DATEADD(month, n, t)", n=months, t=ticks(time))

    moved = value_of("DATEPART(year, t) * 12 + DATEPART(month, t) - 1", t=later)
    assert moved == total
    day = value_of("DAY(t)", t=later)
    assert day == time.day or (day < time.day and value_of("DAY(DATEADD(day, 1, t))", t=later) == 1)
    assert later % 864_000_000_000 == ticks(time) % 864_000_000_000


@given(TIMES, TIMES, st.sampled_from(["year", "quarter", "month", "week", "day", "hour", "minute", "second"]))
def test_datediff_adds_up(a: datetime, b: datetime, unit: str) -> None:
    def difference(start: datetime, end: datetime) -> int:
        number = value_of(f"DATEDIFF({unit}, a, b)", a=ticks(start), b=ticks(end))
        assert type(number) is int
        return number

    middle = min(a, b) + abs(b - a) / 2
    assert difference(a, middle) + difference(middle, b) == difference(a, b)


VALUES = (
    st.none()
    | st.booleans()
    | st.integers(BIGINT_LEAST, BIGINT_MOST)
    | st.integers(-3, 70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["2024-05-01", "12", "-1.5e3", "%a_[", "(a|b)*", "{}", "true"])
    | st.builds(Datetime, st.integers(0, 3_155_378_975_999_999_999))
    | st.lists(st.integers(0, 3), max_size=3)
    | st.dictionaries(st.text("ab", max_size=1), st.integers(0, 3), max_size=2)
)


@given(
    st.sampled_from(sorted(SCALAR_FUNCTIONS)), st.sampled_from(sorted(UNITS)), st.lists(VALUES, min_size=7, max_size=7)
)
def test_a_function_of_any_values_gives_a_value_or_refuses(name: str, unit: str, values: list[Any]) -> None:
    try:
        result = SCALAR_FUNCTIONS[name](list(map(Fixed, values[: FUNCTIONS[name].least])), unit)(row())
    except RowError:
        return
    assert unpack(pack(result)) == result
    assert type(result) is not int or BIGINT_LEAST <= result <= BIGINT_MOST
    assert type(result) is not float or math.isfinite(result)
    to_json({"x": result})


OPERATIONS = [
    *("a + b", "a - b", "a * b", "a / b", "a % b", "-a"),
    *("CAST(a AS bigint)", "CAST(a AS float)", "CAST(a AS datetime)", "CAST(a AS bit)", "CAST(a AS nvarchar(max))"),
    *(f"CASE WHEN {test} THEN b END" for test in ("a = b", "a < b", "a IN (b, 1)", "a BETWEEN b AND c", "a LIKE b")),
]


@given(st.sampled_from(OPERATIONS), VALUES, VALUES, VALUES)
def test_an_operator_on_any_values_gives_a_value_or_refuses(text: str, a: Any, b: Any, c: Any) -> None:
    try:
        result = value_of(text, a=a, b=b, c=c)
    except RowError:
        return
    assert unpack(pack(result)) == result
    assert type(result) is not int or BIGINT_LEAST <= result <= BIGINT_MOST
    assert type(result) is not float or math.isfinite(result)
