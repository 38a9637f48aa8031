from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.windows.expressions.casts import (
    CASTS,
    to_bigint,
    to_datetime,
    to_float,
    to_number,
    to_text,
)
from pipeline.windows.language.ticks import TICKS_PER_SECOND, _parse, isoformat, parse
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
        pytest.param("2022-11-21T08:26:47.872179604Z", "2022-11-21T08:26:47.8721796Z", id="nanoseconds"),
        pytest.param(
            "2022-11-21T08:26:47.87217965Z", "2022-11-21T08:26:47.8721796Z", id="half a tick goes to the even"
        ),
        pytest.param("2022-11-21T08:26:47.87217975+00:00", "2022-11-21T08:26:47.8721798Z", id="or up to it"),
        pytest.param("2022-11-21T08:26:47.872179650000000001Z", "2022-11-21T08:26:47.8721797Z", id="18 digits"),
        pytest.param("2024-12-31T23:59:59.99999996Z", "2025-01-01T00:00:00.0000000Z", id="rounded to the next year"),
        pytest.param("2024-05-01T10:20:30,5Z", "2024-05-01T10:20:30.5000000Z", id="a comma"),
        pytest.param("2024-05-01 10:20:30 +02:00", "2024-05-01T08:20:30.0000000Z", id="a blank before the offset"),
        pytest.param("2024-05-01 10:20:30.25 Z", "2024-05-01T10:20:30.2500000Z", id="a blank before the Z"),
        pytest.param("2024-02-28T24:00:00Z", "2024-02-29T00:00:00.0000000Z", id="the end of a day"),
        pytest.param("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.0000000Z", id="the first"),
        pytest.param("9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.9999999Z", id="the last"),
    ],
)
def test_text_is_read_as_a_datetime(text: str, result: str) -> None:
    assert isoformat(to_datetime(text)) == result


NO_DATETIMES = """
now|2024-5-1|2023-02-29|2024-13-01|20240501|10:00:00|0000-01-01|2024-05-01Z|2024-05-01T100000Z|2024-W18-3T10:00:00Z
2024-05-01T24:00:01Z|2024-05-01T24:00:00.1Z|2024-05-01T10:60:00Z|2016-12-31T23:59:60Z|2024-05-01T25:00:00Z
5/1/2024 10:00:00 AM|2024-05-01T10:00:00.1234567890123456789Z|2024-05-01  10:00:00Z|2024-05-01T10:00:00Z+01:00
9999-12-31T24:00:00Z|9999-12-31T23:59:59.99999999Z|2024-05-01T10:00:00.Z|2024-05-01T10:00:00.٣Z|0001-01-01T00:00:00+01:00|9999-12-31T23:59:59-00:01|2024-05-01T10:00+15:00
"""


@pytest.mark.parametrize("text", ["", *NO_DATETIMES.strip().replace("\n", "|").split("|")])
def test_other_text_is_not_a_datetime(text: str) -> None:
    with pytest.raises(RowError, match="datetime"):
        to_datetime(text)


@given(
    st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)),
    st.integers(-14 * 60, 14 * 60),
    st.sampled_from("T t"),
    st.sampled_from(".,"),
    st.sampled_from(["", " "]),
)
def test_a_time_is_what_python_makes_of_it(time: datetime, minutes: int, t: str, point: str, blank: str) -> None:
    there = time.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    since = there.astimezone(UTC).replace(tzinfo=None) - datetime.min
    text = there.isoformat(t)
    written = text[:19] + text[19:-6].replace(".", point) + blank + text[-6:]

    assert datetime.fromisoformat(written.replace(" +", "+").replace(" -", "-")) == there
    ticks = (since.days * 86_400 + since.seconds) * TICKS_PER_SECOND + since.microseconds * 10
    assert to_datetime(written) == ticks


@given(st.integers(0, 10**18 - 1), st.integers(1, 18))
def test_more_digits_than_a_tick_has_are_rounded_exactly(number: int, digits: int) -> None:
    fraction = f"{number:018}"[:digits]
    exact = round(Fraction(int(fraction), 10**digits) * TICKS_PER_SECOND)

    assert to_datetime(f"2024-05-01T12:00:00.{fraction}Z") == NOON + exact
    assert to_datetime(f"2024-05-01 12:00:00,{fraction} +00:00") == NOON + exact


@given(
    st.from_regex(r"\A20[0-9]{2}[-/]?[0-9]{2}-[0-9W]{2}[T ][0-9]{2}:[0-9]{2}[:+][0-9]{2}(?:[.,+][0-9٣]{0,20})?Z?\Z")
    | st.from_regex(r"\A2024-0[1-9]-[0-2][0-9]T[01][0-9]:[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,20})?Z\Z")
)
def test_the_short_way_to_a_datetime_reads_what_the_long_one_reads(text: str) -> None:
    def read(parse: Any) -> Any:
        try:
            return parse(text)
        except ValueError as exc:
            return str(exc)

    assert read(parse) == read(_parse)


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
