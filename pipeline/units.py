"""Times and sizes as people write them."""

from __future__ import annotations

import re

from .errors import InvalidValue

_TIMES = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_SIZES = {"": 1, "B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "kB": 10**3, "MB": 10**6, "GB": 10**9}

_NUMBER = re.compile(r"(?P<number>[0-9]{1,15}) ?(?P<unit>[A-Za-z]*)")


def milliseconds(text: str) -> int:
    """Read a time: 90s, 15m, 24h, 7d; a bare number is seconds. Raises `InvalidValue`."""
    match = _NUMBER.fullmatch(text.strip())
    factor = _TIMES.get(match["unit"] or "s") if match else None
    if match is None or factor is None:
        raise InvalidValue(f"{text!r} is not a time: write 90s, 15m, 24h or 7d", "time")
    return int(match["number"]) * factor


def byte_count(text: str) -> int:
    """Read a size: 500MiB, 1GiB, 10MB; a bare number is bytes. Raises `InvalidValue`."""
    match = _NUMBER.fullmatch(text.strip())
    factor = _SIZES.get(match["unit"]) if match else None
    if match is None or factor is None:
        raise InvalidValue(f"{text!r} is not a size: write 500MiB or 1GiB", "size")
    return int(match["number"]) * factor


def counted(number: int, what: str) -> str:
    """Return a number of things as text: 1 event, 2,000 events."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
