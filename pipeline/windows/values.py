"""Values as Stream Analytics types them, and how they compare.

JSON gives NULL, bit, bigint, float, nvarchar, record and array; the columns that the hub adds give datetime. A type
belongs to a value, not to a column.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from .clock import isoformat


class RowError(Exception):
    """A value that the query can't work with, so its row is left out of the step."""


class Datetime(int):
    """Ticks as a column's value; text in JSON."""

    __slots__ = ()


#: A value that sorts: its kind first, so that any two may be compared. NULL is the least, as in CollectTop.
Tagged = tuple[int, Any]

NULL, BIT, NUMBER, DATETIME, TEXT = range(5)

_KINDS: dict[type, int] = {type(None): NULL, bool: BIT, int: NUMBER, float: NUMBER, Datetime: DATETIME, str: TEXT}
_EXACT_FLOAT = 2.0**53


def tagged(value: Any) -> Tagged:
    """Return `value` with its kind. Raises `RowError` for a record or an array."""
    kind = _KINDS.get(type(value))
    if kind is None:
        raise RowError(f"{'an array' if isinstance(value, list) else 'a record'} can't be compared")
    return (kind, 0 if value is None else value)


def group_key(value: Any) -> Tagged:
    """Return what `GROUP BY` compares: 1 and 1.0 are one group, written as 1; true and '1' are others."""
    if type(value) is float and value.is_integer() and abs(value) < _EXACT_FLOAT:
        value = int(value)
    return tagged(value)


def untagged(key: Tagged) -> Any:
    return None if key[0] == NULL else key[1]


def lookup(columns: Any, name: str) -> Any:
    """Return a column or a record's property; NULL if it is missing or `columns` is no record.

    Names ignore case; a name with the same case wins, then the first.
    """
    if not isinstance(columns, Mapping):
        return None
    if name in columns:
        return columns[name]
    folded = name.lower()
    return next((value for other, value in columns.items() if other.lower() == folded), None)


def to_json(row: Mapping[str, Any]) -> bytes:
    return _encoder.encode(row)


def _encode(value: Any) -> str:
    if isinstance(value, Datetime):
        return isoformat(value)
    raise NotImplementedError(type(value))


_encoder = msgspec.json.Encoder(enc_hook=_encode)
