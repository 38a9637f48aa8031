"""Functions of numbers. A bigint gives a bigint if the documentation says 'the same type'. All results are finite."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from ...language.values import RowError
from ..casts import shown, to_bigint, to_float, to_number
from ..limits import checked_number
from .binding import Bind, strict

Number = int | float

#: It has enough digits for every float without an exponent.
_DECIMAL = Context(prec=800, rounding=ROUND_HALF_UP)


def _same_type(function: Callable[[Number], Number]) -> Callable[[Number], Number]:
    def of(number: Number) -> Number:
        return number if type(number) is int else float(function(number))

    return of


def _abs(number: Number) -> Any:
    return checked_number(abs(number), lambda: f"ABS({number})")


def _sign(number: Number) -> Number:
    return type(number)((number > 0) - (number < 0))


def _exp(number: float) -> float:
    try:
        return math.exp(number)
    except OverflowError:
        raise RowError(f"EXP({number}) is out of float's range") from None


def _sqrt(number: float) -> float:
    if number < 0:
        raise RowError(f"SQRT takes no negative number: {number}")
    return math.sqrt(number)


def _square(number: float) -> Any:
    return checked_number(number * number, lambda: f"SQUARE({number})")


def _power(base: Number, exponent: Number) -> Any:
    """Return the power. That of a bigint is a bigint without the fraction, as in T-SQL: POWER(2, -1) is 0."""
    what = f"POWER({base}, {exponent})"
    if type(base) is int and type(exponent) is int and exponent >= 0:
        if exponent >= 64 and abs(base) > 1:
            raise RowError(f"{what} is out of bigint's range")
        return checked_number(base**exponent, lambda: what)
    try:
        power = math.pow(base, exponent)
    except ValueError:
        raise RowError(f"{what} is not a number") from None
    except OverflowError:
        raise RowError(f"{what} is out of float's range") from None
    return checked_number(int(power) if type(base) is int else power, lambda: what)


def _round(number: Number, places: int) -> Any:
    """Round halves away from zero. A float counts as it is written in decimal, so that ROUND(123.9995, 3) is 124."""
    unit = Decimal(1).scaleb(-max(-400, min(places, 400)), _DECIMAL)
    rounded = Decimal(repr(number)).quantize(unit, context=_DECIMAL)
    return checked_number(type(number)(rounded), lambda: f"ROUND({shown(number)}, {places})")


FUNCTIONS: dict[str, Bind] = {
    "ABS": strict(_abs, to_number),
    "CEILING": strict(_same_type(math.ceil), to_number),
    "EXP": strict(_exp, to_float),
    "FLOOR": strict(_same_type(math.floor), to_number),
    "POWER": strict(_power, to_number, to_number),
    "ROUND": strict(_round, to_number, to_bigint),
    "SIGN": strict(_sign, to_number),
    "SQRT": strict(_sqrt, to_float),
    "SQUARE": strict(_square, to_float),
}
