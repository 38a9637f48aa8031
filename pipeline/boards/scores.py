"""Scores as decimals outside, as integers inside: a board with p places holds a score as score * 10^p units.

A Redis score is a double, which holds every integer below 2^53 exactly: this sets a board's range.
"""

from __future__ import annotations

from decimal import Context, Decimal, Inexact, InvalidOperation
from fractions import Fraction
from functools import lru_cache

from ..errors import InvalidValue, PipelineError

#: Digits after the point that a score may have, unless the board was made with others.
PLACES = 6

#: The most places that a board can have: with 15, scores are below 9.007.
MAX_PLACES = 15

#: The magnitude of every score is below this, in units.
LIMIT = 2**53

# 16 digits hold every score in range; a longer one is InvalidOperation, one with more places Inexact.
_EXACT = Context(prec=16, traps=[Inexact, InvalidOperation])


@lru_cache(maxsize=MAX_PLACES + 1)
def _unit(places: int) -> Decimal:
    return Decimal(1).scaleb(-places)


class StaleShard(PipelineError):
    """The sums are not those of the scores: another program wrote to the sorted set, or made it.

    `place` is the shard's own among those of the call.
    """

    def __init__(self, what: str, place: int = 0) -> None:
        super().__init__(what)
        self.place = place


def stored_units(member: bytes | str, score: bytes | float) -> int:
    """Return units as Redis holds them. Raises `StaleShard`, naming the member, for a score that no board can have."""
    found = float(score)
    if found.is_integer() and abs(found) < LIMIT:  # not infinite, no NaN
        return int(found)
    raise StaleShard(f"{shown(member)!r} has {found!r}, which is not a whole number below 2^53")


def shown(member: bytes | str) -> str:
    """Return a member's name; bytes that are no UTF-8 are escaped."""
    return member if isinstance(member, str) else member.decode(errors="backslashreplace")


def to_units(score: Decimal, field: str, places: int = PLACES) -> int:
    """Return `score` in units. Raises `InvalidValue`, naming `field`, if that is not exact or not in range."""
    if not score.is_finite():
        raise InvalidValue(f"{field} must be a number, not {score}", field)
    try:
        units = int(_EXACT.quantize(score, _unit(places)).scaleb(places, _EXACT))
    except Inexact:
        raise InvalidValue(
            f"{field} has more than {places} digits after the point, and is not rounded", field
        ) from None
    except InvalidOperation:  # more digits than the context has
        units = LIMIT
    if abs(units) >= LIMIT:
        raise InvalidValue(f"{field} must be below {from_units(LIMIT, places)} in magnitude", field)
    return units


def from_units(units: float, places: int = PLACES) -> Decimal:
    """Return units as a decimal without trailing zeros or an exponent; exact for an int of any size."""
    whole, part = divmod(abs(int(units)), 10**places)
    digits = f"{whole}.{part:0{places}}".rstrip("0").rstrip(".") if places else str(whole)
    return Decimal(f"-{digits}" if units < 0 else digits)


def rounded(value: Fraction, digits: int) -> Decimal:
    """Round to so many digits after the point, half to even: a mean, a variance or a share may not be a decimal."""
    # Fraction's own round() is exact at any size, where Decimal's division depends on a context.
    return from_units(round(value * 10**digits), digits)


def is_plain(number: Decimal) -> bool:
    """Say whether it may become a Fraction: one with an exponent of some millions would fill the memory."""
    _, digits, exponent = number.as_tuple()
    return isinstance(exponent, int) and exponent >= -30 and len(digits) + exponent <= 30
