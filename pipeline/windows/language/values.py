"""Values as Stream Analytics types them, how they group and sort, and how a record's names are looked up.

JSON gives NULL, bit, bigint, float, nvarchar, record and array, which are None, bool, int, float, str, dict and list
here. A datetime comes from a cast, or from a column that the hub adds. A type belongs to a value, not to a column.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from .ticks import isoformat


class RowError(Exception):
    """The query can't work with a value, so that its row is left out of the step."""


class Datetime(int):
    """A datetime as a column's value: ticks (ticks.py). In JSON it is text."""

    __slots__ = ()


BIGINT_LEAST, BIGINT_MOST = -(2**63), 2**63 - 1


#: Levels of records and arrays inside of each other. Python's stack has room for some hundred where they are walked.
DEEPEST = 100

#: Of JSON it leaves digits, as zeros, and points. A run of digits after another byte is an integer, or in a text.
_DIGITS = (
    bytes(ord("0" if chr(byte).isdigit() else "." if chr(byte) == "." else " ") for byte in range(128)) + b" " * 128
)
_LONG_INTEGER = b" " + b"0" * 19


def fits(value: Any, json: bytes) -> bool:
    """Return whether all integers of `value` fit 64 bits, and its records are at most `DEEPEST` levels deep.

    `json` is the text that `value` was read from. Costs two passes over it; `value` is walked only if they leave doubt.
    """
    return surely_fit([json]) or _fits(value, DEEPEST)


def surely_fit(jsons: Sequence[bytes]) -> bool:
    """Return whether the values of these texts all fit without a doubt. Of several, each is a record or an array."""
    together = b"\n".join([b"", *jsons])
    if together.count(b"[") + together.count(b"{") - len(jsons) >= DEEPEST and max(map(_opened, jsons)) > DEEPEST:
        return False
    return _LONG_INTEGER not in together.translate(_DIGITS)


def _opened(json: bytes) -> int:
    return json.count(b"[") + json.count(b"{")


def _fits(value: Any, deepest: int) -> bool:
    if type(value) is int:
        return BIGINT_LEAST <= value <= BIGINT_MOST
    if type(value) is not dict and type(value) is not list:
        return True
    items = value.values() if type(value) is dict else value
    return deepest > 0 and all(_fits(item, deepest - 1) for item in items)


#: A value after its kind, so that any two can be sorted. NULL is the least, as in CollectTop.
Tagged = tuple[int, Any]

NULL, BIT, NUMBER, DATETIME, TEXT = range(5)

_KINDS: dict[type, int] = {type(None): NULL, bool: BIT, int: NUMBER, float: NUMBER, Datetime: DATETIME, str: TEXT}

_TYPES: dict[type, str] = {bool: "bit", int: "bigint", float: "float", Datetime: "datetime", str: "nvarchar(max)"}


def type_name(value: Any) -> str:
    """Return what the language calls the type of `value`, as GetType does; 'NULL' for None."""
    if value is None:
        return "NULL"
    return _TYPES.get(type(value)) or ("record" if isinstance(value, Mapping) else "array")


def tagged(value: Any) -> Tagged:
    """Return the kind of `value` and `value`. Raises `RowError` for a record or an array."""
    kind = _KINDS.get(type(value))
    if kind is None:
        raise RowError(f"{_a(value)} can't be compared")
    return (kind, 0 if value is None else value)


def group_key(value: Any) -> Tagged:
    """Return what `GROUP BY` compares: 1 and 1.0 are one group, written as 1; true and '1' are two more.

    Raises `RowError` for a record or an array.
    """
    if type(value) is str:
        return (TEXT, value)
    if type(value) is float and value.is_integer() and BIGINT_LEAST <= value <= BIGINT_MOST:
        value = int(value)
    return tagged(value)


def untagged(key: Tagged) -> Any:
    """Return the value that `tagged` was given; of `group_key`, the value that stands for the group."""
    return None if key[0] == NULL else key[1]


def _a(value: Any) -> str:
    name = type_name(value)
    return f"{'an' if name == 'array' else 'a'} {name}"


def lookup(columns: Any, name: str) -> Any:
    """Return a column or a record's property; NULL if it is missing or `columns` is not a record.

    Names ignore case; a name with the same case wins, then the first. This function defines the rule, and costs a walk
    over the names when the case differs. `Names` and `Columns` give rows the same for the price of `dict.get`.
    """
    if not isinstance(columns, Mapping):
        return None
    if name in columns:
        return columns[name]
    folded = name.lower()
    return next((value for other, value in columns.items() if other.lower() == folded), None)


class Columns(dict[str, Any]):
    """A record whose `get` ignores case. It must not be changed after it is made."""

    __slots__ = ("_folded",)

    _folded: dict[str, Any]

    def get(self, name: str, default: Any = None) -> Any:
        if name in self:
            return self[name]
        try:
            folded = self._folded
        except AttributeError:
            folded = self._folded = {}
            for other, value in self.items():
                folded.setdefault(other.lower(), value)
        return folded.get(name.lower(), default)


class Names:
    """The names that a query looks up. A record whose keys are spelt in the same way can stay a plain dict.

    A key is clean if no name of the query differs from it in case only. In a record of clean keys `dict.get(name)`
    finds what `lookup` finds. The key tuples of clean records are remembered, up to a limit, since the keys of events
    are not ours to choose.
    """

    _MOST = 1_000

    def __init__(self, names: Iterable[str]) -> None:
        self._spellings: dict[str, set[str]] = {}
        for name in names:
            self._spellings.setdefault(name.lower(), set()).add(name)
        self._clean: set[tuple[str, ...]] = set()

    def mapping(self, record: dict[str, Any]) -> Mapping[str, Any]:
        """Return a mapping whose `get` is right for the query's names: `record` itself, or a `Columns` of it.

        Costs one look into a set if a record with the same keys was seen before.
        """
        keys = tuple(record)
        if keys in self._clean or type(record) is Columns:
            return record
        if any(self._spellings.get(key.lower(), {key}) != {key} for key in keys):
            return Columns(record)
        if len(self._clean) < self._MOST:
            self._clean.add(keys)
        return record


def to_json(row: Mapping[str, Any]) -> bytes:
    """Return a row as JSON; a datetime is text. Raises `RecursionError` if it is nested too deeply."""
    return _encoder.encode(row)


def _encode(value: Any) -> Any:
    if isinstance(value, Datetime):
        return isoformat(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError(type(value))


_encoder = msgspec.json.Encoder(enc_hook=_encode)
