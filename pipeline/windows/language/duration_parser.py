"""Numbers, and lengths of time that are written as a unit and a number."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from .syntax import Constant
from .time_units import LONGEST, UNITS
from .token_reader import TokenReader
from .tokens import At, QueryError, Token

LARGEST = 2**63 - 1


class DurationParser(TokenReader):
    def _duration(self, units: Mapping[str, int]) -> int:
        """Read (unit, number) as ticks."""
        self._expect("(")
        unit = units[self._unit(units)]
        self._expect(",", "a comma")
        at = self._next.at
        duration = checked_duration(unit * self._integer(), at)
        self._expect(")")
        return duration

    def _interval(self, unit: int) -> Constant:
        at = self._next.at
        number = self._integer()
        checked_duration(unit * number, at)
        return Constant(number, at)

    def _unit(self, units: Iterable[str]) -> str:
        unit = UNITS.get(self._next.keyword.lower())
        known = list(dict.fromkeys(units))
        if unit not in known:
            raise self._unexpected(f"{', '.join(known[:-1])} or {known[-1]}")
        self._advance()
        return unit

    def _integer(self) -> int:
        sign = -1 if self._take("-") else 1
        if self._next.kind != "number" or not self._next.text.isdigit():
            raise self._unexpected("a whole number")
        return sign * int(number(self._advance()))


def checked_duration(ticks: int, at: At) -> int:
    if ticks <= 0:
        raise QueryError("a duration must be above 0", at)
    if ticks > LONGEST:
        raise QueryError("a duration may be 7 days at most", at)
    return ticks


def number(token: Token) -> int | float:
    """Return the value of a number without a sign. Raises `QueryError` if there is no such bigint or float."""
    if token.text.isdigit():
        if len(token.text.lstrip("0")) > 19 or int(token.text) > LARGEST:
            raise QueryError("a bigint can't be so large; write a float, such as 1e19, or a text", token.at)
        return int(token.text)
    value = float(token.text)
    if math.isinf(value):
        raise QueryError("a float can't be so large", token.at)
    return value
