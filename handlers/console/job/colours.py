"""The words of a query with their classes, by the language's own lexer: keywords k, literals l, comments c."""

from __future__ import annotations

from pipeline.windows.functions import FUNCTIONS
from pipeline.windows.language.token_reader import KEYWORD_BEFORE, RESERVED
from pipeline.windows.language.tokens import spelled, upper

_KEYWORDS = RESERVED | KEYWORD_BEFORE.keys()
_CALLED = FUNCTIONS.keys() | {"DURATION", "HOP", "OFFSET"}  # the latter name the arguments of windows

Line = list[tuple[str, str]]
"""The pieces of a line: class, or "", and text."""


def coloured(query: str) -> list[Line]:
    """Return the lines of a query."""
    lines: list[Line] = [[]]
    words = list(spelled(query.replace("\r\n", "\n").rstrip()))
    for place, (kind, text) in enumerate(words):
        following = next((word for _, word in words[place + 1 : place + 3] if not word.isspace()), "")
        name = _class_of(kind, text, is_called=following == "(")
        for number, part in enumerate(text.split("\n")):
            if number:
                lines.append([])
            if part:
                lines[-1].append((name, part))
    return lines


def _class_of(kind: str, text: str, is_called: bool) -> str:
    match kind:
        case "word":
            return "k" if upper(text) in _KEYWORDS or (is_called and upper(text) in _CALLED) else ""
        case "text" | "number":
            return "l"
        case "space":
            return "" if text.isspace() else "c"
    return ""
