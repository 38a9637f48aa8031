"""Typed forms: a view's parameter `form`, annotated with a Struct, is the form that a browser sent.

    class Upload(msgspec.Struct, forbid_unknown_fields=True):
        title: str
        pages: int | None = None
        files: list[FileStorage] = []

    @app.post("/uploads")
    def upload(form: Upload) -> Receipt: ...

A form is of one of `wz.http.FORM_TYPES`. The second carries files, for fields whose type is Werkzeug's `FileStorage`. A
field that is a list takes all values of a name. A browser also sends what nobody filled in, as an empty text or a file
without a name: such a field counts as left out, unless its type takes an empty text.

Errors are those of a typed query string: 422, with each field and its JSON Pointer. Another media type is a 415.
`wz.typed` loads this file for the first view that has such a parameter.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

import msgspec
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import UnsupportedMediaType

from .field_errors import invalid
from .http import FORM_TYPES, Request
from .typed import Argument, is_list


def form_of(struct: type[msgspec.Struct]) -> Argument:
    """Return what reads a Struct from the form of a request."""
    fields = msgspec.structs.fields(struct)
    lists = {field.encode_name for field in fields if is_list(field.type)}
    not_empty = {field.encode_name for field in fields if not _takes_empty(field.type)}

    def form(request: Request) -> msgspec.Struct:
        if request.mimetype not in FORM_TYPES:
            raise UnsupportedMediaType(f"the body must be a form: send it as {' or as '.join(FORM_TYPES)}")
        given: dict[str, Any] = {}
        sent: Iterable[tuple[str, list[Any]]] = chain(request.form.lists(), request.files.lists())
        for name, values in sent:
            filled = [value for value in values if not (name in not_empty and _is_empty(value))]
            if filled:
                given[name] = filled if name in lists or len(filled) > 1 else filled[0]
        try:
            return msgspec.convert(given, struct, strict=False)
        except msgspec.ValidationError as exc:
            raise invalid(exc, given, struct) from exc

    return form


def _takes_empty(type_: Any) -> bool:
    """Say whether a field, or each element of one that is a list, may be an empty text."""
    try:
        msgspec.convert([""] if is_list(type_) else "", type_, strict=False)
    except msgspec.ValidationError:
        return False
    return True


def _is_empty(value: str | FileStorage) -> bool:
    return not (value.filename if isinstance(value, FileStorage) else value)
