from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.boards.scores import LIMIT, MAX_PLACES, from_units, rounded, to_units
from pipeline.errors import InvalidValue


@given(st.integers(-(2**200), 2**200), st.integers(0, MAX_PLACES))
def test_units_survive_the_round_trip_at_any_size(units: int, places: int) -> None:
    decimal = from_units(units, places)

    assert int(f"{decimal:.{places}f}".replace(".", "")) == units


@given(st.integers(1 - LIMIT, LIMIT - 1), st.integers(0, MAX_PLACES))
def test_a_score_in_range_is_taken_as_it_is(units: int, places: int) -> None:
    assert to_units(from_units(units, places), "score", places) == units


@pytest.mark.parametrize(
    ("text", "places", "units"),
    [
        ("0", 6, 0),
        ("-0", 6, 0),
        ("0e50", 6, 0),
        ("12.5", 6, 12_500_000),
        ("1.0000000", 6, 1_000_000),
        ("-0.000001", 6, -1),
        ("1e3", 6, 1_000_000_000),
        ("9007199254.740991", 6, LIMIT - 1),
        ("-9007199254.740991", 6, 1 - LIMIT),
        ("9007199254740991", 0, LIMIT - 1),
        ("9.007199254740991", 15, LIMIT - 1),
    ],
)
def test_units_of_a_score(text: str, places: int, units: int) -> None:
    assert to_units(Decimal(text), "score", places) == units


@pytest.mark.parametrize(
    ("text", "places", "message"),
    [
        ("0.0000001", 6, "score has more than 6 digits"),
        ("0.5", 0, "score has more than 0 digits"),
        ("1e-999999999", 6, "score has more than 6 digits"),
        ("9007199254.740992", 6, r"score must be below 9007199254\.740992"),
        ("10", 15, r"score must be below 9\.007199254740992"),
        ("1e999999999", 6, "score must be below"),
        ("NaN", 6, "score must be a number"),
        ("sNaN", 6, "score must be a number"),
        ("-Infinity", 6, "score must be a number"),
    ],
)
def test_a_score_is_exact_or_refused(text: str, places: int, message: str) -> None:
    with pytest.raises(InvalidValue, match=message) as caught:
        to_units(Decimal(text), "score", places)

    assert caught.value.field == "score"


@given(st.fractions(max_denominator=10**30), st.integers(0, 12))
def test_a_number_that_is_not_a_decimal_is_rounded_to_the_nearest(value: Fraction, digits: int) -> None:
    assert abs(Fraction(rounded(value, digits)) - value) <= Fraction(1, 2 * 10**digits)
