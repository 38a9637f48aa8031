"""Ticks: how a time is written as a number.

A time inside the engine is an int: .NET ticks of 100 ns since 0001-01-01T00:00Z. That is the resolution of Stream
Analytics, whose windows begin and end at multiples of the hop in these ticks. For a hop that divides a day these are
also multiples since the Unix epoch. For others they are not: with a hop of 7 days a week starts on a Monday.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import lru_cache

TICKS_PER_MS = 10_000
TICKS_PER_SECOND = 10_000_000
TICKS_PER_MINUTE = 60 * TICKS_PER_SECOND

UNIX_EPOCH = 621_355_968_000_000_000  # 719,162 days

#: Before every event.
BEGINNING = 0

#: After every event: the watermark of a source that has ended.
END = 1 << 62

_ISO = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,7}))?Z")


def from_unix_ms(ms: int) -> int:
    """Return the ticks of a time that is given in milliseconds since the Unix epoch."""
    return UNIX_EPOCH + ms * TICKS_PER_MS


def to_unix_ms(ticks: int) -> int:
    """Return the millisecond since the Unix epoch that `ticks` is in; 0 for a time before 1970."""
    return max(0, (ticks - UNIX_EPOCH) // TICKS_PER_MS)


@lru_cache(maxsize=4096)
def isoformat(ticks: int) -> str:
    """Return ticks as text: 2024-05-01T11:00:00.0000000Z. The last ones are remembered, as many rows have one time.

    All seven digits are written: a window's end may lie between two milliseconds, and a checkpoint's times must be read
    back as the same ticks.
    """
    seconds, fraction = divmod(ticks, TICKS_PER_SECOND)
    return f"{(datetime.min + timedelta(seconds=seconds)).isoformat()}.{fraction:07}Z"


def parse(text: str) -> int:
    """Return the ticks of a UTC time, 2024-05-01T11:00:00[.fraction]Z. Raises `ValueError`."""
    match = _ISO.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a UTC time such as 2024-05-01T11:00:00Z")
    since = datetime.fromisoformat(match[1]) - datetime.min
    fraction = int((match[2] or "").ljust(7, "0"))
    return (since.days * 86_400 + since.seconds) * TICKS_PER_SECOND + fraction
