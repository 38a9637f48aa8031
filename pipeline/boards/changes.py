"""The changes that update.lua makes: its arguments, and what its replies mean."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from ..errors import InvalidValue
from .form import Form
from .scores import StaleShard, shown, stored_units

#: Bytes of UTF-8 that a member's name can have, and the id of an event.
MEMBER_BYTES, EVENT_BYTES = 512, 128


class Op(StrEnum):
    """What a change does with a score: `max` sets one that is higher than there is, `min` one that is lower."""

    SET = "set"
    MAX = "max"
    MIN = "min"
    ADD = "add"
    REMOVE = "remove"
    JOIN = "join"
    LEAVE = "leave"


#: The changes that give a score, with the score as their value.
SETS = (Op.SET, Op.MAX, Op.MIN)

#: What `update_args` can expect of a score: any, or none.
ANY, NONE = "*", "-"


class Code(StrEnum):
    """The result of a change; with all but OK, nothing was changed."""

    OK = "ok"
    KEPT = "kept"  # the score is what it was before
    SAME = "same"  # the event was applied before; the member was in the segment
    DROPPED = "dropped"  # the board keeps only so many members, and this one is not among them
    OTHER = "other"  # the event was applied before, but was another change
    CHANGED = "changed"  # the score is not the one that was expected
    RANGE = "range"  # the score would leave the range
    ABSENT = "absent"  # there is no member to remove, or it is not in the segment
    FULL = "full"  # the board has as many segments as it may have
    STALE = "stale"  # set and tree disagree about this score


class Change(NamedTuple):
    """`value` is units, for `join` and `leave` a segment; `event` an id, '' for none.

    With units, `remove` removes only a member that has this score.
    """

    op: Op
    member: str
    value: int | str = ""
    event: str = ""


class Reply(NamedTuple):
    """The result of a change. `score` is the member's after it, for `remove` the one before it.

    `rank` (from the lowest) and `size` are those after all changes of the call, and are there only if asked for.
    """

    code: Code
    score: int | None
    rank: int | None = None
    size: int | None = None


def checked_member(member: str) -> str:
    """Raises `InvalidValue`."""
    if not 0 < len(member.encode()) <= MEMBER_BYTES or "\0" in member:
        raise InvalidValue(
            f"a member's name must have 1 to {MEMBER_BYTES} bytes of UTF-8, and none of them 0", field="member"
        )
    return member


def fault_of(name: bytes, score: float) -> str:
    """Say why no board can have such a member, which another program wrote; '' if one can."""
    try:
        stored_units(name, score)
        checked_member(name.decode())
    except StaleShard as exc:
        return str(exc)
    except (InvalidValue, UnicodeDecodeError):
        return f"{shown(name)!r} is no name that a member can have"
    return ""


def checked_event(event: str) -> str:
    """Raises `InvalidValue`."""
    if len(event.encode()) > EVENT_BYTES:
        raise InvalidValue(f"an event's id must have at most {EVENT_BYTES} bytes of UTF-8", field="event")
    return event


def update_args(
    forms: Sequence[tuple[Form, int]], changes: Sequence[Change], remember_ms: int, ranks: bool, expected: str = ""
) -> list[Any]:
    """Return the arguments of update.lua: `forms` has each board's form, and when it is deleted if it is new."""
    args: list[Any] = [remember_ms, int(ranks), expected]
    for form, expires in forms:
        args += form.number, expires
    for change in changes:
        args += change
    return args


def replies(reply: list[Any], ranks: bool) -> list[Reply]:
    """Return what update.lua's reply means."""
    if ranks:
        parts = zip(reply[::4], reply[1::4], reply[2::4], reply[3::4], strict=True)
        return [Reply(Code(c.decode()), _int(score), rank, size) for c, score, rank, size in parts]
    return [Reply(Code(c.decode()), _int(s)) for c, s in zip(reply[::2], reply[1::2], strict=True)]


def _int(text: bytes | None) -> int | None:
    return None if text is None else int(text)
