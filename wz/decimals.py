"""Decimals that come as texts, in a query or in strings of JSON: taken if JSON would take the same text as a number.

`Decimal` also takes " 12", "1_000" and the digits of any script, which another reader of the same text would refuse or
read otherwise. msgspec leaves texts to it, so they are looked at once more, by a type that differs in its decimals.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import GenericAlias, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from .errors import Problem

#: Of a decimal in a string, as a regular expression; so the OpenAPI document says.
NUMBER = r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$"

# What JSON has in it if one of its strings is a number for `Decimal` alone; many other documents match, too.
_ODD = re.compile(rb'"(?:[+.]|[^"\\]*[\s_\\\x80-\xff]|[^"\\]*\.")')

# NaN and infinities are left to who knows whether they make sense.
_TEXT: Any = Annotated[str, msgspec.Meta(pattern=NUMBER.replace("$", r"\Z|^-?[A-Za-z]+\Z"))] | int | float


def texts_of(type_: Any) -> Texts | None:
    """Return what looks at the decimals in texts that were read as a `type_`; None if it has no decimals."""
    found = _with_texts(type_, ())
    return None if found is Any else Texts(found)


class Texts:
    """Made by `texts_of`: looks at values that were read without an error."""

    def __init__(self, type_: Any) -> None:
        self._type = type_
        self._decoder = msgspec.json.Decoder(type_)

    def check(self, given: Any) -> None:
        """Raises a 422 that names the value for a decimal that is no number of JSON."""
        try:
            msgspec.convert(given, self._type)
        except msgspec.ValidationError as exc:
            raise _refused(exc) from exc

    def check_json(self, body: bytes) -> None:
        """Do the same for a document."""
        if _ODD.search(body):
            try:
                self._decoder.decode(body)
            except msgspec.ValidationError as exc:
                raise _refused(exc) from exc


def _refused(exc: msgspec.ValidationError) -> Problem:
    from .field_errors import invalid  # when a value is wrong

    members = invalid(exc).members
    return Problem(422, f"{members.get('field', 'it')} must be a number, such as 12, -0.5 or 1e3", **members)


def _with_texts(type_: Any, inside: tuple[Any, ...]) -> Any:
    """Return a type that takes what `type_` takes, except for texts of decimals; Any if there is no decimal in it.

    `inside` are the Structs that it is in: one that is inside of itself is not looked at again.
    """
    if type_ is Decimal:
        return _TEXT
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        if type_ in inside:
            return Any
        inside = *inside, type_
        parts = {field.encode_name: _with_texts(field.type, inside) for field in msgspec.structs.fields(type_)}
        if all(part is Any for part in parts.values()):
            return Any
        fields = [(f"f{number}", part, None) for number, part in enumerate(parts.values())]
        names = {f"f{number}": name for number, name in enumerate(parts)}
        return msgspec.defstruct(type_.__name__, fields, rename=names)
    origin, args = get_origin(type_), get_args(type_)
    if origin is Annotated:
        return _with_texts(args[0], inside)
    if origin in (Union, UnionType):
        parts_of = [part for arg in args if (part := _with_texts(arg, inside)) is not Any]
        return Union[(*parts_of, None)] if parts_of else Any
    if origin in (list, Sequence, dict, Mapping) and (part := _with_texts(args[-1], inside)) is not Any:
        return GenericAlias(list, (part,)) if origin in (list, Sequence) else GenericAlias(dict, (str, part))
    return Any
