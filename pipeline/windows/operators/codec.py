"""State as bytes: msgpack, with extensions for types that msgpack doesn't tell apart. Reading it can't run code.

Values come out equal and of the same type: None, bool, int of any size, float, str, bytes, `Datetime`, list, dict with
any of these as keys, tuple, `Columns` and `Row`. They may be nested as deep as Python's stack allows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec.msgpack import Ext

from ..language.values import BIGINT_LEAST, BIGINT_MOST, Columns, Datetime
from ..row import Row

_DATETIME, _INTEGER, _TUPLE, _ROW, _COLUMNS, _PAIRS = range(6)

_PLAIN = frozenset({type(None), bool, float, str, bytes})

_encoder = msgspec.msgpack.Encoder()


def pack(value: Any) -> bytes:
    """Return a value as bytes. Raises `TypeError` for a type that is not listed above."""
    return _encoder.encode(_wrapped(value))


def pack_plain(value: Any) -> bytes:
    """Return a value as bytes at msgspec's own speed. From `unpack`, its tuples come as lists, and `Columns` as dicts.

    It must not have a `Row`, nor a dict whose keys are not texts. Raises `TypeError` or `OverflowError` for what only
    `pack` can pack.
    """
    return _plain_encoder.encode(value)


def unpack(packed: bytes) -> Any:
    """Return the value that `pack` was given. Raises `msgspec.MsgspecError` for bytes that are cut or not msgpack."""
    return _decoder.decode(packed)


def _wrapped(value: Any) -> Any:
    kind = type(value)
    if kind in _PLAIN or (kind is int and BIGINT_LEAST <= value <= BIGINT_MOST):
        return value
    wrap = _WRAPS.get(kind)
    if wrap is None:
        raise TypeError(f"a {kind.__name__} can't be packed")
    return wrap(value)


def _integer(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


def _map(value: dict[Any, Any]) -> Any:
    if all(type(key) is str for key in value):
        return {key: item if type(item) in _PLAIN else _wrapped(item) for key, item in value.items()}
    return Ext(_PAIRS, _encoder.encode([_array(pair) for pair in value.items()]))  # an Ext can't be a key


def _array(value: Iterable[Any]) -> list[Any]:
    return [item if type(item) in _PLAIN else _wrapped(item) for item in value]


_WRAPS: dict[type, Callable[[Any], Any]] = {
    int: lambda value: Ext(_INTEGER, _integer(value)),
    Datetime: lambda value: Ext(_DATETIME, _integer(value)),
    list: _array,
    dict: _map,
    tuple: lambda value: Ext(_TUPLE, _encoder.encode(_array(value))),
    Columns: lambda value: Ext(_COLUMNS, pack(dict(value))),
    Row: lambda value: Ext(_ROW, _encoder.encode([_wrapped(value.columns), value.time, _array(value.arrival)])),
}


def _unwrapped(code: int, data: memoryview) -> Any:
    if code == _TUPLE:
        return tuple(_decoder.decode(data))
    if code == _DATETIME:
        return Datetime(int.from_bytes(data, "big", signed=True))
    if code == _INTEGER:
        return int.from_bytes(data, "big", signed=True)
    if code == _PAIRS:
        return dict(_decoder.decode(data))
    if code == _COLUMNS:
        return Columns(_decoder.decode(data))
    if code == _ROW:
        columns, time, arrival = _decoder.decode(data)
        return Row(columns, time, tuple(arrival))
    raise msgspec.DecodeError(f"no value has the code {code}")


def _plain(value: Any) -> Ext:
    if type(value) is Datetime:
        return Ext(_DATETIME, _integer(value))
    raise TypeError(f"a {type(value).__name__} can't be packed")


_plain_encoder = msgspec.msgpack.Encoder(enc_hook=_plain)
_decoder = msgspec.msgpack.Decoder(ext_hook=_unwrapped)
