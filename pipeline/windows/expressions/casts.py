"""Converts values from one type to another: CAST, and the conversions that an operator or a function does by itself.

Each conversion takes any value except NULL, and raises `RowError` if the other type has no such value: a number is
never clipped to fit. Only what the documentation and T-SQL lose is lost: the fraction of a float that is cast to
bigint, and the digits of a bigint for which a float has no room.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import msgspec

from ..language.ticks import END_OF_TIME, isoformat, parse
from ..language.values import Datetime, RowError, fits, to_json, type_name
from .limits import Number, checked_number

_INTEGER = re.compile(r"[+-]?[0-9]{1,40}")
_FLOAT = re.compile(r"[+-]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?")  # possessive: it never backtracks
_BITS = {"true": True, "1": True, "false": False, "0": False}


def datetime_at(ticks: int) -> Datetime:
    """Return `ticks` as a datetime. Raises `RowError` if they are out of its range."""
    if not 0 <= ticks < END_OF_TIME:
        raise RowError("a datetime is out of its range, which is the years 1 to 9999")
    return Datetime(ticks)


def shown(value: Any) -> str:
    """Return `value` as a message shows it: its type, and up to 40 characters of the value, if it is not a record."""
    text = isoformat(value) if type(value) is Datetime else repr(value)
    if isinstance(value, Mapping | list | tuple):
        return type_name(value)
    return f"{type_name(value)} {text if len(text) <= 40 else text[:37] + '...'}"


def to_bigint(value: Any) -> int:
    """Return `value` as a bigint. A float's fraction is cut off, as in T-SQL."""
    if type(value) is int:
        return value
    if type(value) is bool:
        return int(value)
    if type(value) is float:
        return _in_range(int(value), value)
    if type(value) is str and _INTEGER.fullmatch(value.strip()):
        return _in_range(int(value), value)
    raise _not(value, "a bigint")


def to_float(value: Any) -> float:
    """Return `value` as a float. Of a large bigint, the last digits may be lost."""
    if type(value) is float:
        return value
    if type(value) is int or type(value) is bool:
        return float(value)
    if type(value) is str and _FLOAT.fullmatch(value.strip()):
        return _in_range(float(value), value)
    raise _not(value, "a float")


def to_number(value: Any) -> int | float:
    """Return `value` as an operator or a function of numbers takes it: text is a bigint if it can be read as one."""
    if type(value) is int or type(value) is float:
        return value
    if type(value) is bool:
        return int(value)
    if type(value) is str:
        if _INTEGER.fullmatch(value.strip()):
            return _in_range(int(value), value)
        return to_float(value)
    raise _not(value, "a number")


def to_text(value: Any) -> str:
    """Return `value` as text: a bit is 'true' or 'false', a record or an array is its JSON.

    A float has as few digits as give the same float when they are read.
    """
    if type(value) is str:
        return value
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is int:
        return str(value)
    if type(value) is float:
        return repr(value).removesuffix(".0")
    if type(value) is Datetime:
        return isoformat(value)
    return to_json(value).decode()


def to_datetime(value: Any) -> Datetime:
    """Return `value` as a datetime. Text is read as `ticks.parse` says."""
    if type(value) is Datetime:
        return value
    if type(value) is str:
        try:
            return Datetime(parse(value))
        except ValueError as exc:
            raise RowError(f"{shown(value)} {exc}") from None
    raise _not(value, "a datetime")


def to_bit(value: Any) -> bool:
    """Return `value` as a bit. Any number except 0 is true; text must be true, false, 1 or 0."""
    if type(value) is bool:
        return value
    if type(value) is int or type(value) is float:
        return value != 0
    if type(value) is str and (bit := _BITS.get(value.strip().lower())) is not None:
        return bit
    raise _not(value, "a bit")


def to_record(value: Any) -> Any:
    """Return `value` if it is a record. Text is not parsed: JSON_PARSE does that."""
    if isinstance(value, Mapping):
        return value
    raise _not(value, "a record", "; JSON_PARSE reads text" if type(value) is str else "")


def to_array(value: Any) -> Any:
    if type(value) is list:
        return value
    raise _not(value, "an array")


def to_comparable(text: str) -> float | Datetime:
    """Return text as MIN, MAX and ORDER BY take it: a float, as documented, or else a time. No text is both."""
    for read in (to_float, to_datetime):
        with suppress(RowError):
            return read(text)
    raise RowError(f"{shown(text)} is neither a number nor a time of ISO 8601: CAST it to say what it is")


CASTS: dict[str, Callable[[Any], Any]] = {
    "bigint": to_bigint,
    "float": to_float,
    "nvarchar": to_text,
    "datetime": to_datetime,
    "bit": to_bit,
    "record": to_record,
    "array": to_array,
}


def parse_record(text: str) -> dict[str, Any] | None:
    """Return the record that `text` has as JSON; None if it is not a record's JSON, or if `values.fits` refuses it."""
    try:
        json = text.encode()
        record = _record.decode(json)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None
    return record if fits(record, json) else None


_record = msgspec.json.Decoder(dict[str, Any])


def _in_range(number: Number, value: Any) -> Number:
    return checked_number(number, lambda: shown(value))


def _not(value: Any, a_type: str, hint: str = "") -> RowError:
    return RowError(f"{shown(value)} is not {a_type}{hint}")
