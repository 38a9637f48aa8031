"""What the OpenAPI document says about types: Python's and msgspec's, Map's converters, and return annotations.

OpenAPI 3.1 takes JSON Schema 2020-12, which msgspec writes, so nothing is translated but Decimal.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import msgspec
from werkzeug.datastructures import FileStorage
from werkzeug.routing import BaseConverter, FloatConverter, IntegerConverter, PathConverter, UUIDConverter
from werkzeug.routing.converters import AnyConverter, UnicodeConverter
from werkzeug.wrappers import Response as WerkzeugResponse

from ..decimals import NUMBER
from ..http import FORM_TYPES
from ..routes import VALUE, RouteRow

JSON = dict[str, Any]

# A Decimal is written as a number with all its digits, and read from a number or from the same text in a string.
DECIMAL_OUT: JSON = {"type": "number"}
DECIMAL_IN: JSON = {"type": ["number", "string"], "pattern": NUMBER}

_REF = "#/components/schemas/{name}"


class Schemas:
    """Schemas for one direction, in or out, which differ in what a Decimal is."""

    def __init__(self, decimal: JSON) -> None:
        self.decimal = decimal
        self.types: list[Any] = []
        self.places: list[JSON] = []

    def of(self, type_: Any, more: JSON | None = None) -> JSON:
        """Return the place of a schema, which `finish` fills in."""
        place = dict(more or {})
        self.types.append(type_)
        self.places.append(place)
        return place

    def finish(self, taken: Mapping[str, JSON]) -> dict[str, JSON]:
        """Fill all places and return the components they refer to.

        Where a component differs from the one of its name in `taken`, those that both have become `NameInput`.
        """
        schemas, components = msgspec.json.schema_components(self.types, schema_hook=_custom, ref_template=_REF)
        schemas, components = _rewrite((schemas, components), self._write_decimal)
        shared = components.keys() & taken.keys()
        if any(components[name] != taken[name] for name in shared):
            refs = {_REF.format(name=name): _REF.format(name=f"{name}Input") for name in shared}
            schemas, components = _rewrite(
                (schemas, components), lambda node: {k: refs.get(v, v) if k == "$ref" else v for k, v in node.items()}
            )
            components = {f"{name}Input" if name in shared else name: c for name, c in components.items()}
        for place, schema in zip(self.places, schemas, strict=True):
            place.update({**schema, **place})
        return dict(sorted(components.items()))

    def _write_decimal(self, node: JSON) -> JSON:
        if node.get("format") != "decimal":
            return node
        return {k: v for k, v in node.items() if k not in ("type", "format")} | self.decimal


def _custom(type_: type) -> JSON:
    """A type of which msgspec knows nothing: a file of a form, or anything."""
    return {"type": "string", "format": "binary"} if issubclass(type_, FileStorage) else {}


def form_types(struct: type[msgspec.Struct]) -> tuple[str, ...]:
    """The media types that can carry a form: one with a file that must be there can't be a line of text."""
    files = (field for field in msgspec.structs.fields(struct) if field.type is FileStorage and field.required)
    return FORM_TYPES[1:] if any(files) else FORM_TYPES


def _rewrite(node: Any, change: Callable[[JSON], JSON]) -> Any:
    if isinstance(node, dict):
        return change({key: _rewrite(value, change) for key, value in node.items()})
    return [_rewrite(item, change) for item in node] if isinstance(node, (list, tuple)) else node


def path_template(row: RouteRow) -> str:
    """Return a rule's path as OpenAPI writes it: `/boards/<name:board>` is `/boards/{board}`."""
    return VALUE.sub(r"{\g<name>}", row.rule)


def url_values(row: RouteRow) -> list[tuple[str, JSON]]:
    """The names and schemas of the values in a rule's path."""
    return [
        (name, _converter_schema(value.converter, value.args, value.kwargs))
        for name, value in row.arguments.items()
        if value.in_path
    ]


def _converter_schema(converter: BaseConverter, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> JSON:
    match converter:
        case IntegerConverter() | FloatConverter():
            lowest = converter.min if converter.signed else max(0, converter.min or 0)
            limits = {"minimum": lowest, "maximum": converter.max}
            kind = "integer" if isinstance(converter, IntegerConverter) else "number"
            return {"type": kind} | {name: limit for name, limit in limits.items() if limit is not None}
        case UUIDConverter():
            return {"type": "string", "format": "uuid"}
        case AnyConverter():
            return {"type": "string", "enum": sorted(converter.items)}
        case UnicodeConverter():
            sizes = {**dict(zip(("minlength", "maxlength", "length"), args, strict=False)), **kwargs}
            length = sizes.get("length")
            limits = {"minLength": length or sizes.get("minlength", 1), "maxLength": length or sizes.get("maxlength")}
            return {"type": "string"} | {k: v for k, v in limits.items() if v is not None} | {"pattern": "^[^/]+$"}
        case PathConverter():
            return {"type": "string", "minLength": 1}
    return {"type": "string", "pattern": f"^(?:{converter.regex})$"}


def returned(annotation: Any) -> tuple[int | None, str | None, Any]:
    """Read a return annotation: the status (None: any), the media type (None: it does not say), the body's type."""
    status: int | None = 200
    if get_origin(annotation) is tuple:
        annotation, *rest = get_args(annotation)
        literal = [get_args(part)[0] for part in rest if get_origin(part) is Literal]
        status = next((value for value in literal if isinstance(value, int)), None)
    if get_origin(annotation) in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if not is_response(kind)]
        annotation = Union[tuple(kinds)] if kinds else Any  # noqa: UP007
    if annotation is inspect.Parameter.empty or annotation in (Any, None) or is_response(annotation):
        return None, None, None
    kind = get_origin(annotation) or annotation
    if kind in (str, bytes, bytearray) or (isinstance(kind, type) and issubclass(kind, Iterator)):
        return status, "text/html", str
    return status, "application/json", annotation


def is_struct(annotation: Any) -> bool:
    """Say whether an annotation is a Struct itself; one in an Optional or a list is not."""
    return isinstance(annotation, type) and issubclass(annotation, msgspec.Struct)


def is_response(annotation: Any) -> bool:
    """Say whether an annotation is a class of responses, which says nothing about status and body."""
    return isinstance(annotation, type) and issubclass(annotation, WerkzeugResponse)
