"""The place of an error in a query, as a terminal of fixed width shows it: the line, and a caret under the place."""

from __future__ import annotations

import unicodedata

from .tokens import At

#: Columns of a terminal that the line may take.
_WIDTH = 96

_INDENT, _TAB, _CUT = "  ", "    ", "..."


def excerpt(text: str, at: At) -> str:
    """Return the line of the place `at`, shortened around it if it is long, and below it a line with the caret.

    Returns '' if the line is empty.
    """
    line = text.split("\n")[at.line - 1]
    if not line.strip():
        return ""
    shown = [_shown(letter) for letter in line.rstrip()]
    widths = [sum(map(_width, letters)) for letters in shown]
    place = min(at.column - 1, len(shown))
    first, last = _window(widths, place)
    before = _CUT if first else ""
    after = _CUT if last < len(shown) else ""
    caret = len(before) + sum(widths[first:place])
    return f"{_INDENT}{before}{''.join(shown[first:last])}{after}\n{_INDENT}{' ' * caret}^"


def _window(widths: list[int], place: int) -> tuple[int, int]:
    """Return the range of letters to show: all of them, or those around `place` if they don't all fit."""
    if sum(widths) <= _WIDTH:
        return 0, len(widths)
    first, last, room = place, place, _WIDTH
    while room > 0 and (first > 0 or last < len(widths)):
        if first > 0 and (place - first <= last - place or last == len(widths)):
            first -= 1
            room -= widths[first]
        else:
            room -= widths[last]
            last += 1
    return first, last


def _shown(letter: str) -> str:
    """Return what is shown for a letter. Letters that control the terminal, or the direction of text, are replaced."""
    if letter == "\t":
        return _TAB
    return "\ufffd" if unicodedata.category(letter)[0] == "C" or letter in "\u2028\u2029" else letter


def _width(letter: str) -> int:
    """Return how many columns a terminal gives a letter: 0 to a combining accent, 2 to a wide letter, else 1."""
    if unicodedata.category(letter) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1
