"""Numbers, units of time, and lengths of time that are written as a unit and a number."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from .refusals import unit_hint
from .syntax import Constant
from .time_units import LONGEST, UNITS
from .token_reader import TokenReader
from .tokens import At, QueryError, Token

LARGEST = 2**63 - 1


def duration(tokens: TokenReader, units: Mapping[str, int]) -> int:
    """Read "(unit, number)" and return its ticks. `units` has the ticks of each unit that is allowed here."""
    tokens.expect("(")
    length = units[unit(tokens, units)]
    tokens.expect(",", "a comma")
    at = tokens.next.at
    ticks = checked_duration(length * integer(tokens), at)
    tokens.expect(")")
    return ticks


def interval(tokens: TokenReader, length: int) -> Constant:
    """Read a number of units, each `length` ticks long. Raises `QueryError` if their length is not a valid duration."""
    at = tokens.next.at
    count = integer(tokens)
    checked_duration(length * count, at)
    return Constant(count, at)


def unit(tokens: TokenReader, units: Iterable[str]) -> str:
    """Read one of `units`, or its abbreviation. Returns its long name."""
    found, known = UNITS.get(tokens.next.keyword.lower()), list(units)
    if found is None or found not in known:
        hint = unit_hint(tokens.next.keyword, known) if found is None else ""
        raise tokens.unexpected(f"{', '.join(known[:-1])} or {known[-1]}", hint)
    tokens.advance()
    return found


def integer(tokens: TokenReader) -> int:
    """Read a whole number, which may have a minus sign. Raises `QueryError`."""
    sign = -1 if tokens.accept("-") else 1
    if tokens.next.kind != "number" or not tokens.next.text.isdigit():
        raise tokens.unexpected("a whole number")
    return sign * int(number(tokens.advance()))


def checked_duration(ticks: int, at: At) -> int:
    """Return `ticks`. Raises `QueryError`, with the place `at`, unless they are above 0 and at most 7 days."""
    if ticks <= 0:
        raise QueryError("a duration must be above 0", at)
    if ticks > LONGEST:
        raise QueryError("a duration may be 7 days at most", at)
    return ticks


def number(token: Token) -> int | float:
    """Return the value of a number without a sign. Raises `QueryError` if it fits neither a bigint nor a float."""
    if token.text.isdigit():
        if len(token.text.lstrip("0")) > 19 or int(token.text) > LARGEST:
            raise QueryError("this is too large for a bigint; write a float, such as 1e19, or a text", token.at)
        return int(token.text)
    value = float(token.text)
    if math.isinf(value):
        raise QueryError("this is too large for a float", token.at)
    return value
