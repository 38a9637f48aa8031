"""A rate: how many events or bytes may be sent in a second."""

from __future__ import annotations

from ..errors import InvalidValue

#: A rate that nobody reaches, and that Lua can count with.
MAX_RATE = 10**12


def check_rate(number: int, field: str) -> None:
    """Raise `InvalidValue` for a number that is no rate; 0 stands for no limit."""
    if not 0 <= number <= MAX_RATE:
        raise InvalidValue(f"{number} a second: write 1 to {MAX_RATE:,}, or 0 for no limit", field)
