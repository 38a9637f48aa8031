"""Every error of a value at once, each with its place as a JSON Pointer (RFC 6901), as RFC 9457, 3.1 shows it.

    {"status": 422, ..., "field": "age", "errors": [{"detail": "Expected `int`, got `str`", "pointer": "#/age"}, ...]}

msgspec stops at the first error. Only when there is one, this looks for the others: it takes a value apart as far as
its type says (Structs, dicts, lists, tuples, unions of them) and lets msgspec judge each part by itself. What concerns
a whole, such as its length or `__post_init__`, is looked at once all of its parts are right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from itertools import chain, islice
from re import compile as pattern
from types import GenericAlias, NoneType, UnionType
from typing import Annotated, Any, NewType, Union, get_args, get_origin
from urllib.parse import quote, unquote

import msgspec
from msgspec import UnsetType, ValidationError

from .errors import Problem

#: How many errors are told at most.
MOST = 50

#: How many values are looked at for them, and how deep inside of each other: some 10 ms of a processor's time.
LOOKS = 5_000
DEPTH = 16

_PATH = pattern(r" - at (?:`key` in )?`\$(?P<path>[^`]*)`$")
_STEP = pattern(r"\.(?P<name>[^.\[\]]+)|\[(?P<number>[0-9]+)\]")
_NAMED = pattern(r"field `(?P<name>[^`]+)`")

# What a URI's fragment may hold as it is: RFC 3986, 3.5.
_FRAGMENT = "!$&'()*+,;=:@/?-._~"

_OBJECTS: tuple[Any, ...] = (dict, Mapping)
_ARRAYS: tuple[Any, ...] = (list, tuple, set, frozenset, Sequence, AbstractSet)

Step = str | int


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong, and where: a JSON Pointer as the fragment of a URI, `#` for the whole."""

    detail: str
    pointer: str


def invalid(exc: ValidationError, given: Any = None, type_: Any = None) -> Problem:
    """Return a 422 with the field, which msgspec names in its message only: a path from `$`, or in backticks.

    With the value that was `given` for `type_`, JSON or texts by name, `errors` has all that is wrong with it. It is a
    400 for bytes that are no JSON: msgspec stops at the first wrong value, which may come before what is broken.
    """
    if isinstance(given, bytes):
        try:
            given.decode()
            msgspec.json.decode(given, type=msgspec.Raw)
        except (ValueError, RecursionError) as broken:
            return Problem(400, f"the body is not JSON: {broken}")
    message = str(exc)
    path = _PATH.search(message)
    named = _NAMED.search(message)
    where = path["path"].removeprefix(".").removesuffix("[...]") if path else ""
    field = ".".join(filter(None, [where, named and named["name"]]))
    text = message[: path.start()] if path else message
    members: dict[str, Any] = {"field": field} if field else {}
    if type_ is not None:
        members["errors"] = errors = errors_of(exc, given, type_)
        text = errors[0].detail
        if path and "[...]" in path["path"]:  # a name that msgspec does not tell
            members["field"] = field = ".".join(_names(errors[0].pointer))
    return Problem(422, f"{field}: {text}" if path else text, **members)


def errors_of(exc: ValidationError, given: Any, type_: Any) -> list[FieldError]:
    """Return the errors of a value that is no `type_`: first what `exc` says, then up to `MOST` in their order.

    `given` is JSON as bytes, or else what `msgspec.convert` was given with `strict=False`.
    """
    first = _told(exc, ())
    look = _Look(_JSON() if isinstance(given, bytes) else _Values())
    try:
        found = list(islice(look.errors(given, type_, ()), MOST))
    except RecursionError:
        found = []
    exact = next((error for error in found if f"{error.pointer}/".startswith(f"{first.pointer}/")), first)
    return [exact, *(error for error in found if error is not exact)]


def pointer(steps: Iterable[Step]) -> str:
    """Return the way to a part of a JSON document, by names and numbers, as a pointer in a URI's fragment."""
    escaped = (str(step).replace("~", "~0").replace("/", "~1") for step in steps)
    return "#" + "".join(f"/{quote(step, _FRAGMENT, errors='surrogatepass')}" for step in escaped)


def _names(pointer: str) -> list[str]:
    """Return the steps of a pointer as `pointer` makes it."""
    return [unquote(step).replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


class _JSON:
    """How JSON is taken apart: into the bytes of its parts, so that each is judged as in the whole."""

    def check(self, value: Any, type_: Any) -> None:
        msgspec.json.decode(value, type=type_)

    def members(self, value: Any) -> dict[str, Any] | None:
        return msgspec.json.decode(value, type=dict[str, msgspec.Raw]) if self._begins(value, b"{") else None

    def elements(self, value: Any) -> list[Any] | None:
        return msgspec.json.decode(value, type=list[msgspec.Raw]) if self._begins(value, b"[") else None

    def plain(self, value: Any) -> Any:
        return msgspec.json.decode(value)

    @staticmethod
    def _begins(value: Any, sign: bytes) -> bool:
        return bytes(memoryview(value)[:64]).lstrip(b" \t\n\r")[:1] == sign


class _Values:
    """How texts and lists of texts by name are taken apart: a query string, a form, headers."""

    def check(self, value: Any, type_: Any) -> None:
        try:
            msgspec.convert(value, type_, strict=False)
        except ValidationError as exc:
            if isinstance(value, list) and not any(_is_array(kind) for kind in _kinds(type_)):
                raise ValidationError(f"Expected one value, got {len(value)}") from exc
            raise

    def members(self, value: Any) -> dict[str, Any] | None:
        return value if isinstance(value, dict) else None

    def elements(self, value: Any) -> list[Any] | None:
        return value if isinstance(value, list) else None

    def plain(self, value: Any) -> Any:
        return value


class _Look:
    """One look through a value."""

    def __init__(self, source: _JSON | _Values) -> None:
        self.source = source
        self.left = LOOKS

    def errors(self, value: Any, type_: Any, path: tuple[Step, ...]) -> Iterator[FieldError]:
        """Yield the errors of the parts, or, if each part is right by itself, of the whole."""
        self.left -= 1
        if self.left < 0:
            return
        try:
            self.source.check(value, type_)
        except ValidationError as exc:
            parts = self._errors_of_parts(value, type_, path) if len(path) < DEPTH else iter(())
            yield from chain([next(parts, _told(exc, path))], parts)

    def _errors_of_parts(self, value: Any, type_: Any, path: tuple[Step, ...]) -> Iterator[FieldError]:
        kinds = list(_kinds(type_))
        members = self.source.members(value)
        if members is not None:
            kind = self._object_kind(members, kinds)
            if _is_struct(kind):
                yield from self._errors_of_struct(members, kind, path)
            elif kind is not None:
                yield from self._errors_of_dict(members, kind, path)
            return
        elements = self.source.elements(value)
        arrays = [kind for kind in kinds if _is_array(kind)]
        if elements is not None and len(arrays) == 1:
            for number, (element, inner) in enumerate(zip(elements, _types_of(arrays[0], len(elements)), strict=True)):
                yield from self.errors(element, inner, (*path, number))

    def _object_kind(self, members: dict[str, Any], kinds: list[Any]) -> Any:
        """Return the one type that is meant; of several Structs, the one whose tag there is."""
        objects = [kind for kind in kinds if (get_origin(kind) or kind) in _OBJECTS or _is_struct(kind)]
        if len(objects) < 2:
            return next(iter(objects), None)
        for kind in objects:
            config = (get_origin(kind) or kind).__struct_config__ if _is_struct(kind) else None
            if config and config.tag_field in members and self.source.plain(members[config.tag_field]) == config.tag:
                return kind
        return None

    def _errors_of_struct(self, members: dict[str, Any], kind: Any, path: tuple[Step, ...]) -> Iterator[FieldError]:
        fields = _fields(kind)
        config = (get_origin(kind) or kind).__struct_config__
        for name, value in members.items():
            if name in fields:
                yield from self.errors(value, fields[name].type, (*path, name))
            elif name == config.tag_field:
                if self.source.plain(value) != config.tag:
                    yield FieldError(f"Expected {config.tag!r}", pointer((*path, name)))
            elif config.forbid_unknown_fields:
                yield FieldError(f"Object contains unknown field `{name}`", pointer((*path, name)))
        for name, field in fields.items():
            if field.required and name not in members:
                yield FieldError(f"Object missing required field `{name}`", pointer((*path, name)))

    def _errors_of_dict(self, members: dict[str, Any], kind: Any, path: tuple[Step, ...]) -> Iterator[FieldError]:
        key_type, value_type = get_args(kind) or (Any, Any)
        for name, value in members.items():
            try:
                msgspec.convert({name: None}, GenericAlias(dict, (key_type, None)), str_keys=True)
            except ValidationError as exc:
                yield FieldError(_PATH.sub("", str(exc)), pointer((*path, name)))
            else:
                yield from self.errors(value, value_type, (*path, name))


@cache  # of the program's types; msgspec leaves a cycle at each call
def _fields(struct: Any) -> dict[str, msgspec.structs.FieldInfo]:
    return {field.encode_name: field for field in msgspec.structs.fields(struct)}


def _kinds(type_: Any) -> Iterator[Any]:
    """Yield the types that a value may be of: a union's, without the wrappings of each, and no None."""
    while True:
        if get_origin(type_) is Annotated:
            type_ = get_args(type_)[0]
        elif isinstance(type_, NewType):
            type_ = type_.__supertype__
        else:
            break
    if get_origin(type_) in (Union, UnionType):
        for kind in get_args(type_):
            yield from _kinds(kind)
    elif type_ not in (None, NoneType, UnsetType):
        yield type_


def _is_struct(kind: Any) -> bool:
    """Say whether JSON has the type as an object that is a Struct; one that is an array is judged as a whole."""
    struct = get_origin(kind) or kind
    is_struct = isinstance(struct, type) and issubclass(struct, msgspec.Struct)
    return is_struct and not struct.__struct_config__.array_like


def _is_array(kind: Any) -> bool:
    return (get_origin(kind) or kind) in _ARRAYS


def _types_of(array: Any, size: int) -> list[Any]:
    """Return the type of each element; none if an array of this size can't be of the type."""
    inner = get_args(array)
    if (get_origin(array) or array) is not tuple or inner[1:] == (...,):
        return [inner[0] if inner else Any] * size
    return list(inner) if len(inner) == size else [Any] * size


def _told(exc: ValidationError, path: tuple[Step, ...]) -> FieldError:
    """Return what msgspec says of the value at `path`, with the rest of the way, which is in its message only."""
    message = str(exc)
    at = _PATH.search(message)
    text, rest = (message[: at.start()], at["path"]) if at else (message, "")
    known, steps = rest.partition("[...]")[0], list(path)
    steps += [int(step["number"]) if step["number"] else step["name"] for step in _STEP.finditer(known)]
    named = _NAMED.search(text)
    return FieldError(text, pointer([*steps, named["name"]] if named and known == rest else steps))
