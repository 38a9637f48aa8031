"""A member's typed features, in a hash, and the segments that it is in, which are sets: all of one shard."""

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

#: A feature's value. Numbers are exact: one with a point is a Decimal, also after a round trip.
Feature = str | int | Decimal | bool

#: Features that a member can have, characters of a name, and bytes of a value's JSON.
MOST, NAME, VALUE = 256, 128, 4096

_WRITE = BoardScript("tree.lua", "features.lua")
_MEMBERSHIPS = BoardScript("memberships.lua", reads_only=True)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


class FeaturesChanged(PipelineError):
    """The features are of another version than the writer has read; nothing was changed."""

    def __init__(self, member: str) -> None:
        super().__init__(f"the features of {member!r} are not those that were read: read them again, then change them")
        self.member = member


def read(shard: Shard, member: str) -> dict[str, Feature]:
    """Return a member's features, sorted by name; {} without any. One command."""
    return _decoded(shard.client.execute_command("HGETALL", keys.name(keys.FEATURES, shard.tag, MEMBER=member)))


def version(features: Mapping[str, Feature]) -> str:
    """Return a digest of a member's features: another one for any other features."""
    pairs = ((name.encode(), _encoded(name, value)) for name, value in features.items())
    digests = (_sha1(b"%d " % len(name) + name + value) for name, value in pairs)
    return _sha1("".join(sorted(digests)).encode())


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
    `versions` are those of which the features must be one, None for any. Raises `FeaturesChanged`.
    """
    if versions is not None and not versions:
        raise FeaturesChanged(member)
    if len(changes) > MOST:
        raise InvalidValue(f"a member has at most {MOST} features", field="features")
    args: list[Any] = [member, int(replace), expires, " ".join(versions or ())]
    for name, value in changes.items():
        args += [name, b"" if value is None else _encoded(name, value)]
    own = [keys.name(keys.FEATURES, shard.tag, MEMBER=member), keys.name(keys.FEATURED, shard.tag)]
    reply = _WRITE.call(shard.client, [*shard.keys, *own], args)
    if reply is None:
        raise FeaturesChanged(member)
    return _decoded(reply)


def segments(shard: Shard) -> set[str]:
    """Return the names of the shard's segments."""
    return {name.decode() for name in shard.client.execute_command("SMEMBERS", keys.name(keys.SEGMENTS, shard.tag))}


def segments_of(shard: Shard, member: str) -> list[str]:
    """Return the segments of a member, sorted. O(segments of the board): each is asked."""
    return sorted(name.decode() for name in _MEMBERSHIPS.call(shard.client, shard.keys, [member]))


def _sha1(data: bytes) -> str:
    return sha1(data, usedforsecurity=False).hexdigest()


def _encoded(name: str, value: Feature) -> bytes:
    if not 0 < len(name) <= NAME:
        raise InvalidValue(f"a feature's name must have 1 to {NAME} characters", field="features")
    if isinstance(value, Decimal) and not value.is_finite():
        raise InvalidValue(f"the feature {name!r} must be a number, not {value}", field=name)
    encoded = str(value).encode() if type(value) is int else _ENCODER.encode(value)  # msgspec's integers end at 64 bits
    if len(encoded) > VALUE:
        raise InvalidValue(f"the feature {name!r} must have at most {VALUE} bytes of JSON", field=name)
    return encoded


def _decoded(reply: Any) -> dict[str, Feature]:
    """Read HGETALL's answer, which redis-py turns into a dict, or a script's, which it leaves a list."""
    pairs = reply.items() if isinstance(reply, dict) else zip(reply[::2], reply[1::2], strict=True)
    return {name.decode(): _value(encoded) for name, encoded in sorted(pairs)}


def _value(encoded: bytes) -> Feature:
    text = encoded.decode()
    if text[0] not in "-0123456789":
        value: str | bool = msgspec.json.decode(text)
        return value
    return Decimal(text) if set(text) & set(".eE") else int(text)
