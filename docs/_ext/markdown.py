"""Texts of the code as Markdown, in which only what stands in backticks is code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_CODE = re.compile(r"(`+[^`]*`+)")
_SIGN = re.compile(r"[*<\\\[\]]")
_OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")


def prose(text: str) -> str:
    """Return a text whose signs mean nothing outside of backticks: `<` begins no tag, and `*` no emphasis.

    An option such as --json is code, as Sphinx would make a dash of its two hyphens.
    """
    parts = _CODE.split(text)
    parts[::2] = (_OPTION.sub(r"`\g<0>`", _SIGN.sub(r"\\\g<0>", part)) for part in parts[::2])
    return "".join(parts)


def cell(text: str) -> str:
    return prose(" ".join(text.split())).replace("|", r"\|")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table, whose cells are Markdown already; empty if it has no rows."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *lines, ""]) if lines else ""
