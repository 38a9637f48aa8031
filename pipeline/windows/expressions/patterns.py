"""LIKE and PATINDEX: % is any text, _ any character, [a-z] one of some characters, [^a-z] any other one. Case counts.

A pattern becomes a regular expression whose time can't explode on any text. The part between two % has a fixed length,
so the first place where it matches is as good as any later one: it is an atomic group, (?>...), which never looks for
another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from ..language.values import RowError
from ..row import Evaluate, Fixed, Row
from .casts import to_text
from .limits import check_steps

#: In characters, as documented.
_LONGEST_PATTERN = 8_000

_CACHED = 256


def like(operand: Evaluate, pattern: Evaluate, escape: str | None) -> Evaluate:
    """Return LIKE. `escape` is the character after which the next character of the pattern means itself."""
    if isinstance(pattern, Fixed) and pattern.value is not None:
        match = _compiled(to_text(pattern.value), escape).match

        def evaluate_fixed(row: Row) -> bool | None:
            value = operand(row)
            if value is None:
                return None
            return match(value if type(value) is str else to_text(value)) is not None

        return evaluate_fixed

    def evaluate(row: Row) -> bool | None:
        value, wanted = operand(row), pattern(row)
        if value is None or wanted is None:
            return None
        text, wanted = to_text(value), to_text(wanted)
        check_steps(text, len(wanted))
        return _compiled(wanted, escape).match(text) is not None

    return evaluate


def patindex(pattern: str, text: str) -> int:
    """Return where the first part of `pattern` that is not % matches, counted from 1; 0 if the text doesn't match."""
    check_steps(text, len(pattern))
    match = _compiled(pattern, None).match(text)
    return 0 if match is None else match.start("first") + 1


@lru_cache(_CACHED)
def _compiled(pattern: str, escape: str | None) -> re.Pattern[str]:
    """Return the regular expression of a pattern. Its group `first` is the first part that is not %, maybe empty."""
    if len(pattern) > _LONGEST_PATTERN:
        raise RowError(f"a pattern of {len(pattern)} characters is longer than {_LONGEST_PATTERN}")
    head, *parts = _parts(pattern, escape)
    if not parts:
        return re.compile(rf"(?P<first>{head})\Z", re.DOTALL)
    *middle, last = parts
    after = [("(?>.*?", part, ")") for part in middle if part] + ([(".*", last, r"\Z")] if last else [])
    if head or not after:
        after.insert(0, ("", head, ""))
    groups = [f"{before}{part}{behind}" for before, part, behind in after]
    before, part, behind = after[0]
    groups[0] = f"{before}(?P<first>{part}){behind}"
    return re.compile("".join(groups), re.DOTALL)


def _parts(pattern: str, escape: str | None) -> list[str]:
    """Return the parts between the % of a pattern, as regular expressions that match a fixed length."""
    parts = [""]
    characters = enumerate(pattern)
    for place, character in characters:
        if character == escape and place + 1 < len(pattern):
            parts[-1] += re.escape(next(characters)[1])
        elif character == "%":
            parts.append("")
        elif character == "[" and (end := _end_of_set(pattern, place, escape)) is not None:
            parts[-1] += _set(pattern[place + 1 : end], escape)
            for _ in range(end - place):
                next(characters)
        else:
            parts[-1] += "." if character == "_" else re.escape(character)
    return parts


def _end_of_set(pattern: str, start: int, escape: str | None) -> int | None:
    """Return the place of the ] that closes the set at `start`; None if there is none, so that [ means itself."""
    place = start + 1
    while place < len(pattern):
        if pattern[place] == escape:
            place += 1
        elif pattern[place] == "]":
            return place
        place += 1
    return None


def _set(members: str, escape: str | None) -> str:
    negated = members.startswith("^")
    ranges = "".join(
        f"{re.escape(low)}-{re.escape(high)}" for low, high in _ranges(members[negated:], escape) if low <= high
    )
    if not ranges:
        return "." if negated else "(?!)"
    return f"[{'^' if negated else ''}{ranges}]"


def _ranges(members: str, escape: str | None) -> Iterator[tuple[str, str]]:
    literal = [(c, False) for c in members]
    if escape is not None:
        literal = [(m[-1], len(m) > 1) for m in re.findall(rf"{re.escape(escape)}.|.", members, re.DOTALL)]
    place = 0
    while place < len(literal):
        low = literal[place][0]
        if place + 2 < len(literal) and literal[place + 1] == ("-", False):
            yield low, literal[place + 2][0]
            place += 3
        else:
            yield low, low
            place += 1
