"""A member's typed features, in one JSON object, and the segments that it is in, which are sets: all of one shard."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from hashlib import sha1
from typing import Any

import msgspec

from ..errors import InvalidValue, PipelineError
from . import keys
from .lua import BoardScript
from .shard import Shard
from .shards import attempts

#: A feature's value. Numbers are exact: one with a point is a Decimal, also after a round trip.
Feature = str | int | Decimal | bool

#: Features that a member can have, characters of a name, and bytes of a value's JSON.
MOST, NAME, VALUE = 256, 128, 4096

_WRITE = BoardScript("tree.lua", "features.lua")
MEMBER = BoardScript("member.lua", reads_only=True)
_ENCODER = msgspec.json.Encoder(decimal_format="number")
# Any, because msgspec has no union of str and Decimal; an int is exact at any length.
_DECODER = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)


class FeaturesChanged(PipelineError):
    """The features are of another version than the writer has read; nothing was changed."""

    def __init__(self, member: str) -> None:
        super().__init__(f"the features of {member!r} are not those that were read: read them again, then change them")
        self.member = member


def read(shard: Shard, member: str) -> dict[str, Feature]:
    """Return a member's features, sorted by name; {} without any. One command."""
    return decoded(_stored(shard, member))


def version(features: Mapping[str, Feature]) -> str:
    """Return a digest of a member's features: another one for any other features."""
    return sha1(encoded(features), usedforsecurity=False).hexdigest()


def write(
    shard: Shard,
    member: str,
    changes: Mapping[str, Feature | None],
    replace: bool,
    expires: int = 0,
    versions: Collection[str] | None = None,
) -> dict[str, Feature]:
    """Set features, remove those that are None, and with `replace` all that are not named. Returns all features.

    `expires` (Unix time in ms, 0 for never) is when they are deleted if there is no board yet that has such a time.
    `versions` are those of which the features must be one, None for any. Raises `FeaturesChanged`, also if others
    change the same member's features all the time; then, and after `InvalidValue`, nothing was changed. Two calls.
    """
    own = [*shard.keys, keys.name(keys.FEATURES, shard.tag)]
    needs_none = replace and versions is None
    for _ in attempts():
        stored = b"" if needs_none else _stored(shard, member)
        before = decoded(stored)
        if versions is not None and version(before) not in versions:
            break
        merged = changes if replace else {**before, **changes}
        after = {name: value for name, value in sorted(merged.items()) if value is not None}
        if _WRITE.call(shard.client, own, [member, b"*" if needs_none else stored, encoded(after), expires]):
            return after
    raise FeaturesChanged(member)


def segments(shard: Shard) -> set[str]:
    """Return the names of the shard's segments."""
    return {name.decode() for name in shard.client.execute_command("SMEMBERS", keys.name(keys.SEGMENTS, shard.tag))}


def segments_of(shard: Shard, member: str) -> list[str]:
    """Return the segments of a member, sorted. O(segments of the board): each is asked."""
    return about(MEMBER.call(shard.client, shard.keys, [member]))[1]


def about(reply: list[bytes | None]) -> tuple[dict[str, Feature], list[str]]:
    """Return the features and the sorted segments of a reply of member.lua."""
    stored, *segments = reply
    return decoded(stored), sorted(name.decode() for name in segments if name)


def encoded(features: Mapping[str, Feature]) -> bytes:
    """Return features as they are stored, b"" for none. Raises `InvalidValue` for what a member can't have."""
    if len(features) > MOST:
        raise InvalidValue(
            f"a member has at most {MOST} features, and these would be {len(features)}", field="features"
        )
    pairs = (_ENCODER.encode(name) + b":" + _value(name, value) for name, value in sorted(features.items()))
    return b"{%s}" % b",".join(pairs) if features else b""


def decoded(stored: bytes | None) -> dict[str, Feature]:
    """Return the features that are stored so."""
    return _DECODER.decode(stored) if stored else {}


def _stored(shard: Shard, member: str) -> bytes:
    found: bytes | None = shard.client.execute_command("HGET", keys.name(keys.FEATURES, shard.tag), member)
    return found or b""


def _value(name: str, value: Feature) -> bytes:
    if not 0 < len(name) <= NAME:
        raise InvalidValue(f"a feature's name must have 1 to {NAME} characters", field="features")
    if isinstance(value, Decimal) and not value.is_finite():
        raise InvalidValue(f"the feature {name!r} must be a number, not {value}", field=name)
    text = str(value).encode() if type(value) is int else _ENCODER.encode(value)  # msgspec's integers end at 64 bits
    if len(text) > VALUE:
        raise InvalidValue(f"the feature {name!r} must have at most {VALUE} bytes of JSON", field=name)
    return text
