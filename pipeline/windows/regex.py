"""REGEXMATCH (stub until the matcher stands)."""

from __future__ import annotations

import re


def regexmatch(text: str, pattern: str) -> int:
    try:
        match = re.search(pattern, text, re.IGNORECASE | re.DOTALL)
    except re.error:
        return 0
    return 0 if match is None else match.start() + 1
