"""How large a value may become. A larger one is refused with a `RowError`, before it takes memory or time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

from ..language.values import BIGINT_LEAST, BIGINT_MOST, RowError

Number = TypeVar("Number", int, float)

#: In characters. An event is smaller; a text that grows larger than this is a mistake, or an attack on memory.
LONGEST_TEXT = 2**20

#: Characters of the text times characters of the pattern: the steps that a search may take, which need some seconds.
MOST_STEPS = 2**24


def checked_number(number: Number, what: Callable[[], str]) -> Number:
    """Return `number` if it is in the range of bigint or of float. `what` gives the message its origin."""
    if type(number) is int:
        if BIGINT_LEAST <= number <= BIGINT_MOST:
            return number
        raise RowError(f"{what()} is out of bigint's range")
    if math.isfinite(number):
        return number
    raise RowError(f"{what()} is out of float's range")


def checked_text(text: str) -> str:
    check_length(len(text))
    return text


def check_length(length: int) -> None:
    """Raises `RowError` if a text of so many characters is too long."""
    if length > LONGEST_TEXT:
        raise RowError(f"a text of {length} characters is longer than the {LONGEST_TEXT} that are supported")


def check_steps(text: str, pattern_length: int) -> None:
    """Raises `RowError` if looking for a pattern of so many characters in `text` may take too long."""
    if len(text) * pattern_length > MOST_STEPS:
        raise RowError(f"a text of {len(text)} characters is too long for a pattern of {pattern_length}")
