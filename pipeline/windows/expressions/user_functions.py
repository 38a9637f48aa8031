"""UDF.name(...): functions in JavaScript. Types are converted as Microsoft's page on them has it.

    bigint, float       Number; a bigint beyond 2^53, which a Number would round, is refused
    datetime            Date, which has milliseconds: what is below them is cut off
    nvarchar(max)       String
    bit                 Boolean (not on that page)
    record, array       Object, Array; NULL is null, and undefined is NULL

A Number comes back as a bigint if it is round and fits one, else as a float. The page: azure/stream-analytics/
stream-analytics-javascript-user-defined-functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ...javascript import FunctionError, JavaScript, WrongFunction
from ..language.ticks import TICKS_PER_MS, UNIX_EPOCH, from_unix_ms
from ..language.values import BIGINT_LEAST, BIGINT_MOST, Datetime, RowError
from ..row import Evaluate, Row
from .casts import datetime_at

#: What a call of such a function begins with, in upper case.
UDF = "UDF."

_EXACT = 2**53
_ARRAY, _DATE = 0, 1  # the first item of an array as pipeline/javascript writes it


class UserFunctions:
    """The functions of a job, from their sources, which are checked when the first call is compiled."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        """Raises `WrongFunction` for two names that differ in case only."""
        self._sources = sources
        self._names: dict[str, str] = {}
        for name in sources:
            other = self._names.setdefault(f"{UDF}{name}".upper(), name)
            if other != name:
                raise WrongFunction(name, f"there is also {other}, and names of functions ignore case")
        self._engine: JavaScript | None = None

    def __contains__(self, function: str) -> bool:
        """Tell whether there is a function for a call's name, as UDF.X."""
        return function in self._names

    def bind(self, function: str, operands: Sequence[Evaluate]) -> Evaluate:
        """Return what calls a function that there is. Raises `WrongFunction`; what it returns raises `RowError`."""
        name = self._names[function]
        if self._engine is None:
            self._engine = JavaScript(self._sources)
        call = self._engine.call

        def evaluate(row: Row) -> Any:
            try:
                arguments = msgspec.json.encode([_ARRAY, *[_given(operand(row)) for operand in operands]])
                return _taken(msgspec.json.decode(call(name, arguments)))
            except FunctionError as exc:
                raise RowError(f"{UDF}{name}: {exc}") from None
            except (UnicodeError, msgspec.DecodeError):
                raise RowError(f"{UDF}{name}: it gives half of a surrogate pair, which is no text") from None

        return evaluate


def _given(value: Any) -> Any:
    """Return what stands for a value in the JSON of arguments. Raises `RowError`."""
    if type(value) is int and not -_EXACT <= value <= _EXACT:
        raise RowError(f"the bigint {value} is beyond 2^53, and JavaScript would round it: CAST it to nvarchar(max)")
    if type(value) is Datetime:
        return [_DATE, (value - UNIX_EPOCH) // TICKS_PER_MS]
    if type(value) is list:
        return [_ARRAY, *map(_given, value)]
    if isinstance(value, Mapping):
        return {name: _given(item) for name, item in value.items()}
    return value


def _taken(value: Any) -> Any:
    """Return the value that an answer's JSON stands for. Raises `RowError`."""
    if type(value) is int and not -_EXACT <= value <= _EXACT:
        value = float(value)  # JSON has the shortest digits that give the Number, not the Number
    if type(value) is float:
        return int(value) if value.is_integer() and BIGINT_LEAST <= value <= BIGINT_MOST else value
    if type(value) is list:
        return datetime_at(from_unix_ms(value[1])) if value[0] == _DATE else [_taken(item) for item in value[1:]]
    return {name: _taken(item) for name, item in value.items()} if type(value) is dict else value
