"""A member's typed features, in a hash, and the segments that it is in, which are sets.

Redis keys, TAG being that of the member's shard:
    TAG:features:MEMBER  hash, feature -> JSON: a string, a number, true or false
    TAG:featured         set, the members that have such a hash
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from ..errors import InvalidValue
from .scripts import Script
from .shard import Shard

#: A feature's value. Numbers are exact: one with a point is a Decimal, also after a round trip.
Feature = str | int | Decimal | bool

#: Features that a member can have, characters of a name, and bytes of a value's JSON.
MOST, NAME, VALUE = 256, 128, 4096

_WRITE = Script("tree.lua", "features.lua")
_MEMBERSHIPS = Script("memberships.lua")
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def read(shard: Shard, member: str) -> dict[str, Feature]:
    return _decoded(shard.client.execute_command("HGETALL", _key(shard, member)))


def write(shard: Shard, member: str, changes: Mapping[str, Feature | None], replace: bool) -> dict[str, Feature]:
    if len(changes) > MOST:
        raise InvalidValue(f"a member has at most {MOST} features", field="features")
    args: list[Any] = [member, int(replace)]
    for name, value in changes.items():
        args += [name, b"" if value is None else _encoded(name, value)]
    keys = [*shard.keys, _key(shard, member), f"{shard.tag}:featured"]
    return _decoded(_WRITE.call(shard.client, keys, args))


def segments(shard: Shard) -> set[str]:
    return {name.decode() for name in shard.client.execute_command("SMEMBERS", f"{shard.tag}:segments")}


def segments_of(shard: Shard, member: str) -> list[str]:
    names = _MEMBERSHIPS.call(shard.client, [f"{shard.tag}:segments"], [member, f"{shard.tag}:in:"])
    return sorted(name.decode() for name in names)


def _key(shard: Shard, member: str) -> str:
    return f"{shard.tag}:features:{member}"


def _encoded(name: str, value: Feature) -> bytes:
    if not 0 < len(name) <= NAME:
        raise InvalidValue(f"a feature's name must have 1 to {NAME} characters", field="features")
    if isinstance(value, Decimal) and not value.is_finite():
        raise InvalidValue(f"the feature {name!r} must be a number, not {value}", field=name)
    encoded = str(value).encode() if type(value) is int else _ENCODER.encode(value)  # msgspec's end at 64 bits
    if len(encoded) > VALUE:
        raise InvalidValue(f"the feature {name!r} must have at most {VALUE} bytes of JSON", field=name)
    return encoded


def _decoded(reply: Any) -> dict[str, Feature]:
    """Read HGETALL's answer, which redis-py makes a dict of, and a script's, of which it does not."""
    pairs = reply.items() if isinstance(reply, dict) else zip(reply[::2], reply[1::2], strict=True)
    return {name.decode(): _value(encoded) for name, encoded in sorted(pairs)}


def _value(encoded: bytes) -> Feature:
    text = encoded.decode()
    if text[0] not in "-0123456789":
        value: str | bool = msgspec.json.decode(text)
        return value
    return Decimal(text) if set(text) & set(".eE") else int(text)
