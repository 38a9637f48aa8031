"""The words of a query with their classes, by the language's own lexer: keywords k, literals l, comments c."""

from __future__ import annotations

from pipeline.windows.functions import FUNCTIONS
from pipeline.windows.language.token_reader import KEYWORD_BEFORE, RESERVED
from pipeline.windows.language.tokens import spelled, upper

_KEYWORDS = RESERVED | KEYWORD_BEFORE.keys() | FUNCTIONS.keys()

Line = list[tuple[str, str]]
"""The pieces of a line: class, or "", and text."""


def coloured(query: str) -> list[Line]:
    """Return the lines of a query."""
    lines: list[Line] = [[]]
    for kind, text in spelled(query.replace("\r\n", "\n")):
        name = _class_of(kind, text)
        for number, part in enumerate(text.split("\n")):
            if number:
                lines.append([])
            if part:
                lines[-1].append((name, part))
    return lines


def _class_of(kind: str, text: str) -> str:
    match kind:
        case "word":
            return "k" if upper(text) in _KEYWORDS else ""
        case "text" | "number":
            return "l"
        case "space":
            return "" if text.isspace() else "c"
    return ""
