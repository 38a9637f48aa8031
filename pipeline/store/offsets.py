"""Offsets: places in a Redis Stream. An offset is an entry's id, MS-N, or MS alone, which stands for MS-0.

MS is ms since the Unix epoch. Both parts are compared as numbers, the time first. The hubs'
Lua scripts read offsets by the same rule.
"""

from __future__ import annotations

#: An entry's id as a regular expression, and any offset.
ENTRY_ID = "[0-9]{1,19}-[0-9]{1,19}"
OFFSET = "[0-9]{1,19}(-[0-9]{1,19})?"


def order(offset: str) -> tuple[int, int]:
    """Return the two numbers of an offset, by which offsets are sorted."""
    milliseconds, _, number = offset.partition("-")
    return int(milliseconds), int(number or 0)


def ms_of(offset: str) -> int:
    """Return the time in an offset, ms since the Unix epoch."""
    return order(offset)[0]


def following(offset: str) -> str:
    """Return the least offset that comes after this one."""
    milliseconds, number = order(offset)
    return f"{milliseconds}-{number + 1}"
