"""Typed headers: a view's parameter `headers`, annotated with a Struct, has the headers that its fields are called for.

    class Conditions(msgspec.Struct):
        if_match: str | None = None          # If-Match
        x_batch: Annotated[int, msgspec.Meta(ge=1)] = 1
        accept_language: list[str] = []      # each element of a comma-separated list: RFC 9110, 5.6.1
        if_unmodified_since: datetime | None = None     # as HTTP writes dates: RFC 9110, 5.6.7

    @app.put("/notes/<note>")
    def put(note: str, body: Note, headers: Conditions) -> Note: ...

Other headers are ignored. Errors are those of a typed query string: 422, with each header's name and its JSON Pointer.
`wz.typed` loads this file for the first view that has such a parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from werkzeug.http import parse_list_header

from .dates import parse_date
from .errors import Problem
from .field_errors import FieldError, errors_of
from .http import Request
from .typed import Argument, is_list

#: These two have no HTTP_ in the environ: PEP 3333.
_WITHOUT_HTTP = ("CONTENT_TYPE", "CONTENT_LENGTH")


def headers_of(struct: type[msgspec.Struct]) -> Argument:
    """Return what reads a Struct from the headers of a request."""
    fields = msgspec.structs.fields(struct)
    reads = [(_key(field.encode_name), field.encode_name, _reader(field.type)) for field in fields]
    names = {field.encode_name: header_name(field.encode_name) for field in fields}

    def headers(request: Request) -> msgspec.Struct:
        environ = request.environ
        given = {name: read(environ[key]) for key, name, read in reads if key in environ}
        try:
            return msgspec.convert(given, struct, strict=False)
        except msgspec.ValidationError as exc:
            raise _problem(errors_of(exc, given, struct), names) from exc

    return headers


def _problem(errors: list[FieldError], names: Mapping[str, str]) -> Problem:
    """Return a 422 of which each error is at a header's name, not at the field's."""
    told = []
    for error in errors:
        sign, *steps = error.pointer.split("/")
        steps[:1] = [names[step] for step in steps[:1]]
        told.append(FieldError(error.detail, "/".join((sign, *steps))))
    field = told[0].pointer.split("/")[1:2]
    members: dict[str, Any] = {"field": field[0]} if field else {}
    return Problem(422, ": ".join((*field, told[0].detail)), **members, errors=told)


def header_name(field: str) -> str:
    """Return the header of a field, as it is usually written: `If-Match` of `if_match`."""
    return field.replace("_", "-").title()


def _key(field: str) -> str:
    key = field.replace("-", "_").upper()
    return key if key in _WITHOUT_HTTP else f"HTTP_{key}"


def _reader(type_: Any) -> Callable[[str], Any]:
    if is_list(type_):
        return parse_list_header
    return _date if _takes(datetime.now(UTC), type_) and not _takes(1.5, type_) else str


def _date(text: str) -> Any:
    return parse_date(text) or text


def _takes(value: Any, type_: Any) -> bool:
    try:
        msgspec.convert(value, type_)
    except msgspec.ValidationError:
        return False
    return True
