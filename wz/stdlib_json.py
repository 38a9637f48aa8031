"""JSON by the standard library, for what msgspec can't write or read.

That is a subclass of str or float, None as a key, half of a surrogate pair, an option of `json.dumps`; to read, another
encoding than UTF-8. What both can write, both write as the same values.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from reprlib import repr as short
from typing import Any
from uuid import UUID

import msgspec

#: In what the standard library writes: its strings, which are looked over, and what is not JSON.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|NaN|-?Infinity')

#: Types whose subclasses msgspec refuses, and what makes an object of the type itself, whatever the subclass overrides.
_EXACT: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (str, str.__str__),
    (int, int.__int__),
    (float, float.__float__),
    (Decimal, Decimal),
    (datetime, lambda value: datetime.combine(value, value.timetz())),
    (date, lambda value: date(value.year, value.month, value.day)),
    (bytes, lambda value: bytes(memoryview(value))),
    (msgspec.Raw, msgspec.json.decode),  # only to_builtins refuses it
)
_LEAVES = (bytes, bytearray, date, datetime, Decimal, time, timedelta, UUID)
_NAMES = {None: "null", True: "true", False: "false"}
_KEY = " as a key of "


class NoJSON(TypeError):
    """A value has no form in JSON; `place` is where it is, as ` at $.rows[2].id` or ` as a key of $.rows`."""

    def __init__(self, value: Any, place: str = "") -> None:
        super().__init__(
            f"an object of type {type(value).__name__}{place} has no JSON form: {short(value)}. Send something that "
            "has one, or say what to write: app.json = JSON(app, enc_hook=function)"
        )
        self.value = value


def plain(obj: Any, enc_hook: Callable[[Any], Any] | None = None) -> Any:
    """Return an object that msgspec can't encode as one that it can; `enc_hook` is asked for what only it may know.

    Raises NoJSON.
    """
    if obj is None or obj is True or obj is False:
        return _NAMES[obj]  # it is a key, since msgspec can encode the value
    for cls, exact in _EXACT:
        if isinstance(obj, cls):
            return exact(obj)
    if enc_hook is not None:
        return enc_hook(obj)
    if hasattr(obj, "__html__"):  # what MarkupSafe's Markup and its like agree on
        return str(obj.__html__())
    raise NoJSON(obj)


def default(obj: Any) -> Any:
    """Return what the standard library's encoder knows, or a decimal: the JSON form of an object that it does not know.

    Values inside of it are left as they are, for whatever `default` is in use. Raises NoJSON, which is a TypeError.
    """
    if dataclasses.is_dataclass(obj):
        return {field.name: getattr(obj, field.name) for field in dataclasses.fields(obj)}
    found = msgspec.to_builtins(obj, builtin_types=_LEAVES, enc_hook=plain)
    return _builtins(obj, None) if found is obj else found


def write(
    value: Any,
    options: Mapping[str, Any],
    enc_hook: Callable[[Any], Any] | None = None,
    decimals_as_text: bool = False,
) -> str:
    """Return what `json.dumps` does; `options` are its keywords. What is not finite is null.

    Without a `default` among them, msgspec says what an object becomes, and `enc_hook` if msgspec doesn't know it.
    """
    own: Callable[[Any], Any] | None = options.get("default")
    mark = secrets.token_hex(8)  # the standard library writes no decimal as a number: it gets a text that begins so

    def known(obj: Any) -> Any:
        found = own(obj) if own else obj if isinstance(obj, Decimal) else _builtins(obj, enc_hook)
        if not isinstance(found, Decimal):
            return found
        if decimals_as_text:
            return str(found)
        return f"{mark}{found}" if found.is_finite() else None

    def corrected(token: re.Match[str]) -> str:
        if token[0][0] != '"':
            return "null"
        return token[0][len(mark) + 1 : -1] if token[0].startswith(mark, 1) else token[0]

    compact = {"separators": (",", ":")} if options.get("indent") is None else {}
    try:
        tree = value if own else _builtins(value, enc_hook)
        text = json.dumps(tree, **{**compact, **options, "default": known})
    except NoJSON as exc:
        places = (place for found, place in _walk(value, "$") if found is exc.value)
        raise NoJSON(exc.value, next(places, "")) from None
    except TypeError:
        for found, place in _walk(value, "$"):
            if place.startswith(_KEY) and not isinstance(found, str | int | float | None):
                raise NoJSON(found, place) from None
        raise
    if mark in text or "NaN" in text or "Infinity" in text:
        text = _TOKEN.sub(corrected, text)
    return text.encode("utf-8", "backslashreplace").decode()  # half of a surrogate pair becomes its escape sequence


def read(data: str | bytes, options: Mapping[str, Any]) -> Any:
    """Return what `json.loads` does; `options` are its keywords. Raises ValueError for NaN, and for 1e400."""
    try:
        return json.loads(data, **{"parse_constant": _refuse_constant, "parse_float": _finite, **options})
    except RecursionError as exc:
        raise ValueError("it is nested too deeply") from exc


def in_utf8(data: bytes) -> bytes:
    """Return a document that msgspec could not decode in an encoding that it can, UTF-8 without a byte order mark.

    Raises ValueError, which says what is wrong, if it is in UTF-8.
    """
    encoding = json.detect_encoding(data)
    if encoding != "utf-8":
        return data.decode(encoding).encode()
    read(data, {})
    raise ValueError("a text has half of a surrogate pair, which UTF-8 does not")


def _builtins(value: Any, enc_hook: Callable[[Any], Any] | None) -> Any:
    return msgspec.to_builtins(value, builtin_types=(Decimal,), enc_hook=partial(plain, enc_hook=enc_hook))


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is not in JSON (RFC 8259): send null, or a text")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"no float holds the number {text[:40]}")
    return value


def _walk(value: Any, path: str) -> Iterator[tuple[Any, str]]:
    """Yield a value and all in it, and where they are."""
    yield value, f" at {path}"
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, f"{_KEY}{path}"
            yield from _walk(inner, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _walk(item, f"{path}[{index}]")
    else:
        for name in (*getattr(value, "__struct_fields__", ()), *getattr(value, "__dataclass_fields__", ())):
            yield from _walk(getattr(value, name, None), f"{path}.{name}")
