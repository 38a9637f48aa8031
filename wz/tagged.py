"""The format of a session: JSON with tags for some types that JSON does not have, as in Flask.

A value of such a type becomes an object with one key, which begins with a space:

    {"pair": (1, 2), "at": datetime(2026, 3, 1, tzinfo=UTC)}
    {"pair":{" t":[1,2]},"at":{" d":"Sun, 01 Mar 2026 00:00:00 GMT"}}

The keys are " t" tuple, " b" bytes in base64, " m" Markup, " u" UUID in hex, " d" datetime as HTTP writes it, and
" di" a dict that would look like one of these: two underscores are added to its key. A tag of one's own:

    class TagOrderedDict(JSONTag):
        key = " od"

        def check(self, value):
            return isinstance(value, OrderedDict)

        def to_json(self, value):
            return [[key, self.serializer.tag(inner)] for key, inner in value.items()]

        def to_python(self, value):
            return OrderedDict(value)

    SecureCookieSessionInterface.serializer.register(TagOrderedDict, index=0)
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from datetime import datetime
from reprlib import repr as short
from typing import Any, ClassVar
from uuid import UUID

import msgspec
from markupsafe import Markup
from werkzeug.http import http_date, parse_date

#: What msgspec writes as the standard library does, and no tag of this file is for. A float may be NaN.
_PLAIN = frozenset({str, int, bool, type(None)})
_TEXT = frozenset({str})


class JSONTag:
    """How values of one type are written and read; `serializer` tags the values inside of them."""

    __slots__ = ("serializer",)

    #: What marks such a value in JSON. One without a key is only written.
    key = ""

    def __init__(self, serializer: TaggedJSONSerializer) -> None:
        self.serializer = serializer

    def check(self, value: Any) -> bool:
        """Say whether this tag is for a value."""
        raise NotImplementedError

    def to_json(self, value: Any) -> Any:
        """Return what JSON has, without the tag."""
        raise NotImplementedError

    def to_python(self, value: Any) -> Any:
        """Return what `to_json` was given."""
        raise NotImplementedError

    def tag(self, value: Any) -> Any:
        """Return what JSON has, with the tag around it."""
        return {self.key: self.to_json(value)}


class TagDict(JSONTag):
    """A dict whose only key is that of a tag."""

    __slots__ = ()
    key = " di"

    def check(self, value: Any) -> bool:
        return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in self.serializer.tags

    def to_json(self, value: Any) -> Any:
        return {f"{key}__": self.serializer.tag(inner) for key, inner in value.items()}

    def to_python(self, value: Any) -> Any:
        return {key[:-2]: inner for key, inner in value.items()}


class PassDict(JSONTag):
    """Any other dict, which has no tag."""

    __slots__ = ()

    def check(self, value: Any) -> bool:
        return isinstance(value, dict)

    def to_json(self, value: Any) -> Any:
        return {key: self.serializer.tag(inner) for key, inner in value.items()}

    tag = to_json


class TagTuple(JSONTag):
    """A tuple; a named one comes back without names."""

    __slots__ = ()
    key = " t"

    def check(self, value: Any) -> bool:
        return isinstance(value, tuple)

    def to_json(self, value: Any) -> Any:
        return [self.serializer.tag(item) for item in value]

    def to_python(self, value: Any) -> Any:
        return tuple(value)


class PassList(JSONTag):
    """A list, which has no tag."""

    __slots__ = ()

    def check(self, value: Any) -> bool:
        return isinstance(value, list)

    def to_json(self, value: Any) -> Any:
        return [self.serializer.tag(item) for item in value]

    tag = to_json


class TagBytes(JSONTag):
    """Bytes."""

    __slots__ = ()
    key = " b"

    def check(self, value: Any) -> bool:
        return isinstance(value, bytes)

    def to_json(self, value: Any) -> Any:
        return b64encode(value).decode()

    def to_python(self, value: Any) -> Any:
        return b64decode(value)


class TagMarkup(JSONTag):
    """Whatever has `__html__`; it comes back as Markup."""

    __slots__ = ()
    key = " m"

    def check(self, value: Any) -> bool:
        return callable(getattr(value, "__html__", None))

    def to_json(self, value: Any) -> Any:
        return str(value.__html__())

    def to_python(self, value: Any) -> Any:
        return Markup(value)


class TagUUID(JSONTag):
    """A UUID."""

    __slots__ = ()
    key = " u"

    def check(self, value: Any) -> bool:
        return isinstance(value, UUID)

    def to_json(self, value: Any) -> Any:
        return value.hex

    def to_python(self, value: Any) -> Any:
        return UUID(value)


class TagDateTime(JSONTag):
    """A datetime. It comes back in UTC, to the second; a naive one is taken to be in UTC."""

    __slots__ = ()
    key = " d"

    def check(self, value: Any) -> bool:
        return isinstance(value, datetime)

    def to_json(self, value: Any) -> Any:
        return http_date(value)

    def to_python(self, value: Any) -> Any:
        return parse_date(value)


class TaggedJSONSerializer:
    """A serializer for itsdangerous.

    A type without a tag comes back as what it is in JSON: a subclass of str as a str, a Decimal as text, a set as a
    list. Keys come back as text. The standard library writes a session as it does for Flask, also NaN; msgspec, which
    is quicker, writes what it writes in the same way: dicts, lists and tuples of texts and whole numbers.
    """

    __slots__ = ("_is_usual", "order", "tags")

    #: The tags of a new serializer; the first whose `check` says so is a value's.
    default_tags: ClassVar[list[type[JSONTag]]] = [
        TagDict,
        PassDict,
        TagTuple,
        PassList,
        TagBytes,
        TagMarkup,
        TagUUID,
        TagDateTime,
    ]

    def __init__(self) -> None:
        self.tags: dict[str, JSONTag] = {}
        self.order: list[JSONTag] = []
        for tag_class in self.default_tags:
            self.register(tag_class)
        self._is_usual = self.default_tags is TaggedJSONSerializer.default_tags

    def register(self, tag_class: type[JSONTag], force: bool = False, index: int | None = None) -> None:
        """Add a tag, after all others or at `index` of their order. Raises KeyError if its key is taken.

        With `force` it reads what has the key from now on. A tag for a subclass of a type that has a tag must be before
        that one.
        """
        tag = tag_class(self)
        if tag.key:
            if tag.key in self.tags and not force:
                raise KeyError(f"the tag {tag.key!r} is registered already: choose another key, or pass force=True")
            self.tags[tag.key] = tag
        self.order.insert(len(self.order) if index is None else index, tag)
        self._is_usual = False

    def tag(self, value: Any) -> Any:
        """Return a value as JSON has it, with tags."""
        for tag in self.order:
            if tag.check(value):
                return tag.tag(value)
        return value

    def untag(self, value: dict[str, Any]) -> Any:
        """Return what a JSON object stands for, of which the values are untagged: itself, if it has no tag."""
        if len(value) == 1:
            [(key, inner)] = value.items()
            if key in self.tags:
                return self.tags[key].to_python(inner)
        return value

    def dumps(self, value: Any) -> bytes:
        """Encode, with tags. Raises TypeError for what has no JSON form."""
        if self._is_usual:
            try:
                return msgspec.json.encode(_tagged(value))
            except (TypeError, UnicodeEncodeError):  # another type; half of a surrogate pair
                pass
        return _encode(self.tag(value)).encode("utf-8", "backslashreplace")

    def loads(self, data: bytes | str) -> Any:
        """Decode, and turn what is tagged into its type. Raises ValueError for what can't be read."""
        data = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
        try:
            try:
                value = msgspec.json.decode(data)
            except ValueError:
                value = json.loads(data)
            if self._is_usual and b'{" ' not in data:  # most sessions hold no tag: look before walking
                return value
            return self._untag_all(value)
        except Exception as exc:  # a tag's reader may raise anything
            raise ValueError(f"a session can't be read: {exc}") from exc

    def _untag_all(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self.untag({key: self._untag_all(inner) for key, inner in value.items()})
        if isinstance(value, list):
            return [self._untag_all(item) for item in value]
        return value


def _tagged(value: Any) -> Any:
    """Do what `TaggedJSONSerializer.tag` does for what most sessions hold. Raises TypeError for anything else."""
    cls = type(value)
    if cls is dict and _TEXT.issuperset(map(type, value)) and (len(value) != 1 or _KEYS.isdisjoint(value)):
        if _PLAIN.issuperset(map(type, value.values())):
            return value
        return {key: _tagged(inner) for key, inner in value.items()}
    if cls is list or cls is tuple:
        items = value if _PLAIN.issuperset(map(type, value)) else [_tagged(item) for item in value]
        return items if cls is list else {TagTuple.key: items}
    if cls in _PLAIN:
        return value
    raise TypeError


def _default(value: Any) -> Any:
    try:
        return msgspec.to_builtins(value)
    except TypeError:
        raise TypeError(f"a session can't hold an object of type {type(value).__name__}: {short(value)}") from None


_KEYS = frozenset(tag.key for tag in TaggedJSONSerializer.default_tags)
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_default).encode
