"""A whole board as lines of JSON: its settings, then each member with all that belongs to it.

    {"places":6,"order":"desc","ties":"name","sample":0,"most":0,"expires":null,"members":3}
    {"member":"bob","score":12.5,"segments":["gold"]}
    {"member":"ann","score":20,"features":{"age":40}}
    {"member":"cid","features":{"age":41}}

Members are in the order of the sorted set, the lowest score first; those without a score follow, by name. So a board
has the same bytes however many shards it is split into. Ids of events, and which members the sample has, are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Annotated, Any, TypeVar

import msgspec

from ..errors import InvalidValue
from . import features
from .answers import Order
from .changes import checked_member
from .form import Ties
from .keys import MOST_SEGMENTS
from .scores import MAX_PLACES, StaleShard, from_units, shown, to_units
from .shards import check_name
from .snapshot import Row

T = TypeVar("T", bound=msgspec.Struct)

_json = msgspec.json.Encoder(decimal_format="number").encode
_PLACE = re.compile(r" - at `\$\.?(\w*).*`$")


class Settings(msgspec.Struct, forbid_unknown_fields=True):
    """The first line. `members` is how many follow, so that a file that was cut short is noticed."""

    places: Annotated[int, msgspec.Meta(ge=0, le=MAX_PLACES)]
    order: Order
    ties: Ties
    sample: int
    most: int
    expires: str | None
    members: Annotated[int, msgspec.Meta(ge=0)]


class Line(msgspec.Struct, forbid_unknown_fields=True):
    """A member, with a score, features or segments."""

    member: str
    score: Decimal | None = None
    features: dict[str, Any] = {}
    segments: list[str] = []


def write(settings: Settings, rows: Iterable[Row]) -> Iterator[bytes]:
    """Yield the lines, without line feeds. Raises `StaleShard` for a name that is no text."""
    yield _json(settings)
    for member, units, segments, stored, _ in rows:
        try:
            line = b'{"member":' + _json(member.decode())
        except UnicodeDecodeError:
            raise StaleShard(f"the name {shown(member)!r} is no UTF-8") from None
        if units is not None:
            line += b',"score":' + _json(from_units(units, settings.places))
        if stored:
            line += b',"features":' + stored
        if segments:
            line += b',"segments":' + _json(sorted(segments))
        yield line + b"}"


def read(lines: Iterable[bytes]) -> tuple[Settings, Iterator[Row]]:
    """Return what the lines say; blank ones are left out. Raises `InvalidValue`, also from the iterator."""
    numbered = ((number, line) for number, line in enumerate(lines, 1) if not line.isspace())
    first = next(numbered, None)
    if first is None:
        raise InvalidValue("there are no lines: the first one has the board's settings", field="members")
    settings = _decode(_SETTINGS, *first)
    return settings, _rows(settings, numbered)


_SETTINGS = msgspec.json.Decoder(Settings)
_LINE = msgspec.json.Decoder(Line, float_hook=Decimal)


def _rows(settings: Settings, numbered: Iterator[tuple[int, bytes]]) -> Iterator[Row]:
    seen: set[str] = set()
    names: set[str] = set()
    for number, text in numbered:
        line = _decode(_LINE, number, text)
        try:
            if line.member in seen:
                raise InvalidValue(f"{line.member!r} is in a line before this one", field="member")
            seen.add(checked_member(line.member))
            units = None if line.score is None else to_units(line.score, "score", settings.places)
            stored = _features(line.features)
            for name in line.segments:
                if name not in names:
                    check_name(name, "segment")
                    names.add(name)
            if len(names) > MOST_SEGMENTS:
                raise InvalidValue(f"a board has at most {MOST_SEGMENTS} segments", field="segments")
            if units is None and not stored and not line.segments:
                raise InvalidValue("a member has a score, features or segments", field="score")
        except InvalidValue as exc:
            raise InvalidValue(f"line {number}: {exc}", field=exc.field or "member") from exc
        yield Row(line.member.encode(), units, frozenset(line.segments), stored)
    if len(seen) != settings.members:
        raise InvalidValue(
            f"the first line says that {settings.members} members follow, and there are {len(seen)}",
            field="members",
        )


def _features(found: dict[str, Any]) -> bytes:
    for name, value in found.items():
        if not isinstance(value, str | int | Decimal):  # a bool is an int
            raise InvalidValue(f"the feature {name!r} must be a text, a number, true or false", field="features")
    return features.encoded(found)


def _decode(decoder: msgspec.json.Decoder[T], number: int, line: bytes) -> T:
    try:
        return decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        place = _PLACE.search(str(exc))
        missing = re.search(r"field `(\w+)`", str(exc))
        field = place[1] if place else missing[1] if missing else ""
        raise InvalidValue(f"line {number}: {_PLACE.sub('', str(exc))}", field=field or "member") from None
