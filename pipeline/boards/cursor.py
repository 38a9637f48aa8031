"""Where a page ended: after which score and member the next begins, whatever is written meanwhile."""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple

import msgspec

from ..errors import InvalidValue
from .answers import Order


class Position(NamedTuple):
    """A place between members, in the order of Redis: by score, then by the member's bytes."""

    score: int
    member: bytes


def encode(order: Order, position: Position) -> str:
    """Return a cursor, which can be used in a URL as it is."""
    packed = msgspec.msgpack.encode((order, *position))
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def decode(cursor: str, order: Order) -> Position:
    """Raises `InvalidValue` for a text that is not a cursor, or for one of a list in the other order."""
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        its_order, score, member = msgspec.msgpack.decode(packed, type=tuple[Order, int, bytes])
    except (binascii.Error, ValueError, msgspec.MsgspecError) as exc:
        raise InvalidValue("cursor must be `next` of the previous page", "cursor") from exc
    if its_order is not order:
        raise InvalidValue(f"cursor belongs to a list in the order {its_order}, not {order}", "cursor")
    return Position(score, member)
