"""Ticks: how a time is written as a number.

A time inside the engine is an int: .NET ticks of 100 ns since 0001-01-01T00:00Z. That is the resolution of Stream
Analytics, whose windows begin and end at multiples of the hop in these ticks. For a hop that divides a day these are
also multiples since the Unix epoch. For others they are not: with a hop of 7 days a week starts on a Monday.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from functools import lru_cache

TICKS_PER_MS = 10_000
TICKS_PER_SECOND = 10_000_000
TICKS_PER_MINUTE = 60 * TICKS_PER_SECOND

UNIX_EPOCH = 621_355_968_000_000_000  # 719,162 days

#: Before every event.
BEGINNING = 0

#: After every event: the watermark of a source that has ended.
END = 1 << 62

#: 10000-01-01T00:00Z, the first time that is too late for a datetime.
END_OF_TIME = 3_652_059 * 86_400 * TICKS_PER_SECOND

_ISO_8601 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,18}))?)?(?: ?(?:Z|([+-])([0-9]{2}):?([0-9]{2})?))?)?",
    re.IGNORECASE,
)
_WRONG = "is not a datetime such as 2024-05-01T10:00:00.1234567Z"


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
    """Return the ticks of a time of ISO 8601: a date, alone or with a time; UTC, if it has no offset.

    A blank may stand for the T and before the offset, a comma for the point, and 24:00:00 is the end of a day. More
    than seven digits of a second are rounded to ticks, halves to even, as .NET does. The last ones are remembered, as
    the times of a query are asked for with each row. Raises `ValueError` with the end of a sentence, which begins with
    the text.
    """
    return _short(text) if len(text) < 40 else _parse(text)  # nobody can fill the memory with blanks


@lru_cache(maxsize=4096)
def _short(text: str) -> int:
    # The form that nearly all events use, 2024-05-01T10:00:00.123Z, is read four times as fast as the others.
    if text[7:8] == "-" and text[10:11] == "T" and text[13:14] == ":" and text[16:17] == ":" and text[-1:] == "Z":
        fraction = text[20:-1]
        if len(text) == 20 or (text[19] == "." and fraction.isascii() and fraction.isdecimal()):
            try:
                since = datetime.fromisoformat(text[:19]) - datetime.min
            except ValueError:
                return _parse(text)
            ticks = (since.days * 86_400 + since.seconds) * TICKS_PER_SECOND
            return ticks + int(fraction.ljust(7, "0")) if len(text) <= 28 else _in_range(ticks + _fraction(fraction))
    return _parse(text)


def _parse(text: str) -> int:
    if (match := _ISO_8601.fullmatch(text.strip())) is None:
        raise ValueError(_WRONG)
    year, month, day, hour, minute, second, fraction, sign, hours, minutes = match.groups("0")
    seconds = int(hour) * 3_600 + int(minute) * 60 + int(second)
    ends_a_day = (hour, seconds) == ("24", 86_400) and not int(fraction)
    is_clock = (int(hour) < 24 or ends_a_day) and max(int(minute), int(second), int(minutes)) < 60 and int(hours) < 15
    try:
        if not is_clock:
            raise ValueError
        days = date(int(year), int(month), int(day)).toordinal() - 1
    except ValueError:
        raise ValueError(_WRONG) from None
    offset = (int(hours) * 60 + int(minutes)) * (-60 if sign == "-" else 60)
    return _in_range((days * 86_400 + seconds - offset) * TICKS_PER_SECOND + _fraction(fraction))


def _fraction(digits: str) -> int:
    """Return the ticks of the digits after the point."""
    more = max(0, len(digits) - 7)
    return int(round(int(digits.ljust(7, "0")), -more) // 10**more)


def _in_range(ticks: int) -> int:
    if not 0 <= ticks < END_OF_TIME:
        raise ValueError("is out of datetime's range")
    return ticks
