from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.windows.expressions.casts import (
    CASTS,
    _iso_ticks,
    _ticks,
    to_bigint,
    to_datetime,
    to_float,
    to_number,
    to_text,
)
from pipeline.windows.language.ticks import TICKS_PER_SECOND, isoformat
from pipeline.windows.language.values import BIGINT_LEAST, BIGINT_MOST, Columns, Datetime, RowError

from ..support.evaluate import same, value_of

NOON = Datetime(to_datetime("2024-05-01T12:00:00Z"))

GIVEN = [
    # to bigint
    ("bigint", 7, 7),
    ("bigint", True, 1),
    ("bigint", 2.9, 2),
    ("bigint", -2.9, -2),
    ("bigint", " +12 ", 12),
    ("bigint", str(BIGINT_LEAST), BIGINT_LEAST),
    # to float
    ("float", 2, 2.0),
    ("float", False, 0.0),
    ("float", "1.5e3", 1500.0),
    ("float", " -.5 ", -0.5),
    ("float", "9" * 30, 1e30),
    # to nvarchar
    ("nvarchar", 12, "12"),
    ("nvarchar", 1.0, "1"),
    ("nvarchar", 0.1, "0.1"),
    ("nvarchar", True, "true"),
    ("nvarchar", NOON, "2024-05-01T12:00:00.0000000Z"),
    ("nvarchar", {"a": [1, NOON]}, '{"a":[1,"2024-05-01T12:00:00.0000000Z"]}'),
    ("nvarchar", [1, "x", None], '[1,"x",null]'),
    # to bit: R/data-types, 'Conversion to bit'
    ("bit", 0.0, False),
    ("bit", 0.5, True),
    ("bit", -3, True),
    ("bit", "True", True),
    ("bit", "0", False),
    # to datetime
    ("datetime", NOON, NOON),
    ("datetime", "2024-05-01T12:00:00", NOON),
    ("record", {"a": 1}, {"a": 1}),
    ("array", [1], [1]),
]


@pytest.mark.parametrize(("name", "value", "result"), GIVEN, ids=lambda part: repr(part)[:40])
def test_a_value_is_cast(name: str, value: Any, result: Any) -> None:
    assert same(CASTS[name](value), result)


REFUSED = [
    ("bigint", "this is a string"),  # R/cast
    ("bigint", ""),
    ("bigint", "1.5"),
    ("bigint", "1_000"),
    ("bigint", "٣"),
    ("bigint", str(BIGINT_MOST + 1)),
    ("bigint", 2.0**63),
    ("bigint", NOON),
    ("bigint", {}),
    ("float", "nan"),
    ("float", "inf"),
    ("float", "1e999"),
    ("float", "1e"),
    ("float", NOON),
    ("float", []),
    ("bit", "yes"),
    ("bit", NOON),
    ("datetime", 5),
    ("datetime", True),
    ("record", "{}"),
    ("record", []),
    ("array", "[]"),
    ("array", {}),
]


@pytest.mark.parametrize(("name", "value"), REFUSED, ids=lambda part: repr(part)[:40])
def test_a_value_that_the_type_does_not_have_is_refused(name: str, value: Any) -> None:
    with pytest.raises(RowError):
        CASTS[name](value)


@pytest.mark.parametrize(("name", "value"), REFUSED, ids=lambda part: repr(part)[:40])
def test_try_cast_gives_null_instead(name: str, value: Any) -> None:
    assert value_of(f"TRY_CAST(a AS {name})", a=value) is None


@pytest.mark.parametrize("name", CASTS)
def test_null_is_null_of_any_type(name: str) -> None:
    assert value_of(f"CAST(a AS {name})", a=None) is None


@pytest.mark.parametrize(
    ("text", "result"),
    [
        pytest.param("2014-09-10 12:00:00", "2014-09-10T12:00:00.0000000Z", id="the documentation's, with a blank"),
        pytest.param("2024-05-01", "2024-05-01T00:00:00.0000000Z", id="a date"),
        pytest.param("2024-05-01T10:20", "2024-05-01T10:20:00.0000000Z", id="no seconds"),
        pytest.param("2024-05-01T10:20:30", "2024-05-01T10:20:30.0000000Z", id="no offset is UTC"),
        pytest.param("2024-05-01T10:20:30.1Z", "2024-05-01T10:20:30.1000000Z", id="tenths"),
        pytest.param("2024-05-01T10:20:30.1234567Z", "2024-05-01T10:20:30.1234567Z", id="ticks"),
        pytest.param("2024-05-01T01:20:30+02:00", "2024-04-30T23:20:30.0000000Z", id="an offset"),
        pytest.param("2024-05-01T10:20:30.5-0530", "2024-05-01T15:50:30.5000000Z", id="an offset without a colon"),
        pytest.param("2024-05-01T10:20:30-05", "2024-05-01T15:20:30.0000000Z", id="an offset of hours"),
        pytest.param("2024-05-01t10:20:30z", "2024-05-01T10:20:30.0000000Z", id="small letters"),
        pytest.param(" 2024-02-29 ", "2024-02-29T00:00:00.0000000Z", id="a leap day, in blanks"),
        pytest.param("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.0000000Z", id="the first"),
        pytest.param("9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.9999999Z", id="the last"),
    ],
)
def test_text_is_read_as_a_datetime(text: str, result: str) -> None:
    assert isoformat(to_datetime(text)) == result


NO_DATETIMES = """
now|2024-5-1|2023-02-29|2024-13-01|20240501|10:00:00|0000-01-01|2024-05-01Z|2024-05-01T100000Z|2024-W18-3T10:00:00Z
2024-05-01T24:00:00Z|2024-05-01T10:60:00Z|2024-05-01T10:00:60Z|2024-05-01T10:00:00.12345678Z|2024-05-01T10:00:00,5Z
2024-05-01T10:00:00.Z|2024-05-01T10:00:00.٣Z|0001-01-01T00:00:00+01:00|9999-12-31T23:59:59-00:01|2024-05-01T10:00+15:00
"""


@pytest.mark.parametrize("text", ["", *NO_DATETIMES.strip().replace("\n", "|").split("|")])
def test_other_text_is_not_a_datetime(text: str) -> None:
    with pytest.raises(RowError, match="datetime"):
        to_datetime(text)


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_an_offset_is_what_python_makes_of_it(time: datetime, minutes: int) -> None:
    there = time.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    since = there.astimezone(UTC).replace(tzinfo=None) - datetime.min

    ticks = (since.days * 86_400 + since.seconds) * TICKS_PER_SECOND + since.microseconds * 10
    assert to_datetime(there.isoformat()) == ticks


@given(
    st.from_regex(r"\A20[0-9]{2}[-/]?[0-9]{2}-[0-9W]{2}[T ][0-9]{2}:[0-9]{2}[:+][0-9]{2}(?:[.,+][0-9٣]{0,8})?Z?\Z")
    | st.from_regex(r"\A2024-0[1-9]-[0-2][0-9]T[01][0-9]:[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,7})?Z\Z")
)
def test_the_short_way_to_a_datetime_reads_what_the_long_one_reads(text: str) -> None:
    def read(parse: Any) -> Any:
        try:
            return parse(text)
        except RowError:
            return "refused"

    assert read(_ticks) == read(_iso_ticks)


@given(st.integers(BIGINT_LEAST, BIGINT_MOST))
def test_a_bigint_survives_its_text(number: int) -> None:
    assert same(to_bigint(to_text(number)), number)
    assert same(to_number(to_text(number)), number)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_survives_its_text(number: float) -> None:
    assert to_float(to_text(number)) == number


def test_a_message_shows_the_type_and_the_beginning() -> None:
    with pytest.raises(RowError, match=r"nvarchar\(max\) 'x{36}\.\.\. is not a bigint"):
        to_bigint("x" * 1_000)
    with pytest.raises(RowError, match=r"^record is not a float"):
        to_float(Columns({"a": 1}))


@pytest.mark.parametrize("name", CASTS)
def test_long_text_is_refused_in_time(name: str) -> None:
    for text in ("9" * 1_000_000 + "x", "." * 1_000_000, "2024-05-01T" + "0" * 1_000_000):
        if name != "nvarchar":
            with pytest.raises(RowError):
                CASTS[name](text)
